//! The forecast: the whole queue played forward, by the rules of the schedule, for as long as builds take.

mod calendar;
mod cheapest;
mod player;

use jiff::{SignedDuration, Timestamp};

use crate::duration::after;
use crate::id::BuildId;
use crate::ledger::{BudgetSource, Ledger};
use crate::policy::Policy;
use crate::queued::Queued;
use crate::schedule::Load;

/// A build that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    /// Which build.
    pub build: BuildId,
    /// When it is expected to end.
    pub ends: Timestamp,
}

impl Running {
    /// A build that runs since `started_at`, as far as that is known, and is expected to run for so long. One that has run for
    /// longer is expected to take a quarter of that more.
    #[must_use]
    pub fn new(build: BuildId, started_at: Option<Timestamp>, expected: SignedDuration, now: Timestamp) -> Self {
        let ends = after(started_at.unwrap_or(now), expected);
        Self { build, ends: if ends > now { ends } else { after(now, expected / 4) } }
    }
}

/// What is foreseen of a build that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outlook {
    /// Which build.
    pub build: BuildId,
    /// When it starts. `None`: nothing that can be foreseen lets it start within a year.
    pub start: Option<Foreseen>,
}

/// A start that is foreseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Foreseen {
    /// When it starts.
    pub at: Timestamp,
    /// When it ends.
    pub ends: Timestamp,
    /// Who pays.
    pub source: BudgetSource,
}

/// By how much a build misses its deadline that is foreseen to end then. One that nothing lets start misses it, by what has
/// passed of it so far.
#[must_use]
pub fn late_by(ends: Option<Timestamp>, deadline: Timestamp, now: Timestamp) -> Option<SignedDuration> {
    match ends {
        Some(ends) => Some(deadline.duration_until(ends)).filter(|late| *late > SignedDuration::ZERO),
        None => Some(deadline.duration_until(now).max(SignedDuration::ZERO)),
    }
}

/// When each build of a queue starts and ends, if builds take as long as expected, succeed and cost what is estimated, and
/// nothing else happens: nobody asks, approves or changes anything. In the order of the schedule. Of `load`, only the trials and
/// the images that are gone count: `running` tells what runs.
///
/// Takes time in proportion to n log n.
#[must_use]
pub fn forecast(
    queue: &[Queued],
    running: &[Running],
    ledger: &Ledger,
    load: &Load,
    policy: &Policy,
    now: Timestamp,
) -> Vec<Outlook> {
    player::Player::new(queue, running, ledger, load, policy, now).play()
}

#[cfg(test)]
mod tests;
