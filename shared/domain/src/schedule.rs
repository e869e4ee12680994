//! Whose turn it is: one pure function over the whole queue.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::duration::after;
use crate::id::BuildId;
use crate::ledger::{Booking, BudgetSource, Ledger, Period, Shortfall, check};
use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::slot::{Approval, Demand, needs_approval, slot as plan};

/// No build waits longer than this without being looked at again.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// How soon to look again for a free builder, should nobody call: whoever frees one calls. Not too soon, since
/// every look is a few of the 25,000 events that an execution may have.
const BUILDER_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// A build that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Which build.
    pub build: BuildId,
    /// What it demands.
    pub demand: Demand,
    /// Since when it waits.
    pub queued_at: Timestamp,
    /// What it will cost.
    pub estimate: MicroDollars,
    /// Build only if the estimate is at most this.
    pub max_cost: Option<MicroDollars>,
    /// Why its template is disabled, if it is.
    pub disabled: Option<String>,
}

/// What runs already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many builds hold money and run.
    pub running: u32,
}

/// What becomes of a build now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "turn")]
pub enum Turn {
    /// It starts.
    Go {
        /// Who pays.
        source: BudgetSource,
        /// What to reserve, and on which conditions.
        bookings: Vec<Booking>,
    },
    /// It waits.
    Wait {
        /// When to look again at the latest; after now, and at most a day on.
        until: Timestamp,
        /// What for, to stand behind the build's name.
        reason: String,
    },
    /// It ends.
    Stop {
        /// Why, to stand behind the build's name.
        reason: String,
    },
}

/// The turn of every build of a queue, the first one first: the most urgent, then the one with the
/// earliest deadline, then by priority, by age, and by name. Each is decided as if those before it
/// had taken what they were given. A build that can't start doesn't keep the ones behind it from starting.
#[must_use]
pub fn schedule(
    queue: &[Queued],
    ledger: &Ledger,
    load: &Load,
    policy: &Policy,
    now: Timestamp,
) -> Vec<(BuildId, Turn)> {
    let mut ordered: Vec<&Queued> = queue.iter().collect();
    ordered.sort_by_key(|q| {
        (Reverse(q.demand.urgency), q.demand.deadline, Reverse(q.demand.priority), q.queued_at, &q.build)
    });
    let (mut ledger, mut load) = (ledger.clone(), *load);
    let mut turns = Vec::with_capacity(queue.len());
    for queued in ordered {
        let turn = turn_of(queued, &ledger, &load, policy, now);
        if let Turn::Go { bookings, .. } = &turn {
            ledger.apply(&bookings.iter().map(Booking::adjustment).collect::<Vec<_>>());
            load.running = load.running.saturating_add(1);
        }
        turns.push((queued.build.clone(), turn));
    }
    turns
}

/// The turn of one build, as if it were alone in the queue.
#[must_use]
pub fn turn_of(queued: &Queued, ledger: &Ledger, load: &Load, policy: &Policy, now: Timestamp) -> Turn {
    let wait = |until: Timestamp, reason: String| Turn::Wait { until: until.min(after(now, LONGEST_WAIT)), reason };
    let Queued { demand, estimate, .. } = queued;
    if let Some(reason) = &queued.disabled {
        return Turn::Stop { reason: format!("stops, since its template is disabled: {reason}") };
    }
    if let Some(most) = queued.max_cost.filter(|most| estimate > most) {
        return Turn::Stop { reason: format!("stops, since it would cost {estimate} and may cost {most} at most") };
    }
    if let Some(approval) = needs_approval(demand, policy) {
        return wait(after(now, LONGEST_WAIT), approval_reason(approval, queued));
    }
    let slot = plan(demand, policy, now);
    if slot.at > now {
        return wait(slot.at, slot.reason);
    }
    match check(ledger, slot.source, *estimate, now, policy) {
        Err(short) => {
            let again = short.available_again.map(|again| plan(demand, policy, again).at);
            wait(again.unwrap_or(Timestamp::MAX), shortfall_reason(&short))
        }
        Ok(_) if load.running >= policy.max_concurrent_builds => wait(
            after(now, BUILDER_WAIT),
            format!(
                "waits for a free builder: {} of {} builds are running",
                load.running, policy.max_concurrent_builds
            ),
        ),
        Ok(bookings) => Turn::Go { source: slot.source, bookings },
    }
}

fn approval_reason(approval: Approval, queued: &Queued) -> String {
    let template = &queued.build.target.template;
    match approval {
        Approval::LowUrgency => {
            format!("waits for approval, since {approval}: start a build of {template} by hand to approve it")
        }
        Approval::EmergencyMoney => format!(
            "waits for approval of {} of emergency money: start a build of {template} by hand to approve it",
            queued.estimate
        ),
    }
}

fn shortfall_reason(short: &Shortfall) -> String {
    let (limit, needed, left) = (short.limit, short.needed, short.left());
    let field = match short.period {
        Period::Day(_) => "daily_budget",
        Period::Month(_) => "monthly_budget",
        Period::Emergency(_) => "emergency_budget",
    };
    if short.available_again.is_none() {
        let budget = short.period.source();
        return format!(
            "needs {needed}, more than the whole {budget} budget of {limit}: raise {field} in the policy to build it"
        );
    }
    let next = match short.period {
        Period::Day(_) => "tomorrow's daily budget",
        Period::Month(_) => "next month's budget",
        Period::Emergency(_) => "next month's emergency budget",
    };
    let hint = if matches!(short.period, Period::Emergency(_)) {
        format!("; raise {field} in the policy to start it now")
    } else {
        String::new()
    };
    format!("waits for {next}: {left} of {limit} is left and the build needs {needed}{hint}")
}

#[cfg(test)]
mod tests;
