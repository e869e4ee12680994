//! Patches: what an active image lacks, and a rebuild on the base image brings, whether that has moved or not.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::advisory::{AdvisoryId, Fix};
use crate::assessment::FixedCve;
use crate::bounded::{NAMED, bound};
use crate::hash;
use crate::id::{AmiId, BaseImageName, BuildId};
use crate::level::SecurityLevel;
use crate::text::{MalformedId, stored_as_text};

/// One finding that an active image lacks fixes: the build that made it, and what it lacks. Written
/// `python-ml-x86_64-17/0123456789ab`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatchId {
    /// The build whose image it is.
    pub build: BuildId,
    /// A hash of what it lacks: 12 hexadecimal digits.
    pub lacks: String,
}

impl PatchId {
    /// The finding that the image of a build lacks these fixes, in whatever order they are told, and how bad that is: what
    /// turns out to be worse is asked for anew, and moves up. Where repositories are locked, a release has the fixes: if
    /// that was not so, a later one may have them.
    #[must_use]
    pub fn of(build: &BuildId, lacking: &[Fix], level: SecurityLevel, release: Option<&str>) -> Self {
        let mut lacking: Vec<String> = lacking.iter().map(|fix| format!("{}={}", fix.package, fix.version)).collect();
        lacking.push(format!("level={level}"));
        lacking.extend(release.map(|release| format!("release={release}")));
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

stored_as_text!(PatchId);

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

/// What a build has to bring beside its template: all the patches that it answers, frozen with it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrozenPatch {
    /// The findings.
    pub ids: Vec<PatchId>,
    /// The advisories whose fixes it brings.
    pub advisories: Vec<AdvisoryId>,
    /// The packages that have to be at least of these versions, if they are installed. One that several findings
    /// name has to satisfy them all.
    pub at_least: Vec<Fix>,
    /// The release of the distribution to update to, if one has to be named: the newest of those named.
    pub release: Option<String>,
}

impl FrozenPatch {
    /// What these patches ask for, together with what the published image on the same base image was patched with: no
    /// build may fall behind that. `None`: there is none.
    #[must_use]
    pub fn of(patches: &[Patch], published: Option<&Self>) -> Option<Self> {
        let mut all = published.cloned().unwrap_or_default();
        for patch in patches {
            all.ids.push(patch.id.clone());
            all.advisories.extend(patch.advisories.iter().cloned());
            all.at_least.extend(patch.at_least.iter().cloned());
            all.release = all.release.into_iter().chain(patch.release.clone()).max_by_key(|release| age(release));
        }
        bound(&mut all.ids, NAMED, |id| id.build.number);
        all.ids.sort_unstable();
        all.advisories.sort_unstable();
        all.advisories.dedup();
        all.at_least.sort_unstable();
        all.at_least.dedup();
        (!all.ids.is_empty()).then_some(all)
    }
}

/// The numbers of a release such as `2023.9.20251117`, which order releases by age.
fn age(release: &str) -> Vec<u64> {
    release.split('.').map(|number| number.parse().unwrap_or_default()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::advisory::Ecosystem;
    use crate::build::{Build, Frozen, ImageRun};
    use crate::fixtures::{self, at, build, fix, image};
    use crate::lacking::as_of;

    fn patch(number: u32, at_least: &[Fix], release: Option<&str>) -> Patch {
        let build: BuildId = format!("python-ml-x86_64-{number}").parse().unwrap();
        let id = PatchId::of(&build, at_least, SecurityLevel::High, None).to_string();
        Patch {
            advisories: vec!["ALAS2023-2026-1000".parse().unwrap()],
            at_least: at_least.to_vec(),
            release: release.map(str::to_owned),
            ..fixtures::patch(&id, SecurityLevel::High, at("2026-11-03T12:00:00Z"))
        }
    }

    fn running(carried: &[Patch], started_at: Option<&str>) -> Build {
        let arn = "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.18/1";
        let id: BuildId = "python-ml-x86_64-18".parse().unwrap();
        Build {
            frozen: Some(Frozen {
                base: "amazon-linux-2023".parse().unwrap(),
                base_image_id: "ami-00000001".parse().unwrap(),
                root_device: None,
                content_hash: "0123456789ab".into(),
                built_from: None,
                template: serde_json::Value::Null,
                patch: FrozenPatch::of(carried, None),
                regions: Vec::new(),
                rates: None,
                policy_version: 0,
            }),
            run: started_at.map(|started_at| ImageRun { arn: arn.into(), started_at: at(started_at) }),
            ..build(id, carried, at("2026-11-03T10:00:00Z"))
        }
    }

    #[test]
    fn a_running_build_brings_what_it_carries_and_what_was_found_before_it_began() {
        let plain = patch(17, &[fix("curl", "8.1")], None);
        let locked = patch(17, &[fix("curl", "8.1")], Some("2023.9.20251117"));
        let (before, after) = (Some("2026-11-03T11:00:00Z"), Some("2026-11-03T13:00:00Z"));
        for began in [before, after, None] {
            assert!(running(std::slice::from_ref(&locked), began).brings(&locked));
            assert!(!running(&[], began).brings(&locked), "no build names the release by itself");
        }
        assert!(!running(&[], before).brings(&plain));
        assert!(running(&[], after).brings(&plain));
        assert!(running(&[], None).brings(&plain), "what has not begun yet will find the fix");
    }

    #[test]
    fn an_image_lacks_what_it_or_one_before_it_on_the_same_base_image_was_found_to_lack() {
        let found_during = patch(17, &[fix("curl", "8.1")], None);
        let (before, after) = (Some("2026-11-03T11:00:00Z"), Some("2026-11-03T13:00:00Z"));
        assert!(running(&[], before).lacks(&found_during));
        assert!(!running(&[], after).lacks(&found_during));
        assert!(running(&[], after).lacks(&patch(18, &[fix("curl", "8.1")], None)), "it is its own");
        let elsewhere = Patch { base_image_id: "ami-00000002".parse().unwrap(), ..found_during };
        assert!(!running(&[], before).lacks(&elsewhere));
    }

    #[test]
    fn several_patches_are_one_with_the_newest_release() {
        let (ssl, curl) = (fix("openssl", "1:3.0"), fix("curl", "8.1"));
        let older = patch(17, std::slice::from_ref(&ssl), Some("2023.9.20251117"));
        let newer = patch(18, &[curl.clone(), ssl.clone()], Some("2023.10.20260105"));
        let frozen = FrozenPatch::of(&[newer.clone(), older.clone(), newer.clone()], None).unwrap();
        assert_eq!(frozen.ids, [older.id.clone(), newer.id.clone()]);
        assert_eq!(frozen.at_least, [curl, ssl]);
        assert_eq!(frozen.advisories.len(), 1);
        assert_eq!(frozen.release.as_deref(), Some("2023.10.20260105"), "10 is newer than 9");
        assert_eq!(FrozenPatch::of(&[], None), None);
        let published = FrozenPatch::of(std::slice::from_ref(&newer), None).unwrap();
        assert_eq!(FrozenPatch::of(&[], Some(&published)).as_ref(), Some(&published), "nothing falls behind");
        assert_eq!(FrozenPatch::of(&[older], Some(&published)), Some(frozen));
    }

    #[test]
    fn the_same_lack_is_the_same_patch_in_whatever_order_it_is_found() {
        let build: BuildId = "python-ml-x86_64-17".parse().unwrap();
        let (ssl, curl) = (fix("openssl", "1:3.0"), fix("curl", "8.1"));
        let (high, critical) = (SecurityLevel::High, SecurityLevel::Critical);
        let both = [ssl.clone(), curl.clone()];
        let one = PatchId::of(&build, &both, high, None);
        assert_eq!(one, PatchId::of(&build, &[curl.clone(), ssl, curl.clone()], high, None));
        assert_ne!(one, PatchId::of(&build, std::slice::from_ref(&curl), high, None));
        assert_ne!(one, PatchId::of(&build, &both, critical, None), "what is worse is asked for anew");
        let with = |release| PatchId::of(&build, std::slice::from_ref(&curl), high, Some(release));
        assert_ne!(with("2023.9.20261101"), with("2023.9.20261117"), "another release is worth another try");
        assert_eq!(one.to_string().parse(), Ok(one));
        assert!("python-ml-x86_64-17/../x".parse::<PatchId>().is_err());
    }

    #[test]
    fn an_image_is_as_of_its_build_or_of_the_release_to_which_its_repositories_are_locked() {
        let al2023: Ecosystem = "amazon-linux-2023".parse().unwrap();
        let made = Some("2026-10-20T00:00:00Z");
        let base = image("al2023-ami-2023.9.20261017.0-kernel-6.1-x86_64", made);
        let ecs = image("al2023-ami-ecs-hvm-2023.0.20261020", made);
        let told = |ecosystem: &Ecosystem, release: Option<&str>, own| {
            let patch = patch(17, &[fix("openssl", "1:3.2.2-1")], release);
            let build = running(&[patch], Some("2026-11-03T11:00:00Z"));
            as_of(Some(ecosystem), &build, own, at("2026-11-03T12:00:00Z")).to_string()
        };
        assert_eq!(told(&"ubuntu-22.04".parse().unwrap(), None, Some(&base)), "2026-11-03T11:00:00Z");
        assert_eq!(told(&al2023, None, Some(&base)), "2026-10-17T00:00:00Z");
        assert_eq!(told(&al2023, Some("2023.9.20261101"), Some(&base)), "2026-11-01T00:00:00Z");
        assert_eq!(told(&al2023, None, Some(&ecs)), "2026-10-20T00:00:00Z");
        assert_eq!(told(&al2023, None, None), "2026-11-03T11:00:00Z");
    }
}
