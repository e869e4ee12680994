use super::*;
use crate::advisory::{Advisory, AdvisoryKind, Ecosystem, Threats};
use crate::fixtures::{self, at, fix, installed, published};
use crate::level::{Confidence, SecurityLevel};

const NOW: &str = "2026-09-30T12:00:00Z";

fn advisory(number: u32, package: &str, version: &str, kind: AdvisoryKind, issued: &str) -> Advisory {
    let id = format!("ALAS2023-2026-{number}");
    Advisory {
        kind,
        severity: Some(SecurityLevel::Medium),
        cves: vec![format!("CVE-2026-{}", 10_000 + number).parse().unwrap()],
        ..fixtures::advisory(&id, "amazon-linux-2023", at(issued), &[(package, version)])
    }
}

fn missing(advisories: &[Advisory], threats: &Threats) -> Option<Assessment> {
    missing_in(&[("openssl", "1:3.5.5-1.amzn2023.0.4"), ("curl", "8.17.0-1.amzn2023.0.1")], advisories, threats)
}

/// In an image that was built on 1 July.
fn missing_in(have: &[(&str, &str)], advisories: &[Advisory], threats: &Threats) -> Option<Assessment> {
    lacked_in(have, advisories, threats).map(|missing| missing.assessment)
}

fn lacked_in(have: &[(&str, &str)], advisories: &[Advisory], threats: &Threats) -> Option<Missing> {
    let ecosystem: Ecosystem = "amazon-linux-2023".parse().unwrap();
    let published = published(&ecosystem, advisories, threats, at(NOW));
    missing_fixes(&installed(have), &published, at("2026-07-01T00:00:00Z"), at(NOW))
}

#[test]
fn what_an_image_lacks_is_told_with_the_version_that_it_needs() {
    let advisories = [
        advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Security, "2026-06-22T09:00:00Z"),
        advisory(2, "curl", "8.17.0-1.amzn2023.0.1", AdvisoryKind::Security, "2026-06-23T09:00:00Z"),
        advisory(3, "httpd", "2.4.66-1", AdvisoryKind::Security, "2026-06-24T09:00:00Z"),
    ];
    let lacked = missing(&advisories, &Threats::default()).unwrap();
    assert_eq!((lacked.level, lacked.confidence), (SecurityLevel::Medium, Confidence::Certain));
    assert_eq!(lacked.fixes.len(), 1);
    let package = lacked.fixes[0].package.as_ref().unwrap();
    assert_eq!((package.name.as_str(), package.fixed.as_str()), ("openssl", "1:3.5.5-1.amzn2023.0.5"));
    let exploited = [("CVE-2026-10001".parse().unwrap(), "2026-09-01".parse().unwrap())].into();
    let lacked = missing(&advisories, &Threats { exploited, ..Threats::default() }).unwrap();
    assert_eq!(lacked.level, SecurityLevel::Critical);
    insta::assert_snapshot!(lacked.reasons.join("\n"), @r"
    lacks the fix of CVE-2026-10001 (openssl), which is known to be exploited since 1 September 2026
    one advisory that the vendor rates medium, ALAS2023-2026-1 (openssl)
    judged by what is installed
    ");
}

#[test]
fn where_releases_are_not_listed_what_was_issued_since_the_build_is_lacked() {
    let look = |installed, issued| {
        let fix = advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Security, issued);
        missing_in(&[("openssl", installed)], &[fix], &Threats::default()).map(|lacked| lacked.confidence)
    };
    let (before, since) = ("2026-06-22T09:00:00Z", "2026-07-22T09:00:00Z");
    assert_eq!(look("3.5.4", before), Some(Confidence::Certain), "an older version is one whatever its release");
    assert_eq!(look("3.5.5", before), None, "or each rebuild would lack it again");
    assert_eq!(look("3.5.5", since), Some(Confidence::Likely));
    assert_eq!(look("3.5.6", since), None);
    let other = advisory(1, "httpd", "2.4.66-1", AdvisoryKind::Security, since);
    assert_eq!(missing_in(&[("openssl", "3.5.5")], &[other], &Threats::default()), None, "it is not installed");
}

#[test]
fn a_bug_is_no_reason() {
    let mut fix = advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Bugfix, "2026-06-22T09:00:00Z");
    fix.cves.clear();
    assert_eq!(missing(&[fix], &Threats::default()), None);
}

#[test]
fn every_package_of_an_advisory_that_is_installed_without_its_fix_is_to_be_updated() {
    let mut whole = advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Security, "2026-06-22T09:00:00Z");
    whole.cves.clear();
    let of = |package: &str| fix(package, "1:3.5.5-1.amzn2023.0.5");
    whole.fixed.extend([of("openssl-libs"), of("openssl-devel")]);
    let old = "1:3.5.5-1.amzn2023.0.4";
    let lacked = lacked_in(&[("openssl", old), ("openssl-libs", old)], &[whole.clone()], &Threats::default()).unwrap();
    assert_eq!(lacked.at_least, [of("openssl"), of("openssl-libs")].into());
    assert_eq!(lacked.advisories, [whole.id].into(), "though it names no vulnerability");
    assert_eq!(lacked.assessment.level, SecurityLevel::Medium);
}
