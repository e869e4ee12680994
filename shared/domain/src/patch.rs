//! Patches: what an active image lacks though its base image has not moved.

mod release;

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::{AdvisoryId, Ecosystem, Fix, Installed};
use crate::assessment::{Assessment, Finding, FixedCve, Published, Side, assess, missing_fixes};
use crate::build::Channel;
use crate::duration::after;
use crate::hash;
use crate::id::{AmiId, BaseImageName, BuildId, MalformedId};
use crate::level::SecurityLevel;
use crate::policy::Policy;
use crate::update::SeenImage;

pub use release::Release;

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

/// What is known of an active image.
#[derive(Debug, Clone, Copy)]
pub struct Active<'a> {
    /// Which image.
    pub channel: &'a Channel,
    /// What its base image was called, where that is known.
    pub base_image_name: &'a str,
    /// What is installed in it, where that is known.
    pub installed: Option<&'a [Installed]>,
    /// What Amazon Inspector found in it, if it has scanned it.
    pub findings: Option<&'a [Finding]>,
}

/// What becomes of an active image whose base image has not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lack {
    /// Nothing is known that it lacks.
    Nothing,
    /// It lacks fixes that can wait: they come with whatever is built until the moment.
    CanWait {
        /// Until when.
        until: Timestamp,
    },
    /// It lacks fixes that its repositories do not serve yet, in a sentence.
    NotServed(String),
    /// It is to be rebuilt.
    Patch(Box<Patch>),
}

/// Whether an active image lacks fixes that a rebuild on the same base image brings. Critical and high ones are
/// rebuilt at once, others once they have been lacking for the policy's security window. `newest`: the newest release
/// of Amazon Linux 2023 that is known, to which an image of it has to be updated by name.
#[must_use]
pub fn lack(
    active: Active<'_>,
    published: &Published<'_>,
    newest: Option<Release>,
    policy: &Policy,
    now: Timestamp,
) -> Lack {
    let lacks = [by_findings(active, published, now), by_packages(active, published, now)];
    let fixes: Vec<FixedCve> = lacks.iter().flatten().flat_map(|lacks| lacks.fixes.iter().cloned()).collect();
    let Some(worst) = lacks.into_iter().flatten().max_by_key(|lacks| lacks.level) else { return Lack::Nothing };
    if fixes.is_empty() {
        return Lack::Nothing;
    }
    let advisories: BTreeSet<AdvisoryId> = fixes.iter().filter_map(|fix| fix.advisory.clone()).collect();
    if worst.level < SecurityLevel::High {
        let known = published.advisories.unwrap_or_default();
        let issued = known.iter().filter(|advisory| advisories.contains(&advisory.id)).map(|advisory| advisory.issued);
        let until = after(issued.min().unwrap_or(now), policy.security_window);
        if until > now {
            return Lack::CanWait { until };
        }
    }
    let release = match release(active, published.ecosystem, newest) {
        Ok(release) => release,
        Err(reason) => return Lack::NotServed(reason),
    };
    let mut at_least: Vec<Fix> = fixes
        .iter()
        .filter_map(|fix| fix.package.as_ref())
        .map(|package| Fix { package: package.name.clone(), version: package.fixed.clone() })
        .collect();
    at_least.sort_unstable();
    at_least.dedup();
    // Where packages are not known, what is lacking is told by its vulnerabilities.
    let lacking = if at_least.is_empty() {
        fixes.iter().map(|fix| Fix { package: fix.cve.to_string(), version: String::new() }).collect()
    } else {
        at_least.clone()
    };
    let channel = active.channel;
    Lack::Patch(Box::new(Patch {
        id: PatchId::of(&channel.build, &lacking),
        base: channel.base.clone(),
        base_image_id: channel.base_image_id.clone(),
        level: worst.level,
        advisories: advisories.into_iter().collect(),
        fixes: merged(fixes),
        at_least,
        release,
        reasons: worst.reasons,
        found_at: now,
    }))
}

/// What Amazon Inspector found and has a fix: as if the next image had none of it.
fn by_findings(active: Active<'_>, published: &Published<'_>, now: Timestamp) -> Option<Assessment> {
    let findings = active.findings.filter(|found| found.iter().any(|finding| finding.fixable))?;
    let image = SeenImage {
        image_id: active.channel.base_image_id.clone(),
        image_name: String::new(),
        created_at: None,
        root_device: None,
    };
    let with = Side { image: &image, findings: Some(findings), packages: None };
    let without = Side { image: &image, findings: Some(&[]), packages: None };
    Some(assess(with, without, published, now)).filter(|lacks| !lacks.fixes.is_empty())
}

fn by_packages(active: Active<'_>, published: &Published<'_>, now: Timestamp) -> Option<Assessment> {
    missing_fixes(active.installed?, published, None, now)
}

/// The release to update to, where repositories are locked to one.
fn release(
    active: Active<'_>,
    ecosystem: Option<&Ecosystem>,
    newest: Option<Release>,
) -> Result<Option<String>, String> {
    if ecosystem.is_none_or(|ecosystem| ecosystem.as_str() != "amazon-linux-2023") {
        return Ok(None);
    }
    let Some(newest) = newest else {
        return Err("the newest release of Amazon Linux 2023 is not known yet".to_owned());
    };
    match Release::of_image(active.base_image_name) {
        Some(own) if own >= newest => Err(format!("its repositories are locked to {own}, and no newer release is out")),
        _ => Ok(Some(newest.to_string())),
    }
}

/// Each vulnerability once, the worst first.
fn merged(mut fixes: Vec<FixedCve>) -> Vec<FixedCve> {
    fixes.sort_by(|one, other| (&one.cve, other.package.is_some()).cmp(&(&other.cve, one.package.is_some())));
    fixes.dedup_by(|later, kept| later.cve == kept.cve);
    fixes.sort_by(|one, other| (other.level, &one.cve).cmp(&(one.level, &other.cve)));
    fixes
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
