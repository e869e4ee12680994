//! Notices about builds that wait for approval: one at once, and one when half the time to the deadline has passed.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::{ApprovalFor, Needed, needs_approval};
use crate::duration::after;
use crate::policy::Policy;
use crate::queued::Queued;

/// A notice about one build, or about all builds that answer the same update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApprovalReminder<'a> {
    /// The id of the notice. Each id is sent once.
    pub id: String,
    /// Whether half the time to the deadline has passed.
    pub reminds: bool,
    /// What has to be approved.
    pub what: ApprovalFor,
    /// Whether one of the builds waits for it. Otherwise all of them start without it, later.
    pub blocks: bool,
    /// The builds that wait, earliest deadline first.
    pub builds: Vec<(&'a Queued, Needed)>,
}

/// The notices that are due now. `told` has the time at which each notice id was written. The notice of an update already
/// lists the low-level rebuilds that wait for approval, so those get the second notice only.
#[must_use]
pub fn due_reminders<'a>(
    waiting: impl IntoIterator<Item = &'a Queued>,
    told: &BTreeMap<String, Timestamp>,
    policy: &Policy,
    now: Timestamp,
) -> Vec<ApprovalReminder<'a>> {
    let mut groups: BTreeMap<String, Vec<(&Queued, Needed)>> = BTreeMap::new();
    for queued in waiting {
        if let Some(needed) = needs_approval(queued, policy) {
            groups.entry(subject(queued, needed, told)).or_default().push((queued, needed));
        }
    }
    groups.into_iter().filter_map(|(subject, builds)| reminder(&subject, builds, told, policy, now)).collect()
}

/// The notice to write in the transaction that queues a build. A build that answers an update gets none here: one notice
/// lists all builds of the update.
#[must_use]
pub fn reminder_when_queued<'a>(queued: &'a Queued, policy: &Policy, now: Timestamp) -> Option<ApprovalReminder<'a>> {
    let needed = needs_approval(queued, policy)?;
    let reminder = due_reminders([queued], &BTreeMap::new(), policy, now).pop()?;
    has_its_own_notice(queued, needed).then_some(reminder)
}

fn has_its_own_notice(queued: &Queued, needed: Needed) -> bool {
    let causes = &queued.demand.causes;
    needed.again.is_some() || causes.urgent_request.is_some() || causes.updates.is_empty()
}

/// The key that groups builds into one notice: the update that they answer, or the build itself. A build that is queued
/// after the notice of its update was sent gets one of its own.
fn subject(queued: &Queued, needed: Needed, told: &BTreeMap<String, Timestamp>) -> String {
    let what = match needed.what {
        ApprovalFor::LowUpdate => "low",
        ApprovalFor::EmergencyMoney => "emergency",
    };
    match (&queued.approval, queued.demand.causes.updates.iter().max()) {
        // A new notice for each approval that is no longer sufficient.
        (Some(given), _) if needed.again.is_some() => format!("{what}:{}:{}", queued.build, given.at),
        (_, Some(update)) if !has_its_own_notice(queued, needed) => {
            let group = format!("{what}:{update}");
            let sent = [at_once(&group), reminder_of(&group)].into_iter().filter_map(|id| told.get(&id)).min();
            if sent.is_some_and(|sent| *sent < queued.queued_at) { format!("{what}:{}", queued.build) } else { group }
        }
        _ => format!("{what}:{}", queued.build),
    }
}

fn reminder<'a>(
    subject: &str,
    mut builds: Vec<(&'a Queued, Needed)>,
    told: &BTreeMap<String, Timestamp>,
    policy: &Policy,
    now: Timestamp,
) -> Option<ApprovalReminder<'a>> {
    let blocks = builds.iter().any(|(queued, _)| queued.waits_for_approval(policy).is_some());
    builds.sort_by_key(|(queued, _)| (queued.demand.deadline, &queued.build));
    let (first, needed) = *builds.first()?;
    let (at_once, reminder) = (at_once(subject), reminder_of(subject));
    let is_told = needed.what == ApprovalFor::LowUpdate && !has_its_own_notice(first, needed);
    let since = match told.get(&at_once) {
        Some(told_at) => *told_at,
        None if is_told => builds.iter().map(|(queued, _)| queued.queued_at).min()?,
        None => return Some(ApprovalReminder { id: at_once, reminds: false, what: needed.what, blocks, builds }),
    };
    let is_due = half(since, first.demand.deadline).is_some_and(|half| half <= now);
    (is_due && !told.contains_key(&reminder)).then_some(ApprovalReminder {
        id: reminder,
        reminds: true,
        what: needed.what,
        blocks,
        builds,
    })
}

/// The id of the first notice.
fn at_once(subject: &str) -> String {
    format!("approval-needed:{subject}")
}

/// The id of the second notice.
fn reminder_of(subject: &str) -> String {
    format!("approval-reminder:{subject}")
}

/// Half the time from an instant to a deadline, if that is later.
fn half(since: Timestamp, deadline: Timestamp) -> Option<Timestamp> {
    let left = since.duration_until(deadline);
    (left > SignedDuration::ZERO).then(|| after(since, left / 2))
}
