//! The journal: every decision, with its reasons, so that nothing is skipped silently.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::text::shown_as_stored;

/// For how many days a decision is kept.
pub const KEPT_DAYS: i64 = 400;

/// What was decided, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DecisionKind {
    /// A build is queued.
    Build,
    /// A request joins a build.
    Join,
    /// A build takes another's place.
    Supersede,
    /// A request or a build has to wait.
    Defer,
    /// Nothing is built.
    Skip,
    /// A build ends without an image.
    Stop,
    /// A person approves a build.
    Approve,
    /// A person rejects a build.
    Reject,
    /// Money is reserved.
    Reserve,
    /// An image is published.
    Publish,
}

shown_as_stored!(DecisionKind);

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// What was decided.
    pub kind: DecisionKind,
    /// On what: a build, a request or an update, by name.
    pub subject: String,
    /// Why, in plain words.
    pub reasons: Vec<String>,
    /// What it was decided on: names and values, for who wants to check.
    pub inputs: serde_json::Value,
    /// When.
    pub at: Timestamp,
}
