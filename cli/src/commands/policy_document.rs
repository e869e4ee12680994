//! A policy as people write it: the same fields, in the same words, so that it can be applied again.

use jiff::SignedDuration;
use prism_domain::catalogue::BaseImage;
use prism_domain::duration::exact;
use prism_domain::level::SecurityLevel;
use prism_domain::money::MicroDollars;
use prism_domain::policy::{MinimumAge, Policy, ROOT};
use serde_json::{Map, Value, json};

/// The file that a policy would be read from, with every field that has a value.
pub fn document(policy: &Policy) -> Value {
    let mut fields = Map::new();
    for part in [time(policy), cost(policy), base_images(policy), calendar(policy)] {
        if let Value::Object(part) = present(part) {
            fields.extend(part);
        }
    }
    fields.insert("security_updates".to_owned(), security(policy));
    json!({ ROOT: fields })
}

fn time(policy: &Policy) -> Value {
    json!({
        "timezone": policy.zone,
        "popularity_threshold": policy.popularity.threshold,
        "popularity_window": exact(policy.popularity.within),
        "off_peak_window": policy.off_peak_window,
        "urgent_window": policy.urgent_window,
        "prefer_off_peak": policy.prefer_off_peak,
        "rebuild_every": policy.rebuild_every.map(exact),
        "notify_before_rebuild": policy.notify_before_rebuild,
        "preserve_running_instances": policy.preserve_running_instances,
    })
}

fn security(policy: &Policy) -> Value {
    let within = |level| length(policy.deadlines.of(level));
    json!({
        "critical_window": within(SecurityLevel::Critical),
        "high_window": within(SecurityLevel::High),
        "medium_window": within(SecurityLevel::Medium),
        "low_window": within(SecurityLevel::Low),
        "security_window": exact(policy.security_window),
        "low_needs_approval": policy.low_needs_approval,
        "epss_threshold": policy.epss_threshold.decimal(),
        "notify_instructors": policy.notify_instructors,
        "notify_students": policy.notify_students,
    })
}

fn cost(policy: &Policy) -> Value {
    let most: Map<String, Value> = SecurityLevel::ALL
        .into_iter()
        .filter_map(|level| Some((level.to_string(), json!(dollars(policy.max_cost(level)?)))))
        .collect();
    json!({
        "daily_budget": dollars(policy.budgets.daily),
        "monthly_budget": dollars(policy.budgets.monthly),
        "emergency_budget": dollars(policy.budgets.emergency),
        "emergency_needs_approval": policy.emergency_needs_approval,
        "emergency_overflow": policy.emergency_overflow,
        "max_concurrent_builds": policy.max_concurrent_builds,
        "max_cost_by_level": most,
        "budget_tracking": policy.budget_tracking,
        "grants": policy.grants,
        "regions": policy.regions,
    })
}

fn base_images(policy: &Policy) -> Value {
    let age = |age: &MinimumAge| {
        let MinimumAge { base, high, medium, low } = age;
        present(json!({ "base": base, "high": high.map(length), "medium": medium.map(length), "low": low.map(length) }))
    };
    json!({
        "base_images": policy.base_images.iter().map(base_image).collect::<Vec<_>>(),
        "watch_regions": policy.watch_regions,
        "minimum_age": policy.minimum_age.iter().map(age).collect::<Vec<_>>(),
        "rebuild_on_rollback": policy.rebuild_on_rollback,
        "rebuild_on_change": policy.rebuild_on_change,
        "quarantine_after": policy.quarantine_after,
        "failure_limit": policy.failure_limit,
    })
}

fn base_image(base: &BaseImage) -> Value {
    present(json!({
        "name": base.name,
        "title": base.title,
        "aliases": base.aliases,
        "owner": base.owner,
        "architectures": base.architectures.keys().collect::<Vec<_>>(),
        "parameter": base.parameter,
        "names": base.names,
        "except": base.except,
        "by_version": base.by_version.then_some(true),
        "ecosystem": base.ecosystem,
        "changelog": base.changelog,
    }))
}

/// Without the fields that have no value.
fn present(value: Value) -> Value {
    let is_there = |value: &Value| match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(values) => !values.is_empty(),
        Value::Object(fields) => !fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    };
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter(|(_, value)| is_there(value)).collect()),
        other => other,
    }
}

/// A length of time, as people write it.
fn length(length: SignedDuration) -> String {
    if length.is_zero() { "immediate".to_owned() } else { exact(length) }
}

fn calendar(policy: &Policy) -> Value {
    json!({
        "seasonal_precompilation": policy.seasonal_precompilation,
        "semesters": policy.semesters,
        "breaks": policy.breaks,
        "semester_prep_window": policy.semester_prep_window,
    })
}

/// To the last millionth: `$25.00`, `$0.083215`.
fn dollars(amount: MicroDollars) -> String {
    let exact = format!("${}.{:06}", amount.0 / 1_000_000, amount.0 % 1_000_000);
    let short = exact.trim_end_matches('0');
    let cents = exact.len() - 4;
    exact.get(..short.len().max(cents)).unwrap_or(&exact).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comes_back(policy: &Policy) {
        assert_eq!(Policy::from_value(&document(policy)).as_ref(), Ok(policy));
    }

    #[test]
    fn a_policy_that_is_shown_can_be_applied_again() {
        comes_back(&Policy::default());
        let everything = json!({"auto_ami_policy": {
            "timezone": "America/New_York", "urgent_window": "12:00-13:00", "off_peak_window": "22:00-24:00 UTC",
            "rebuild_every": "30 days", "max_cost_by_level": {"low": 2.5, "critical": "0.083215"},
            "regions": ["us-west-2"], "budget_tracking": true, "prefer_off_peak": true, "daily_budget": "12.345678",
            "grants": [{"name": "NSF-1234567", "templates": ["python-ml"]}],
            "security_updates": {"critical_window": "immediate", "high_window": "1h 30m", "notify_instructors": true, "epss_threshold": 0.36211},
            "watch_regions": ["eu-central-1"], "rebuild_on_rollback": true, "rebuild_on_change": false, "quarantine_after": 1, "failure_limit": 3,
            "minimum_age": [{"high": "6 hours", "medium": "immediate"}, {"base": "rocky-9", "low": "7 days"}],
            "base_images": [
                {"name": "lab-rocky", "owner": "123456789012", "names": ["lab-*"]},
                {
                    "name": "lab-ubuntu", "title": "The lab's Ubuntu", "aliases": ["lab"], "owner": "123456789012",
                    "architectures": ["arm64"], "parameter": "/aws/service/lab", "names": ["lab-{arch}-*"],
                    "except": ["*-beta"], "by_version": true, "ecosystem": "ubuntu-22.04",
                    "changelog": "https://lab.example/changes",
                },
            ],
            "seasonal_precompilation": {"schedule": "2 weeks before semester start", "templates": ["python-ml"]},
            "semesters": [{"name": "spring", "starts": "2027-01-18"}],
            "breaks": [{"name": "summer", "from": "2027-06-01", "to": "2027-08-29"}], "semester_prep_window": "summer",
        }});
        comes_back(&Policy::from_value(&everything).unwrap());
    }

    #[test]
    fn money_is_written_to_the_last_millionth() {
        let told = |micros| dollars(MicroDollars(micros));
        assert_eq!([told(25_000_000), told(83_215), told(500_000), told(0)], ["$25.00", "$0.083215", "$0.50", "$0.00"]);
    }
}
