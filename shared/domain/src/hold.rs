//! Holds: what a person or a rule has stopped is not built again by itself for a while.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::approval::Causes;
use crate::duration::after;
use crate::id::BuildId;
use crate::level::Urgency;
use crate::policy::Policy;
use crate::queued::Queued;

/// For how long a target rests after one of its builds was stopped.
pub const REST: SignedDuration = SignedDuration::from_hours(24);

/// Who holds a target back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldBy {
    /// A person rejected a build that waited for approval.
    #[default]
    Rejection,
    /// A person stopped a build.
    Person,
    /// A rule of the policy stopped a build.
    Rule,
}

/// A build was rejected or stopped. Until the hold ends, its target is rebuilt only for something new or worse, or if a
/// person asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The build.
    pub build: BuildId,
    /// What it was for.
    pub causes: Causes,
    /// How urgent it was.
    pub urgency: Urgency,
    /// Who did it.
    #[serde(default)]
    pub by: HeldBy,
    /// The ARN of the execution that rejected it, or of its own one, if it was stopped. CloudTrail tells who did that.
    pub execution: String,
    /// Why, in that person's words or as a rule says: untrusted text, made printable.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
    /// Until when it lasts. `None`: for the policy's `security_window`.
    pub until: Option<Timestamp>,
}

impl Hold {
    /// Until when it lasts: no longer than an image may lack a fix.
    #[must_use]
    pub fn ends(&self, policy: &Policy) -> Timestamp {
        let longest = after(self.at, policy.security_window);
        self.until.map_or(longest, |until| until.min(longest))
    }

    /// Whether it holds back a build for these causes that no person asked for.
    #[must_use]
    pub fn covers(&self, causes: &Causes, urgency: Urgency, policy: &Policy, now: Timestamp) -> bool {
        now < self.ends(policy) && urgency <= self.urgency && causes.are_among(&self.causes)
    }

    /// Whether it is the rejection for which a build ended.
    pub(crate) fn is_why(&self, queued: Option<&Queued>, build: &BuildId) -> bool {
        let has_to_end = queued.is_some_and(|queued| queued.ends.is_some());
        self.by == HeldBy::Rejection && self.build == *build && has_to_end
    }

    /// What was done to its build, to stand behind that build's name.
    #[must_use]
    pub fn sentence(&self) -> String {
        match (self.by, &self.reason) {
            (HeldBy::Rejection, None) => "was rejected".to_owned(),
            (HeldBy::Rejection, Some(reason)) => format!("was rejected: {reason}"),
            (HeldBy::Person | HeldBy::Rule, None) => "was stopped".to_owned(),
            (HeldBy::Person | HeldBy::Rule, Some(reason)) => format!("was stopped: {reason}"),
        }
    }
}
