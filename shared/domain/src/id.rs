//! The names by which things are known. A value of one of these types is well formed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::text::{MalformedId, stored_as_text, text_id};

text_id!(
    /// A template's name (its slug), such as `python-ml`. Short enough that every AWS name derived from
    /// it stays within that service's limit.
    TemplateName,
    "a template name",
    "allowed are 2 to 48 lower-case letters, digits and single hyphens, a letter first, no hyphen last",
    is_template_name
);

text_id!(
    /// A base image of the catalogue, such as `ubuntu-22.04`.
    BaseImageName,
    "the name of a base image",
    "allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first",
    is_dotted_name
);

text_id!(
    /// An EC2 image id, such as `ami-0123456789abcdef0`.
    AmiId,
    "an AMI id",
    "it is ami- and 8 or 17 hexadecimal digits",
    is_ami_id
);

text_id!(
    /// An AWS region, such as `us-east-1`.
    Region,
    "an AWS region",
    "it looks like us-east-1",
    is_region
);

text_id!(
    /// The name of a Step Functions execution, and so of one build request: any name that Step Functions takes.
    /// Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.
    RequestId,
    "the name of an execution",
    "allowed are 1 to 80 characters without white space, control characters and any of < > { } [ ] ? * \" # % \\ ^ | ~ ` $ & , ; : /",
    is_request_id
);

fn is_template_name(text: &str) -> bool {
    (2..=48).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

pub(crate) fn is_dotted_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && text.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_ami_id(text: &str) -> bool {
    text.strip_prefix("ami-")
        .is_some_and(|hex| matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    (3..=4).contains(&parts.len())
        && text.len() <= 25
        && parts.iter().all(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
        && parts.last().is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()))
}

fn is_request_id(text: &str) -> bool {
    let is_refused = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{FFFE}' | '\u{FFFF}' | '\u{10FFFF}')
            || NOT_IN_A_NAME.contains(c)
    };
    (1..=80).contains(&text.chars().count()) && !text.contains(is_refused)
}

/// What Step Functions refuses in a name, besides white space and control characters.
const NOT_IN_A_NAME: &str = r#"<>{}[]?*"\#%^|~`$&,;:/"#;

/// What at most one build at a time is queued or running for: a template on an architecture.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The template.
    pub template: TemplateName,
    /// The architecture.
    pub architecture: Architecture,
}

impl Target {
    /// The target's build of this number.
    #[must_use]
    pub fn build(&self, number: u32) -> BuildId {
        BuildId { target: self.clone(), number }
    }
}

impl fmt::Display for Target {
    /// `python-ml-x86_64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.template, self.architecture)
    }
}

/// One build: the n-th of its target, from 1. Written `python-ml-x86_64-17`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BuildId {
    /// What it is a build of.
    pub target: Target,
    /// Its number, from 1, never used twice.
    pub number: u32,
}

impl fmt::Display for BuildId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}-{}", self.target, self.number))
    }
}

impl FromStr for BuildId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let malformed = MalformedId { what: "a build id", allowed: "it looks like python-ml-x86_64-17" };
        let parse = || {
            let (target, number) = text.rsplit_once('-')?;
            let (template, architecture) = target.rsplit_once('-')?;
            let build = Self {
                target: Target { template: template.parse().ok()?, architecture: architecture.parse().ok()? },
                number: number.parse().ok()?,
            };
            // One spelling a build: no `+17`, no `017`.
            (build.number > 0 && build.to_string() == text).then_some(build)
        };
        parse().ok_or(malformed)
    }
}

stored_as_text!(BuildId);

/// A public image that is watched: a base image, an architecture, a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrackedImageId {
    /// The base image.
    pub name: BaseImageName,
    /// Its architecture.
    pub architecture: Architecture,
    /// The region where it is looked up.
    pub region: Region,
}

impl fmt::Display for TrackedImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} in {}", self.name, self.architecture, self.region)
    }
}

/// One move of a tracked image: its n-th, from 1. Written `ubuntu-22.04/x86_64/us-east-1/3`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UpdateId {
    /// The image that moved.
    pub image: TrackedImageId,
    /// Which of its moves, from 1.
    pub sequence: u32,
}

impl fmt::Display for UpdateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TrackedImageId { name, architecture, region } = &self.image;
        f.pad(&format!("{name}/{architecture}/{region}/{}", self.sequence))
    }
}

impl FromStr for UpdateId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let parse = || {
            let mut parts = text.split('/');
            let update = Self {
                image: TrackedImageId {
                    name: parts.next()?.parse().ok()?,
                    architecture: parts.next()?.parse().ok()?,
                    region: parts.next()?.parse().ok()?,
                },
                sequence: parts.next()?.parse().ok()?,
            };
            (parts.next().is_none() && update.sequence > 0 && update.to_string() == text).then_some(update)
        };
        parse().ok_or(MalformedId { what: "an update id", allowed: "it looks like ubuntu-22.04/x86_64/us-east-1/3" })
    }
}

stored_as_text!(UpdateId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_step_functions_takes_is_a_request_id() {
        for name in [
            "a",
            "nightly_build-7",
            "v1.2+rc=3",
            "me@example.org",
            "it's",
            "(a)!",
            "büro-二",
            "\u{1F680}",
            &"é".repeat(80),
        ] {
            assert_eq!(name.parse::<RequestId>().map(|id| id.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn a_name_that_step_functions_refuses_is_no_request_id() {
        for name in [
            "",
            "a b",
            "a\u{a0}b",
            "a\u{2028}b",
            "a\tb",
            "a\u{7f}",
            "a\u{85}",
            "\u{fffe}",
            "\u{10ffff}",
            &"x".repeat(81),
        ] {
            assert!(name.parse::<RequestId>().is_err(), "{name:?}");
        }
        for c in "<>{}[]?*\"#%\\^|~`$&,;:/".chars() {
            assert!(format!("a{c}b").parse::<RequestId>().is_err(), "{c}");
        }
    }
}
