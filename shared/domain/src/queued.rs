//! A build that waits for its turn.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::estimate::Expectation;
use crate::id::{AmiId, BuildId};
use crate::money::MicroDollars;
use crate::permit::Permit;
use crate::slot::Demand;

/// A build that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// Which build.
    pub build: BuildId,
    /// What it demands.
    pub demand: Demand,
    /// What the requests that it answers let it do. None, in items of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<Permit>,
    /// Since when it waits, or the build whose place it took.
    pub queued_at: Timestamp,
    /// What it will cost.
    pub estimate: MicroDollars,
    /// Build only if the estimate is at most this.
    pub max_cost: Option<MicroDollars>,
    /// Why its template is disabled, if it is.
    pub disabled: Option<String>,
    /// A person's approval of it, or of the build whose place it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Approval>,
    /// The base image that it would be built on, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_image_id: Option<AmiId>,
    /// Whether an earlier attempt has failed: it lets first attempts go before it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_again: bool,
    /// Why it ends without starting, to stand behind its name, once that is decided: a person rejected it, or a rule
    /// stops it. Nothing joins it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
}

impl Queued {
    /// Why it never starts, to stand behind its name: it is to end, or its template is disabled.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        let disabled = self.disabled.as_ref().map(|why| format!("stops, since its template is disabled: {why}"));
        self.ends.clone().or(disabled)
    }

    /// The same build with what is known of it once it is frozen: on which base image it stands, how long it will run, what
    /// it will cost, and what it may cost.
    #[must_use]
    pub fn frozen_as(mut self, base_image: &AmiId, expected: Expectation, max_cost: Option<MicroDollars>) -> Self {
        self.base_image_id = Some(base_image.clone());
        self.demand.expected = expected.duration;
        self.estimate = expected.cost;
        self.max_cost = max_cost;
        self
    }
}
