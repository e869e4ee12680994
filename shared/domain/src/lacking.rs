//! Whether an active image lacks fixes that a rebuild on the same base image brings.

mod release;

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::advisory::{AdvisoryId, CveId, Ecosystem, Fix, Installed};
use crate::assessment::{Assessment, Finding, FixedCve, Published, Scan, Side, assess, missing_fixes};
use crate::build::Channel;
use crate::duration::after;
use crate::level::SecurityLevel;
use crate::patch::{Patch, PatchId};
use crate::policy::Policy;
use crate::seen_image::SeenImage;

pub use release::{Release, as_of};

use release::is_locked;

/// What is known of an active image.
#[derive(Debug, Clone, Copy)]
pub struct Active<'a> {
    /// Which image.
    pub channel: &'a Channel,
    /// What its base image was called, where that is known.
    pub base_image_name: &'a str,
    /// Up to when its packages are: to the beginning of its build, or to the release that its repositories are locked to.
    pub as_of: Timestamp,
    /// What is installed in it, where that is known.
    pub installed: Option<&'a [Installed]>,
    /// What Amazon Inspector found in it, if it has scanned it.
    pub scan: Option<Scan<'a>>,
    /// What its build was to bring.
    pub brought: &'a Brought,
}

/// What a build was to bring, and had to prove. What is told to be lacking of it all the same, such as by an old kernel
/// that is kept beside the new one, no other build takes away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Brought {
    /// The vulnerabilities whose fixes.
    pub cves: BTreeSet<CveId>,
    /// The packages, and what they had to be at least.
    pub packages: BTreeSet<Fix>,
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

/// How many vulnerabilities and advisories a patch names, at most: an item has at most 400 KB. What it has to bring, it names
/// whole.
const KEPT: usize = 500;

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
    let found = by_findings(active, published, now);
    let missing = active.installed.and_then(|installed| missing_fixes(installed, published, active.as_of, now));
    let missing = missing.filter(|missing| !missing.at_least.is_subset(&active.brought.packages));
    let lacks = found.iter().chain(missing.as_ref().map(|missing| &missing.assessment));
    let Some(worst) = lacks.clone().max_by_key(|lacks| lacks.level).cloned() else { return Lack::Nothing };
    let fixes = merged(lacks.flat_map(|lacks| lacks.fixes.iter().cloned()).collect());
    let mut advisories: BTreeSet<AdvisoryId> = fixes.iter().filter_map(|fix| fix.advisory.clone()).collect();
    advisories.extend(missing.iter().flat_map(|missing| missing.advisories.iter().cloned()));
    if worst.level < SecurityLevel::High {
        let until = after(since(active, published, &fixes, &advisories), policy.security_window);
        if until > now {
            return Lack::CanWait { until };
        }
    }
    let release = match release(active, published.ecosystem, newest) {
        Ok(release) => release,
        Err(reason) => return Lack::NotServed(reason),
    };
    let at_least: Vec<Fix> = missing.map(|missing| missing.at_least.into_iter().collect()).unwrap_or_default();
    // Where packages are not known, what is lacking is told by its vulnerabilities.
    let lacking = if at_least.is_empty() {
        fixes.iter().map(|fix| Fix { package: fix.cve.to_string(), version: String::new() }).collect()
    } else {
        at_least.clone()
    };
    let channel = active.channel;
    Lack::Patch(Box::new(Patch {
        id: PatchId::of(&channel.build, &lacking, worst.level, release.as_deref()),
        base: channel.base.clone(),
        base_image_id: channel.base_image_id.clone(),
        level: worst.level,
        advisories: advisories.into_iter().take(KEPT).collect(),
        fixes: fixes.into_iter().take(KEPT).collect(),
        at_least,
        release,
        reasons: worst.reasons,
        found_at: now,
    }))
}

/// What Amazon Inspector found and has a fix: as if the next image had none of it.
fn by_findings(active: Active<'_>, published: &Published<'_>, now: Timestamp) -> Option<Assessment> {
    let findings = active.scan?.findings.iter().filter(|it| it.fixable && !active.brought.cves.contains(&it.cve));
    let findings: Vec<Finding> = findings.cloned().collect();
    let image = SeenImage::new(active.channel.base_image_id.clone(), "");
    let with = Side { image: &image, scan: Some(Scan { at: now, findings: &findings }), packages: None };
    let without = Side { image: &image, scan: Some(Scan { at: now, findings: &[] }), packages: None };
    Some(assess(with, without, published, now)).filter(|lacks| !lacks.fixes.is_empty())
}

/// Since when the fixes are out that an image lacks, as far as anybody tells; otherwise since it is.
fn since(
    active: Active<'_>,
    published: &Published<'_>,
    fixes: &[FixedCve],
    advisories: &BTreeSet<AdvisoryId>,
) -> Timestamp {
    let known = published.advisories.unwrap_or_default().iter();
    let issued = known.filter(|advisory| advisories.contains(&advisory.id)).map(|advisory| advisory.issued);
    let found = active.scan.map(|scan| scan.findings).unwrap_or_default().iter();
    let is_lacked = |finding: &&Finding| fixes.iter().any(|fix| fix.cve == finding.cve);
    issued.chain(found.filter(is_lacked).filter_map(|finding| finding.since)).min().unwrap_or(active.as_of)
}

/// The release to update to, where repositories are locked to one.
fn release(
    active: Active<'_>,
    ecosystem: Option<&Ecosystem>,
    newest: Option<Release>,
) -> Result<Option<String>, String> {
    if !ecosystem.is_some_and(is_locked) {
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::advisory::{Advisory, Threats};
    use crate::fixtures::{self, at, fix, published};

    fn now() -> Timestamp {
        at("2026-11-20T12:00:00Z")
    }

    fn channel() -> Channel {
        Channel {
            build: "python-ml-x86_64-17".parse().unwrap(),
            amis: BTreeMap::new(),
            base: "ubuntu-22.04".parse().unwrap(),
            base_image_id: "ami-00000001".parse().unwrap(),
            built_from: None,
            since: at("2026-11-01T00:00:00Z"),
            version: 1,
            verified_version: 1,
            verified: BTreeMap::new(),
        }
    }

    fn advisory(ecosystem: &str, severity: SecurityLevel, issued: &str) -> Advisory {
        let fixed = [("openssl", "3.0.2-0ubuntu1.19")];
        Advisory {
            severity: Some(severity),
            cves: vec!["CVE-2026-0001".parse().unwrap()],
            ..fixtures::advisory("USN-7095-1", ecosystem, at(issued), &fixed)
        }
    }

    fn looked_at(advisory: &Advisory, base_image_name: &str, installed: &str, newest: Option<Release>) -> Lack {
        looked_at_after(&[], advisory, base_image_name, installed, newest)
    }

    /// In an image whose build was to bring these.
    fn looked_at_after(
        brought: &[Fix],
        advisory: &Advisory,
        base_image_name: &str,
        installed: &str,
        newest: Option<Release>,
    ) -> Lack {
        let threats = Threats::default();
        let published = published(&advisory.ecosystem, std::slice::from_ref(advisory), &threats, now());
        let channel = channel();
        let installed = fixtures::installed(&[("openssl", installed)]);
        let active = Active {
            channel: &channel,
            base_image_name,
            as_of: channel.since,
            installed: Some(&installed),
            scan: None,
            brought: &Brought { cves: BTreeSet::new(), packages: brought.iter().cloned().collect() },
        };
        lack(active, &published, newest, &Policy::default(), now())
    }

    fn patch(lack: Lack) -> Patch {
        match lack {
            Lack::Patch(patch) => *patch,
            other => panic!("expected a patch, not {other:?}"),
        }
    }

    #[test]
    fn an_image_that_has_the_fix_lacks_nothing() {
        let high = advisory("ubuntu-22.04", SecurityLevel::High, "2026-11-19T00:00:00Z");
        assert_eq!(looked_at(&high, "n", "3.0.2-0ubuntu1.19", None), Lack::Nothing);
    }

    #[test]
    fn a_high_fix_is_asked_for_at_once_with_what_has_to_be_there() {
        let high = advisory("ubuntu-22.04", SecurityLevel::High, "2026-11-19T00:00:00Z");
        let patch = patch(looked_at(&high, "n", "3.0.2-0ubuntu1.18", None));
        assert_eq!((patch.level, patch.release.as_deref()), (SecurityLevel::High, None));
        assert_eq!(patch.at_least, high.fixed);
        assert_eq!(patch.advisories, [high.id]);
    }

    #[test]
    fn what_its_build_had_to_prove_is_not_lacking_whatever_the_list_says() {
        let high = advisory("ubuntu-22.04", SecurityLevel::High, "2026-11-19T00:00:00Z");
        let after = |brought: &[Fix]| looked_at_after(brought, &high, "n", "3.0.2-0ubuntu1.18", None);
        assert_eq!(after(&high.fixed), Lack::Nothing);
        let older = Fix { version: "3.0.2-0ubuntu1.18".into(), ..high.fixed[0].clone() };
        assert_eq!(patch(after(&[older])).at_least, high.fixed);
    }

    #[test]
    fn a_medium_fix_waits_for_the_security_window() {
        let medium = |issued| advisory("ubuntu-22.04", SecurityLevel::Medium, issued);
        let since = |issued| looked_at(&medium(issued), "n", "3.0.2-0ubuntu1.18", None);
        assert_eq!(since("2026-11-19T00:00:00Z"), Lack::CanWait { until: at("2026-11-26T00:00:00Z") });
        assert_eq!(patch(since("2026-11-12T00:00:00Z")).level, SecurityLevel::Medium);
    }

    #[test]
    fn where_repositories_are_locked_a_newer_release_is_named_or_waited_for() {
        let fixed = Advisory {
            fixed: vec![fix("openssl", "1:3.2.2-1.amzn2023.0.3")],
            ..advisory("amazon-linux-2023", SecurityLevel::High, "2026-11-19T00:00:00Z")
        };
        let own = "al2023-ami-2023.9.20261101.0-kernel-6.12-x86_64";
        let look = |newest: &str| looked_at(&fixed, own, "1:3.2.2-1.amzn2023.0.2", Release::of_image(newest));
        assert!(matches!(look("no release"), Lack::NotServed(reason) if reason.contains("not known")));
        assert!(matches!(look(own), Lack::NotServed(reason) if reason.contains("locked to 2023.9.20261101")));
        let newer = "al2023-ami-2023.9.20261117.0-kernel-6.1-arm64";
        assert_eq!(patch(look(newer)).release.as_deref(), Some("2023.9.20261117"));
    }

    #[test]
    fn what_inspector_found_counts_where_packages_are_not_known() {
        let ecosystem: Ecosystem = "ubuntu-22.04".parse().unwrap();
        let threats = Threats::default();
        let published = published(&ecosystem, &[], &threats, now());
        let finding = |fixable| Finding {
            cve: "CVE-2026-0002".parse().unwrap(),
            severity: Some(SecurityLevel::Critical),
            fixable,
            since: None,
        };
        let channel = channel();
        let look = |findings: &[Finding], brought: &[&str]| {
            let cves = brought.iter().map(|cve| cve.parse().unwrap()).collect();
            let brought = Brought { cves, packages: BTreeSet::new() };
            let active = Active {
                channel: &channel,
                base_image_name: "n",
                as_of: channel.since,
                installed: None,
                scan: Some(Scan { at: now(), findings }),
                brought: &brought,
            };
            lack(active, &published, None, &Policy::default(), now())
        };
        assert_eq!(look(&[finding(false)], &[]), Lack::Nothing);
        let found = patch(look(&[finding(true)], &[]));
        assert_eq!((found.level, found.at_least.len()), (SecurityLevel::Critical, 0));
        assert_eq!(look(&[finding(true)], &["CVE-2026-0002"]), Lack::Nothing, "its build was to bring that");
        let medium = |since| Finding { severity: Some(SecurityLevel::Medium), since, ..finding(true) };
        let first = at("2026-11-16T12:00:00Z");
        assert_eq!(look(&[medium(Some(first))], &[]), Lack::CanWait { until: at("2026-11-23T12:00:00Z") });
        assert_eq!(patch(look(&[medium(None)], &[])).level, SecurityLevel::Medium, "for as long as the image is");
    }
}
