//! When a build is to start, and who pays for it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approval::Causes;
use crate::duration::{before, humanize, relative};
use crate::ledger::BudgetSource;
use crate::level::{SecurityLevel, Urgency};
use crate::permit::Permit;
use crate::policy::{Policy, Start};
use crate::request::{BuildTrigger, CompilationRequest, PRIORITY_HIGH};
use crate::soak::Soak;
use crate::zone::Zone;

/// What a build demands of the schedule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// How urgent it is.
    pub urgency: Urgency,
    /// From 0 to 100.
    pub priority: u8,
    /// Why it is built.
    pub trigger: BuildTrigger,
    /// When it has to be done.
    pub deadline: Timestamp,
    /// How long it is expected to run.
    #[serde(with = "crate::duration::text")]
    pub expected: SignedDuration,
    /// Until when it waits for others to meet its base image first, if it does.
    pub not_before: Option<Soak>,
    /// Whether a person asked for it, which approves low-level updates but no emergency money.
    #[serde(alias = "approved")]
    pub by_hand: bool,
    /// The worst level of its updates and patches; none: it has none, or is of an earlier version.
    pub level: Option<SecurityLevel>,
    /// What it is for. Nothing, in items of earlier versions.
    #[serde(default)]
    pub causes: Causes,
}

impl Demand {
    /// What a request demands, whose build is expected to run so long.
    #[must_use]
    pub fn of(request: &CompilationRequest, expected: SignedDuration) -> Self {
        Self {
            urgency: request.urgency,
            priority: request.priority,
            trigger: request.trigger,
            deadline: request.deadline,
            expected,
            not_before: request.not_before.clone(),
            by_hand: request.by_hand,
            level: request.level,
            causes: Causes::of(request),
        }
    }
}

/// When a build is to start, who pays for it, and why that is so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// When.
    pub at: Timestamp,
    /// Who pays.
    pub source: BudgetSource,
    /// Why, to stand behind the build's name: `starts in the off-peak window, …`.
    pub reason: String,
}

/// The hours in which builds of a kind start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hours {
    /// Any.
    Any,
    /// Those of the urgent window.
    Urgent,
    /// Those of the off-peak window.
    OffPeak,
}

impl Hours {
    /// When they are next; `None`, if they are all hours.
    pub(crate) fn next(self, policy: &Policy, now: Timestamp) -> Option<Start> {
        match self {
            Self::Any => None,
            Self::Urgent => Some(policy.next_urgent(now)),
            Self::OffPeak => Some(policy.next_off_peak(now)),
        }
    }
}

/// Who pays for a build that starts by a permit, and in which hours it starts.
pub(crate) fn terms(permit: &Permit, policy: &Policy) -> (BudgetSource, Hours) {
    match permit.urgency {
        Urgency::Critical => (BudgetSource::Emergency, Hours::Any),
        Urgency::High => (BudgetSource::Daily, Hours::Urgent),
        _ if permit.priority >= PRIORITY_HIGH => (BudgetSource::Daily, Hours::OffPeak),
        _ if permit.off_peak_only || policy.prefer_off_peak => (BudgetSource::Monthly, Hours::OffPeak),
        _ => (BudgetSource::Monthly, Hours::Any),
    }
}

/// When a build that is expected to run so long is to start by a permit. Critical: now, on emergency money. High: in the urgent window, on the
/// day's. Popular: in the off-peak window, on the day's. Else: when the budget allows, on the month's;
/// in the off-peak window if policy prefers that. Where a window would open too late for the deadline,
/// the latest start that still meets it. A build for popularity or a changed template alone keeps to the window.
/// Whatever is not critical waits until its base image has been out long enough, but no longer than the deadline allows.
#[must_use]
pub fn slot(permit: &Permit, expected: SignedDuration, policy: &Policy, now: Timestamp) -> Slot {
    let off_peak_only = permit.off_peak_only;
    let latest = before(permit.deadline, expected).max(now);
    let soak = permit.not_before.as_ref().filter(|soak| soak.until > now && permit.urgency != Urgency::Critical);
    let from = soak.map_or(now, |soak| if off_peak_only { soak.until } else { soak.until.min(latest) });
    let (source, hours) = terms(permit, policy);
    let window = hours.next(policy, from);
    let (at, reason) = match window {
        _ if let Some(soak) = soak.filter(|soak| from < soak.until) => {
            (from, cut_short(soak, from, permit.deadline, policy, now))
        }
        Some(window) if window.at > latest && !off_peak_only => {
            (latest, too_late(&window, latest, permit.deadline, now))
        }
        Some(window) if window.at <= now => (now, format!("starts now, in {}", window.in_window)),
        Some(window) => {
            let soaks = soak.map(|soak| format!("{}, and ", soak.sentence())).unwrap_or_default();
            let opens = window.zone.clock(window.at, now);
            (window.at, format!("waits {soaks}for {}, which opens {opens}", window.in_window))
        }
        None if let Some(soak) = soak => (from, format!("waits {}: {}", soak.sentence(), policy.zone.clock(from, now))),
        None if source == BudgetSource::Emergency => {
            (now, "starts at once on emergency money, since it is critical".to_owned())
        }
        None => (now, "starts as soon as the monthly budget allows".to_owned()),
    };
    Slot { at, source, reason }
}

/// The reason to start before a base image has been out long enough.
fn cut_short(soak: &Soak, from: Timestamp, deadline: Timestamp, policy: &Policy, now: Timestamp) -> String {
    let (start, due) = (starts(&policy.zone, from, now), policy.zone.clock(deadline, now));
    let (base, age) = (&soak.update.image.name, humanize(soak.age));
    if deadline <= now {
        format!("{start}, since it was due by {due}, though {base} has not been out for {age} yet")
    } else {
        format!("{start} to be done by {due}, though {base} will not have been out for {age} by then")
    }
}

/// The reason to start outside of a window.
fn too_late(window: &Start, latest: Timestamp, deadline: Timestamp, now: Timestamp) -> String {
    let opens = window.zone.clock(window.at, now);
    let due = window.zone.clock(deadline, now);
    let start = starts(&window.zone, latest, now);
    let name = &window.in_window;
    if deadline <= now {
        format!("{start}, since it was due by {due}: {name} opens {opens}")
    } else {
        format!("{start} to be done by {due}: {name}, which opens {opens}, would be too late")
    }
}

fn starts(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    if at <= now { "starts now".to_owned() } else { format!("starts {}", zone.clock(at, now)) }
}

/// An instant by the clock of `zone` and from `now`: `02:00 UTC (in 9 hours)`.
pub(crate) fn told(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", zone.clock(at, now), relative(at, now))
}

#[cfg(test)]
mod tests;
