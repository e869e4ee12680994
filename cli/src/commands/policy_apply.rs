//! `prism policy apply`.

use std::io::{IsTerminal as _, stdin};
use std::path::Path;

use anyhow::bail;
use jiff::Timestamp;
use prism_aws::policies::{self, InForce};
use prism_domain::policy::{Policy, ROOT, ReplacedBaseImage};
use prism_domain::problem::printable;
use prism_domain::unreadable::UnreadableRecord;
use serde::Serialize;
use serde_json::{Value, json};

use super::policy_document::document;
use super::policy_show::notes;
use super::templates_plan::difference;
use super::{On, read_text};
use crate::diff::{Difference, differences};
use crate::fault::{Faults, warn};
use crate::look::{BOLD, Look, branch, paint};
use crate::output::Answer;
use crate::progress::{during, question};

/// The longest policy, in bytes.
const LIMIT: usize = 64 * 1024;

/// What applying comes to.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// Whether it is in force.
    applied: bool,
    /// Which version it is, or would be.
    version: u64,
    /// Whether it says what the policy in force says.
    #[serde(skip)]
    is_in_force: bool,
    /// Why the policy in force cannot be read: the new one is shown whole then.
    unreadable: Option<UnreadableRecord>,
    /// The fields of the policy in force that only a newer version knows, and that go with it.
    removed: Vec<String>,
    differences: Vec<Difference>,
    /// The vendors' base images that it replaces by another account's.
    replaced_base_images: Vec<ReplacedBaseImage>,
    /// What of it has no effect, and which line it needs.
    notes: Vec<String>,
}

/// Reads, plans, and puts it in force.
pub async fn run(on: &On, path: &Path, dry_run: bool, yes: bool) -> anyhow::Result<()> {
    let next = read(path)?;
    let stack = on.stack().await?;
    let now = on.output.look.now;
    let read = during("reading the policy", policies::in_force(&stack.table)).await?;
    let mut plan = plan(&read, &next, now);
    if dry_run || plan.is_in_force {
        return on.output.give(&plan);
    }
    if !yes {
        consent(&plan.replaced_base_images)?;
    }
    let applied = during("applying the policy", policies::apply(&stack.table, &read, next, now)).await?;
    (plan.applied, plan.version) = (true, applied.version);
    on.output.give(&plan)?;
    // It holds all the same: the queue is looked at again by itself.
    if let Err(error) = stack.functions.poke(&stack.schedule_builds, &json!({})).await {
        warn(&format!("the queue could not be told, and looks at the policy within 5 minutes by itself ({error})"));
    }
    Ok(())
}

/// Asks before vendors' base images are replaced. Without a terminal to ask on, it refuses.
fn consent(replaced_base_images: &[ReplacedBaseImage]) -> anyhow::Result<()> {
    let Some(sentence) = sentence(replaced_base_images) else { return Ok(()) };
    if !stdin().is_terminal() {
        bail!("{sentence}: give --yes to put it in force");
    }
    warn(&sentence);
    let answer = question("Put it in force? [y/N] ")?;
    if !matches!(answer.trim(), "y" | "Y" | "yes") {
        bail!("nothing was applied");
    }
    Ok(())
}

fn sentence(replaced_base_images: &[ReplacedBaseImage]) -> Option<String> {
    let one = |one: &ReplacedBaseImage| {
        format!("{} from account {} instead of its vendor {}", one.base, one.owner, one.vendor)
    };
    let all: Vec<String> = replaced_base_images.iter().map(one).collect();
    (!all.is_empty()).then(|| format!("the policy replaces vendors' base images: {}", all.join(", ")))
}

fn read(path: &Path) -> anyhow::Result<Policy> {
    let text = read_text(path, LIMIT)?;
    let value = tree(&text).map_err(|reason| Faults(vec![format!("{}: {reason}", path.display())]))?;
    Ok(Policy::from_value(&value).map_err(|problems| Faults::of_file(path, &problems))?)
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

fn plan(read: &InForce, next: &Policy, now: Timestamp) -> Plan {
    let current = read.policy.as_ref().ok();
    let same =
        |current: &&Policy| **current == Policy { version: current.version, ..next.clone() } && current.version > 0;
    let removed = read.unknown_fields();
    let in_force = current.filter(same).filter(|_| removed.is_empty());
    Plan {
        applied: false,
        version: in_force.map_or_else(|| read.next_version(now), |current| current.version),
        is_in_force: in_force.is_some(),
        unreadable: read.policy.as_ref().err().cloned(),
        removed,
        differences: differences(&current.map(fields).unwrap_or_default(), &fields(next)),
        replaced_base_images: read.replaced_base_images(next),
        notes: next.notes(now),
    }
}

/// The fields of a policy, as people write them.
fn fields(policy: &Policy) -> Value {
    document(policy).get(ROOT).cloned().unwrap_or_default()
}

impl Answer for Plan {
    fn text(&self, _: &Look) -> String {
        let head = match (self.applied, self.is_in_force) {
            (true, _) => format!("The policy is in force as version {}", self.version),
            (false, true) => format!("Nothing to apply: the policy is as in version {}", self.version),
            (false, false) => {
                format!("Would put the policy in force as version {}. Nothing was written (--dry-run)", self.version)
            }
        };
        let mut lines: Vec<String> = self.differences.iter().flat_map(difference).collect();
        if let Some(record) = &self.unreadable {
            lines
                .insert(0, format!("it takes the place of a policy that cannot be read, and is shown whole: {record}"));
        }
        if !self.removed.is_empty() {
            let names = printable(&self.removed.join(", "), 300);
            lines.push(format!("removed, since this version of prism does not know them: {names}"));
        }
        lines.extend(sentence(&self.replaced_base_images));
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

    fn stored(fields: &Value) -> InForce {
        InForce::read("prism-state", Some(prism_aws::table::item(&prism_aws::keys::policy(), fields).unwrap()))
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_replaced_by_one_that_is_shown_whole() {
        let read = stored(&json!({ "version": 3, "zone": 7 }));
        let plan = plan(&read, &policy("auto_ami_policy: {}"), look().now);
        assert!(plan.version == 4 && !plan.is_in_force);
        let told = plain(&plan.text(&look()));
        for part in [
            "is shown whole: the record POLICY CURRENT in the table prism-state cannot be read: field zone",
            "+ daily_budget: $25.00",
            "+ off_peak_window: 02:00-06:00 UTC",
        ] {
            assert!(told.contains(part), "{told}");
        }
    }

    #[test]
    fn fields_that_only_a_newer_version_knows_are_told_before_they_are_removed() {
        let read = stored(&json!({ "version": 3, "colour_limit": 5 }));
        let plan = plan(&read, &policy("auto_ami_policy: {}"), look().now);
        assert_eq!((plan.version, plan.is_in_force, plan.removed.join(" ").as_str()), (4, false, "colour_limit"));
        assert!(plan.text(&look()).contains("does not know them: colour_limit"));
    }

    #[test]
    fn a_plan_tells_what_changes_and_what_has_no_effect() {
        let next = policy(
            "auto_ami_policy:\n  daily_budget: 40\n  build_window: \"01:00-05:00\"\n  semester_prep_window: summer\n",
        );
        let plan = plan(&stored(&json!({ "version": 2 })), &next, look().now);
        insta::assert_snapshot!(plain(&plan.text(&look())));
        insta::assert_json_snapshot!(plan);
    }

    #[test]
    fn a_policy_that_takes_base_images_from_their_vendors_needs_a_yes() {
        let own = "{name: ubuntu-22.04, owner: \"123456789012\", names: [lab-*]}";
        let next = policy(&format!("auto_ami_policy: {{base_images: [{own}]}}"));
        let first = InForce::read("prism-state", None);
        let plan = plan(&first, &next, look().now);
        let told = "the policy replaces vendors' base images: ubuntu-22.04 from account 123456789012 instead of its vendor 099720109477";
        assert!(plain(&plan.text(&look())).contains(told));
        assert_eq!(
            consent(&plan.replaced_base_images).unwrap_err().to_string(),
            format!("{told}: give --yes to put it in force")
        );
        assert!(consent(&[]).is_ok());
        let again = stored(&serde_json::to_value(Policy { version: 1, ..next.clone() }).unwrap());
        assert_eq!(super::plan(&again, &next, look().now).replaced_base_images, [], "it is so already");
    }

    #[test]
    fn the_same_policy_again_changes_nothing() {
        let plan = plan(&stored(&json!({ "version": 2 })), &policy("auto_ami_policy: {}"), look().now);
        assert_eq!((plan.version, plan.differences.len()), (2, 0));
        assert!(plan.text(&look()).contains("Nothing to apply"));
    }

    #[test]
    fn the_defaults_can_be_put_in_force_as_a_first_version() {
        let first = InForce::read("prism-state", None);
        assert_eq!(plan(&first, &policy("auto_ami_policy: {}"), look().now).version, 1);
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
