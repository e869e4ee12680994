//! Whose turn it is: one pure function over the whole queue.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approving::{Needed, needs_approval, waiting_reason};
use crate::claim::Parked;
use crate::duration::after;
use crate::id::BuildId;
use crate::ledger::{Booking, BudgetSource, Ledger, Period, Shortfall, check};
use crate::permit::{Permit, Way};
use crate::policy::Policy;
use crate::queued::Queued;
use crate::slot::{Slot, slot as plan};
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
    /// When it is to start by what needs no approval, if something does not.
    #[must_use]
    pub fn slot(&self, policy: &Policy, now: Timestamp) -> Slot {
        let ways = self.ways(policy);
        let free = ways.iter().any(|way| way.needed.is_none());
        let slots = ways.iter().filter(|way| !free || way.needed.is_none()).map(|way| self.slot_by(way, policy, now));
        slots
            .min_by_key(|slot| slot.at)
            .unwrap_or_else(|| plan(&Permit::demanded(&self.demand), self.demand.expected, policy, now))
    }

    /// A further attempt does not wait for another window: its first one was in its slot.
    fn slot_by(&self, way: &Way<'_>, policy: &Policy, now: Timestamp) -> Slot {
        let slot = plan(&way.permit, self.demand.expected, policy, now);
        if self.is_again && slot.at > now && !way.permit.off_peak_only {
            return Slot { at: now, reason: "starts now, since a build before it has failed".to_owned(), ..slot };
        }
        slot
    }

    /// Whether its slot came while it waited for the first builds on its base image, so that it follows them at once.
    fn follows(&self, way: &Way<'_>, load: &Load, policy: &Policy, now: Timestamp) -> bool {
        let has_passed = load.trial_of(self).is_some_and(|trial| trial.state() == TrialState::Passed);
        let came = |at| plan(&way.permit, self.demand.expected, policy, at).at <= now;
        has_passed && !way.permit.off_peak_only && came(self.queued_at)
    }

    /// Its place among those that wait, the first being the least. What waits for approval hurries nothing that is free.
    pub(crate) fn place(&self, policy: &Policy) -> impl Ord + use<> {
        let ways = self.ways(policy);
        let free = || ways.iter().filter(|way| way.needed.is_none()).map(|way| &way.permit);
        let counted = if free().next().is_some() {
            free().collect()
        } else {
            ways.iter().map(|way| &way.permit).collect::<Vec<_>>()
        };
        let urgency = counted.iter().map(|permit| permit.urgency).max();
        let priority = counted.iter().map(|permit| permit.priority).max();
        let deadline = counted.iter().map(|permit| permit.deadline).min();
        (Reverse(urgency), self.is_again, deadline, Reverse(priority), self.queued_at, self.build.clone())
    }

    /// What a person has to approve before it starts. `None`, if an approval would only start it sooner.
    #[must_use]
    pub fn waits_for_approval(&self, policy: &Policy) -> Option<Needed> {
        let is_free = || self.ways(policy).iter().any(|way| way.needed.is_none());
        needs_approval(self, policy).filter(|_| !is_free())
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
    pub(crate) fn gone(&self, queued: &Queued) -> Option<String> {
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

/// What a build waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// A person's approval.
    Approval,
    /// Its slot: a window, or its base image to have been out long enough.
    Slot,
    /// Another image of its base image, since the current one is gone.
    BaseImage,
    /// The first builds on its base image.
    Trial,
    /// A record that cannot be read to be mended.
    Record,
    /// Money.
    Money,
    /// A free builder.
    Builder,
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
        /// What for.
        waits_for: WaitsFor,
        /// The same in words, to stand behind the build's name.
        reason: String,
    },
    /// It ends.
    Stop {
        /// Why, to stand behind the build's name.
        reason: String,
    },
}

impl Turn {
    /// What a build that is parked waits for by now, if that is something else, or comes sooner, than what its claim says.
    #[must_use]
    pub fn parked_anew(&self, parked: &Parked) -> Option<Parked> {
        let Self::Wait { until, waits_for, reason } = self else { return None };
        let is_news = parked.waits_for != Some(*waits_for) || *until < parked.until;
        is_news.then(|| Parked { until: *until, waits_for: Some(*waits_for), reason: reason.clone() })
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
    ordered.sort_by_cached_key(|queued| queued.place(policy));
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

/// The turn of one build, as if it were alone in the queue. It starts by the most urgent of its ways that lets it start
/// now. Where none does, it waits for the earliest.
#[must_use]
pub fn turn_of(queued: &Queued, ledger: &Ledger, load: &Load, policy: &Policy, now: Timestamp) -> Turn {
    let wait = |until: Timestamp, waits_for, reason: String| Turn::Wait {
        until: until.min(after(now, LONGEST_WAIT)),
        waits_for,
        reason,
    };
    if let Some(reason) = queued.stopped() {
        return Turn::Stop { reason };
    }
    let ways = queued.ways(policy);
    let (may_cost, too_dear): (Vec<Way<'_>>, Vec<Way<'_>>) =
        ways.into_iter().partition(|way| way.may_cost(queued.estimate, policy));
    if may_cost.is_empty() {
        let most = too_dear.iter().filter_map(|way| way.permit.max_cost(policy)).max().unwrap_or_default();
        let estimate = queued.estimate;
        return Turn::Stop { reason: format!("stops, since it would cost {estimate} and may cost {most} at most") };
    }
    let (pending, free): (Vec<Way<'_>>, Vec<Way<'_>>) = may_cost.into_iter().partition(|way| way.needed.is_some());
    let mut delays = Vec::with_capacity(free.len());
    for way in &free {
        match start(queued, way, ledger, load, policy, now) {
            Ok((source, bookings)) => return Turn::Go { source, bookings },
            Err(delay) => delays.push(delay),
        }
    }
    let Some(earliest) = delays.iter().min_by_key(|delay| delay.until) else {
        let needed = pending.iter().find_map(|way| way.needed);
        let reason = needed.map(|needed| waiting_reason(needed, queued)).unwrap_or_default();
        return wait(after(now, LONGEST_WAIT), WaitsFor::Approval, reason);
    };
    let emergency = |delay: &&Delay| delay.short.is_some_and(|it| matches!(it.period, Period::Emergency(_)));
    let short = delays.iter().find(emergency).filter(|delay| *delay != earliest).and_then(|delay| delay.short);
    let short = short.map(|short| emergency_is_short(&short)).unwrap_or_default();
    let approve =
        needs_approval(queued, policy).map(|_| format!("; to start it at once: prism builds approve {}", queued.build));
    wait(earliest.until, earliest.waits_for, format!("{}{short}{}", earliest.reason, approve.unwrap_or_default()))
}

/// Why a build does not start now by one of its ways, and when to look again.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Delay {
    until: Timestamp,
    waits_for: WaitsFor,
    reason: String,
    /// The money that is short, if that is why.
    short: Option<Shortfall>,
}

impl Delay {
    fn new(until: Timestamp, waits_for: WaitsFor, reason: impl Into<String>) -> Self {
        Self { until, waits_for, reason: reason.into(), short: None }
    }
}

/// Who pays for a build that starts now in this way, and what to reserve; or why it does not.
fn start(
    queued: &Queued,
    way: &Way<'_>,
    ledger: &Ledger,
    load: &Load,
    policy: &Policy,
    now: Timestamp,
) -> Result<(BudgetSource, Vec<Booking>), Delay> {
    let slot = queued.slot_by(way, policy, now);
    if slot.at > now && !queued.follows(way, load, policy, now) {
        return Err(Delay::new(slot.at, WaitsFor::Slot, slot.reason));
    }
    if let Some(reason) = load.gone(queued) {
        return Err(Delay::new(Timestamp::MAX, WaitsFor::BaseImage, reason));
    }
    let trial = load.trial_of(queued).and_then(|trial| trial.holds_back(&queued.build, &queued.demand, now));
    if let Some((until, reason)) = trial {
        return Err(Delay::new(until.unwrap_or(Timestamp::MAX), WaitsFor::Trial, reason));
    }
    if let Some(record) = ledger.unreadable(slot.source, now, &policy.zone) {
        return Err(Delay::new(after(now, UNREADABLE_WAIT), WaitsFor::Record, format!("waits, since {record}")));
    }
    match check(ledger, slot.source, queued.estimate, now, policy) {
        Err(short) => {
            let follows = |at| queued.follows(way, load, policy, at);
            let start = |at| if follows(at) { at } else { queued.slot_by(way, policy, at).at };
            let again = short.available_again.map(start);
            let delay = Delay::new(again.unwrap_or(Timestamp::MAX), WaitsFor::Money, shortfall_reason(&short));
            Err(Delay { short: Some(short), ..delay })
        }
        Ok(_) if load.is_full(policy) => {
            Err(Delay::new(after(now, BUILDER_WAIT), WaitsFor::Builder, load.reason(policy)))
        }
        Ok(bookings) => Ok((slot.source, bookings)),
    }
}

/// Why a critical build does not start at once, to stand behind what it waits for instead.
fn emergency_is_short(short: &Shortfall) -> String {
    let (needed, left, limit) = (short.needed, short.left(), short.limit);
    format!(
        "; emergency money does not pay for it: {left} of {limit} is left and the build needs {needed}; raise emergency_budget in the policy to start it now"
    )
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
