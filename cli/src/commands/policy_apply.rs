//! `prism policy apply`.

use std::path::Path;

use prism_aws::policies;
use prism_domain::policy::{Policy, ROOT};
use prism_domain::problem::printable;
use serde::Serialize;
use serde_json::{Value, json};

use super::policy_document::document;
use super::policy_show::notes;
use super::templates_plan::difference;
use super::{On, read_text};
use crate::args::PolicyApply;
use crate::diff::{Difference, differences};
use crate::fault::{Faults, warn};
use crate::look::{BOLD, Look, branch, paint};
use crate::output::Answer;
use crate::progress::during;

/// The longest policy, in bytes.
const LIMIT: usize = 64 * 1024;

/// What applying comes to.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Whether it is in force.
    applied: bool,
    /// Which version it is, or would be.
    version: u64,
    differences: Vec<Difference>,
    /// What of it has no effect, and which line it needs.
    notes: Vec<String>,
}

/// Reads, plans, and puts it in force.
pub async fn run(on: &On, args: &PolicyApply) -> anyhow::Result<()> {
    let next = read(&args.path)?;
    let stack = on.stack().await?;
    let current = during("reading the policy", policies::current(&stack.table)).await?;
    let mut plan = plan(&current, &next, on.output.look.now);
    if args.dry_run || plan.version == current.version {
        return on.output.give(&plan);
    }
    let applied = during("applying the policy", policies::apply(&stack.table, next)).await?;
    (plan.applied, plan.version) = (true, applied.version);
    on.output.give(&plan)?;
    // It holds all the same: the queue is looked at again by itself.
    if let Err(error) = stack.functions.poke(&stack.schedule_builds, &json!({})).await {
        warn(&format!("the queue could not be told, and looks at the policy within 5 minutes by itself ({error})"));
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Policy> {
    let file = path.display();
    let text = read_text(path, LIMIT)?;
    let value = tree(&text).map_err(|reason| Faults(vec![format!("{file}: {reason}")]))?;
    let told = |problem: &prism_domain::problem::Problem| format!("{file}: {problem}");
    Ok(Policy::from_value(&value).map_err(|problems| Faults(problems.0.iter().map(told).collect()))?)
}

/// YAML that nobody vouches for: bounded, without doubled keys.
fn tree(yaml: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_aliases: 100, max_nodes: 20_000 },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 5_000, max_replay_stack_depth: 8 },
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        strict_booleans: true,
    };
    serde_saphyr::from_str_with_options(yaml, options).map_err(|error| {
        let reason = error.without_snippet().render_with_formatter(&serde_saphyr::UserMessageFormatter);
        format!("cannot be read as YAML: {}", printable(reason.lines().next().unwrap_or_default(), 200))
    })
}

fn plan(current: &Policy, next: &Policy, now: jiff::Timestamp) -> Plan {
    let same = *current == Policy { version: current.version, ..next.clone() } && current.version > 0;
    Plan {
        applied: false,
        version: current.version + u64::from(!same),
        differences: differences(&fields(current), &fields(next)),
        notes: next.notes(now),
    }
}

/// The fields of a policy, as people write them.
fn fields(policy: &Policy) -> Value {
    document(policy).get(ROOT).cloned().unwrap_or_default()
}

impl Answer for Plan {
    fn text(&self, _: &Look) -> String {
        let head = match (self.applied, self.differences.is_empty()) {
            (true, _) => format!("The policy is in force as version {}", self.version),
            (false, true) => format!("Nothing to apply: the policy is as in version {}", self.version),
            (false, false) => {
                format!("Would put the policy in force as version {}. Nothing was written (--dry-run)", self.version)
            }
        };
        let mut lines: Vec<String> = self.differences.iter().flat_map(difference).collect();
        if self.applied && lines.is_empty() {
            lines.push("it says what the built-in defaults say".to_owned());
        }
        format!("{}{}", branch(paint(BOLD, head), lines), notes(&self.notes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};

    fn policy(yaml: &str) -> Policy {
        Policy::from_value(&tree(yaml).unwrap()).unwrap()
    }

    #[test]
    fn a_plan_tells_what_changes_and_what_has_no_effect() {
        let next = policy(
            "auto_ami_policy:\n  daily_budget: 40\n  build_window: \"01:00-05:00\"\n  semester_prep_window: summer\n",
        );
        let current = Policy { version: 2, ..Policy::default() };
        let plan = plan(&current, &next, look().now);
        insta::assert_snapshot!(plain(&plan.text(&look())));
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn the_same_policy_again_changes_nothing() {
        let current = Policy { version: 2, ..Policy::default() };
        let plan = plan(&current, &policy("auto_ami_policy: {}"), look().now);
        assert_eq!((plan.version, plan.differences.len()), (2, 0));
        assert!(plan.text(&look()).contains("Nothing to apply"));
    }

    #[test]
    fn the_defaults_can_be_put_in_force_as_a_first_version() {
        assert_eq!(super::plan(&Policy::default(), &policy("auto_ami_policy: {}"), look().now).version, 1);
    }

    #[test]
    fn the_example_policies_can_be_read() {
        for name in ["educational-institution", "research-lab"] {
            let path = format!("{}/../examples/policies/{name}.yaml", env!("CARGO_MANIFEST_DIR"));
            read(Path::new(&path)).unwrap();
        }
    }

    #[test]
    fn text_that_is_no_yaml_is_refused_with_its_place() {
        assert!(tree("a: [b\nc: d").unwrap_err().contains("line 2"));
    }
}
