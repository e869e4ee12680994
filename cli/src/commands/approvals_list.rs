//! `prism approvals list`.

use comfy_table::Cell;
use jiff::Timestamp;
use prism_aws::error::Error;
use prism_aws::{builds, claims, policies};
use prism_domain::approval::Causes;
use prism_domain::approving::{Needed, needs_approval, waiting_reason};
use prism_domain::claim::{Claim, Stage};
use prism_domain::id::BuildId;
use prism_domain::level::Urgency;
use prism_domain::money::MicroDollars;
use prism_domain::policy::Policy;
use prism_domain::problem::printable;
use prism_domain::queued::Queued;
use serde::Serialize;

use crate::fault::{warn, warn_of_unreadable};
use crate::look::{Look, count};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;

/// What waits for approval.
#[derive(Debug, Serialize)]
pub struct List {
    /// The one that is due first first.
    approvals: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    build: BuildId,
    /// What it is for.
    causes: Causes,
    /// Why a person asked for it, in that person's words.
    reason: Option<String>,
    urgency: Urgency,
    /// What it is estimated to cost.
    cost: MicroDollars,
    /// What it waits for, in a sentence.
    waits: String,
    since: Timestamp,
    deadline: Timestamp,
    /// The command that approves it.
    approve: String,
}

/// Reads what waits for approval.
pub async fn read(stack: &Stack) -> anyhow::Result<List> {
    let policy = policies::current(&stack.table).await?;
    let claims = warn_of_unreadable(claims::all(&stack.table).await?);
    let rows = each(stack, waiting(&claims, &policy), |stack, (queued, needed)| async move {
        let asked_for = queued.demand.causes.urgent_request.is_some();
        let build = if asked_for { builds::find(&stack.table, &queued.build).await } else { Ok(None) };
        let reason = match build {
            Ok(build) => build.and_then(|build| build.request.reason),
            Err(error @ Error::Unreadable(_)) => {
                warn(&error.to_string());
                None
            }
            Err(error) => return Err(error.into()),
        };
        Ok(row(&queued, needed, reason))
    });
    Ok(list(rows.await?))
}

/// The builds that wait for approval.
fn waiting(claims: &[Claim], policy: &Policy) -> Vec<(Queued, Needed)> {
    let waiting = claims.iter().filter_map(|claim| claim.held.as_ref()).filter(|held| held.stage == Stage::Waiting);
    let needing = |queued: &Queued| Some((queued.clone(), needs_approval(queued, policy)?));
    waiting.filter_map(|held| needing(&held.queued)).collect()
}

fn row(queued: &Queued, needed: Needed, reason: Option<String>) -> Row {
    Row {
        build: queued.build.clone(),
        causes: queued.demand.causes.clone(),
        reason,
        urgency: queued.demand.urgency,
        cost: queued.estimate,
        waits: waiting_reason(needed, queued),
        since: queued.queued_at,
        deadline: queued.demand.deadline,
        approve: format!("prism builds approve {}", queued.build),
    }
}

fn list(mut rows: Vec<Row>) -> List {
    rows.sort_by(|one, other| (one.deadline, &one.build).cmp(&(other.deadline, &other.build)));
    List { approvals: rows }
}

impl Row {
    /// What it is for, in a few words.
    fn causes(&self) -> String {
        let Causes { updates, patches, urgent_request, source_hash } = &self.causes;
        let mut causes = Vec::new();
        if urgent_request.is_some() {
            let reason = self.reason.as_ref().map(|reason| format!(": {}", printable(reason, 100)));
            causes.push(format!("an urgent request{}", reason.unwrap_or_default()));
        }
        match updates.as_slice() {
            [] => {}
            [one] => causes.push(one.to_string()),
            many => causes.push(count(many.len(), "update")),
        }
        match patches.as_slice() {
            [] => {}
            [one] => causes.push(one.to_string()),
            many => causes.push(format!("{} patches", many.len())),
        }
        if source_hash.is_some() {
            causes.push("its changed template".to_owned());
        }
        causes.join(", ")
    }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        if self.approvals.is_empty() {
            return "No build waits for approval.".to_owned();
        }
        let cells = |row: &Row| {
            vec![
                Cell::new(&row.build),
                Cell::new(row.causes()),
                Cell::new(row.urgency),
                Cell::new(row.cost),
                Cell::new(look.span(row.since)),
                Cell::new(look.ago(row.deadline)),
            ]
        };
        let rows = self.approvals.iter().map(cells).collect();
        let table = look.table(&["BUILD", "FOR", "URGENCY", "COST", "WAITS", "DUE"], rows, 1);
        let commands: Vec<&str> = self.approvals.iter().map(|row| row.approve.as_str()).collect();
        format!("{table}\n\nTo approve them:\n  {}", commands.join("\n  "))
    }
}

#[cfg(test)]
mod tests {
    use prism_domain::claim::Held;

    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples::{self, at};

    fn policy() -> Policy {
        Policy { emergency_needs_approval: true, ..Policy::default() }
    }

    /// An urgent request, a critical update and a build that does not need approval.
    fn claims() -> Vec<Claim> {
        let build = samples::builds().remove(2);
        let held = samples::held(&build);
        let claim = |number: u32, change: &dyn Fn(&mut Held)| {
            let mut held = held.clone();
            held.queued.build = build.id.target.build(number);
            change(&mut held);
            let target = build.id.target.clone();
            Claim { counter: number, held: Some(held), revision: 3, ..Claim::free(target) }
        };
        let urgent = |held: &mut Held| {
            held.queued.demand.urgency = Urgency::Critical;
            held.queued.demand.causes.urgent_request = Some("9d2c".parse().unwrap());
        };
        let update = |held: &mut Held| {
            held.queued.demand.urgency = Urgency::Critical;
            held.queued.demand.deadline = at("2026-11-23T21:00:00Z");
            held.queued.demand.causes.updates = vec!["ubuntu-22.04/x86_64/us-east-1/3".parse().unwrap()];
        };
        vec![claim(7, &urgent), claim(8, &update), claim(9, &|_| {})]
    }

    #[test]
    fn what_waits_for_approval_is_listed_with_how_to_approve_it() {
        let reason = |queued: &Queued| queued.demand.causes.urgent_request.as_ref().map(|_| "exam at noon".to_owned());
        let rows = waiting(&claims(), &policy());
        let list = list(rows.iter().map(|(queued, needed)| row(queued, *needed, reason(queued))).collect());
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }

    #[test]
    fn nothing_to_approve_is_said() {
        let none = list(waiting(&claims(), &Policy::default()).iter().map(|(q, n)| row(q, *n, None)).collect());
        assert_eq!(none.text(&look()), "No build waits for approval.");
    }
}
