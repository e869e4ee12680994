//! Processor architectures, as EC2 names them.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::text::{MalformedId, shown_as_stored};

/// The architecture of an image and of the instances that run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
    /// 64-bit ARM: Graviton.
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    /// Both, in the order in which people name them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// EC2's name: `x86_64` or `arm64`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The architecture of an instance type such as `m7g.large`: Graviton families carry a `g` behind
    /// their generation, and `a1` was the first of them.
    /// Source: <https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html>.
    #[must_use]
    pub fn of_instance_type(instance_type: &str) -> Self {
        let family = instance_type.split('.').next().unwrap_or_default();
        let attributes = family.trim_start_matches(|c: char| !c.is_ascii_digit());
        let attributes = attributes.trim_start_matches(|c: char| c.is_ascii_digit());
        if family == "a1" || attributes.contains('g') { Self::Arm64 } else { Self::X86_64 }
    }
}

shown_as_stored!(Architecture);

impl FromStr for Architecture {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let malformed = MalformedId { what: "an architecture", allowed: "allowed are x86_64 and arm64" };
        Self::ALL.into_iter().find(|a| a.as_str() == text).ok_or(malformed)
    }
}
