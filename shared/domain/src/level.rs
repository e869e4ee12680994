//! How bad it is to stay on the old image, and how urgent that makes a build.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::{MalformedId, shown_as_stored};

/// The security level of an update: how bad it is to stay on what it replaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityLevel {
    /// Rebuilt only once a person approves.
    Low,
    /// Rebuilt within days.
    Medium,
    /// Rebuilt within a day.
    High,
    /// Rebuilt at once, on emergency money.
    Critical,
}

impl SecurityLevel {
    /// All, the worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::High, Self::Medium, Self::Low];

    /// `critical`, `high`, `medium` or `low`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

shown_as_stored!(SecurityLevel, Confidence, Urgency);

impl FromStr for SecurityLevel {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let malformed = MalformedId { what: "a security level", allowed: "allowed are critical, high, medium and low" };
        Self::ALL.into_iter().find(|level| level.as_str() == text).ok_or(malformed)
    }
}

/// How sure a level is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// No evidence on either image: the level is a precaution.
    Unknown,
    /// Derived from dates or releases.
    Likely,
    /// Derived from what is installed in both images.
    Certain,
}

/// Which queue rule a build falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// Can wait for a person.
    Low,
    /// When the budget allows.
    Normal,
    /// In the next urgent window.
    High,
    /// Now, on emergency money.
    Critical,
}

impl From<SecurityLevel> for Urgency {
    fn from(level: SecurityLevel) -> Self {
        match level {
            SecurityLevel::Critical => Self::Critical,
            SecurityLevel::High => Self::High,
            SecurityLevel::Medium => Self::Normal,
            SecurityLevel::Low => Self::Low,
        }
    }
}
