use super::*;
use crate::advisory::{Advisory, AdvisoryKind, Ecosystem, Fix, Probability, Threats};
use crate::level::{Confidence, SecurityLevel};

const NOW: &str = "2026-09-30T12:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn advisory(number: u32, package: &str, version: &str, kind: AdvisoryKind, issued: &str) -> Advisory {
    Advisory {
        id: format!("ALAS2023-2026-{number}").parse().unwrap(),
        ecosystem: "amazon-linux-2023".parse().unwrap(),
        kind,
        severity: Some(SecurityLevel::Medium),
        title: String::new(),
        cves: vec![format!("CVE-2026-{}", 10_000 + number).parse().unwrap()],
        fixed: vec![Fix { package: package.into(), version: version.into() }],
        issued: at(issued),
        updated: at(issued),
    }
}

fn missing(advisories: &[Advisory], threats: &Threats, until: Option<&str>) -> Option<Assessment> {
    let have = [("openssl", "1:3.5.5-1.amzn2023.0.4"), ("curl", "8.17.0-1.amzn2023.0.1")];
    let have = have.map(|(package, version)| Installed { package: package.into(), version: version.into() });
    let ecosystem: Ecosystem = "amazon-linux-2023".parse().unwrap();
    let published = Published {
        ecosystem: Some(&ecosystem),
        advisories: Some(advisories),
        read_at: Some(at(NOW)),
        threats,
        epss_threshold: Probability::TENTH,
    };
    missing_fixes(&have, &published, until.map(at), at(NOW))
}

#[test]
fn what_an_image_lacks_is_told_with_the_version_that_it_needs() {
    let advisories = [
        advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Security, "2026-06-22T09:00:00Z"),
        advisory(2, "curl", "8.17.0-1.amzn2023.0.1", AdvisoryKind::Security, "2026-06-23T09:00:00Z"),
        advisory(3, "httpd", "2.4.66-1", AdvisoryKind::Security, "2026-06-24T09:00:00Z"),
    ];
    let lacked = missing(&advisories, &Threats::default(), None).unwrap();
    assert_eq!((lacked.level, lacked.confidence), (SecurityLevel::Medium, Confidence::Certain));
    assert_eq!(lacked.fixes.len(), 1);
    let package = lacked.fixes[0].package.as_ref().unwrap();
    assert_eq!((package.name.as_str(), package.fixed.as_str()), ("openssl", "1:3.5.5-1.amzn2023.0.5"));
    let exploited = [("CVE-2026-10001".parse().unwrap(), "2026-09-01".parse().unwrap())].into();
    let lacked = missing(&advisories, &Threats { exploited, ..Threats::default() }, None).unwrap();
    assert_eq!(lacked.level, SecurityLevel::Critical);
    insta::assert_snapshot!(lacked.reasons.join("\n"), @r"
    lacks the fix of CVE-2026-10001 (openssl), which is known to be exploited since 1 September 2026
    one advisory that the vendor rates medium, ALAS2023-2026-1 (openssl)
    judged by what is installed
    ");
}

#[test]
fn what_is_issued_after_the_release_that_repositories_are_locked_to_is_not_lacked() {
    let fix = advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Security, "2026-06-22T09:00:00Z");
    let lacks = |until| missing(std::slice::from_ref(&fix), &Threats::default(), until).is_some();
    assert!(lacks(None) && lacks(Some("2026-06-22T09:00:00Z")));
    assert!(!lacks(Some("2026-06-22T08:59:59Z")));
}

#[test]
fn a_bug_is_no_reason() {
    let mut fix = advisory(1, "openssl", "1:3.5.5-1.amzn2023.0.5", AdvisoryKind::Bugfix, "2026-06-22T09:00:00Z");
    fix.cves.clear();
    assert_eq!(missing(&[fix], &Threats::default(), None), None);
}
