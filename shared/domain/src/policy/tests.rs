use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::architecture::Architecture;
use crate::duration::parse_duration;
use crate::fixtures::at;

const EDUCATIONAL_INSTITUTION: &str = include_str!("../../../../examples/policies/educational-institution.yaml");
const RESEARCH_LAB: &str = include_str!("../../../../examples/policies/research-lab.yaml");

fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn read_yaml(yaml: &str) -> Policy {
    Policy::from_value(&serde_saphyr::from_str::<Value>(yaml).unwrap()).unwrap()
}

fn read(fields: &Value) -> Policy {
    Policy::from_value(&json!({ "auto_ami_policy": fields })).unwrap()
}

fn refused(fields: &Value) -> String {
    let problems = Policy::from_value(&json!({ "auto_ami_policy": fields })).unwrap_err();
    problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn duration(text: &str) -> SignedDuration {
    parse_duration(text).unwrap()
}

#[test]
fn a_policy_that_says_nothing_keeps_every_default() {
    assert_eq!(read(&json!({})), Policy::default());
    let policy = Policy::default();
    assert_eq!(policy.off_peak_window.to_string(), "02:00-06:00 UTC");
    assert_eq!(policy.next_urgent(noon()), policy.next_off_peak(noon()));
    assert_eq!(policy.notes(noon()), Vec::<String>::new());
}

#[test]
fn every_level_has_its_default_deadline_within_the_time_that_can_be_told() {
    let told = SecurityLevel::ALL.map(|level| Policy::default().deadline(level, noon()).to_string());
    assert_eq!(told, ["2026-11-23T16:00:00Z", "2026-11-24T12:00:00Z", "2026-11-30T12:00:00Z", "2026-12-23T12:00:00Z"]);
    assert_eq!(Policy::default().deadline(SecurityLevel::Low, Timestamp::MAX), Timestamp::MAX);
}

#[test]
fn the_policy_of_an_educational_institution_is_accepted_as_it_stands() {
    let policy = read_yaml(EDUCATIONAL_INSTITUTION);
    assert_eq!(policy.deadlines.critical, duration("1 hour"));
    assert_eq!(policy.deadlines.high, duration("6 hours"));
    assert_eq!(policy.deadlines.medium, duration("24 hours"));
    assert_eq!(policy.deadlines.low, duration("30 days"));
    assert_eq!(policy.budgets.daily, MicroDollars::dollars(100));
    assert_eq!(policy.budgets.monthly, MicroDollars::dollars(500));
    assert_eq!(policy.budgets.emergency, MicroDollars::dollars(250));
    assert_eq!(policy.off_peak_window.to_string(), "01:00-05:00 UTC");
    assert!(policy.notify_instructors && !policy.notify_students);
    let seasonal = policy.seasonal_precompilation.as_ref().unwrap();
    assert_eq!((seasonal.enabled, seasonal.schedule.0, seasonal.templates.len()), (true, duration("2 weeks"), 4));
    insta::assert_snapshot!(policy.notes(noon()).join("\n"), @r#"
    seasonal_precompilation is off: it needs the first days of the semesters; add semesters: [{name: spring, starts: 2027-01-18}]
    semester_prep_window is off: it needs the days of "summer"; add breaks: [{name: summer, from: 2027-06-01, to: 2027-08-31}]
    "#);
}

#[test]
fn the_policy_of_a_research_lab_is_accepted_as_it_stands() {
    let policy = read_yaml(RESEARCH_LAB);
    assert_eq!(policy.popularity, Popularity { threshold: 3, within: duration("7 days") });
    assert_eq!(policy.deadline(SecurityLevel::Critical, noon()), noon(), "at once");
    assert_eq!(policy.deadlines.high, duration("2 hours"));
    assert!(policy.budget_tracking && policy.prefer_off_peak);
    assert!(policy.preserve_running_instances && policy.notify_before_rebuild);
    insta::assert_snapshot!(policy.notes(noon()).join("\n"), @"budget_tracking books costs by template alone: to book them against grants, add grants: [{name: NSF-1234567, templates: [python-ml]}]");
}

#[test]
fn the_lines_that_the_examples_leave_to_the_reader_are_accepted_too() {
    for example in [EDUCATIONAL_INSTITUTION, RESEARCH_LAB] {
        let lines = example.lines().map(|line| match line.strip_prefix("  # ") {
            Some(field)
                if field.starts_with("  -")
                    || field.trim_end().ends_with(':') && !field.contains(' ')
                    || field.starts_with("timezone") =>
            {
                format!("  {field}")
            }
            _ => line.to_owned(),
        });
        let policy = read_yaml(&lines.collect::<Vec<_>>().join("\n"));
        assert_eq!(policy.notes(noon()), Vec::<String>::new());
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a policy with every field, and what it is read as")]
fn every_field_is_read() {
    let policy = read(&json!({
        "timezone": "Europe/Berlin", "popularity_threshold": 9, "popularity_window": "3 days",
        "off_peak_window": "22:00-04:00", "urgent_window": "12:00-13:00 UTC", "prefer_off_peak": true,
        "security_updates": {"critical_window": "2h", "high_window": "3h", "medium_window": "4h", "low_window": "5h",
            "security_window": "6h", "low_needs_approval": false, "epss_threshold": 0.362, "notify_instructors": true, "notify_students": true},
        "rebuild_every": "30 days", "daily_budget": 25.10, "monthly_budget": "$600", "emergency_budget": 70,
        "emergency_needs_approval": true, "emergency_overflow": false, "max_cost_by_level": {"critical": 9.99, "low": 1}, "max_concurrent_builds": 2,
        "regions": ["eu-central-1", "us-west-2"],
        "base_images": [{
            "name": "lab-ubuntu", "title": "The lab's Ubuntu", "aliases": ["lab"], "owner": "123456789012",
            "architectures": {"arm64": "aarch64"}, "parameter": "/aws/service/lab/{arch}/Latest_1.0-x", "names": ["lab-{arch}-*"], "except": ["*-beta"],
            "by_version": true, "ecosystem": "ubuntu-22.04", "changelog": "https://lab.example/changes",
        }],
        "watch_regions": ["us-west-2"], "minimum_age": [{"low": "7 days"}, {"base": "rocky9", "high": "6 hours", "medium": "1 day"}],
        "rebuild_on_rollback": true, "rebuild_on_change": false, "quarantine_after": 5, "failure_limit": 8,
        "seasonal_precompilation": {"enabled": false}, "semester_prep_window": "summer",
        "semesters": [{"name": "fall", "starts": "2027-10-01"}],
        "breaks": [{"name": "summer", "from": "2027-07-15", "to": "2027-09-30"}],
        "notify_before_rebuild": false, "budget_tracking": true, "grants": [{"name": "DFG 42", "templates": ["r-stats"]}],
        "preserve_running_instances": false
    }));
    insta::assert_json_snapshot!(policy, @r#"
    {
      "version": 0,
      "zone": "Europe/Berlin",
      "popularity": {
        "threshold": 9,
        "within": "3 days"
      },
      "off_peak_window": "22:00-04:00 Europe/Berlin",
      "urgent_window": "12:00-13:00 UTC",
      "deadlines": {
        "critical": "2 hours",
        "high": "3 hours",
        "medium": "4 hours",
        "low": "5 hours"
      },
      "security_window": "6 hours",
      "rebuild_every": "30 days",
      "budgets": {
        "daily": 25100000,
        "monthly": 600000000,
        "emergency": 70000000
      },
      "max_cost_by_level": {
        "critical": 9990000,
        "high": null,
        "medium": null,
        "low": 1000000
      },
      "max_concurrent_builds": 2,
      "low_needs_approval": false,
      "emergency_needs_approval": true,
      "emergency_overflow": false,
      "prefer_off_peak": true,
      "regions": [
        "eu-central-1",
        "us-west-2"
      ],
      "base_images": [
        {
          "name": "lab-ubuntu",
          "title": "The lab's Ubuntu",
          "aliases": [
            "lab"
          ],
          "owner": "123456789012",
          "architectures": {
            "arm64": "aarch64"
          },
          "parameter": "/aws/service/lab/{arch}/Latest_1.0-x",
          "names": [
            "lab-{arch}-*"
          ],
          "except": [
            "*-beta"
          ],
          "by_version": true,
          "ecosystem": "ubuntu-22.04",
          "changelog": "https://lab.example/changes"
        }
      ],
      "watch_regions": [
        "us-west-2"
      ],
      "minimum_age": [
        {
          "base": null,
          "high": null,
          "medium": null,
          "low": "7 days"
        },
        {
          "base": "rocky-9",
          "high": "6 hours",
          "medium": "1 day",
          "low": null
        }
      ],
      "rebuild_on_rollback": true,
      "rebuild_on_change": false,
      "quarantine_after": 5,
      "failure_limit": 8,
      "epss_threshold": 36200,
      "seasonal_precompilation": {
        "enabled": false,
        "schedule": "14 days before semester start",
        "templates": []
      },
      "semester_prep_window": "summer",
      "semesters": [
        {
          "name": "fall",
          "starts": "2027-10-01"
        }
      ],
      "breaks": [
        {
          "name": "summer",
          "from": "2027-07-15",
          "to": "2027-09-30"
        }
      ],
      "notify_before_rebuild": false,
      "notify_instructors": true,
      "notify_students": true,
      "budget_tracking": true,
      "grants": [
        {
          "name": "DFG 42",
          "templates": [
            "r-stats"
          ]
        }
      ],
      "preserve_running_instances": false
    }
    "#);
    assert_eq!(policy.max_cost(SecurityLevel::Critical), Some(MicroDollars(9_990_000)));
    assert_eq!(policy.max_cost(SecurityLevel::High), None);
}

#[test]
fn money_is_read_digit_by_digit() {
    for (written, micros) in [
        (json!(100.00), 100_000_000),
        (json!(0.1), 100_000),
        (json!(4.35), 4_350_000),
        (json!(1_234.567_891), 1_234_567_891),
        (json!("25.10"), 25_100_000),
        (json!("$7"), 7_000_000),
    ] {
        assert_eq!(read(&json!({ "daily_budget": written })).budgets.daily, MicroDollars(micros), "{written}");
    }
}

#[test]
fn all_faults_are_told_at_once_each_with_its_place() {
    insta::assert_snapshot!(refused(&json!({
        "timezone": "Mars", "popularity_threshold": 0, "popularity_window": "1 minute", "build_window": "2-6",
        "off_peak_window": "02:00-06:00", "urgent_window": null, "prefer_off_peak": "yes",
        "security_updates": {"critical_window": "soon", "high_window": 6, "medium_window": "-1h", "epss_threshold": 0.01, "critcal_window": "1h", "daily_budget": 5},
        "daily_budget": -5, "monthly_budget": "a lot", "emergency_budget": 1e30, "max_concurrent_builds": 2.5,
        "max_cost_by_level": [1], "regions": ["us-east-1", "us-east-1", "mars"], "high_window": "2h", "colour": "red",
        "seasonal_precompilation": {"schedule": "in time", "templates": ["No Good"]},
        "semesters": [{"name": "fall"}, 7], "breaks": [{"name": "x", "from": "2027-09-01", "to": "2027-08-01"}],
        "semester_prep_window": 3, "grants": [{"name": ""}], "rebuild_every": "1h",
        "base_images": [
            {"name": "Ours", "title": 5, "aliases": ["No Good", "x"], "owner": "12", "architectures": [], "parameter": "/mine",
             "names": [], "except": 5, "by_version": 1, "ecosystem": "U", "changelog": "", "colour": "red"},
            {"name": "lab-ubuntu", "owner": "123456789012", "names": ["lab-*"], "aliases": ["ubuntu", "lab", "lab"]},
            {"name": "lab-ubuntu", "owner": "123456789012", "names": ["lab-*"], "architectures": ["sparc"]},
            {"name": "lab", "owner": "123456789012", "names": ["lab-*"], "parameter": "/aws/service/lab {arch}"},
            {}, "debian-12",
        ],
        "watch_regions": ["us-west-2", "us-west-2"], "rebuild_on_rollback": "no", "quarantine_after": 0, "failure_limit": 101,
        "minimum_age": [{"base": "rocky-9", "high": "soon", "critical": "1h"}, {"base": "rocky9"}, {"base": "R9", "low": 7}, {}, {"low": "1d"}],
    })), @r#"
    timezone "Mars" is not a time zone; give an IANA name such as UTC, America/New_York or Europe/Berlin
    build_window "2-6" is not a window; write it as 02:00-06:00, with a time zone behind it if it isn't the policy's: 02:00-06:00 America/New_York
    build_window is another name of off_peak_window; give only one of them
    urgent_window is empty; give it a value or leave it out
    prefer_off_peak "yes" is neither true nor false
    popularity_threshold 0 is not a whole number from 1 to 1000000
    popularity_window "1 minute" is too short; at least 1 hour
    rebuild_every "1h" is too short; at least 1 day
    security_updates.critical_window "soon" is not a length of time; write it as 4 hours, 24h, 7 days, 1h 30m or immediate
    security_updates.high_window 6 lacks a unit; write it as 4 hours, 30 minutes or 7 days
    security_updates.medium_window "-1h" is not a length of time; write it as 4 hours, 24h, 7 days, 1h 30m or immediate
    security_updates.epss_threshold 0.01 is too low; at least 0.05
    security_updates.critcal_window is not a field here; did you mean critical_window?
    security_updates.daily_budget is not a field here; it belongs directly under auto_ami_policy
    daily_budget -5 is not an amount of US dollars; write it as 25, 25.00 or $25.00, with at most 6 decimals and from 0 to 1,000,000,000
    monthly_budget "a lot" is not an amount of US dollars; write it as 25, 25.00 or $25.00, with at most 6 decimals and from 0 to 1,000,000,000
    emergency_budget 1e+30 is not an amount of US dollars; write it as 25, 25.00 or $25.00, with at most 6 decimals and from 0 to 1,000,000,000
    max_concurrent_builds 2.5 is not a whole number from 1 to 1000
    max_cost_by_level is not a mapping; its fields are critical, high, medium, low
    grants[0].name "" is not a text of 1 to 100 characters
    grants[0].templates is missing or empty; list the templates that the grant pays for
    seasonal_precompilation.schedule "in time" is not a seasonal schedule; write it as 2 weeks before semester start
    seasonal_precompilation.templates[0] "No Good" is not a template name; allowed are 2 to 48 lower-case letters, digits and single hyphens, a letter first, no hyphen last
    semesters[0].starts is missing; give its first day, such as 2027-01-18
    semesters[1] is not a mapping; its fields are name, starts
    breaks[0].to 2027-08-01 lies before the first day, 2027-09-01
    semester_prep_window 3 is not a text of 1 to 100 characters
    regions[2] "mars" is not an AWS region; it looks like us-east-1
    regions[1] repeats "us-east-1" of regions[0]; name each once
    watch_regions[1] repeats "us-west-2" of watch_regions[0]; name each once
    rebuild_on_rollback "no" is neither true nor false
    quarantine_after 0 is not a whole number from 1 to 100
    failure_limit 101 is not a whole number from 1 to 100
    base_images[0].name "Ours" is not the name of a base image; allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first
    base_images[0].owner "12" is not an AWS account; it has 12 digits
    base_images[0].names is missing or empty; list how its images are called, such as Rocky-9-EC2-Base-*.{arch}
    base_images[0].parameter is not a public parameter; those begin with /aws/service/
    base_images[0].architectures is empty; list x86_64, arm64 or both, or leave it out
    base_images[0].title 5 is not a text of 1 to 100 characters
    base_images[0].aliases[0] "No Good" is not the name of a base image; allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first
    base_images[0].aliases[1] "x" is not the name of a base image; allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first
    base_images[0].except is not a list
    base_images[0].by_version 1 is neither true nor false
    base_images[0].ecosystem "U" is not an advisory ecosystem; allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first
    base_images[0].changelog "" is not a text of 1 to 100 characters
    base_images[0].colour is not a field here; allowed are name, title, aliases, owner, architectures, parameter, names, except, by_version, ecosystem, changelog
    base_images[1].aliases[2] repeats "lab" of base_images[1].aliases[1]; name each once
    base_images[1].aliases[0] ubuntu means ubuntu-24.04 already
    base_images[2].architectures[0] "sparc" is not an architecture; allowed are x86_64 and arm64
    base_images[2].name lab-ubuntu is listed twice
    base_images[3].parameter is not the name of a parameter; allowed are letters, digits, dots, hyphens, underscores and slashes, and {arch} for the architecture
    base_images[3].name lab means lab-ubuntu already
    base_images[4].name is missing; name the base image
    base_images[4].owner is missing; give the account that publishes it
    base_images[4].names is missing or empty; list how its images are called, such as Rocky-9-EC2-Base-*.{arch}
    base_images[5] is not a mapping; its fields are name, title, aliases, owner, architectures, parameter, names, except, by_version, ecosystem, changelog
    minimum_age[0].high "soon" is not a length of time; write it as 4 hours, 24h, 7 days, 1h 30m or immediate
    minimum_age[0].critical is not a field here; allowed are base, high, medium, low
    minimum_age[1].base rocky-9 has an entry already
    minimum_age[2].base "R9" is not the name of a base image; allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first
    minimum_age[2].low 7 lacks a unit; write it as 4 hours, 30 minutes or 7 days
    minimum_age[4].base is missing; there is an entry for every base image already
    colour is not a field here; allowed are timezone, popularity_threshold, popularity_window, off_peak_window, build_window, urgent_window, prefer_off_peak, security_updates, rebuild_every, daily_budget, monthly_budget, emergency_budget, emergency_needs_approval, emergency_overflow, max_cost_by_level, max_concurrent_builds, regions, base_images, watch_regions, minimum_age, rebuild_on_rollback, rebuild_on_change, quarantine_after, failure_limit, seasonal_precompilation, semester_prep_window, semesters, breaks, notify_before_rebuild, budget_tracking, grants, preserve_running_instances
    high_window is not a field here; it belongs under security_updates
    "#);
}

#[test]
fn what_is_not_a_policy_at_all_is_refused() {
    let told = |value: &Value| Policy::from_value(value).unwrap_err().to_string();
    insta::assert_snapshot!(told(&json!([1])), @"the policy is not a mapping; its fields stand under auto_ami_policy");
    insta::assert_snapshot!(told(&json!({})), @"auto_ami_policy is missing; the policy's fields stand under it");
    insta::assert_snapshot!(told(&json!({"auto_ami_policy": null})), @"auto_ami_policy is empty; give it a value or leave it out");
    insta::assert_snapshot!(told(&json!({"auto_ami_policy": "none"})), @"auto_ami_policy is not a mapping of the policy's fields");
    insta::assert_snapshot!(told(&json!({"auto_ami_polcy": {}, "daily_budget": 3})), @"auto_ami_policy is missing; the policy's fields stand under it; auto_ami_polcy is not a field here; did you mean auto_ami_policy?; daily_budget is not a field here; it belongs directly under auto_ami_policy");
}

#[test]
fn what_comes_from_outside_is_printable_in_a_fault() {
    let told = refused(&json!({"a\u{1b}[31m\nb": 1, "timezone": "x\u{202e}y\n"}));
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(!told.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn a_stored_policy_survives_and_older_ones_get_new_defaults() {
    let policy = Policy { version: 7, ..read_yaml(EDUCATIONAL_INSTITUTION) };
    let mut stored = serde_json::to_value(&policy).unwrap();
    assert_eq!(serde_json::from_value::<Policy>(stored.clone()).unwrap(), policy);
    stored.as_object_mut().unwrap().remove("max_concurrent_builds");
    assert_eq!(serde_json::from_value::<Policy>(stored).unwrap(), policy);
}

#[test]
fn images_are_built_ahead_of_the_semesters_that_are_still_to_come() {
    let policy = read(&json!({
        "timezone": "America/New_York",
        "seasonal_precompilation": {"schedule": "2 weeks before semester start", "templates": ["r-stats"]},
        "semesters": [{"name": "fall", "starts": "2027-08-30"}, {"name": "past", "starts": "2026-08-31"}, {"name": "spring", "starts": "2027-03-15"}],
    }));
    let runs = policy.precompilation_runs(noon());
    let told: Vec<_> = runs.iter().map(|run| (run.semester.name.as_str(), run.due, run.deadline)).collect();
    // Two weeks by the calendar, over the day on which clocks change.
    let spring = ("spring", at("2027-03-01T00:00:00-05:00"), at("2027-03-15T00:00:00-04:00"));
    let fall = ("fall", at("2027-08-16T00:00:00-04:00"), at("2027-08-30T00:00:00-04:00"));
    assert_eq!(told, [spring, fall]);
    assert!(policy.precompilation_runs(at("2027-08-30T00:00:00-04:00")).is_empty());
    let late = policy.notes(at("2027-09-01T00:00:00Z"));
    insta::assert_snapshot!(late.join("\n"), @"seasonal_precompilation is off: every semester has started already; add the next one to semesters");
}

#[test]
fn a_seasonal_schedule_is_written_as_people_write_it() {
    for text in [
        "2 weeks before semester start",
        "14 days before the semester starts",
        "2w before each semester",
        "2 Weeks before start of semester",
    ] {
        assert_eq!(text.parse::<SeasonalSchedule>().unwrap().0, duration("2 weeks"), "{text}");
    }
    for text in ["", "2 weeks", "soon before semester start", "2 weeks before christmas"] {
        assert!(text.parse::<SeasonalSchedule>().is_err(), "{text}");
    }
}

#[test]
fn what_a_person_may_not_have_meant_is_noted() {
    let policy = read(&json!({
        "security_updates": {"high_window": "2 hours", "medium_window": "40 days"},
        "minimum_age": [{"high": "6 hours"}, {"base": "plan9", "high": "9 days"}, {"base": "rocky-9", "high": "1h", "low": "31 days"}],
        "daily_budget": 600, "emergency_budget": 0, "grants": [{"name": "NSF", "templates": ["r-stats"]}],
        "semester_prep_window": "Summer", "breaks": [{"name": "summer", "from": "2026-06-01", "to": "2026-08-31"}],
    }));
    insta::assert_snapshot!(policy.notes(noon()).join("\n"), @r#"
    semester_prep_window is off: the break "Summer" is over; add the next one to breaks
    grants is off: add budget_tracking: true to book costs against them
    critical_window is longer than high_window: critical updates may take longer than high ones
    medium_window is longer than low_window: medium updates may take longer than low ones
    minimum_age keeps high updates back for 6 hours, which is longer than high_window, 2 hours
    minimum_age of plan9 is off: there is no such base image; prism base-images list shows all
    minimum_age of rocky-9 keeps low updates back for 31 days, which is longer than low_window, 30 days
    emergency_budget is $0.00: no critical build can start
    daily_budget is more than monthly_budget, which ends the day's spending first
    "#);
}

#[test]
fn the_age_of_a_base_image_counts_in_place_of_the_general_one() {
    let policy = read(&json!({
        "minimum_age": [{"high": "6 hours", "medium": "2 days", "low": "7 days"}, {"base": "rocky9", "high": "1 day"}],
    }));
    let age = |base: &str, level| policy.minimum_age(&base.parse().unwrap(), level);
    assert_eq!(age("ubuntu-22.04", SecurityLevel::High), duration("6 hours"));
    assert_eq!(age("rocky-9", SecurityLevel::High), duration("1 day"));
    assert_eq!(age("rocky-9", SecurityLevel::Medium), SignedDuration::ZERO, "its own entry says nothing of medium");
    assert_eq!(Policy::default().minimum_age(&"rocky-9".parse().unwrap(), SecurityLevel::Low), SignedDuration::ZERO);
}

#[test]
fn a_policys_own_base_image_stands_in_for_the_built_in_one() {
    let own = json!([{"name": "ubuntu-22.04", "owner": "123456789012", "names": ["mirror-{arch}-*"]}]);
    let policy = read(&json!({ "base_images": own }));
    let catalogue = policy.catalogue();
    let base = catalogue.find(&"ubuntu-22.04".parse().unwrap()).unwrap();
    assert_eq!((base.owner.as_str(), base.title.as_str()), ("123456789012", "ubuntu-22.04"));
    assert!(base.source(Architecture::Arm64).unwrap().admits("mirror-arm64-7"));
    assert_eq!(catalogue.iter().count(), Catalogue::built_in().iter().count());
    assert_eq!(policy.notes(noon()), Vec::<String>::new());
}

proptest! {
    #[test]
    fn critical_updates_never_wait_and_others_as_long_as_the_policy_says(
        general in prop::option::of([0..9_000_i64, 0..9_000, 0..9_000]),
        own in prop::option::of([0..9_000_i64, 0..9_000, 0..9_000]),
    ) {
        let hours = |hours: i64| Some(SignedDuration::from_hours(hours));
        let entry = |base: Option<&str>, [high, medium, low]: [i64; 3]| MinimumAge {
            base: base.map(|base| base.parse().unwrap()), high: hours(high), medium: hours(medium), low: hours(low),
        };
        let entries = [general.map(|ages| entry(None, ages)), own.map(|ages| entry(Some("debian-12"), ages))];
        let policy = Policy { minimum_age: entries.into_iter().flatten().collect(), ..Policy::default() };
        let base = "debian-12".parse().unwrap();
        prop_assert_eq!(policy.minimum_age(&base, SecurityLevel::Critical), SignedDuration::ZERO);
        let expected = own.or(general).unwrap_or([0, 0, 0]).map(SignedDuration::from_hours);
        let levels = [SecurityLevel::High, SecurityLevel::Medium, SecurityLevel::Low];
        prop_assert_eq!(levels.map(|level| policy.minimum_age(&base, level)), expected);
    }
}

#[test]
fn the_documentation_names_every_field() {
    let documentation = include_str!("../../../../docs/POLICY.md");
    for field in [FIELDS, SECURITY_FIELDS, SEASONAL_FIELDS].concat() {
        assert!(documentation.contains(&format!("`{field}`")), "docs/POLICY.md does not tell about {field}");
    }
}

#[test]
fn the_vendors_words_for_architectures_are_words() {
    let own = |words| json!({"base_images": [{"name": "ours", "owner": "123456789012", "names": ["o-{}"], "architectures": words}]});
    let read = read(&own(json!({"x86_64": "amd64", "arm64": "aarch64"})));
    let names = |architecture| read.base_images[0].source(architecture).unwrap().names;
    assert_eq!(Architecture::ALL.map(names), [["o-amd64"], ["o-aarch64"]]);
    let faults = [json!({"x86_64": "amd 64", "sparc": "s"}), json!({})].map(|words| refused(&own(words)));
    insta::assert_snapshot!(faults.join("\n"), @r#"
    base_images[0].architectures.x86_64 "amd 64" is not a word; allowed are letters, digits, dots, hyphens and underscores
    base_images[0].architectures.sparc is not a field here; allowed are x86_64, arm64
    base_images[0].architectures is empty; list x86_64, arm64 or both, or leave it out
    "#);
}

#[test]
fn the_documented_policies_are_accepted() {
    let documentation = include_str!("../../../../docs/POLICY.md");
    let policies: Vec<&str> = documentation.split("```").filter_map(|block| block.strip_prefix("yaml\n")).collect();
    assert_eq!(policies.len(), 2);
    assert_eq!(read_yaml(policies[0]), Policy::default());
    assert_eq!(read_yaml(policies[1]).notes(noon()), Vec::<String>::new());
}
