//! The input of the state machine `build-image`, and what a claim keeps to be built next.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::architecture::Architecture;
use crate::duration::{after, before};
use crate::id::{RequestId, Target, TemplateName};
use crate::input::Reader;
use crate::money::MicroDollars;
use crate::problem::Problems;

/// How long ago a deadline may have been, at most.
const LONG_AGO: SignedDuration = SignedDuration::from_hours(24);

/// How far away a deadline may be, at most: five years.
const FAR_AWAY: SignedDuration = SignedDuration::from_hours(5 * 366 * 24);

/// The fields that a person may give, in the order in which they are told.
const FIELDS: [&str; 6] = ["template", "urgent", "reason", "architectures", "max_cost", "deadline"];

/// The fields that go with `only_if_due`.
const OF_A_LOOK: [&str; 2] = ["template", "architectures"];

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
    /// Build what the target is due, and nothing if that is nothing. Nobody asks for a build by hand with it.
    #[serde(
        default,
        alias = "cause",
        deserialize_with = "is_without_a_person",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub only_if_due: bool,
    /// The urgent request of a person that waits on a claim: there alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent_request: Option<RequestId>,
}

impl RequestInput {
    /// The input that has somebody look what a target is due, and build that.
    #[must_use]
    pub fn only_if_due(target: &Target) -> Self {
        Self {
            template: target.template.clone(),
            urgent: false,
            reason: None,
            architectures: vec![target.architecture],
            max_cost: None,
            deadline: None,
            only_if_due: true,
            urgent_request: None,
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
    pub fn from_value(value: &Value, now: Timestamp) -> Result<Self, Problems> {
        let mut reader = Reader::new(value, r#"{"template": "python-ml"}"#)?;
        let template = reader.required("template", "name the template to build");
        let (urgent, reason) = (reader.flag("urgent"), reader.reason());
        let (architectures, max_cost) = (architectures(&mut reader), reader.parsed("max_cost"));
        let (deadline, only_if_due) = (wished_deadline(&mut reader, now), only_if_due(&mut reader));
        reader.refuse_unknown(&FIELDS, &["only_if_due", "cause"], "a build request");
        let input = template.map(|template| Self {
            template,
            urgent,
            reason,
            architectures,
            max_cost,
            deadline,
            only_if_due,
            urgent_request: None,
        });
        reader.finish(input)
    }
}

/// Earlier versions kept a `cause` beside what was to be built next. It told whether a person had asked for that too.
fn is_without_a_person<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Ok(match Value::deserialize(value)? {
        Value::Bool(only_if_due) => only_if_due,
        cause => !cause.get("approved").and_then(Value::as_bool).unwrap_or_default(),
    })
}

fn wished_deadline(reader: &mut Reader<'_>, now: Timestamp) -> Option<Timestamp> {
    let at: Timestamp = reader.parsed_as("deadline", "is not an instant such as 2026-11-23T18:00:00Z")?;
    if at < before(now, LONG_AGO) {
        reader.fault("deadline", format!("{at} is more than a day ago; give one that is still to come"));
    } else if at > after(now, FAR_AWAY) {
        reader.fault("deadline", format!("{at} is more than five years away; omit it to use the policy's deadline"));
    }
    Some(at)
}

fn architectures(reader: &mut Reader<'_>) -> Vec<Architecture> {
    let listed = match reader.get("architectures") {
        None => return Vec::new(),
        Some(Value::Array(listed)) if !listed.is_empty() => listed,
        Some(_) => {
            reader.fault("architectures", "is not a list of x86_64 and arm64");
            return Vec::new();
        }
    };
    let mut architectures = Vec::new();
    for (index, value) in listed.iter().enumerate() {
        match value.as_str().and_then(|text| text.parse().ok()) {
            Some(architecture) if !architectures.contains(&architecture) => architectures.push(architecture),
            Some(_) => {}
            None => {
                let field = format!("architectures[{index}]");
                reader.fault(&field, "is not an architecture; allowed are x86_64 and arm64");
            }
        }
    }
    architectures
}

/// Whether only what is due is to be built. Nothing that a person may wish goes with it: what is due has its own urgency
/// and deadline. Requests of earlier versions name a `cause` instead, which is not read.
fn only_if_due(reader: &mut Reader<'_>) -> bool {
    let (flag, before) = (reader.flag("only_if_due"), reader.has("cause"));
    for field in FIELDS.iter().filter(|field| !OF_A_LOOK.contains(field) && (flag || before)) {
        if reader.has(field) {
            reader.fault(field, "cannot go with only_if_due, which builds what is due when that is due".to_owned());
        }
    }
    flag || before
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::now;

    fn refused(input: &Value) -> String {
        RequestInput::from_value(input, now()).unwrap_err().to_string()
    }

    #[test]
    fn a_template_alone_is_a_request_and_every_field_survives_the_way_through_the_state_machine() {
        let value = json!({
            "template": "python-ml", "urgent": true, "reason": "CVE", "architectures": ["x86_64", "arm64"],
            "max_cost": 2.50, "deadline": "2026-11-23T18:00:00Z"
        });
        let input = RequestInput::from_value(&value, now()).unwrap();
        assert_eq!(input.max_cost, Some(MicroDollars(2_500_000)));
        assert_eq!(RequestInput::from_value(&input.to_value(), now()).unwrap(), input);
        let alone = json!({"template": "python-ml"});
        assert_eq!(RequestInput::from_value(&alone, now()).unwrap().to_value(), alone);
        let target = Target { template: "python-ml".parse().unwrap(), architecture: Architecture::Arm64 };
        let look = RequestInput::only_if_due(&target);
        assert_eq!(look.to_value(), json!({"template": "python-ml", "architectures": ["arm64"], "only_if_due": true}));
        assert_eq!(RequestInput::from_value(&look.to_value(), now()).unwrap(), look);
    }

    #[test]
    fn what_a_person_may_wish_cannot_go_with_a_look_at_what_is_due() {
        for (field, value) in [
            ("urgent", json!(true)),
            ("reason", json!("CVE")),
            ("max_cost", json!("0.01")),
            ("deadline", json!("2026-11-23T18:00:00Z")),
        ] {
            for look in [("only_if_due", json!(true)), ("cause", json!({"updates": []}))] {
                let told = refused(&json!({"template": "python-ml", look.0: look.1, field: value}));
                assert_eq!(
                    told,
                    format!("{field} cannot go with only_if_due, which builds what is due when that is due")
                );
            }
        }
    }

    #[test]
    fn a_request_of_an_earlier_version_is_a_look_at_what_is_due() {
        let cause = json!({"updates": ["ubuntu-22.04/x86_64/us-east-1/3"], "after": "python-ml-x86_64-3"});
        let started = RequestInput::from_value(&json!({"template": "python-ml", "cause": cause}), now()).unwrap();
        assert!(started.only_if_due);
        let kept = |cause| serde_json::from_value::<RequestInput>(json!({"template": "python-ml", "cause": cause}));
        assert!(kept(cause).unwrap().only_if_due);
        assert!(!kept(json!({"after": "python-ml-x86_64-3", "approved": true})).unwrap().only_if_due, "a person asked");
    }

    #[test]
    fn all_faults_are_told_at_once_and_by_name() {
        insta::assert_snapshot!(refused(
            &json!({"template": "No Good", "colour": 1, "urgent": "yes", "max_cost": "a lot", "architectures": ["mips"]})
        ));
        insta::assert_snapshot!(refused(&json!({"colour": 1})), @r#"template is missing; name the template to build; "colour" is not a field of a build request; allowed are template, urgent, reason, architectures, max_cost, deadline"#);
    }

    #[test]
    fn a_deadline_is_neither_long_past_nor_far_away() {
        let with = |deadline: &str| json!({"template": "python-ml", "deadline": deadline});
        for deadline in ["2026-11-22T17:00:00Z", "2026-11-23T18:00:00Z", "2031-11-23T17:00:00Z"] {
            assert!(RequestInput::from_value(&with(deadline), now()).is_ok(), "{deadline}");
        }
        let told = ["-009999-01-02T01:59:59Z", "2026-11-22T16:59:59Z", "2032-01-01T00:00:00Z", "9999-12-30T22:00:00Z"]
            .map(|deadline| refused(&with(deadline)));
        for (told, why) in told.iter().zip(["a day ago", "a day ago", "five years away", "five years away"]) {
            assert!(told.starts_with("deadline ") && told.contains(why), "{told}");
        }
    }

    #[test]
    fn text_from_outside_is_printable_in_a_fault() {
        assert!(!refused(&json!({"template": "a\u{1b}[31m\nb"})).contains(['\u{1b}', '\n']));
    }
}
