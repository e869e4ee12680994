//! Approvals as values: what a build is for, what needs a person's approval, and what a person has approved.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{BuildId, RequestId, UpdateId};
use crate::level::Urgency;
use crate::money::MicroDollars;
use crate::patch::PatchId;
use crate::policy::Policy;
use crate::request::CompilationRequest;

/// What a build is for: the updates and patches that it answers, and a person's urgent request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Causes {
    /// The base image updates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updates: Vec<UpdateId>,
    /// The patches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchId>,
    /// The urgent request of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urgent_request: Option<RequestId>,
    /// The hash of what the authors of its template wrote, if that is not in the published image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
}

impl Causes {
    /// What a request is for.
    #[must_use]
    pub fn of(request: &CompilationRequest) -> Self {
        Self {
            updates: request.base_image_updates.clone(),
            patches: request.security_patches.clone(),
            urgent_request: request.urgent_request.clone(),
            source_hash: request.source_hash.clone(),
        }
    }

    /// Whether there is none, as in items of earlier versions.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether there is one at least, and `others` has every one.
    #[must_use]
    pub fn are_among(&self, others: &Self) -> bool {
        !self.is_empty()
            && self.updates.iter().all(|id| others.updates.contains(id))
            && self.patches.iter().all(|id| others.patches.contains(id))
            && (self.urgent_request.is_none() || self.urgent_request == others.urgent_request)
            && (self.source_hash.is_none() || self.source_hash == others.source_hash)
    }
}

/// What a person has to approve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalFor {
    /// A low-level update.
    LowUpdate,
    /// Emergency money.
    EmergencyMoney,
}

/// To stand behind `waits for approval, since`.
impl fmt::Display for ApprovalFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LowUpdate => "its update is of low level",
            Self::EmergencyMoney => "it takes emergency money",
        })
    }
}

/// What a build of this urgency needs a person's approval for, if anything. `by_hand`: a person started a build of the
/// template, which approves low-level updates and nothing else.
#[must_use]
pub fn approval_for(urgency: Urgency, by_hand: bool, policy: &Policy) -> Option<ApprovalFor> {
    match urgency {
        Urgency::Critical if policy.emergency_needs_approval => Some(ApprovalFor::EmergencyMoney),
        Urgency::Low if policy.low_needs_approval && !by_hand => Some(ApprovalFor::LowUpdate),
        _ => None,
    }
}

/// A person's approval of a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The build.
    pub build: BuildId,
    /// What it was for then.
    pub causes: Causes,
    /// How urgent it was then.
    pub urgency: Urgency,
    /// What it may cost at most: its estimate of then.
    pub amount: MicroDollars,
    /// The ARN of the execution that approved it. CloudTrail tells who started that.
    pub execution: String,
    /// Why, in that person's words: untrusted text, made printable.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}
