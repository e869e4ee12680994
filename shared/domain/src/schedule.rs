//! Whose turn it is: one pure function over the whole queue.

use std::borrow::Cow;
use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approving::{Needed, needs_approval, needs_none, waiting_reason};
use crate::duration::after;
use crate::id::BuildId;
use crate::ledger::{Booking, BudgetSource, Ledger, Period, Shortfall, check};
use crate::policy::Policy;
use crate::queued::Queued;
use crate::slot::{Demand, Slot, is_off_peak_only, slot as plan};
use crate::trial::{Trial, TrialState};
use crate::watch::Trouble;

/// No build waits longer than this without being looked at again.
pub const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(24);

/// How soon to look again for a free builder, should nobody call: whoever frees one calls. Not too soon, since
/// every look is a few of the 25,000 events that an execution may have.
const BUILDER_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How soon to look again at a record that cannot be read, should nobody call: whoever mends it may do so by hand.
pub const UNREADABLE_WAIT: SignedDuration = SignedDuration::from_hours(1);

impl Queued {
    /// When it is to start. A further attempt does not wait for another window: its first one was in its slot.
    #[must_use]
    pub fn slot(&self, policy: &Policy, now: Timestamp) -> Slot {
        let demand = self.counted(policy);
        let slot = plan(&demand, policy, now);
        if self.is_again && slot.at > now && !is_off_peak_only(&demand) {
            return Slot { at: now, reason: "starts now, since a build before it has failed".to_owned(), ..slot };
        }
        slot
    }

    /// Whether its slot came while it waited for the first builds on its base image, so that it follows them at once.
    fn follows(&self, load: &Load, policy: &Policy, now: Timestamp) -> bool {
        let demand = self.counted(policy);
        let has_passed = load.trial_of(self).is_some_and(|trial| trial.state() == TrialState::Passed);
        has_passed && !is_off_peak_only(&demand) && plan(&demand, policy, self.queued_at).at <= now
    }

    /// What the schedule goes by. An urgent request that waits for approval does not hurry the updates and patches that
    /// it shares a build with, and does not hold them up either.
    #[must_use]
    pub fn counted(&self, policy: &Policy) -> Cow<'_, Demand> {
        match self.demand.without_urgent_request() {
            Some(demand) if needs_approval(self, policy).is_some() && needs_none(&demand, policy) => Cow::Owned(demand),
            _ => Cow::Borrowed(&self.demand),
        }
    }

    /// What a person has to approve before it starts. `None`, if an approval would only start it sooner.
    #[must_use]
    pub fn waits_for_approval(&self, policy: &Policy) -> Option<Needed> {
        needs_approval(self, policy).filter(|_| matches!(self.counted(policy), Cow::Borrowed(_)))
    }
}

/// What takes the builders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// How many builds hold money and run.
    pub running: u32,
    /// How many more have their turn, and are about to.
    pub starting: u32,
    /// How the first builds on new base images go.
    pub trials: Vec<Trial>,
    /// What is wrong with base images whose current image does not exist any more.
    pub gone: Vec<Trouble>,
}

impl Load {
    /// Why nothing can be built on the base image of a build now, if so.
    fn gone(&self, queued: &Queued) -> Option<String> {
        let is_its = |trouble: &&Trouble| trouble.gone.is_some() && trouble.gone == queued.base_image_id;
        let Trouble { id, detail, .. } = self.gone.iter().find(is_its)?;
        Some(format!("waits for another image of {}, whose parameter {detail}", id.name))
    }

    fn trial_of(&self, queued: &Queued) -> Option<&Trial> {
        self.trials.iter().find(|trial| queued.base_image_id.as_ref() == Some(&trial.image_id))
    }

    /// The load once a build has its turn.
    fn with(mut self, queued: &Queued, now: Timestamp) -> Self {
        self.starting = self.starting.saturating_add(1);
        if let Some(trial) = self.trials.iter_mut().find(|trial| queued.base_image_id.as_ref() == Some(&trial.image_id))
        {
            *trial = trial.clone().after_start(&queued.build, now);
        }
        self
    }

    fn is_full(&self, policy: &Policy) -> bool {
        self.running.saturating_add(self.starting) >= policy.max_concurrent_builds
    }

    fn reason(&self, policy: &Policy) -> String {
        let Self { running, starting, .. } = self;
        let running =
            format!("waits for a free builder: {running} of {} builds are running", policy.max_concurrent_builds);
        match starting {
            0 => running,
            1 => format!("{running} and 1 is about to start"),
            _ => format!("{running} and {starting} are about to start"),
        }
    }
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

impl Turn {
    /// Whether a build has to be woken for this turn. `parked_until`: when it wakes by itself, if it is parked. A build that
    /// goes or stops is woken, and so is one that would now wait for less long: it waits for something else by now.
    #[must_use]
    pub fn is_news(&self, parked_until: Option<Timestamp>) -> bool {
        match self {
            Self::Go { .. } | Self::Stop { .. } => true,
            Self::Wait { until, .. } => parked_until.is_some_and(|at| *until < at),
        }
    }
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
    turns(queue.iter().collect(), ledger, load.clone(), policy, now)
}

/// The turn of one build of a queue, as it is known now: it counts as given here, and not as the queue has it.
#[must_use]
pub fn turn_in_queue(
    queue: &[Queued],
    queued: &Queued,
    ledger: &Ledger,
    load: &Load,
    policy: &Policy,
    now: Timestamp,
) -> Turn {
    let others = queue.iter().filter(|other| other.build != queued.build);
    let all = turns(others.chain([queued]).collect(), ledger, load.clone(), policy, now);
    let own = all.into_iter().find_map(|(build, turn)| (build == queued.build).then_some(turn));
    own.unwrap_or_else(|| turn_of(queued, ledger, load, policy, now))
}

fn turns(
    mut ordered: Vec<&Queued>,
    ledger: &Ledger,
    mut load: Load,
    policy: &Policy,
    now: Timestamp,
) -> Vec<(BuildId, Turn)> {
    ordered.sort_by_cached_key(|queued| {
        let demand = queued.counted(policy);
        let before = (Reverse(demand.urgency), queued.is_again, demand.deadline, Reverse(demand.priority));
        (before, queued.queued_at, queued.build.clone())
    });
    let mut ledger = ledger.clone();
    let mut turns = Vec::with_capacity(ordered.len());
    for queued in ordered {
        let turn = turn_of(queued, &ledger, &load, policy, now);
        if let Turn::Go { bookings, .. } = &turn {
            ledger.apply(&bookings.iter().map(Booking::adjustment).collect::<Vec<_>>());
            load = load.with(queued, now);
        }
        turns.push((queued.build.clone(), turn));
    }
    turns
}

/// The turn of one build, as if it were alone in the queue.
#[must_use]
pub fn turn_of(queued: &Queued, ledger: &Ledger, load: &Load, policy: &Policy, now: Timestamp) -> Turn {
    let wait = |until: Timestamp, reason: String| Turn::Wait { until: until.min(after(now, LONGEST_WAIT)), reason };
    let estimate = &queued.estimate;
    if let Some(reason) = queued.stopped() {
        return Turn::Stop { reason };
    }
    if let Some(most) = queued.max_cost.filter(|most| estimate > most) {
        return Turn::Stop { reason: format!("stops, since it would cost {estimate} and may cost {most} at most") };
    }
    if let Some(needed) = queued.waits_for_approval(policy) {
        return wait(after(now, LONGEST_WAIT), waiting_reason(needed, queued));
    }
    let demand = queued.counted(policy);
    let sooner = match needs_approval(queued, policy) {
        Some(_) => format!("; to start it at once: prism builds approve {}", queued.build),
        None => String::new(),
    };
    let wait = |until, reason: String| wait(until, format!("{reason}{sooner}"));
    let slot = queued.slot(policy, now);
    if slot.at > now && !queued.follows(load, policy, now) {
        return wait(slot.at, slot.reason);
    }
    if let Some(reason) = load.gone(queued) {
        return wait(Timestamp::MAX, reason);
    }
    let trial = load.trial_of(queued).and_then(|trial| trial.holds_back(&queued.build, &queued.demand, now));
    if let Some((until, reason)) = trial {
        return wait(until.unwrap_or(Timestamp::MAX), reason);
    }
    if let Some(record) = ledger.unreadable(slot.source, now, &policy.zone) {
        return wait(after(now, UNREADABLE_WAIT), format!("waits, since {record}"));
    }
    match check(ledger, slot.source, *estimate, now, policy) {
        Err(short) => {
            let again = short.available_again.map(|again| plan(&demand, policy, again).at);
            wait(again.unwrap_or(Timestamp::MAX), shortfall_reason(&short))
        }
        Ok(_) if load.is_full(policy) => wait(after(now, BUILDER_WAIT), load.reason(policy)),
        Ok(bookings) => Turn::Go { source: slot.source, bookings },
    }
}

fn shortfall_reason(short: &Shortfall) -> String {
    let (limit, needed, left) = (short.limit, short.needed, short.left());
    let (field, next) = match short.period {
        Period::Day(_) => ("daily_budget", "tomorrow's daily budget"),
        Period::Month(_) => ("monthly_budget", "next month's budget"),
        Period::Emergency(_) => ("emergency_budget", "next month's emergency budget"),
    };
    if short.available_again.is_none() {
        let budget = short.period.source();
        return format!(
            "needs {needed}, more than the whole {budget} budget of {limit}: raise {field} in the policy to build it"
        );
    }
    let hint = if matches!(short.period, Period::Emergency(_)) {
        format!("; raise {field} in the policy to start it now")
    } else {
        String::new()
    };
    format!("waits for {next}: {left} of {limit} is left and the build needs {needed}{hint}")
}

#[cfg(test)]
mod tests;
