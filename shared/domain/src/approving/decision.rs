//! Decides what an approval or a rejection changes.

use jiff::Timestamp;

use super::{ApprovalInput, needs_approval};
use crate::approval::{Approval, Causes};
use crate::build::Build;
use crate::claim::{Claim, Held, Stage};
use crate::hold::{HeldBy, Hold};
use crate::id::BuildId;
use crate::permit::Permit;
use crate::policy::Policy;
use crate::slot::Demand;

/// The result of an approval or a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ApprovalDecision {
    /// The claim and the build have to be written.
    Applies {
        /// The new claim.
        claim: Box<Claim>,
        /// The new build.
        build: Box<Build>,
        /// A sentence for the journal and the caller.
        message: String,
    },
    /// This execution or another one wrote the same decision before.
    AlreadyApplied {
        /// A sentence for the caller.
        message: String,
    },
    /// The build cannot be approved or rejected.
    Refused {
        /// The reason, a sentence for the caller.
        message: String,
    },
}

/// Approves or rejects a build. The amount that is approved is its estimate on the claim.
#[must_use]
pub fn decide_approval(
    input: &ApprovalInput,
    build: &Build,
    claim: &Claim,
    execution: &str,
    policy: &Policy,
    now: Timestamp,
) -> ApprovalDecision {
    let id = &build.id;
    let held = claim.held.as_ref().filter(|held| held.queued.build == *id);
    let rejected = claim.hold.as_ref().filter(|hold| hold.build == *id && hold.by == HeldBy::Rejection);
    let refused = |message: String| ApprovalDecision::Refused { message };
    let already_applied = |message: String| ApprovalDecision::AlreadyApplied { message };
    // This execution wrote it and is tried again: the build may have started or ended since.
    if let Some(approval) = build.approval.as_ref().filter(|given| given.execution == execution) {
        return already_applied(approved_sentence(id, approval));
    }
    if let Some(rejected) = rejected.filter(|given| given.execution == execution) {
        return already_applied(format!("{id} {}", rejected.sentence()));
    }
    // A build of which the urgent request alone was rejected goes on.
    match (rejected.filter(|_| held.is_none_or(|held| held.queued.ends.is_some())), input.reject) {
        (Some(_), true) => return already_applied(format!("{id} is rejected")),
        (Some(rejected), false) => return refused(format!("{id} {}", rejected.sentence())),
        (None, _) => {}
    }
    let Some(held) = held else { return refused(ended(build, claim)) };
    if held.stage == Stage::Building {
        return refused(format!("{id} has started, and can no longer be approved or rejected"));
    }
    if let Some(reason) = held.queued.stopped() {
        return refused(format!("{id} {reason}"));
    }
    if input.reject {
        let permits = held.queued.permits();
        let most_urgent = permits.iter().max_by_key(|permit| (permit.urgency, permit.priority));
        if most_urgent.is_none_or(|permit| permit.approval_for(policy).is_none()) {
            return refused(format!("{id} does not need approval; to stop it, stop its execution {}", held.execution));
        }
        return rejecting(input, build, claim, held, execution, policy, now);
    }
    if needs_approval(&held.queued, policy).is_none() {
        return match &held.queued.approval {
            Some(approval) => already_applied(approved_sentence(id, approval)),
            None => refused(format!("{id} does not need approval")),
        };
    }
    approving(input, build, claim, held, execution, now)
}

fn approving(
    input: &ApprovalInput,
    build: &Build,
    claim: &Claim,
    held: &Held,
    execution: &str,
    now: Timestamp,
) -> ApprovalDecision {
    let queued = &held.queued;
    let approval = Approval {
        build: build.id.clone(),
        causes: queued.demand.causes.clone(),
        urgency: queued.demand.urgency,
        amount: queued.estimate,
        execution: execution.to_owned(),
        reason: input.reason.clone(),
        at: now,
    };
    let message = approved_sentence(&build.id, &approval);
    let mut held = held.clone();
    held.queued.approval = Some(approval.clone());
    ApprovalDecision::Applies {
        claim: Box::new(Claim { held: Some(held), ..claim.clone() }),
        build: Box::new(Build { approval: Some(approval), ..build.clone() }),
        message,
    }
}

/// The build ends. But updates and patches that need no approval are not rejected with the urgent request of a person: the
/// build goes on for them.
fn rejecting(
    input: &ApprovalInput,
    build: &Build,
    claim: &Claim,
    held: &Held,
    execution: &str,
    policy: &Policy,
    now: Timestamp,
) -> ApprovalDecision {
    let demand = &held.queued.demand;
    let (left, urgent): (Vec<Permit>, Vec<Permit>) =
        held.queued.permits().iter().cloned().partition(|permit| !permit.urgent_request);
    let most_urgent = left.iter().max_by_key(|permit| (permit.urgency, permit.priority)).cloned();
    let goes_on = !urgent.is_empty() && left.iter().any(|permit| permit.approval_for(policy).is_none());
    let mut rejection = Hold {
        build: build.id.clone(),
        causes: demand.causes.clone(),
        // An update that turns out to be worse than it was is not rejected with somebody's urgent request.
        urgency: most_urgent.as_ref().map_or(demand.urgency, |left| left.urgency),
        by: HeldBy::Rejection,
        execution: execution.to_owned(),
        reason: input.reason.clone(),
        at: now,
        until: None,
    };
    let (mut held, mut build) = (held.clone(), build.clone());
    let mut message = format!("{} {}", build.id, rejection.sentence());
    if let Some(most_urgent) = most_urgent.filter(|_| goes_on) {
        message = format!("the urgent request of {message}; it goes on for its updates and patches");
        rejection.causes = Causes { urgent_request: demand.causes.urgent_request.clone(), ..Causes::default() };
        build.request.urgency = most_urgent.urgency;
        build.request.priority = most_urgent.priority;
        build.request.urgent_request = None;
        held.queued.demand = Demand::of(&build.request, demand.expected);
        held.queued.permits = left;
    } else {
        held.queued.ends = Some(rejection.sentence());
    }
    ApprovalDecision::Applies {
        claim: Box::new(Claim { held: Some(held), hold: Some(rejection), ..claim.clone() }),
        build: Box::new(build),
        message,
    }
}

/// The approval may name an earlier build, whose place `build` took.
fn approved_sentence(build: &BuildId, approval: &Approval) -> String {
    format!("{build} may start, at a cost of {} at most", approval.amount)
}

/// Why a build that does not hold the claim is neither approved nor rejected.
fn ended(build: &Build, claim: &Claim) -> String {
    let message = build.ending.as_ref().map(|ending| format!(": {}", ending.message)).unwrap_or_default();
    let holder = claim.held.as_ref().filter(|held| held.stage == Stage::Waiting);
    let instead = holder.map(|held| format!("; {} waits now", held.queued.build)).unwrap_or_default();
    format!("{} has ended{message}{instead}", build.id)
}
