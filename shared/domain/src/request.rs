//! Build requests: what a person or the system asks for, read and checked.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::architecture::Architecture;
use crate::deadline::deadline;
use crate::id::{BuildId, Target, TemplateName, UpdateId};
use crate::level::{SecurityLevel, Urgency};
use crate::money::MicroDollars;
use crate::patch::{Patch, PatchId};
use crate::policy::Policy;
use crate::problem::{Problem, Problems, printable};
use crate::slot::Soak;
use crate::update::{BaseImageUpdate, UpdateType};

/// Why an image is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildTrigger {
    /// It is launched often.
    Popularity,
    /// A vulnerability is fixed: by a new base image, or on the same one.
    Security,
    /// Periodic, seasonal, or too old.
    Scheduled,
    /// A person asked.
    Manual,
    /// Its base image moved for another reason.
    Dependency,
}

impl fmt::Display for BuildTrigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Popularity => "popularity",
            Self::Security => "security",
            Self::Scheduled => "scheduled",
            Self::Manual => "manual",
            Self::Dependency => "dependency",
        })
    }
}

/// The priority from which a build counts as popular, of 100.
pub const PRIORITY_HIGH: u8 = 70;

/// The longest reason that a person may give, in characters.
const REASON_LIMIT: usize = 200;

/// The fields that a person may give, in the order in which they are told.
const FIELDS: [&str; 6] = ["template", "urgent", "reason", "architectures", "max_cost", "deadline"];

/// What the system adds to its own requests: records of the table, by name, so that nothing but what
/// is recorded there can be claimed by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cause {
    /// The base image updates that the build answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<UpdateId>,
    /// The patches that the build brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchId>,
    /// The build that was running when the request came, and did not cover it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<BuildId>,
    /// Whether a person asked for it too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approved: bool,
}

/// The input of the state machine, read. `{"template": "python-ml"}` is enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestInput {
    /// The template to build.
    pub template: TemplateName,
    /// Build now, on emergency money.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent: bool,
    /// Why, in a person's words: untrusted text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For which architectures; none: the template's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Architecture>,
    /// Build only if the estimate is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<MicroDollars>,
    /// When it has to be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// What the system adds; nobody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
}

impl RequestInput {
    /// The input that asks for a build of a template because base images moved.
    #[must_use]
    pub fn for_updates(target: &Target, updates: Vec<UpdateId>) -> Self {
        Self::caused(target, Cause { updates, ..Cause::default() })
    }

    /// The input that asks for a build of a template because its image lacks fixes.
    #[must_use]
    pub fn for_patch(target: &Target, id: PatchId) -> Self {
        Self::caused(target, Cause { patches: vec![id], ..Cause::default() })
    }

    fn caused(target: &Target, cause: Cause) -> Self {
        Self {
            template: target.template.clone(),
            urgent: false,
            reason: None,
            architectures: vec![target.architecture],
            max_cost: None,
            deadline: None,
            cause: Some(cause),
        }
    }

    /// As the state machine takes it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let (Some(cost), Some(fields)) = (self.max_cost, value.as_object_mut()) {
            fields.insert("max_cost".to_owned(), Value::String(cost.to_string()));
        }
        value
    }

    /// Reads the input of an execution.
    ///
    /// # Errors
    ///
    /// All its faults at once.
    pub fn from_value(value: &Value) -> Result<Self, Problems> {
        let Some(fields) = value.as_object() else {
            return Err(Problems(vec![Problem::new(
                "the input",
                r#"is not a JSON object such as {"template": "python-ml"}"#,
            )]));
        };
        let mut reader = Reader { fields, problems: Vec::new() };
        let input = Self {
            template: reader.template().unwrap_or_else(nobody),
            urgent: reader.urgent(),
            reason: reader.reason(),
            architectures: reader.architectures(),
            max_cost: reader.parsed("max_cost"),
            deadline: reader.parsed_as("deadline", "is not an instant such as 2026-11-23T18:00:00Z"),
            cause: reader.cause(),
        };
        reader.refuse_unknown();
        if reader.problems.is_empty() { Ok(input) } else { Err(Problems(reader.problems)) }
    }
}

/// Stands where the template's name could not be read, until the faults are returned instead.
fn nobody() -> TemplateName {
    #[expect(clippy::unwrap_used, reason = "a constant that the tests parse")]
    "nobody".parse().unwrap()
}

struct Reader<'a> {
    fields: &'a Map<String, Value>,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(field, message));
    }

    fn template(&mut self) -> Option<TemplateName> {
        match self.fields.get("template") {
            None | Some(Value::Null) => {
                self.fault("template", "is missing; name the template to build");
                None
            }
            Some(_) => self.parsed("template"),
        }
    }

    /// A field that is written as text, or as a number.
    fn parsed<T: std::str::FromStr<Err: fmt::Display>>(&mut self, field: &str) -> Option<T> {
        let text = self.text(field)?;
        text.parse().map_err(|error: T::Err| self.fault(field, format!("\"{}\" {error}", printable(&text, 60)))).ok()
    }

    fn parsed_as<T: std::str::FromStr>(&mut self, field: &str, fault: &str) -> Option<T> {
        let text = self.text(field)?;
        text.parse().map_err(|_| self.fault(field, format!("\"{}\" {fault}", printable(&text, 60)))).ok()
    }

    fn text(&mut self, field: &str) -> Option<String> {
        match self.fields.get(field)? {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.fault(field, "is neither text nor a number");
                None
            }
        }
    }

    fn urgent(&mut self) -> bool {
        match self.fields.get("urgent") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(urgent)) => *urgent,
            Some(_) => {
                self.fault("urgent", "is neither true nor false");
                false
            }
        }
    }

    fn reason(&mut self) -> Option<String> {
        let reason = self.text("reason")?;
        if reason.chars().count() > REASON_LIMIT {
            self.fault("reason", format!("is longer than {REASON_LIMIT} characters"));
        }
        Some(printable(&reason, REASON_LIMIT))
    }

    fn architectures(&mut self) -> Vec<Architecture> {
        let listed = match self.fields.get("architectures") {
            None | Some(Value::Null) => return Vec::new(),
            Some(Value::Array(listed)) if !listed.is_empty() => listed,
            Some(_) => {
                self.fault("architectures", "is not a list of x86_64 and arm64");
                return Vec::new();
            }
        };
        let mut architectures = Vec::new();
        for (index, value) in listed.iter().enumerate() {
            match value.as_str().and_then(|text| text.parse().ok()) {
                Some(architecture) if !architectures.contains(&architecture) => architectures.push(architecture),
                Some(_) => {}
                None => self
                    .fault(&format!("architectures[{index}]"), "is not an architecture; allowed are x86_64 and arm64"),
            }
        }
        architectures
    }

    fn cause(&mut self) -> Option<Cause> {
        let cause = self.fields.get("cause")?;
        Cause::deserialize(cause).map_err(|_| self.fault("cause", "is for the system's own requests only")).ok()
    }

    fn refuse_unknown(&mut self) {
        let unknown: Vec<&String> =
            self.fields.keys().filter(|key| *key != "cause" && !FIELDS.contains(&key.as_str())).collect();
        for key in unknown {
            let name = format!("\"{}\"", printable(key, 60));
            self.fault(&name, format!("is not a field of a build request; allowed are {}", FIELDS.join(", ")));
        }
    }
}

/// One request for one target, with everything that deciding about it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilationRequest {
    /// The template and architecture to build.
    pub target: Target,
    /// Why it is built.
    pub trigger: BuildTrigger,
    /// From 0 to 100.
    pub priority: u8,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The worst level of its updates and patches.
    pub level: Option<SecurityLevel>,
    /// Build only if the estimate is at most this.
    pub max_cost: Option<MicroDollars>,
    /// The base image updates that it answers.
    pub base_image_updates: Vec<UpdateId>,
    /// The patches that it brings: fixes that come without a new base image.
    pub security_patches: Vec<PatchId>,
    /// When it has to be done.
    pub deadline: Timestamp,
    /// Until when it waits for others to meet its base image first, if it does.
    #[serde(default)]
    pub not_before: Option<Soak>,
    /// Whether a person asked for it or approved it.
    pub approved: bool,
    /// Why, in a person's words: untrusted text, made printable.
    pub reason: Option<String>,
    /// When it was made.
    pub requested_at: Timestamp,
}

impl CompilationRequest {
    /// This request, answering what another one of the same target wanted too.
    #[must_use]
    pub fn absorbing(mut self, other: &Self) -> Self {
        self.approved |= other.approved;
        self.not_before = Soak::of_both(&self, other).filter(|_| !self.approved);
        for update in &other.base_image_updates {
            if !self.base_image_updates.contains(update) {
                self.base_image_updates.push(update.clone());
            }
        }
        for patch in &other.security_patches {
            if !self.security_patches.contains(patch) {
                self.security_patches.push(patch.clone());
            }
        }
        self.level = self.level.max(other.level);
        self.priority = self.priority.max(other.priority);
        self.deadline = self.deadline.min(other.deadline);
        self.max_cost = looser(self.max_cost, other.max_cost);
        self
    }
}

/// The limit of a build that answers two requests: one that only one of them set does not bind the other.
#[must_use]
pub fn looser(one: Option<MicroDollars>, other: Option<MicroDollars>) -> Option<MicroDollars> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// How a level ranks among all that wants to be built.
#[must_use]
pub const fn priority_of(level: SecurityLevel) -> u8 {
    match level {
        SecurityLevel::Critical => 100,
        SecurityLevel::High => 90,
        SecurityLevel::Medium => 60,
        SecurityLevel::Low => 30,
    }
}

/// The priority of a build that a person asks for without urgency.
pub const PRIORITY_MANUAL: u8 = 50;

/// Makes a request for one target out of its input, the updates and patches that its cause names, and what the policy
/// says of them. What a person asks for or approved waits for no base image to have been out long enough.
#[must_use]
pub fn compile_request(
    input: &RequestInput,
    target: &Target,
    updates: &[BaseImageUpdate],
    patches: &[Patch],
    policy: &Policy,
    now: Timestamp,
) -> CompilationRequest {
    let causes: Vec<(SecurityLevel, Timestamp)> = (updates.iter())
        .map(|update| (update.security_level, update.updated_at))
        .chain(patches.iter().map(|patch| (patch.level, patch.found_at)))
        .collect();
    let level = causes.iter().map(|(level, _)| *level).max();
    let trigger = if causes.is_empty() {
        BuildTrigger::Manual
    } else if !patches.is_empty() || updates.iter().any(|update| update.update_type == UpdateType::Security) {
        BuildTrigger::Security
    } else {
        BuildTrigger::Dependency
    };
    let by_level = level.map_or(PRIORITY_MANUAL, priority_of);
    let due = causes.iter().map(|(level, since)| deadline(*level, policy, *since)).min().unwrap_or_else(|| {
        deadline(if input.urgent { SecurityLevel::Critical } else { SecurityLevel::Medium }, policy, now)
    });
    let approved =
        trigger == BuildTrigger::Manual || input.urgent || input.cause.as_ref().is_some_and(|cause| cause.approved);
    let soaks = updates.iter().filter_map(|update| Soak::of(update, policy));
    CompilationRequest {
        target: target.clone(),
        trigger,
        priority: if input.urgent { 100 } else { by_level },
        urgency: if input.urgent { Urgency::Critical } else { level.map_or(Urgency::Normal, Urgency::from) },
        level,
        max_cost: input.max_cost.or(level.and_then(|level| policy.max_cost(level))),
        base_image_updates: updates.iter().map(|update| update.id.clone()).collect(),
        security_patches: patches.iter().map(|patch| patch.id.clone()).collect(),
        deadline: input.deadline.map_or(due, |wished| wished.min(due)),
        not_before: soaks.max_by_key(|soak| soak.until).filter(|_| !approved),
        approved,
        reason: input.reason.clone(),
        requested_at: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refused(input: &Value) -> String {
        RequestInput::from_value(input).unwrap_err().to_string()
    }

    #[test]
    fn a_template_alone_is_a_request() {
        let input = RequestInput::from_value(&json!({"template": "python-ml"})).unwrap();
        assert_eq!(input.template.as_str(), "python-ml");
        assert_eq!(input.to_value(), json!({"template": "python-ml"}));
        let _ = nobody();
    }

    #[test]
    fn every_field_survives_the_way_through_the_state_machine() {
        let value = json!({
            "template": "python-ml", "urgent": true, "reason": "CVE", "architectures": ["x86_64", "arm64"],
            "max_cost": 2.50, "deadline": "2026-11-23T18:00:00Z",
            "cause": {"updates": ["ubuntu-22.04/x86_64/us-east-1/3"]}
        });
        let input = RequestInput::from_value(&value).unwrap();
        assert_eq!(input.max_cost, Some(MicroDollars(2_500_000)));
        assert_eq!(RequestInput::from_value(&input.to_value()).unwrap(), input);
    }

    #[test]
    fn all_faults_are_told_at_once_and_by_name() {
        insta::assert_snapshot!(refused(
            &json!({"template": "No Good", "colour": 1, "urgent": "yes", "max_cost": "a lot", "architectures": ["mips"]})
        ));
        insta::assert_snapshot!(refused(&json!({"colour": 1})), @r#"template is missing; name the template to build; "colour" is not a field of a build request; allowed are template, urgent, reason, architectures, max_cost, deadline"#);
    }

    #[test]
    fn text_from_outside_is_printable_in_a_fault() {
        assert!(!refused(&json!({"template": "a\u{1b}[31m\nb"})).contains(['\u{1b}', '\n']));
    }

    #[test]
    fn a_patch_makes_a_security_build_as_urgent_as_its_level_and_due_from_when_it_was_found() {
        let hour = jiff::SignedDuration::from_hours(1);
        let target = Target { template: "python-ml".parse().unwrap(), architecture: Architecture::X86_64 };
        let patch = |level, found_at| Patch {
            id: PatchId::of(&target.build(17), &[], SecurityLevel::High, None),
            base: "debian-12".parse().unwrap(),
            base_image_id: "ami-00000001".parse().unwrap(),
            level,
            advisories: Vec::new(),
            fixes: Vec::new(),
            at_least: Vec::new(),
            release: None,
            reasons: Vec::new(),
            found_at,
        };
        let (now, earlier) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH - hour);
        let compile = |patches: &[Patch]| {
            let input =
                RequestInput::for_patch(&target, PatchId::of(&target.build(17), &[], SecurityLevel::High, None));
            compile_request(&input, &target, &[], patches, &Policy::default(), now)
        };
        let request = compile(&[patch(SecurityLevel::Critical, earlier), patch(SecurityLevel::Low, now)]);
        assert_eq!((request.trigger, request.urgency), (BuildTrigger::Security, Urgency::Critical));
        assert_eq!((request.priority, request.deadline), (100, earlier + hour * 4));
        assert!(!request.approved);
        let low = compile(&[patch(SecurityLevel::Low, now)]);
        let both = low.clone().absorbing(&request);
        assert_eq!(both.level, Some(SecurityLevel::Critical));
        assert_eq!(both.security_patches.iter().filter(|id| low.security_patches.contains(id)).count(), 1);
    }
}
