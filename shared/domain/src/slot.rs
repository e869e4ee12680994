//! When a build is to start, and who pays for it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::duration::{before, relative};
use crate::ledger::BudgetSource;
use crate::level::Urgency;
use crate::policy::{Policy, Start};
use crate::request::{BuildTrigger, PRIORITY_HIGH};
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
    /// When it may start at the earliest, if somebody said so.
    pub not_before: Option<Timestamp>,
    /// Whether a person asked for it or approved it.
    pub approved: bool,
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

/// What a person has to approve before a build starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// A low-level update.
    LowUrgency,
    /// Emergency money.
    EmergencyMoney,
}

/// What a person still has to approve before a build starts, if anything.
#[must_use]
pub fn needs_approval(demand: &Demand, policy: &Policy) -> Option<Approval> {
    match demand.urgency {
        _ if demand.approved => None,
        Urgency::Low if policy.low_needs_approval => Some(Approval::LowUrgency),
        Urgency::Critical if policy.emergency_needs_approval => Some(Approval::EmergencyMoney),
        _ => None,
    }
}

/// When a build is to start. Critical: now, on emergency money. High: in the urgent window, on the
/// day's. Popular: in the off-peak window, on the day's. Else: when the budget allows, on the month's;
/// in the off-peak window if policy prefers that. Where a window would open too late for the deadline,
/// the latest start that still meets it. A build that popularity alone asks for keeps to the window.
#[must_use]
pub fn slot(demand: &Demand, policy: &Policy, now: Timestamp) -> Slot {
    let from = demand.not_before.map_or(now, |earliest| earliest.max(now));
    let off_peak_only = demand.trigger == BuildTrigger::Popularity;
    let (source, window) = match demand.urgency {
        Urgency::Critical => (BudgetSource::Emergency, None),
        Urgency::High => (BudgetSource::Daily, Some(policy.next_urgent(from))),
        _ if demand.priority >= PRIORITY_HIGH => (BudgetSource::Daily, Some(policy.next_off_peak(from))),
        _ if off_peak_only || policy.prefer_off_peak => (BudgetSource::Monthly, Some(policy.next_off_peak(from))),
        _ => (BudgetSource::Monthly, None),
    };
    let latest = before(demand.deadline, demand.expected).max(from);
    let (at, reason) = match window {
        Some(window) if window.at > latest && !off_peak_only => (latest, too_late(&window, latest, demand, now)),
        Some(window) if window.at <= now => (now, format!("starts now, in {}", window.in_window)),
        Some(window) => {
            (window.at, format!("waits for {}, which opens {}", window.in_window, told(&window.zone, window.at, now)))
        }
        None if from > now => (from, format!("is scheduled for {}", told(&policy.zone, from, now))),
        None if source == BudgetSource::Emergency => {
            (now, "starts at once on emergency money, since it is critical".to_owned())
        }
        None => (now, "starts as soon as the monthly budget allows".to_owned()),
    };
    Slot { at, source, reason }
}

/// The reason to start outside of a window.
fn too_late(window: &Start, latest: Timestamp, demand: &Demand, now: Timestamp) -> String {
    let opens = window.zone.clock(window.at, now);
    let due = window.zone.clock(demand.deadline, now);
    let start =
        if latest <= now { "starts now".to_owned() } else { format!("starts {}", told(&window.zone, latest, now)) };
    let name = &window.in_window;
    if demand.deadline <= now {
        format!("{start}, since it was due by {due}: {name} opens {opens}")
    } else {
        format!("{start} to be done by {due}: {name}, which opens {opens}, would be too late")
    }
}

fn told(zone: &Zone, at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", zone.clock(at, now), relative(at, now))
}

#[cfg(test)]
mod tests;
