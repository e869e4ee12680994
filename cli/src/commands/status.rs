//! `prism templates auto-ami status`: reading what it shows.

use jiff::{SignedDuration, Timestamp};
use prism_aws::{base_images, journal, ledger, policies};
use prism_domain::decision::Decision;
use prism_domain::duration::{after, before};
use prism_domain::ledger::{BudgetSource, Ledger, Period, periods};
use prism_domain::policy::Policy;
use prism_domain::watch::Trouble;

use super::On;
use super::decision_view::is_detail;
use super::status_view::{Activity, BudgetRow, Status, TemplateRow};
use crate::progress::{during, each};
use crate::stack::Stack;
use crate::standing::{Bases, Everything, everything};
use crate::wrong::Wrong;

/// For how long something counts as recent.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How many recent things are told.
const TOLD: usize = 8;

/// What a status is made of.
pub struct Facts {
    pub all: Everything,
    pub decisions: Vec<Decision>,
    pub policy: Policy,
    pub ledger: Ledger,
    pub running: u32,
    pub troubles: Vec<Trouble>,
}

/// Reads and answers.
pub async fn run(on: &On) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    let now = on.output.look.now;
    let facts = during("reading the status", read(&stack, now)).await?;
    on.output.give(&status(facts, now))
}

async fn read(stack: &Stack, now: Timestamp) -> anyhow::Result<Facts> {
    let all = everything(stack).await?;
    let names = all.templates.iter().map(|standing| standing.record.name.clone()).collect();
    let decisions = each(names, |name| {
        let table = stack.table.clone();
        async move { Ok(journal::newest(&table, &name, TOLD).await?) }
    })
    .await?;
    let policy = policies::current(&stack.table).await?;
    let ledger = ledger::read(&stack.table, shown_periods(&policy, now)).await?;
    let running = ledger::running(&stack.table).await?;
    let troubles = base_images::all_troubles(&stack.table, &stack.region).await?;
    Ok(Facts { all, decisions: decisions.into_iter().flatten().collect(), policy, ledger, running, troubles })
}

fn shown_periods(policy: &Policy, now: Timestamp) -> Vec<Period> {
    let mut shown = periods(BudgetSource::Daily, now, &policy.zone);
    shown.extend(periods(BudgetSource::Emergency, now, &policy.zone));
    shown
}

/// What the facts come to.
pub fn status(facts: Facts, now: Timestamp) -> Status {
    let Facts { all, decisions, policy, ledger, running, troubles } = facts;
    let budgets = shown_periods(&policy, now).into_iter().map(|period| BudgetRow {
        period,
        limit: period.limit(&policy),
        committed: ledger.balance(period).committed,
        spent: ledger.balance(period).spent,
    });
    Status {
        at: now,
        budgets: budgets.collect(),
        running,
        max_concurrent_builds: policy.max_concurrent_builds,
        troubles: troubled(&all.bases, &troubles),
        activity: activity(&all.bases, &decisions, now),
        estimated_completion: completion(&all, now),
        notes: policy.notes(now),
        templates: all.templates.into_iter().map(TemplateRow::from).collect(),
    }
}

/// What is wrong with base images that templates stand on.
fn troubled(bases: &Bases, troubles: &[Trouble]) -> Vec<Wrong> {
    let tracked = bases.values().filter_map(|base| base.tracked.as_ref());
    let mut all = Wrong::all(tracked, troubles);
    all.retain(|wrong| bases.contains_key(&(wrong.image.name.clone(), wrong.image.architecture)));
    all
}

/// When the last build that waits or runs will be done, if all goes as planned.
fn completion(all: &Everything, now: Timestamp) -> Option<Timestamp> {
    let held = all.templates.iter().flat_map(|standing| &standing.targets).filter_map(|target| target.held.as_ref());
    held.map(|held| {
        let turn = held.parked.as_ref().map_or(held.slot.at, |parked| parked.until);
        after(turn.max(now), held.queued.demand.expected)
    })
    .max()
}

fn activity(bases: &Bases, decisions: &[Decision], now: Timestamp) -> Vec<Activity> {
    let mut told: Vec<Activity> =
        decisions.iter().filter(|decision| !is_detail(decision)).map(Activity::of_decision).collect();
    told.extend(bases.values().flat_map(|base| &base.updates).map(Activity::of_update));
    let since = before(now, RECENT);
    told.retain(|activity| activity.at >= since);
    told.sort_by(|one, other| (other.at, &other.text).cmp(&(one.at, &one.text)));
    told.truncate(TOLD);
    told
}

#[cfg(test)]
mod tests {
    use prism_domain::id::TrackedImageId;
    use prism_domain::watch::TroubleKind;

    use super::*;
    use crate::condition::tests as samples;
    use crate::look::tests::{look, plain};
    use crate::output::Answer as _;
    use crate::samples::trouble;

    fn facts() -> Facts {
        let policy = Policy::default();
        let mut ledger = Ledger::default();
        for (period, committed, spent) in
            [("daily#2026-11-23", 3_200_000, 1_200_000), ("monthly#2026-11", 81_500_000, 79_500_000)]
        {
            let balance = ledger.balances.entry(period.parse().unwrap()).or_default();
            balance.committed.0 = committed;
            balance.spent.0 = spent;
        }
        let all = samples::everything();
        let image = all.bases.values().find_map(|base| Some(base.tracked.as_ref()?.id.clone())).unwrap();
        let other = TrackedImageId { name: "rocky-9".parse().unwrap(), ..image.clone() };
        let absent = "names ami-00000009, which does not exist";
        let troubles = [image, other].map(|id| trouble(&id, TroubleKind::Absent, absent)).to_vec();
        Facts { all, decisions: samples::decisions(), policy, ledger, running: 1, troubles }
    }

    #[test]
    fn a_status_shows_every_template_the_money_what_happened_and_what_is_wrong() {
        let status = status(facts(), look().now);
        insta::assert_snapshot!(plain(&status.text(&look())));
        insta::assert_json_snapshot!(status);
    }

    #[test]
    fn the_status_of_an_empty_stack_says_what_to_do() {
        let empty = Everything { templates: Vec::new(), bases: Bases::new() };
        let facts = Facts { all: empty, decisions: Vec::new(), running: 0, ..facts() };
        insta::assert_snapshot!(plain(&status(facts, look().now).text(&look())));
    }
}
