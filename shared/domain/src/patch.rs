//! Patches: what an active image lacks though its base image has not moved.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::{AdvisoryId, Fix};
use crate::assessment::FixedCve;
use crate::hash;
use crate::id::{AmiId, BaseImageName, BuildId, MalformedId};
use crate::level::SecurityLevel;

/// One finding that an active image lacks fixes: the build that made it, and what it lacks. Written
/// `python-ml-x86_64-17/0123456789ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PatchId {
    /// The build whose image it is.
    pub build: BuildId,
    /// A hash of what it lacks: 12 hexadecimal digits.
    pub lacks: String,
}

impl PatchId {
    /// The finding that the image of a build lacks these fixes, in whatever order they are told.
    #[must_use]
    pub fn of(build: &BuildId, lacking: &[Fix]) -> Self {
        let mut lacking: Vec<String> = lacking.iter().map(|fix| format!("{}={}", fix.package, fix.version)).collect();
        lacking.sort_unstable();
        lacking.dedup();
        Self { build: build.clone(), lacks: hash::short(&lacking.join("\n")) }
    }
}

impl fmt::Display for PatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}/{}", self.build, self.lacks))
    }
}

impl FromStr for PatchId {
    type Err = MalformedId;

    fn from_str(text: &str) -> Result<Self, MalformedId> {
        let malformed = MalformedId { what: "a patch id", allowed: "it looks like python-ml-x86_64-17/0123456789ab" };
        let parse = || {
            let (build, lacks) = text.split_once('/')?;
            let is_hash = lacks.len() == 12 && lacks.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            is_hash.then_some(Self { build: build.parse().ok()?, lacks: lacks.to_owned() })
        };
        parse().ok_or(malformed)
    }
}

impl TryFrom<String> for PatchId {
    type Error = MalformedId;
    fn try_from(text: String) -> Result<Self, MalformedId> {
        text.parse()
    }
}

impl From<PatchId> for String {
    fn from(id: PatchId) -> Self {
        id.to_string()
    }
}

/// What an active image lacks, and what a rebuild on the same base image has to bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Which finding.
    pub id: PatchId,
    /// The base image that the image stands on.
    pub base: BaseImageName,
    /// That base image's AMI.
    pub base_image_id: AmiId,
    /// How bad it is to go on without the fixes.
    pub level: SecurityLevel,
    /// The advisories whose fixes it lacks.
    pub advisories: Vec<AdvisoryId>,
    /// The vulnerabilities, the worst first.
    pub fixes: Vec<FixedCve>,
    /// The packages that have to be at least of these versions.
    pub at_least: Vec<Fix>,
    /// The release of the distribution to update to, where its repositories are locked to the image's release.
    pub release: Option<String>,
    /// Why, in plain words, the weightiest first.
    pub reasons: Vec<String>,
    /// When it was found.
    pub found_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fix(package: &str, version: &str) -> Fix {
        Fix { package: package.into(), version: version.into() }
    }

    #[test]
    fn the_same_lack_is_the_same_patch_in_whatever_order_it_is_found() {
        let build: BuildId = "python-ml-x86_64-17".parse().unwrap();
        let (ssl, curl) = (fix("openssl", "1:3.0"), fix("curl", "8.1"));
        let one = PatchId::of(&build, &[ssl.clone(), curl.clone()]);
        assert_eq!(one, PatchId::of(&build, &[curl.clone(), ssl, curl.clone()]));
        assert_ne!(one, PatchId::of(&build, &[curl]));
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("python-ml-x86_64-17/../x".parse::<PatchId>().is_err());
    }
}
