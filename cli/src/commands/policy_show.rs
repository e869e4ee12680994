//! `prism policy show`, also called `prism templates auto-ami configure`.

use jiff::Timestamp;
use prism_aws::policies;
use prism_domain::approval::{ApprovalFor, approval_for};
use prism_domain::duration::humanize;
use prism_domain::id::Region;
use prism_domain::level::SecurityLevel;
use prism_domain::policy::{MinimumAge, Policy};
use serde::Serialize;
use serde_json::Value;
use termtree::Tree;

use super::policy_document::document;
use crate::look::{BOLD, DIM, Look, WARN, branch, count, paint};
use crate::output::Answer;
use crate::stack::Stack;

/// The policy in force.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Counts the times that one was applied; 0 for the built-in defaults.
    version: u64,
    /// As a file that can be applied again.
    document: Value,
    #[serde(skip)]
    policy: Policy,
    /// What of it has no effect, and which line it needs.
    notes: Vec<String>,
}

/// Reads the policy in force.
pub async fn read(stack: &Stack) -> anyhow::Result<Shown> {
    Ok(shown(policies::current(&stack.table).await?, stack.now))
}

fn shown(policy: Policy, now: Timestamp) -> Shown {
    let notes = policy.notes(now);
    Shown { version: policy.version, document: document(&policy), policy, notes }
}

impl Answer for Shown {
    fn text(&self, look: &Look) -> String {
        let version = match self.policy.version {
            0 => "the built-in defaults".to_owned(),
            version => format!("version {version}"),
        };
        let mut lines = Vec::new();
        lines.extend(timing(&self.policy));
        lines.extend(security(&self.policy));
        lines.extend(money(&self.policy));
        lines.extend(places(&self.policy));
        lines.extend(base_images(&self.policy));
        lines.extend(seasons(&self.policy, look));
        let head = format!("{} {}", paint(BOLD, "Auto-AMI Configuration"), paint(DIM, format!("({version})")));
        format!("{}{}", branch(head, lines), notes(&self.notes))
    }
}

/// The notes of a policy.
pub fn notes(notes: &[String]) -> String {
    if notes.is_empty() {
        return String::new();
    }
    format!("\n{}", branch(paint(BOLD, "Notes"), notes.iter().map(|note| paint(WARN, note))))
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

fn timing(policy: &Policy) -> Vec<Tree<String>> {
    let urgent = policy.urgent_window.as_ref().map_or_else(|| "the off-peak window".to_owned(), ToString::to_string);
    let popularity = &policy.popularity;
    let old = policy.rebuild_every.map_or_else(|| "never".to_owned(), humanize);
    [
        format!("Time zone: {}", policy.zone),
        format!("Popularity threshold: {} launches in {}", popularity.threshold, humanize(popularity.within)),
        format!("Off-peak window: {}", policy.off_peak_window),
        format!("Urgent window: {urgent}"),
        format!("Builds that can wait keep to the off-peak window: {}", yes(policy.prefer_off_peak)),
        format!("Rebuilt for its age alone, at: {old}"),
    ]
    .map(Tree::new)
    .into()
}

fn security(policy: &Policy) -> Vec<Tree<String>> {
    let line = |level: SecurityLevel| {
        let within = policy.deadlines.of(level);
        let within = if within.is_zero() { "at once".to_owned() } else { format!("within {}", humanize(within)) };
        let approval = match approval_for(level.into(), false, policy) {
            Some(ApprovalFor::LowUpdate) => ", once a person approves",
            Some(ApprovalFor::EmergencyMoney) => ", once a person approves the emergency money",
            None => "",
        };
        let most = policy.max_cost(level).map(|most| format!(", for {most} a build at most")).unwrap_or_default();
        format!("{level}: {within}{approval}{most}")
    };
    let mut tree = branch("Security updates", SecurityLevel::ALL.map(line));
    tree.push(format!("Rebuilt whatever else holds after: {}", humanize(policy.security_window)));
    tree.push(format!("At least high from a probability of exploitation of: {}", policy.epss_threshold));
    let people = [("instructors", policy.notify_instructors), ("students", policy.notify_students)];
    let told: Vec<&str> = people.iter().filter(|(_, told)| *told).map(|(who, _)| *who).collect();
    tree.push(format!("Told besides: {}", if told.is_empty() { "nobody".to_owned() } else { told.join(" and ") }));
    vec![tree]
}

fn money(policy: &Policy) -> Vec<Tree<String>> {
    let short = if policy.emergency_overflow { "start as high ones do" } else { "wait" };
    let mut lines = vec![
        Tree::new(format!("Daily compilation budget: {}", policy.budgets.daily)),
        Tree::new(format!("Monthly compilation budget: {}", policy.budgets.monthly)),
        Tree::new(format!("Emergency budget: {} a month", policy.budgets.emergency)),
        Tree::new(format!("Critical builds that it does not pay for: {short}")),
        Tree::new(format!("Builds at a time: {}", policy.max_concurrent_builds)),
    ];
    if policy.budget_tracking || !policy.grants.is_empty() {
        let grants = policy.grants.iter().map(|grant| {
            let templates: Vec<&str> = grant.templates.iter().map(|name| name.as_str()).collect();
            format!("{}: {}", grant.name, templates.join(", "))
        });
        lines.push(branch(format!("Booked against grants: {}", yes(policy.budget_tracking)), grants));
    }
    lines
}

/// The home region and these.
fn regions(besides: &[Region]) -> String {
    let besides = besides.iter().map(Region::as_str);
    std::iter::once("the home region").chain(besides).collect::<Vec<_>>().join(", ")
}

fn places(policy: &Policy) -> Vec<Tree<String>> {
    [
        format!("Published in: {}", regions(&policy.regions)),
        format!("Told before a rebuild: {}", yes(policy.notify_before_rebuild)),
        format!("Running instances keep their image: {}", yes(policy.preserve_running_instances)),
    ]
    .map(Tree::new)
    .into()
}

fn base_images(policy: &Policy) -> Vec<Tree<String>> {
    let mut tree = branch(
        "Base images",
        [
            format!("Watched in: {}", regions(&policy.watch_regions)),
            format!("Templates are rebuilt when they change: {}", yes(policy.rebuild_on_change)),
            format!("Rebuilt when a vendor goes back to an older one: {}", yes(policy.rebuild_on_rollback)),
            format!("Not followed after: {} within a day", count(policy.quarantine_after as usize, "return")),
            format!("Tried once a week only, after: {}", count(policy.failure_limit as usize, "failure")),
        ],
    );
    if !policy.minimum_age.is_empty() {
        tree.push(branch(
            "Out for so long before templates are rebuilt".to_owned(),
            policy.minimum_age.iter().map(age),
        ));
    }
    if !policy.base_images.is_empty() {
        let own = policy.base_images.iter().map(|base| {
            let on: Vec<&str> = base.architectures.keys().map(|architecture| architecture.as_str()).collect();
            format!("{}: {}, of {}, {}", base.name, base.title, base.owner, on.join(" and "))
        });
        tree.push(branch("Of this policy".to_owned(), own));
    }
    vec![tree]
}

fn age(age: &MinimumAge) -> String {
    let base = age.base.as_ref().map_or("any other", |base| base.as_str());
    let levels: Vec<String> = SecurityLevel::ALL
        .into_iter()
        .filter(|level| !age.of(*level).is_zero())
        .map(|level| format!("{level} {}", humanize(age.of(level))))
        .collect();
    format!("{base}: {}", if levels.is_empty() { "at once".to_owned() } else { levels.join(", ") })
}

fn seasons(policy: &Policy, look: &Look) -> Vec<Tree<String>> {
    let mut lines = Vec::new();
    if let Some(seasonal) = policy.seasonal_precompilation.as_ref().filter(|seasonal| seasonal.enabled) {
        let runs = policy.precompilation_runs(look.now);
        let line = |run: &prism_domain::policy::PrecompilationRun<'_>| {
            format!("{}: {}", run.semester.name, look.instant(run.due))
        };
        let head = format!("Built ahead of a semester: {}", count(seasonal.templates.len(), "template"));
        lines.push(branch(head, runs.iter().map(line)));
    }
    if let Some(name) = &policy.semester_prep_window {
        lines.push(Tree::new(format!("Quiet hours all day long: in the break \"{name}\"")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::look::tests::{look, plain};

    #[test]
    fn the_default_policy_is_shown_whole() {
        let shown = shown(Policy::default(), look().now);
        insta::assert_snapshot!(plain(&shown.text(&look())));
        insta::assert_json_snapshot!(shown);
    }

    #[test]
    fn everything_that_a_policy_sets_is_shown() {
        let policy = Policy::from_value(&json!({"auto_ami_policy": {
            "timezone": "America/New_York", "urgent_window": "12:00-13:00", "rebuild_every": "30 days",
            "max_cost_by_level": {"low": 2.5}, "regions": ["us-west-2"], "budget_tracking": true,
            "grants": [{"name": "NSF-1234567", "templates": ["python-ml"]}],
            "security_updates": {"critical_window": "immediate", "notify_instructors": true, "epss_threshold": 0.36},
            "watch_regions": ["eu-central-1"], "rebuild_on_rollback": true, "rebuild_on_change": false, "quarantine_after": 1, "failure_limit": 3,
            "minimum_age": [{"high": "6 hours", "low": "7 days"}, {"base": "rocky-9"}],
            "base_images": [{"name": "lab-ubuntu", "title": "The lab's Ubuntu", "owner": "123456789012", "names": ["lab-{arch}-*"]}],
            "seasonal_precompilation": {"schedule": "2 weeks before semester start", "templates": ["python-ml", "r-research"]},
            "semesters": [{"name": "spring", "starts": "2027-01-18"}], "semester_prep_window": "summer",
        }}))
        .unwrap();
        insta::assert_snapshot!(plain(&shown(Policy { version: 4, ..policy }, look().now).text(&look())));
    }
}
