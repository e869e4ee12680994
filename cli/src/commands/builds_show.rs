//! `prism builds show`: everything about one build.

use anyhow::anyhow;
use prism_aws::queue::Forecast;
use prism_aws::{builds, claims, journal};
use prism_domain::approval::Approval;
use prism_domain::build::{Build, ImageResult};
use prism_domain::claim::Claim;
use prism_domain::decision::Decision;
use prism_domain::id::BuildId;
use prism_domain::notice::money_sentence;
use prism_domain::problem::printable;
use serde::Serialize;
use termtree::Tree;

use super::decision_view::{is_about, told};
use crate::condition::{Condition, Known, condition};
use crate::fault::warn_of_unreadable;
use crate::forecasts;
use crate::look::{BOLD, Look, branch, length, paint};
use crate::near;
use crate::output::Answer;
use crate::stack::Stack;

/// How many decisions are read to find those about one build.
const READ: usize = 2_000;

/// Everything about one build.
#[derive(Debug, Serialize)]
pub struct Shown {
    build: Build,
    /// What it waits for, while it does.
    condition: Option<Condition>,
    /// The decisions about it, newest first.
    decisions: Vec<Decision>,
}

/// Reads everything about a build.
pub async fn read(stack: &Stack, id: &BuildId) -> anyhow::Result<Shown> {
    let Some(build) = builds::find(&stack.table, id).await? else {
        let newest = warn_of_unreadable(builds::newest(&stack.table, &id.target, 50).await?);
        let known: Vec<String> = newest.iter().map(|build| build.id.to_string()).collect();
        let hint = near::hint(&id.to_string(), known.iter().map(String::as_str), "prism builds list shows the newest");
        return Err(anyhow!("there is no build {id}; {hint}"));
    };
    let claim = claims::of(&stack.table, &id.target).await?;
    let decisions = warn_of_unreadable(journal::newest(&stack.table, &id.target.template, READ).await?);
    Ok(shown(build, claim, forecasts::read(stack).await?, decisions))
}

fn shown(build: Build, claim: Claim, forecast: Forecast, mut decisions: Vec<Decision>) -> Shown {
    let name = build.id.to_string();
    decisions.retain(|decision| is_about(decision, &name));
    let held = claim.held.filter(|held| held.queued.build == build.id);
    let known = |held| Known { held: Some(held), builds: vec![build.clone()], forecast, ..Known::default() };
    let condition = held.map(|held| condition(&known(held)));
    Shown { build, condition, decisions }
}

impl Answer for Shown {
    fn text(&self, look: &Look) -> String {
        let mut tree = branch(format!("{}: {}", paint(BOLD, &self.build.id), self.build.state()), self.request(look));
        if let Some(condition) = &self.condition {
            tree.push(format!("Now: {}", condition.line(look)));
        }
        tree.extend(self.build.approval.as_ref().map(|approval| approved(approval, look)));
        tree.extend(self.decided(look));
        tree.extend(self.frozen());
        let money = self.build.reservation.as_ref().map_or_else(|| "none is reserved".to_owned(), money_sentence);
        tree.push(format!("Money: {money}"));
        tree.extend(self.run(look));
        tree.extend(self.build.published_at.map(|at| Tree::new(format!("Published: {}", look.instant(at)))));
        if let Some(ending) = &self.build.ending {
            let message = printable(&ending.message, 600);
            tree.push(format!("Ended: {}: {message}", look.instant(ending.at)));
        }
        tree.push(format!("Execution: {}", self.build.execution));
        tree.to_string()
    }
}

impl Shown {
    fn request(&self, look: &Look) -> Vec<Tree<String>> {
        let request = &self.build.request;
        let mut facts = vec![
            format!("Trigger: {}", request.trigger),
            format!("Urgency: {}, priority {} of 100", request.urgency, request.priority),
            format!("Made: {}", look.instant(request.requested_at)),
            format!("Due: {}", look.instant(request.deadline)),
        ];
        facts.extend(request.level.map(|level| format!("Security level: {level}")));
        facts.extend(request.max_cost.map(|most| format!("May cost at most: {most}")));
        facts.extend(request.reason.as_ref().map(|reason| format!("Reason given: {}", printable(reason, 200))));
        facts.extend(request.base_image_updates.iter().map(|update| format!("Answers the update: {update}")));
        facts.extend(request.security_patches.iter().map(|patch| format!("Brings the patch: {patch}")));
        facts.extend(self.build.joined.iter().map(|request| format!("Joined by: {}", printable(request.as_str(), 80))));
        if request.unnamed > 0 {
            facts.push(format!("Answers {} more updates and patches", request.unnamed));
        }
        let more = (self.build.joins() as usize).saturating_sub(self.build.joined.len());
        if more > 0 {
            facts.push(format!("Joined by {more} more"));
        }
        vec![branch(format!("Request: {}", printable(self.build.request_id.as_str(), 80)), facts)]
    }

    fn decided(&self, look: &Look) -> Option<Tree<String>> {
        let one = |decision: &Decision| {
            let head = format!("{} {}", look.stamp(decision.at), told(decision).1);
            branch(head, decision.reasons.iter().map(|reason| printable(reason, 400)))
        };
        let oldest_first = self.decisions.iter().rev().map(one);
        (!self.decisions.is_empty()).then(|| branch(format!("Decisions (times in {})", look.zone.name()), oldest_first))
    }

    fn frozen(&self) -> Option<Tree<String>> {
        let frozen = self.build.frozen.as_ref()?;
        let regions: Vec<&str> = frozen.regions.iter().map(|region| region.as_str()).collect();
        let mut facts = vec![
            format!("Base image: {} {}", frozen.base, frozen.base_image_id),
            format!("Content: {}", printable(&frozen.content_hash, 64)),
            format!("Regions: {}", regions.join(", ")),
            format!("Policy: version {}", frozen.policy_version),
        ];
        if let Some(patch) = &frozen.patch {
            let advisories: Vec<&str> = patch.advisories.iter().map(|advisory| advisory.as_str()).collect();
            facts.push(format!("Patched for: {}", printable(&advisories.join(", "), 400)));
            facts.extend(patch.release.iter().map(|release| format!("Updated to: {}", printable(release, 64))));
        }
        Some(branch("Made of", facts))
    }

    fn run(&self, look: &Look) -> Option<Tree<String>> {
        let run = self.build.run.as_ref()?;
        let mut tree = branch(
            "Image Builder",
            [format!("Started: {}", look.instant(run.started_at)), format!("Image: {}", run.arn)],
        );
        if let Some(ran) = self.build.ran(look.now) {
            let word = if self.build.outcome.is_some() { "Ran" } else { "Running for" };
            tree.push(format!("{word}: {}", length(ran)));
        }
        if let Some(outcome) = &self.build.outcome {
            tree.push(result(&outcome.result));
        }
        Some(tree)
    }
}

/// An approval of a build. CloudTrail tells who started its execution.
fn approved(approval: &Approval, look: &Look) -> Tree<String> {
    let mut facts = vec![
        format!("Up to: {}", approval.amount),
        format!("When: {}", look.instant(approval.at)),
        format!("By the execution: {}", printable(&approval.execution, 300)),
    ];
    facts.extend(approval.reason.as_ref().map(|reason| format!("Reason given: {}", printable(reason, 200))));
    branch("Approved", facts)
}

fn result(result: &ImageResult) -> Tree<String> {
    match result {
        ImageResult::Available { amis } => branch("Made", amis.iter().map(|(region, ami)| format!("{ami} ({region})"))),
        ImageResult::Failed { step, message } => {
            let step = step.as_ref().map(|step| format!(" in the step {}", printable(step, 128))).unwrap_or_default();
            Tree::new(format!("Failed{step}: {}", printable(message, 600)))
        }
        ImageResult::Cancelled => Tree::new("Was cancelled".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples;

    fn free(build: &Build) -> Claim {
        let (target, counter) = (build.id.target.clone(), build.id.number);
        Claim { counter, revision: 9, ..Claim::free(target) }
    }

    #[test]
    fn a_build_is_shown_with_everything_that_is_known_of_it() {
        let build = samples::builds().remove(0);
        let claim = free(&build);
        let shown = shown(build, claim, Forecast::default(), samples::decisions());
        insta::assert_snapshot!(plain(&shown.text(&look())));
        insta::assert_json_snapshot!(shown);
    }

    #[test]
    fn a_build_that_waits_says_what_for() {
        let build = samples::builds().remove(2);
        let held = samples::held(&build);
        let forecast = samples::forecast(&held);
        let claim = Claim { held: Some(held), ..free(&build) };
        insta::assert_snapshot!(plain(&shown(build, claim, forecast, samples::decisions()).text(&look())));
    }

    #[test]
    fn a_build_that_failed_says_where() {
        let build = samples::builds().remove(1);
        let claim = free(&build);
        insta::assert_snapshot!(plain(&shown(build, claim, Forecast::default(), Vec::new()).text(&look())));
    }
}
