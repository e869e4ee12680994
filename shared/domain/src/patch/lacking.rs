//! Whether an active image lacks fixes that a rebuild on the same base image brings.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Patch, PatchId, Release};
use crate::advisory::{AdvisoryId, Ecosystem, Fix, Installed};
use crate::assessment::{Assessment, Finding, FixedCve, Published, Side, assess, missing_fixes};
use crate::build::Channel;
use crate::duration::after;
use crate::level::SecurityLevel;
use crate::policy::Policy;
use crate::update::SeenImage;

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
    missing_fixes(active.installed?, published, active.channel.since, now)
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
    use std::collections::BTreeMap;

    use super::*;
    use crate::advisory::{Advisory, AdvisoryKind, Probability, Threats};

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn now() -> Timestamp {
        at("2026-11-20T12:00:00Z")
    }

    fn channel(base: &str) -> Channel {
        Channel {
            build: "python-ml-x86_64-17".parse().unwrap(),
            amis: BTreeMap::new(),
            base: base.parse().unwrap(),
            base_image_id: "ami-00000001".parse().unwrap(),
            since: at("2026-11-01T00:00:00Z"),
            version: 1,
            verified_version: 1,
        }
    }

    fn advisory(ecosystem: &str, severity: SecurityLevel, issued: &str) -> Advisory {
        Advisory {
            id: "USN-7095-1".parse().unwrap(),
            ecosystem: ecosystem.parse().unwrap(),
            kind: AdvisoryKind::Security,
            severity: Some(severity),
            title: "openssl".into(),
            cves: vec!["CVE-2026-0001".parse().unwrap()],
            fixed: vec![Fix { package: "openssl".into(), version: "3.0.2-0ubuntu1.19".into() }],
            issued: at(issued),
            updated: at(issued),
        }
    }

    fn looked_at(advisory: &Advisory, base_image_name: &str, installed: &str, newest: Option<Release>) -> Lack {
        let threats = Threats::default();
        let published = Published {
            ecosystem: Some(&advisory.ecosystem),
            advisories: Some(std::slice::from_ref(advisory)),
            read_at: Some(now()),
            threats: &threats,
            epss_threshold: Probability::TENTH,
        };
        let channel = channel("some-base");
        let installed = [Installed { package: "openssl".into(), version: installed.into() }];
        let active = Active { channel: &channel, base_image_name, installed: Some(&installed), findings: None };
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
    fn a_medium_fix_waits_for_the_security_window() {
        let medium = |issued| advisory("ubuntu-22.04", SecurityLevel::Medium, issued);
        let since = |issued| looked_at(&medium(issued), "n", "3.0.2-0ubuntu1.18", None);
        assert_eq!(since("2026-11-19T00:00:00Z"), Lack::CanWait { until: at("2026-11-26T00:00:00Z") });
        assert_eq!(patch(since("2026-11-12T00:00:00Z")).level, SecurityLevel::Medium);
    }

    #[test]
    fn where_repositories_are_locked_a_newer_release_is_named_or_waited_for() {
        let fixed = Advisory {
            fixed: vec![Fix { package: "openssl".into(), version: "1:3.2.2-1.amzn2023.0.3".into() }],
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
        let none = advisory("ubuntu-22.04", SecurityLevel::High, "2026-11-19T00:00:00Z");
        let threats = Threats::default();
        let published = Published {
            ecosystem: Some(&none.ecosystem),
            advisories: Some(&[]),
            read_at: Some(now()),
            threats: &threats,
            epss_threshold: Probability::TENTH,
        };
        let finding = |fixable| Finding {
            cve: "CVE-2026-0002".parse().unwrap(),
            severity: Some(SecurityLevel::Critical),
            fixable,
        };
        let channel = channel("ubuntu-22.04");
        let look = |findings: &[Finding]| {
            let active = Active { channel: &channel, base_image_name: "n", installed: None, findings: Some(findings) };
            lack(active, &published, None, &Policy::default(), now())
        };
        assert_eq!(look(&[finding(false)]), Lack::Nothing);
        let found = patch(look(&[finding(true)]));
        assert_eq!((found.level, found.at_least.len()), (SecurityLevel::Critical, 0));
    }
}
