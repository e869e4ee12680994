//! A policy as people write it, read and checked: all its faults at once.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::Value;

use super::{Break, Grant, MinimumAge, Policy, SeasonalPrecompilation, SeasonalSchedule, Semester};
use crate::architecture::Architecture;
use crate::catalogue::{BaseImage, Catalogue};
use crate::fields::{Form, Section, date, duration, duration_from, flag, number, parsed, probability, shown, text};
use crate::id::BaseImageName;
use crate::problem::{Problem, Problems};
use crate::window::TimeWindow;
use crate::zone::Zone;

/// What holds the policy in a file, so that one file can hold other things for other tools.
pub const ROOT: &str = "auto_ami_policy";

/// The fields of a policy.
pub const FIELDS: &[&str] = &[
    "timezone",
    "popularity_threshold",
    "popularity_window",
    "off_peak_window",
    "build_window",
    "urgent_window",
    "prefer_off_peak",
    "security_updates",
    "rebuild_every",
    "daily_budget",
    "monthly_budget",
    "emergency_budget",
    "emergency_needs_approval",
    "emergency_overflow",
    "max_cost_by_level",
    "max_concurrent_builds",
    "regions",
    "base_images",
    "watch_regions",
    "minimum_age",
    "rebuild_on_rollback",
    "rebuild_on_change",
    "quarantine_after",
    "failure_limit",
    "seasonal_precompilation",
    "semester_prep_window",
    "semesters",
    "breaks",
    "notify_before_rebuild",
    "budget_tracking",
    "grants",
    "preserve_running_instances",
];

/// The fields of `security_updates`.
pub const SECURITY_FIELDS: &[&str] = &[
    "critical_window",
    "high_window",
    "medium_window",
    "low_window",
    "security_window",
    "low_needs_approval",
    "epss_threshold",
    "notify_instructors",
    "notify_students",
];

/// The fields of `seasonal_precompilation`.
pub const SEASONAL_FIELDS: &[&str] = &["enabled", "schedule", "templates"];
const SEMESTER_FIELDS: &[&str] = &["name", "starts"];
const BREAK_FIELDS: &[&str] = &["name", "from", "to"];
const GRANT_FIELDS: &[&str] = &["name", "templates"];
const LEVEL_FIELDS: &[&str] = &["critical", "high", "medium", "low"];
const AGE_FIELDS: &[&str] = &["base", "high", "medium", "low"];
const ARCHITECTURE_FIELDS: &[&str] = &["x86_64", "arm64"];
const BASE_FIELDS: &[&str] = &[
    "name",
    "title",
    "aliases",
    "owner",
    "architectures",
    "parameter",
    "names",
    "except",
    "by_version",
    "ecosystem",
    "changelog",
];

const FORM: Form = Form { empty_is_absent: false, belongs };

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Policy {
    /// Reads a policy: `{"auto_ami_policy": {…}}`. What it leaves out keeps its default.
    ///
    /// # Errors
    /// All its faults at once; a field that no policy has is one.
    pub fn from_value(value: &Value) -> Result<Self, Problems> {
        let refused = |field: &str, message: &str| Err(Problems(vec![Problem::new(field, message)]));
        let Some(file) = value.as_object() else {
            return refused("the policy", "is not a mapping; its fields stand under auto_ami_policy");
        };
        let mut top = Section::new(&FORM, "", file, &[ROOT]);
        let fields = top.need(ROOT, "the policy's fields stand under it", |value| {
            value.as_object().ok_or_else(|| "is not a mapping of the policy's fields".to_owned()).cloned()
        });
        let policy = fields.map(|fields| Self::read(&fields, &mut top)).unwrap_or_default();
        top.finish(Some(policy))
    }

    fn read(fields: &serde_json::Map<String, Value>, top: &mut Section<'_>) -> Self {
        let mut policy = Self::default();
        let mut section = Section::new(&FORM, "", fields, FIELDS);
        policy.read_time(&mut section);
        section.section("security_updates", SECURITY_FIELDS, |security| policy.read_security(security));
        policy.read_money(&mut section);
        policy.read_calendar(&mut section);
        section.set(&mut policy.notify_before_rebuild, "notify_before_rebuild", flag);
        section.set(&mut policy.preserve_running_instances, "preserve_running_instances", flag);
        if let Some(regions) = section.names("regions") {
            policy.regions = regions;
        }
        policy.read_base_images(&mut section);
        top.absorb(section);
        policy
    }

    fn read_time(&mut self, section: &mut Section<'_>) {
        section.set(&mut self.zone, "timezone", parsed::<Zone>);
        let zone = self.zone.clone();
        let window = |value: &Value| match value.as_str() {
            Some(text) => TimeWindow::parse_in(text, &zone).map_err(|error| format!("{} {error}", shown(value))),
            None => Err(format!("{} is not a text; write it as 02:00-06:00", shown(value))),
        };
        self.off_peak_window = TimeWindow::at_night(zone.clone());
        section.set(&mut self.off_peak_window, "off_peak_window", window);
        section.set(&mut self.off_peak_window, "build_window", window);
        if section.has("off_peak_window") && section.has("build_window") {
            section.fault("build_window", "is another name of off_peak_window; give only one of them");
        }
        self.urgent_window = section.get("urgent_window", window);
        section.set(&mut self.prefer_off_peak, "prefer_off_peak", flag);
        section.set(&mut self.popularity.threshold, "popularity_threshold", number(1..=1_000_000));
        section.set(&mut self.popularity.within, "popularity_window", duration_from(HOUR));
        self.rebuild_every = section.get("rebuild_every", duration_from(DAY));
    }

    fn read_security(&mut self, section: &mut Section<'_>) {
        section.set(&mut self.deadlines.critical, "critical_window", duration);
        section.set(&mut self.deadlines.high, "high_window", duration);
        section.set(&mut self.deadlines.medium, "medium_window", duration);
        section.set(&mut self.deadlines.low, "low_window", duration);
        section.set(&mut self.security_window, "security_window", duration_from(HOUR));
        section.set(&mut self.epss_threshold, "epss_threshold", probability);
        section.set(&mut self.low_needs_approval, "low_needs_approval", flag);
        section.set(&mut self.notify_instructors, "notify_instructors", flag);
        section.set(&mut self.notify_students, "notify_students", flag);
    }

    fn read_base_images(&mut self, section: &mut Section<'_>) {
        if let Some(regions) = section.names("watch_regions") {
            self.watch_regions = regions;
        }
        section.set(&mut self.rebuild_on_rollback, "rebuild_on_rollback", flag);
        section.set(&mut self.rebuild_on_change, "rebuild_on_change", flag);
        section.set(&mut self.quarantine_after, "quarantine_after", number(1..=100));
        section.set(&mut self.failure_limit, "failure_limit", number(1..=100));
        let mut own: Vec<BaseImage> = Vec::new();
        section.list("base_images", BASE_FIELDS, |entry| {
            own.push(base_image(entry)?);
            check_names(&own, entry);
            Some(())
        });
        self.base_images = own;
        let catalogue = self.catalogue();
        let mut with_entry: Vec<Option<BaseImageName>> = Vec::new();
        self.minimum_age = section.list("minimum_age", AGE_FIELDS, |age| {
            let named: Option<BaseImageName> = age.get("base", parsed);
            let (high, medium, low) =
                (age.get("high", duration), age.get("medium", duration), age.get("low", duration));
            if named.is_none() && age.has("base") {
                return None;
            }
            // By its name, however it is called here.
            let base = named.map(|name| catalogue.find(&name).map_or(name, |found| found.name.clone()));
            if with_entry.contains(&base) {
                let fault = match &base {
                    Some(base) => format!("{base} has an entry already"),
                    None => "is missing; there is an entry for every base image already".to_owned(),
                };
                age.fault("base", fault);
            }
            with_entry.push(base.clone());
            Some(MinimumAge { base, high, medium, low })
        });
    }

    fn read_money(&mut self, section: &mut Section<'_>) {
        section.set(&mut self.budgets.daily, "daily_budget", parsed);
        section.set(&mut self.budgets.monthly, "monthly_budget", parsed);
        section.set(&mut self.budgets.emergency, "emergency_budget", parsed);
        section.set(&mut self.emergency_needs_approval, "emergency_needs_approval", flag);
        section.set(&mut self.emergency_overflow, "emergency_overflow", flag);
        section.set(&mut self.max_concurrent_builds, "max_concurrent_builds", number(1..=1_000));
        section.section("max_cost_by_level", LEVEL_FIELDS, |levels| {
            let most = &mut self.max_cost_by_level;
            most.critical = levels.get("critical", parsed);
            most.high = levels.get("high", parsed);
            most.medium = levels.get("medium", parsed);
            most.low = levels.get("low", parsed);
        });
        section.set(&mut self.budget_tracking, "budget_tracking", flag);
        self.grants = section.list("grants", GRANT_FIELDS, |grant| {
            let name = grant.need("name", "name the grant", text);
            let templates = grant.names("templates").unwrap_or_default();
            if templates.is_empty() {
                grant.fault("templates", "is missing or empty; list the templates that the grant pays for");
            }
            Some(Grant { name: name?, templates })
        });
    }

    fn read_calendar(&mut self, section: &mut Section<'_>) {
        self.seasonal_precompilation = section.section("seasonal_precompilation", SEASONAL_FIELDS, seasonal);
        self.semesters = section.list("semesters", SEMESTER_FIELDS, |semester| {
            let name = semester.need("name", "name the semester", text);
            let starts = semester.need("starts", "give its first day, such as 2027-01-18", date);
            Some(Semester { name: name?, starts: starts? })
        });
        self.breaks = section.list("breaks", BREAK_FIELDS, |entry| {
            let name = entry.need("name", "name the break", text);
            let from = entry.need("from", "give its first day, such as 2027-06-01", date);
            let to = entry.need("to", "give its last day, such as 2027-08-31", date);
            let (name, from, to) = (name?, from?, to?);
            if to < from {
                entry.fault("to", format!("{to} lies before the first day, {from}"));
            }
            Some(Break { name, from, to })
        });
        self.semester_prep_window = section.get("semester_prep_window", text);
    }
}

/// A base image that only this policy knows.
fn base_image(entry: &mut Section<'_>) -> Option<BaseImage> {
    let name: Option<BaseImageName> = entry.need("name", "name the base image", parsed);
    let owner = entry.need("owner", "give the account that publishes it", parsed);
    let names: Vec<String> = entry.names("names").unwrap_or_default();
    if !entry.has("names") || entry.is_empty("names") {
        entry.fault("names", "is missing or empty; list how its images are called, such as Rocky-9-EC2-Base-*.{arch}");
    }
    let parameter: Option<String> = entry.get("parameter", parsed);
    if parameter.as_ref().is_some_and(|name| !name.starts_with("/aws/service/")) {
        entry.fault("parameter", "is not a public parameter; those begin with /aws/service/");
    } else if parameter.as_ref().is_some_and(|name| !may_be_parameter(name)) {
        let allowed = "letters, digits, dots, hyphens, underscores and slashes, and {arch} for the architecture";
        entry.fault("parameter", format!("is not the name of a parameter; allowed are {allowed}"));
    }
    let architectures = architectures(entry);
    if entry.is_empty("architectures") {
        entry.fault("architectures", "is empty; list x86_64, arm64 or both, or leave it out");
    }
    let title = entry.get("title", text);
    let aliases: Vec<BaseImageName> = entry.names("aliases").unwrap_or_default();
    let except = entry.names("except").unwrap_or_default();
    let by_version = entry.get("by_version", flag).unwrap_or_default();
    let ecosystem = entry.get("ecosystem", parsed);
    let changelog = entry.get("changelog", text).unwrap_or_default();
    // Everything is read before anything that must be there is asked for, so that every fault is told.
    let (name, owner) = (name?, owner?);
    Some(BaseImage {
        title: title.unwrap_or_else(|| name.to_string()),
        aliases: aliases.into_iter().map(|alias| alias.to_string()).collect(),
        owner,
        architectures,
        parameter,
        names,
        except,
        by_version,
        ecosystem,
        changelog,
        name,
    })
}

/// The architectures of a base image and the vendor's word for each: a list, where that is EC2's word, or a section.
fn architectures(entry: &mut Section<'_>) -> BTreeMap<Architecture, String> {
    if entry.is_section("architectures") {
        let words = entry.section("architectures", ARCHITECTURE_FIELDS, |words| {
            let each = Architecture::ALL.into_iter().map(|one| (one, words.get(one.as_str(), word)));
            each.filter_map(|(one, word)| Some((one, word?))).collect()
        });
        return words.unwrap_or_default();
    }
    let listed: Option<Vec<Architecture>> = entry.names("architectures");
    let listed = listed.unwrap_or_else(|| Architecture::ALL.to_vec());
    listed.into_iter().map(|one| (one, one.to_string())).collect()
}

/// A vendor's word for an architecture, as it may stand in the name of a parameter.
fn word(value: &Value) -> Result<String, String> {
    let word = text(value)?;
    let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    is_word.then_some(word).ok_or_else(|| {
        format!("{} is not a word; allowed are letters, digits, dots, hyphens and underscores", shown(value))
    })
}

/// Whether a parameter may be called so, once architectures are filled in: SSM refuses to answer for any parameter of a
/// call one of whose names cannot be one.
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-parameter-name-constraints.html>.
fn may_be_parameter(name: &str) -> bool {
    let filled = name.replace("{arch}", "").replace("{}", "");
    filled.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c))
}

/// Tells which names of the last of these base images another one has: a name has to mean one of them.
fn check_names(own: &[BaseImage], entry: &mut Section<'_>) {
    let Some((last, others)) = own.split_last() else { return };
    if others.iter().any(|other| other.name == last.name) {
        entry.fault("name", format!("{} is listed twice", last.name));
    }
    let catalogue = Catalogue::with(own);
    let names = std::iter::once(("name".to_owned(), last.name.as_str()));
    let aliases = last.aliases.iter().enumerate().map(|(nth, alias)| (format!("aliases[{nth}]"), alias.as_str()));
    for (place, name) in names.chain(aliases) {
        if let Some(other) = catalogue.iter().find(|other| other.name != last.name && other.is_called(name)) {
            entry.fault(&place, format!("{name} means {} already", other.name));
        }
    }
}

fn seasonal(section: &mut Section<'_>) -> SeasonalPrecompilation {
    let two_weeks = SeasonalSchedule(SignedDuration::from_hours(14 * 24));
    let enabled = section.get("enabled", flag).unwrap_or(true);
    let schedule = section.get("schedule", parsed).unwrap_or(two_weeks);
    let templates = section.names("templates").unwrap_or_default();
    if enabled && templates.is_empty() && !section.at_fault() {
        section.fault("templates", "is missing or empty; list the templates to build ahead of a semester");
    }
    SeasonalPrecompilation { enabled, schedule, templates }
}

/// Where a field of a policy belongs.
fn belongs(name: &str) -> Option<String> {
    let places = [
        (FIELDS, format!("directly under {ROOT}")),
        (SECURITY_FIELDS, "under security_updates".to_owned()),
        (SEASONAL_FIELDS, "under seasonal_precompilation".to_owned()),
    ];
    places.into_iter().find(|(fields, _)| fields.contains(&name)).map(|(_, place)| place)
}
