//! What a person could change so that builds meet their deadlines: each change is played, and is told only if it saves some.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::forecast::{Outlook, Running, forecast, late_by};
use crate::id::BuildId;
use crate::ledger::{BudgetSource, Ledger};
use crate::level::Urgency;
use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::queued::Queued;
use crate::schedule::Load;

/// How many builds may run at a time at the most.
const MOST_BUILDS: u32 = 1_000;

/// One cent.
const CENT: i64 = 10_000;

/// A change that a person can make.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "change")]
pub enum Change {
    /// Approving builds.
    Approve {
        /// Which.
        builds: Vec<BuildId>,
    },
    /// Letting more builds run at a time.
    MaxConcurrentBuilds {
        /// How many.
        builds: u32,
    },
    /// Raising a limit.
    Budget {
        /// Whose.
        source: BudgetSource,
        /// By how much.
        by: MicroDollars,
    },
}

/// As an order: `raise daily_budget by $12.40`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Approve { builds } => match builds.as_slice() {
                [one] => write!(f, "prism builds approve {one}"),
                [first, rest @ ..] => write!(f, "prism builds approve {first}, and {} more", rest.len()),
                [] => Ok(()),
            },
            Self::MaxConcurrentBuilds { builds } => write!(f, "set max_concurrent_builds to {builds} in the policy"),
            Self::Budget { source, by } => write!(f, "raise {source}_budget by {by} in the policy"),
        }
    }
}

/// A change, and what it brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remedy {
    /// The change.
    #[serde(flatten)]
    pub change: Change,
    /// How many builds miss their deadline without it.
    pub late: usize,
    /// How many of them meet it then.
    pub saved: usize,
    /// The builds that start later then.
    pub delayed: Vec<BuildId>,
}

/// Everything that a forecast is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The builds that wait.
    pub queue: &'a [Queued],
    /// The builds that run.
    pub running: &'a [Running],
    /// The balances.
    pub ledger: &'a Ledger,
    /// What takes the builders.
    pub load: &'a Load,
    /// The policy in force.
    pub policy: &'a Policy,
    /// Now.
    pub now: Timestamp,
}

impl Facts<'_> {
    fn play(&self, queue: &[Queued], policy: &Policy) -> Vec<Outlook> {
        forecast(queue, self.running, self.ledger, self.load, policy, self.now)
    }

    /// The builds that miss their deadline in a forecast. One that is to stop misses nothing.
    fn late<'a>(&'a self, outlooks: &'a [Outlook]) -> impl Iterator<Item = &'a BuildId> {
        let deadlines: BTreeMap<&BuildId, Timestamp> = (self.queue.iter())
            .filter(|queued| queued.stopped().is_none())
            .map(|queued| (&queued.build, queued.demand.deadline))
            .collect();
        outlooks.iter().filter_map(move |Outlook { build, start }| {
            let deadline = deadlines.get(build)?;
            late_by(start.map(|start| start.ends), *deadline, self.now).map(|_| build)
        })
    }

    fn with(&self, change: &Change) -> (Vec<Queued>, Policy) {
        let (mut queue, mut policy) = (self.queue.to_vec(), self.policy.clone());
        match change {
            Change::Approve { builds } => {
                for queued in queue.iter_mut().filter(|queued| builds.contains(&queued.build)) {
                    queued.approval = Some(Approval {
                        build: queued.build.clone(),
                        causes: queued.demand.causes.clone(),
                        urgency: Urgency::Critical,
                        amount: queued.estimate,
                        execution: String::new(),
                        reason: None,
                        at: self.now,
                    });
                }
            }
            Change::MaxConcurrentBuilds { builds } => policy.max_concurrent_builds = *builds,
            Change::Budget { source, by } => {
                let limit = match source {
                    BudgetSource::Daily => &mut policy.budgets.daily,
                    BudgetSource::Monthly => &mut policy.budgets.monthly,
                    BudgetSource::Emergency => &mut policy.budgets.emergency,
                };
                *limit = *limit + *by;
            }
        }
        (queue, policy)
    }

    /// How many builds are late with a change.
    fn late_with(&self, change: &Change) -> usize {
        let (queue, policy) = self.with(change);
        self.late(&self.play(&queue, &policy)).count()
    }

    /// The least of the changes that leaves as few builds late as the largest does. `at`: the change of a size.
    fn least(&self, most: i64, at: impl Fn(i64) -> Change) -> (usize, Change) {
        let left = self.late_with(&at(most));
        let (mut short, mut enough) = (0, most);
        while enough - short > 1 {
            let middle = short + (enough - short) / 2;
            if self.late_with(&at(middle)) <= left { enough = middle } else { short = middle }
        }
        (left, at(enough))
    }
}

/// The one change that lets most of the builds meet their deadline that would miss it; of several, the smallest of the first
/// of: approving, more builds at a time, more money. `None`: none is late, or no change saves any.
#[must_use]
pub fn remedy(facts: &Facts<'_>) -> Option<Remedy> {
    let before = facts.play(facts.queue, facts.policy);
    let late = facts.late(&before).count();
    if late == 0 {
        return None;
    }
    let pending = facts.queue.iter().filter(|queued| queued.waits_for_approval(facts.policy).is_some());
    let builds: Vec<BuildId> = pending.map(|queued| queued.build.clone()).collect();
    let mut found = Vec::new();
    if !builds.is_empty() {
        let change = Change::Approve { builds };
        found.push((facts.late_with(&change), change));
    }
    let most = i64::from(MOST_BUILDS.saturating_sub(facts.policy.max_concurrent_builds));
    if most > 0 {
        found.push(facts.least(most, |more| Change::MaxConcurrentBuilds {
            builds: facts.policy.max_concurrent_builds.saturating_add(u32::try_from(more).unwrap_or(u32::MAX)),
        }));
    }
    let all: i64 = facts.queue.iter().map(|queued| queued.estimate.0.max(0)).sum();
    let cents = all / CENT + 1;
    for source in [BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency] {
        found.push(facts.least(cents, |cents| Change::Budget { source, by: MicroDollars(cents * CENT) }));
    }
    let (left, change) = found.into_iter().min_by_key(|(left, _)| *left).filter(|(left, _)| *left < late)?;
    let (queue, policy) = facts.with(&change);
    let after: BTreeMap<BuildId, Outlook> =
        facts.play(&queue, &policy).into_iter().map(|outlook| (outlook.build.clone(), outlook)).collect();
    let start = |outlook: &Outlook| outlook.start.map_or(Timestamp::MAX, |start| start.at);
    let is_delayed = |outlook: &&Outlook| after.get(&outlook.build).is_some_and(|later| start(later) > start(outlook));
    let delayed = before.iter().filter(is_delayed).map(|outlook| outlook.build.clone()).collect();
    Some(Remedy { change, late, saved: late - left, delayed })
}

#[cfg(test)]
mod tests;
