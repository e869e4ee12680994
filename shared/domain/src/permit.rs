//! Permits: what each kind of request lets a build do. A build keeps the permits of all requests that it answers, and
//! starts by the one that lets it start first, so that one more request never makes it later.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::{ApprovalFor, approval_for};
use crate::approving::Needed;
use crate::level::{SecurityLevel, Urgency};
use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::queued::Queued;
use crate::request::{BuildTrigger, CompilationRequest, looser, priority_of};
use crate::slot::Demand;
use crate::soak::Soak;

/// What one kind of request lets a build do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// Which money it may take, and in which hours.
    pub urgency: Urgency,
    /// From 0 to 100.
    pub priority: u8,
    /// Whether it keeps to the off-peak window whatever its deadline.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off_peak_only: bool,
    /// When it has to be done.
    pub deadline: Timestamp,
    /// Until when it waits for others to meet its base image first, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Soak>,
    /// Whether a person asked for it, which approves low-level updates but no emergency money.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_hand: bool,
    /// Whether it is the urgent request of a person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub urgent_request: bool,
    /// What the build may cost at most, as a person said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost: Option<MicroDollars>,
    /// The level whose limit in the policy says what the build may cost at most, where no person said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_cost_level: Option<SecurityLevel>,
}

impl Permit {
    /// What a request alone lets a build do.
    #[must_use]
    pub fn of(request: &CompilationRequest) -> Self {
        let max_cost_level = request.level.filter(|_| request.max_cost_by_level);
        Self {
            max_cost: request.max_cost.filter(|_| max_cost_level.is_none()),
            max_cost_level,
            ..Self::demanded(&Demand::of(request, jiff::SignedDuration::ZERO))
        }
    }

    /// What a demand as a whole lets a build do, at any cost.
    #[must_use]
    pub fn demanded(demand: &Demand) -> Self {
        Self {
            urgency: demand.urgency,
            priority: demand.priority,
            off_peak_only: matches!(demand.trigger, BuildTrigger::Popularity | BuildTrigger::Scheduled),
            deadline: demand.deadline,
            not_before: demand.not_before.clone(),
            by_hand: demand.by_hand,
            urgent_request: demand.causes.urgent_request.is_some(),
            max_cost: None,
            max_cost_level: None,
        }
    }

    /// What the build may cost at most under the policy in force.
    #[must_use]
    pub fn max_cost(&self, policy: &Policy) -> Option<MicroDollars> {
        self.max_cost_level.map_or(self.max_cost, |level| policy.max_cost(level))
    }

    /// Adds a permit to others. Two of the same kind become one that lets the build do what either does.
    #[must_use]
    pub fn added_to(self, mut permits: Vec<Self>) -> Vec<Self> {
        let kind = |permit: &Self| {
            (permit.urgency, permit.is_popular(), permit.off_peak_only, permit.urgent_request, permit.max_cost_level)
        };
        match permits.iter_mut().find(|permit| kind(permit) == kind(&self)) {
            None => permits.push(self),
            Some(same) => {
                same.priority = same.priority.max(self.priority);
                same.deadline = same.deadline.min(self.deadline);
                same.not_before = Soak::of_both(same.not_before.as_ref(), self.not_before.as_ref());
                same.by_hand |= self.by_hand;
                same.max_cost = looser(same.max_cost, self.max_cost);
            }
        }
        permits
    }

    /// What a build needs a person's approval for to start by it, if anything.
    #[must_use]
    pub fn approval_for(&self, policy: &Policy) -> Option<ApprovalFor> {
        approval_for(self.urgency, self.by_hand, policy)
    }

    fn is_popular(&self) -> bool {
        self.priority >= crate::request::PRIORITY_HIGH
    }
}

/// A permit under a policy, and what a person has to approve before the build may start by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Way<'a> {
    pub(crate) permit: Cow<'a, Permit>,
    pub(crate) needed: Option<Needed>,
}

impl Way<'_> {
    /// Whether a build that is estimated to cost this much may start by it.
    pub(crate) fn may_cost(&self, estimate: MicroDollars, policy: &Policy) -> bool {
        self.permit.max_cost(policy).is_none_or(|most| estimate <= most)
    }
}

impl Queued {
    /// Its permits. Items of earlier versions have none: what they demand is one.
    #[must_use]
    pub fn permits(&self) -> Cow<'_, [Permit]> {
        if !self.permits.is_empty() {
            return Cow::Borrowed(&self.permits);
        }
        let whole = Permit { max_cost: self.max_cost, ..Permit::demanded(&self.demand) };
        let level = self.demand.level.filter(|_| whole.urgent_request);
        let rest = level.map(|level| Permit {
            urgency: level.into(),
            priority: priority_of(level),
            urgent_request: false,
            ..whole.clone()
        });
        Cow::Owned(std::iter::once(whole).chain(rest).collect())
    }

    /// The ways in which it may start, the most urgent first. What is critical may also start as what is high does, on
    /// the day's money, unless the policy says otherwise. The urgent request of a person may once it is approved.
    pub(crate) fn ways(&self, policy: &Policy) -> Vec<Way<'_>> {
        let permits: Vec<Cow<'_, Permit>> = match self.permits() {
            Cow::Borrowed(permits) => permits.iter().map(Cow::Borrowed).collect(),
            Cow::Owned(permits) => permits.into_iter().map(Cow::Owned).collect(),
        };
        let mut ways = Vec::with_capacity(permits.len() + 1);
        for permit in permits {
            let needed = self.needed(&permit, policy);
            let overflows = policy.emergency_overflow && permit.urgency == Urgency::Critical;
            if overflows && (needed.is_none() || !permit.urgent_request) {
                let high = Permit { urgency: Urgency::High, ..permit.clone().into_owned() };
                ways.push(Way { permit: Cow::Owned(high), needed: None });
            }
            ways.push(Way { permit, needed });
        }
        ways.sort_by_key(|way| std::cmp::Reverse((way.permit.urgency, way.permit.priority)));
        ways
    }

    /// What a person has to approve before it may start by a permit, if anything.
    fn needed(&self, permit: &Permit, policy: &Policy) -> Option<Needed> {
        Needed::unless_covered(permit.approval_for(policy)?, permit.urgency, self)
    }
}

#[cfg(test)]
mod tests;
