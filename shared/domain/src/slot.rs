//! When a build is to start, and who pays for it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::duration::{after, before, humanize, relative};
use crate::id::UpdateId;
use crate::ledger::BudgetSource;
use crate::level::Urgency;
use crate::policy::{Policy, Start};
use crate::request::{BuildTrigger, CompilationRequest, PRIORITY_HIGH};
use crate::update::BaseImageUpdate;
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
    #[serde(default)]
    pub not_before: Option<Soak>,
    /// Whether a person asked for it or approved it.
    pub approved: bool,
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
            approved: request.approved,
        }
    }
}

/// A base image has to be out for so long before templates are rebuilt on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// Until when a build waits for that.
    pub until: Timestamp,
    /// Which: the move that brought it.
    pub update: UpdateId,
    /// For how long it then has been out.
    #[serde(with = "crate::duration::text")]
    pub age: SignedDuration,
}

impl Soak {
    /// What an update has to wait for by the policy, if anything. Its image is out since it was seen: vendors publish
    /// what they made hours or days before, and until then nobody has met it.
    #[must_use]
    pub fn of(update: &BaseImageUpdate, policy: &Policy) -> Option<Self> {
        let age = policy.minimum_age(&update.id.image.name, update.security_level);
        let until = after(update.updated_at, age);
        (age > SignedDuration::ZERO).then(|| Self { until, update: update.id.clone(), age })
    }

    /// What a build waits for that answers two requests: the later wait, since it will stand on the newest base image,
    /// whichever of them asked for that. An update that both answer was judged worse meanwhile if one of them waits less
    /// long: that counts.
    #[must_use]
    pub fn of_both(one: &CompilationRequest, other: &CompilationRequest) -> Option<Self> {
        let counting = |request: &CompilationRequest, beside: &CompilationRequest| {
            let waits = beside.not_before.as_ref().map(|soak| soak.until);
            let soak = request.not_before.as_ref();
            soak.filter(|it| !beside.base_image_updates.contains(&it.update) || waits >= Some(it.until)).cloned()
        };
        counting(one, other)
            .into_iter()
            .chain(counting(other, one))
            .max_by(|one, other| (one.until, &one.update).cmp(&(other.until, &other.update)))
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

/// What a person has to approve before a build starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Approval {
    /// A low-level update.
    LowUrgency,
    /// Emergency money.
    EmergencyMoney,
}

/// To stand behind `waits for approval, since`.
impl fmt::Display for Approval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LowUrgency => "its update is of low level",
            Self::EmergencyMoney => "it takes emergency money",
        })
    }
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
/// Whatever is not critical waits until its base image has been out long enough, but no longer than the deadline allows.
#[must_use]
pub fn slot(demand: &Demand, policy: &Policy, now: Timestamp) -> Slot {
    let off_peak_only = demand.trigger == BuildTrigger::Popularity;
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

impl Soak {
    /// To stand behind `waits`.
    fn sentence(&self) -> String {
        format!("until {} has been out for {}", self.update.image.name, humanize(self.age))
    }
}

/// The reason to start before a base image has been out long enough.
fn cut_short(soak: &Soak, from: Timestamp, demand: &Demand, policy: &Policy, now: Timestamp) -> String {
    let zone = &policy.zone;
    let start = if from <= now { "starts now".to_owned() } else { format!("starts {}", told(zone, from, now)) };
    let due = zone.clock(demand.deadline, now);
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
