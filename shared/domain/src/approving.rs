//! Approving: which builds wait for an approval, what an approval covers, and what a rejection stops.

mod decision;
mod input;
mod reminder;

use crate::approval::{Approval, ApprovalFor};
use crate::level::Urgency;
use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::queued::Queued;

pub use decision::{ApprovalDecision, decide_approval};
pub use input::ApprovalInput;
pub use reminder::{ApprovalReminder, due_reminders, reminder_when_queued};

/// What a build waits for a person to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needed {
    /// What.
    pub what: ApprovalFor,
    /// Why an approval that was given does not suffice, if one was.
    pub again: Option<Again>,
}

/// Why a build has to be approved again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It costs more than was approved.
    Dearer {
        /// What was approved.
        approved: MicroDollars,
    },
    /// It is for something worse than what was approved.
    Worse,
}

impl Needed {
    /// What has to be approved, unless the approval that the build has covers this urgency. An approval is for its build and
    /// for one that takes its place, which is one that answers all that the approved one did. It lets either start that
    /// costs no more and is for nothing worse.
    pub(crate) fn unless_covered(what: ApprovalFor, urgency: Urgency, queued: &Queued) -> Option<Self> {
        let given = queued.approval.as_ref();
        let Some(given) = given.filter(|given| given.is_of(queued)) else { return Some(Self { what, again: None }) };
        let again = if urgency > given.urgency {
            Again::Worse
        } else if queued.estimate > given.amount {
            Again::Dearer { approved: given.amount }
        } else {
            return None;
        };
        Some(Self { what, again: Some(again) })
    }
}

/// What a person's approval would let a build do that it may not do yet, if anything: of one that ends, nothing.
#[must_use]
pub fn needs_approval(queued: &Queued, policy: &Policy) -> Option<Needed> {
    if queued.stopped().is_some() {
        return None;
    }
    queued.ways(policy).into_iter().next()?.needed
}

impl Approval {
    fn is_of(&self, queued: &Queued) -> bool {
        self.build == queued.build || self.causes.are_among(&queued.demand.causes)
    }
}

/// What a build waits for, to stand behind its name.
#[must_use]
pub fn waiting_reason(needed: Needed, queued: &Queued) -> String {
    let (build, template) = (&queued.build, &queued.build.target.template);
    let what = match needed.what {
        ApprovalFor::LowUpdate => format!("waits for approval, since {}", needed.what),
        ApprovalFor::EmergencyMoney => format!("waits for approval of {} of emergency money", queued.estimate),
    };
    let again = match needed.again {
        None => String::new(),
        Some(Again::Dearer { approved }) => format!(", of which {approved} is approved"),
        Some(Again::Worse) => ", since it is for something worse than what was approved".to_owned(),
    };
    let by_hand = match needed.what {
        ApprovalFor::LowUpdate => format!(", or start a build of {template} by hand"),
        ApprovalFor::EmergencyMoney => String::new(),
    };
    format!("{what}{again}: prism builds approve {build}{by_hand}")
}

#[cfg(test)]
pub(crate) mod tests;
