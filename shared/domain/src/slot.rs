//! When a build is to start, and who pays for it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approval::Causes;
use crate::duration::{before, humanize, relative};
use crate::ledger::BudgetSource;
use crate::level::{SecurityLevel, Urgency};
use crate::policy::{Policy, Start};
use crate::request::{BuildTrigger, CompilationRequest, PRIORITY_HIGH, priority_of};
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

    /// The same without the urgent request of a person, if updates or patches are left to build for.
    #[must_use]
    pub fn without_urgent_request(&self) -> Option<Self> {
        let level = self.level.filter(|_| self.causes.urgent_request.is_some())?;
        let causes = Causes { urgent_request: None, ..self.causes.clone() };
        Some(Self { urgency: level.into(), priority: priority_of(level), causes, ..self.clone() })
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

/// Whether a build keeps to the off-peak window whatever its deadline: nothing but popularity or a changed template asks for
/// it.
#[must_use]
pub fn is_off_peak_only(demand: &Demand) -> bool {
    matches!(demand.trigger, BuildTrigger::Popularity | BuildTrigger::Scheduled)
}

/// When a build is to start. Critical: now, on emergency money. High: in the urgent window, on the
/// day's. Popular: in the off-peak window, on the day's. Else: when the budget allows, on the month's;
/// in the off-peak window if policy prefers that. Where a window would open too late for the deadline,
/// the latest start that still meets it. A build for popularity or a changed template alone keeps to the window.
/// Whatever is not critical waits until its base image has been out long enough, but no longer than the deadline allows.
#[must_use]
pub fn slot(demand: &Demand, policy: &Policy, now: Timestamp) -> Slot {
    let off_peak_only = is_off_peak_only(demand);
    let latest = before(demand.deadline, demand.expected).max(now);
    let soak = demand.not_before.as_ref().filter(|soak| soak.until > now && demand.urgency != Urgency::Critical);
    let from = soak.map_or(now, |soak| if off_peak_only { soak.until } else { soak.until.min(latest) });
    let (source, window) = match demand.urgency {
        Urgency::Critical => (BudgetSource::Emergency, None),
        Urgency::High => (BudgetSource::Daily, Some(policy.next_urgent(from))),
        _ if demand.priority >= PRIORITY_HIGH => (BudgetSource::Daily, Some(policy.next_off_peak(from))),
        _ if off_peak_only || policy.prefer_off_peak => (BudgetSource::Monthly, Some(policy.next_off_peak(from))),
        _ => (BudgetSource::Monthly, None),
    };
    let (at, reason) = match window {
        _ if let Some(soak) = soak.filter(|soak| from < soak.until) => {
            (from, cut_short(soak, from, demand, policy, now))
        }
        Some(window) if window.at > latest && !off_peak_only => (latest, too_late(&window, latest, demand, now)),
        Some(window) if window.at <= now => (now, format!("starts now, in {}", window.in_window)),
        Some(window) => {
            let soaks = soak.map(|soak| format!("{}, and ", soak.sentence())).unwrap_or_default();
            let opens = told(&window.zone, window.at, now);
            (window.at, format!("waits {soaks}for {}, which opens {opens}", window.in_window))
        }
        None if let Some(soak) = soak => {
            (from, format!("waits {}: {}", soak.sentence(), told(&policy.zone, from, now)))
        }
        None if source == BudgetSource::Emergency => {
            (now, "starts at once on emergency money, since it is critical".to_owned())
        }
        None => (now, "starts as soon as the monthly budget allows".to_owned()),
    };
    Slot { at, source, reason }
}

/// The reason to start before a base image has been out long enough.
fn cut_short(soak: &Soak, from: Timestamp, demand: &Demand, policy: &Policy, now: Timestamp) -> String {
    let (start, due) = (starts(&policy.zone, from, now), policy.zone.clock(demand.deadline, now));
    let (base, age) = (&soak.update.image.name, humanize(soak.age));
    if demand.deadline <= now {
        format!("{start}, since it was due by {due}, though {base} has not been out for {age} yet")
    } else {
        format!("{start} to be done by {due}, though {base} will not have been out for {age} by then")
    }
}

/// The reason to start outside of a window.
fn too_late(window: &Start, latest: Timestamp, demand: &Demand, now: Timestamp) -> String {
    let opens = window.zone.clock(window.at, now);
    let due = window.zone.clock(demand.deadline, now);
    let start = starts(&window.zone, latest, now);
    let name = &window.in_window;
    if demand.deadline <= now {
        format!("{start}, since it was due by {due}: {name} opens {opens}")
    } else {
        format!("{start} to be done by {due}: {name}, which opens {opens}, would be too late")
    }
}

fn starts(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    if at <= now { "starts now".to_owned() } else { format!("starts {}", told(zone, at, now)) }
}

/// An instant by the clock of `zone` and from `now`: `02:00 UTC (in 9 hours)`.
pub(crate) fn told(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", zone.clock(at, now), relative(at, now))
}

#[cfg(test)]
mod tests;
