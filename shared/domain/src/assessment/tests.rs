use super::*;
use crate::advisory::AdvisoryKind;
use crate::fixtures::{self, at, image, installed};

mod properties;

fn ubuntu(serial: &str) -> SeenImage {
    let (month, day) = serial[4..].split_at(2);
    let name = format!("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-{serial}");
    image(&name, Some(&format!("{}-{month}-{day}T06:00:00Z", &serial[..4])))
}

/// An advisory of one CVE, `CVE-2026-<number>`, in one package.
fn advisory(number: u32, severity: Option<SecurityLevel>, issued: &str, package: &str, fixed: &str) -> Advisory {
    let id = format!("USN-{number}-1");
    let advisory = fixtures::advisory(&id, "ubuntu-22.04", at(issued), &[(package, fixed)]);
    Advisory { severity, cves: vec![cve(number)], ..advisory }
}

fn cve(number: u32) -> CveId {
    format!("CVE-2026-{number:04}").parse().unwrap()
}

fn threats(exploited: &[(u32, &str)], likely: &[(u32, &str)]) -> Threats {
    Threats {
        exploited: exploited.iter().map(|(number, day)| (cve(*number), day.parse().unwrap())).collect(),
        likely: likely.iter().map(|(number, likelihood)| (cve(*number), likelihood.parse().unwrap())).collect(),
        ..Threats::default()
    }
}

/// A move of Ubuntu's image from the 10th to the 23rd of September 2026, judged on the 24th.
#[derive(Default)]
struct Case<'a> {
    advisories: Option<&'a [Advisory]>,
    packages: (Option<&'a [Installed]>, Option<&'a [Installed]>),
    findings: (Option<&'a [Finding]>, Option<&'a [Finding]>),
    scanned_at: Option<&'a str>,
    threats: Threats,
    attacks_unread: bool,
    read_at: Option<&'a str>,
}

impl<'a> Case<'a> {
    fn judged(&self) -> Assessment {
        self.judged_as("ubuntu-22.04", &ubuntu("20260910"), &ubuntu("20260923"))
    }

    fn judged_as(&self, ecosystem: &str, previous: &SeenImage, next: &SeenImage) -> Assessment {
        let ecosystem: Ecosystem = ecosystem.parse().unwrap();
        let published = Published {
            ecosystem: Some(&ecosystem),
            advisories: self.advisories,
            read_at: Some(self.read_at.map_or(at("2026-09-24T00:00:00Z"), at)),
            threats: &self.threats,
            attacks_read_at: (!self.attacks_unread).then(|| at("2026-09-24T00:00:00Z")),
            epss_threshold: Probability::TENTH,
        };
        let scanned = at(self.scanned_at.unwrap_or("2026-09-24T00:00:00Z"));
        let scan = |findings: Option<&'a [Finding]>| findings.map(|findings| Scan { at: scanned, findings });
        let previous = Side { image: previous, scan: scan(self.findings.0), packages: self.packages.0 };
        let next = Side { image: next, scan: scan(self.findings.1), packages: self.packages.1 };
        assess(previous, next, &published, at("2026-09-24T12:00:00Z"))
    }
}

/// Type, level, confidence, reasons, CVEs.
fn told(judged: &Assessment) -> String {
    let Assessment { update_type, level, confidence, reasons, fixes } = judged;
    let cves: Vec<&str> = fixes.iter().map(|fix| fix.cve.as_str()).collect();
    format!("{update_type}, {level}, {confidence}\n{}\n{}", reasons.join("\n"), cves.join(" "))
}

#[test]
fn what_is_installed_in_both_images_tells_what_is_fixed() {
    let advisories = [
        advisory(7001, Some(SecurityLevel::Medium), "2026-09-15T10:00:00Z", "openssl", "3.0.2-0ubuntu1.20"),
        advisory(7002, Some(SecurityLevel::High), "2026-09-16T10:00:00Z", "sudo", "1.9.9-1ubuntu2.6"),
        advisory(7003, Some(SecurityLevel::Critical), "2026-09-17T10:00:00Z", "samba", "2:4.15.13-1"),
        advisory(7004, Some(SecurityLevel::High), "2026-09-18T10:00:00Z", "curl", "7.81.0-1ubuntu1.22"),
    ];
    let old =
        installed(&[("openssl", "3.0.2-0ubuntu1.19"), ("sudo", "1.9.9-1ubuntu2.5"), ("curl", "7.81.0-1ubuntu1.21")]);
    let new =
        installed(&[("openssl", "3.0.2-0ubuntu1.20"), ("sudo", "1.9.9-1ubuntu2.6"), ("curl", "7.81.0-1ubuntu1.21")]);
    let case = Case { advisories: Some(&advisories), packages: (Some(&old), Some(&new)), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, high, certain
    one advisory that the vendor rates high, USN-7002-1 (sudo)
    judged by what is installed in both images
    CVE-2026-7002 CVE-2026-7001
    ");
    let fix = &case.judged().fixes[0];
    let package = FixedPackage {
        name: "sudo".into(),
        installed: Some("1.9.9-1ubuntu2.5".into()),
        fixed: "1.9.9-1ubuntu2.6".into(),
    };
    assert_eq!((&fix.rating, &fix.package), (&Some(SecurityLevel::High), &Some(package)));
    assert_eq!(fix.advisory, Some("USN-7002-1".parse().unwrap()));

    let case = Case { packages: (Some(&old), None), ..case };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, high, likely
    2 advisories that the vendor rates high, such as USN-7004-1 (curl)
    judged by what is installed in the old image, and by the advisories that there were when the new one was made: what is installed in that is not known
    CVE-2026-7002 CVE-2026-7004 CVE-2026-7001
    ");
}

#[test]
fn without_packages_the_dates_of_the_images_tell_it() {
    let advisories = [
        advisory(6999, Some(SecurityLevel::Critical), "2026-09-08T23:59:59Z", "sudo", "1"),
        advisory(7001, Some(SecurityLevel::Medium), "2026-09-15T10:00:00Z", "openssl", "3"),
        advisory(7002, Some(SecurityLevel::Low), "2026-09-24T10:00:00Z", "vim", "2"),
        advisory(7003, Some(SecurityLevel::Critical), "2026-09-25T00:00:00Z", "samba", "2"),
    ];
    insta::assert_snapshot!(told(&Case { advisories: Some(&advisories), ..Case::default() }.judged()), @r"
    security, medium, likely
    one advisory that the vendor rates medium, USN-7001-1 (openssl)
    judged by the advisories issued between the two images: what is installed is not known
    CVE-2026-7001 CVE-2026-7002
    ");
}

#[test]
fn attacks_outweigh_ratings() {
    let advisories = [7001, 7002, 7003, 7004]
        .map(|number| advisory(number, Some(SecurityLevel::Low), "2026-09-15T10:00:00Z", "linux-aws", "5.15.0.1100"));
    let threats = threats(&[(7003, "2026-09-20"), (7004, "2026-09-25")], &[(7001, "0.1"), (7002, "0.09999")]);
    let case = Case { advisories: Some(&advisories), threats, ..Case::default() };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, critical, likely
    fixes CVE-2026-7003 (linux-aws), which is known to be exploited since 20 September 2026
    fixes CVE-2026-7001 (linux-aws), which is exploited within 30 days with a probability of 10.0 %
    4 advisories that the vendor rates low, such as USN-7004-1 (linux-aws)
    judged by the advisories issued between the two images: what is installed is not known
    CVE-2026-7003 CVE-2026-7001 CVE-2026-7002 CVE-2026-7004
    ");
    let levels: Vec<&str> = case.judged().fixes.iter().map(|fix| fix.level.as_str()).collect();
    assert_eq!(levels, ["critical", "high", "low", "low"], "what is exploited from tomorrow on is not known today");
}

#[test]
fn a_fix_that_nobody_rates_counts_as_high() {
    let mut advisories = [advisory(7001, None, "2026-09-15T10:00:00Z", "sope", "5.8.0-1")];
    let judged = |advisories: &[Advisory]| told(&Case { advisories: Some(advisories), ..Case::default() }.judged());
    insta::assert_snapshot!(judged(&advisories), @r"
    security, high, likely
    one advisory without a rating by the vendor, which counts as high, USN-7001-1 (sope)
    judged by the advisories issued between the two images: what is installed is not known
    CVE-2026-7001
    ");
    advisories[0].cves.clear();
    assert!(judged(&advisories).starts_with("security, high, likely"), "even if it names no vulnerability");
}

#[test]
fn a_move_without_fixes_is_maintenance_or_brings_features() {
    let judged = |kind: Option<AdvisoryKind>| {
        let mut one = advisory(7001, None, "2026-09-15T10:00:00Z", "cloud-init", "25.1");
        one.cves.clear();
        let advisories: Vec<Advisory> = kind.map(|kind| Advisory { kind, ..one }).into_iter().collect();
        told(&Case { advisories: Some(&advisories), ..Case::default() }.judged())
    };
    insta::assert_snapshot!(judged(None), @r"
    maintenance, low, likely
    no vulnerability is known that it fixes
    judged by the advisories issued between the two images: what is installed is not known
    ");
    insta::assert_snapshot!(judged(Some(AdvisoryKind::Bugfix)), @r"
    maintenance, low, likely
    one advisory about bugs and not about vulnerabilities, USN-7001-1 (cloud-init)
    judged by the advisories issued between the two images: what is installed is not known
    ");
    insta::assert_snapshot!(judged(Some(AdvisoryKind::Enhancement)), @r"
    feature, low, likely
    one advisory about something new and not about vulnerabilities, USN-7001-1 (cloud-init)
    judged by the advisories issued between the two images: what is installed is not known
    ");
}

#[test]
fn a_bug_with_a_number_of_a_vulnerability_is_one() {
    let fix = advisory(7001, Some(SecurityLevel::Medium), "2026-09-15T10:00:00Z", "sudo", "1");
    let advisories = [Advisory { kind: AdvisoryKind::Bugfix, ..fix }];
    let judged = Case { advisories: Some(&advisories), ..Case::default() }.judged();
    assert_eq!((judged.update_type, judged.level), (UpdateType::Security, SecurityLevel::Medium));
}

#[test]
fn advisories_that_were_read_before_the_image_was_made_prove_nothing_harmless() {
    let low = [advisory(7001, Some(SecurityLevel::Low), "2026-09-15T10:00:00Z", "vim", "2")];
    let case = Case { advisories: Some(&low), read_at: Some("2026-09-23T05:59:59Z"), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, high, unknown
    one advisory that the vendor rates low, USN-7001-1 (vim)
    the advisories were last read on 23 September 2026, and the new image is of 23 September 2026: it counts as high until they are
    judged by the advisories issued between the two images: what is installed is not known
    CVE-2026-7001
    ");
    let case = Case { advisories: Some(&[]), ..case };
    assert!(told(&case.judged()).starts_with("security, high, unknown"));
    let critical = [advisory(7001, Some(SecurityLevel::Critical), "2026-09-15T10:00:00Z", "vim", "2")];
    let case = Case { advisories: Some(&critical), ..case };
    assert!(told(&case.judged()).starts_with("security, critical, likely"), "what is bad enough is known");
}

#[test]
fn without_any_evidence_a_move_counts_as_high() {
    assert_eq!(Case::default().judged(), without_evidence());
    let case = Case { advisories: Some(&[]), ..Case::default() };
    assert_eq!(case.judged_as("ubuntu-22.04", &image("ubuntu", None), &ubuntu("20260923")), without_evidence());
    let nothing = Case { packages: (Some(&[]), Some(&[])), ..Case::default() };
    assert_eq!(nothing.judged(), without_evidence());
}

#[test]
fn inspectors_findings_come_first() {
    let finding = |number, severity, fixable| Finding { cve: cve(number), severity, fixable, since: None };
    let old = [
        finding(7001, Some(SecurityLevel::Medium), true),
        finding(7002, Some(SecurityLevel::Critical), false),
        finding(7003, Some(SecurityLevel::Critical), true),
        finding(7004, None, true),
        finding(7005, None, true),
    ];
    let new = [finding(7003, Some(SecurityLevel::Critical), true)];
    let advisories = [
        advisory(7005, Some(SecurityLevel::Low), "2020-01-01T00:00:00Z", "vim", "2"),
        advisory(7003, Some(SecurityLevel::Critical), "2026-09-15T00:00:00Z", "samba", "2"),
    ];
    let case = Case { findings: (Some(&old), Some(&new)), advisories: Some(&advisories), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, high, certain
    Amazon Inspector found 3 vulnerabilities in the old image that the new one does not have, one of them of level high
    judged by Amazon Inspector's findings of both images
    CVE-2026-7004 CVE-2026-7001 CVE-2026-7005
    ");
    let case = Case { findings: (Some(&new), Some(&new)), ..case };
    insta::assert_snapshot!(told(&case.judged()), @r"
    maintenance, low, certain
    no vulnerability is known that it fixes
    judged by Amazon Inspector's findings of both images
    ");
    let case = Case { findings: (Some(&old), None), advisories: None, ..case };
    assert_eq!(case.judged(), without_evidence(), "of one image alone they tell nothing");
    let case = Case { findings: (Some(&old), Some(&new)), scanned_at: Some("2026-09-22T23:59:59Z"), ..case };
    assert_eq!(case.judged(), without_evidence(), "nor of what came after the scan");
}

#[test]
fn windows_is_judged_by_the_days_on_which_microsoft_publishes() {
    let image = |release: &str| image(&format!("Windows_Server-2022-English-Full-Base-{release}"), None);
    let case = Case::default();
    let judged =
        |case: &Case<'_>, previous, next| told(&case.judged_as("windows-2022", &image(previous), &image(next)));
    insta::assert_snapshot!(judged(&case, "2026.08.12", "2026.09.09"), @r"
    security, high, likely
    brings what Microsoft published on its Patch Tuesday, 8 September 2026
    judged by the days on which Microsoft publishes: what is installed is not known
    ");
    insta::assert_snapshot!(judged(&case, "2026.09.09", "2026.09.17"), @r"
    maintenance, low, likely
    no vulnerability is known that it fixes
    judged by the days on which Microsoft publishes: what is installed is not known
    ");
    let read = Case { advisories: Some(&[]), ..Case::default() };
    assert_eq!(judged(&read, "2026.08.12", "2026.09.09"), judged(&case, "2026.08.12", "2026.09.09"));
    let known = threats(&[(7001, "2026-09-10"), (7002, "2026-09-11")], &[]);
    let case = Case { threats: Threats { windows: [cve(7001)].into(), ..known }, ..case };
    insta::assert_snapshot!(judged(&case, "2026.06.10", "2026.09.17"), @r"
    security, critical, likely
    fixes CVE-2026-7001, which is known to be exploited since 10 September 2026
    brings what Microsoft published on 3 Patch Tuesdays, the last 8 September 2026
    judged by the days on which Microsoft publishes: what is installed is not known
    CVE-2026-7001
    ");
}

#[test]
fn who_goes_back_gains_no_fix() {
    let advisories = [advisory(7001, Some(SecurityLevel::Critical), "2026-09-15T10:00:00Z", "vim", "2")];
    let case = Case { advisories: Some(&advisories), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged_as("ubuntu-22.04", &ubuntu("20260923"), &ubuntu("20260910"))), @r"
    maintenance, high, unknown
    goes back to an older image, which fixes nothing; why the newer one was taken back is not known, so it counts as high
    ");
}

#[test]
fn of_more_fixes_than_anybody_reads_the_worst_are_named() {
    let one = advisory(7001, Some(SecurityLevel::Low), "2026-09-15T10:00:00Z", "linux-aws", "5.15");
    let advisories = [
        Advisory { cves: (10_000..11_200).map(cve).collect(), ..one.clone() },
        Advisory { cves: vec![cve(99_999)], severity: Some(SecurityLevel::High), ..one },
    ];
    let judged = Case { advisories: Some(&advisories), ..Case::default() }.judged();
    assert_eq!((judged.fixes.len(), &judged.fixes[0].cve), (1_000, &cve(99_999)));
    assert_eq!(judged.reasons.last().unwrap(), "201 more vulnerabilities are not named, the least of them");
}

#[test]
fn a_vendors_text_does_no_harm_in_a_sentence() {
    let advisories = [advisory(7001, None, "2026-09-15T10:00:00Z", "a\u{1b}[31m\nb", "1")];
    let reasons = Case { advisories: Some(&advisories), ..Case::default() }.judged().reasons.join("");
    assert!(!reasons.chars().any(char::is_control), "{reasons:?}");
}

#[test]
fn what_a_list_without_releases_leaves_open_is_judged_by_dates() {
    let of = |number, issued, fixed| Advisory {
        ecosystem: "rocky-9".parse().unwrap(),
        ..advisory(number, Some(SecurityLevel::High), issued, "openssl", fixed)
    };
    let advisories = [
        of(7001, "2026-09-15T10:00:00Z", "1:3.2.2-7.el9_6"),
        of(7002, "2026-08-01T10:00:00Z", "1:3.2.2-6.el9_6"),
        of(7003, "2026-08-02T10:00:00Z", "1:3.2.3-1.el9_6"),
        of(7004, "2026-09-16T10:00:00Z", "1:3.2.1-9.el9_6"),
    ];
    let listed = installed(&[("openssl", "3.2.2")]);
    let case = Case { advisories: Some(&advisories), packages: (Some(&listed), None), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged_as("rocky-9", &ubuntu("20260910"), &ubuntu("20260923"))), @r"
    security, high, likely
    2 advisories that the vendor rates high, such as USN-7003-1 (openssl)
    judged by what is installed in the old image, and by the advisories that there were when the new one was made: what is installed in that is not known
    one advisory counts by its date: the list of what is installed does not tell
    CVE-2026-7001 CVE-2026-7003
    ");
}

#[test]
fn of_debian_a_source_package_that_no_list_names_is_judged_by_dates() {
    let of = |id: &str, number, issued, package| Advisory {
        id: id.parse().unwrap(),
        ecosystem: "debian-12".parse().unwrap(),
        ..advisory(number, None, issued, package, "3.0.17-1~deb12u2")
    };
    let advisories = [
        of("DSA-5970-1", 7001, "2026-09-15T10:00:00Z", "samba"),
        of("DSA-5971-1", 7002, "2026-08-15T10:00:00Z", "samba"),
        of("DSA-5972-1", 7003, "2026-09-16T10:00:00Z", "openssl"),
        of("CVE-2026-7004", 7004, "2026-09-16T10:00:00Z", "samba"),
    ];
    let listed = installed(&[("openssl", "3.0.17-1~deb12u2"), ("libwbclient0", "2:4.17.12+dfsg-0+deb12u1")]);
    let case = Case { advisories: Some(&advisories), packages: (Some(&listed), None), ..Case::default() };
    insta::assert_snapshot!(told(&case.judged_as("debian-12", &ubuntu("20260910"), &ubuntu("20260923"))), @r"
    security, high, likely
    one advisory without a rating by the vendor, which counts as high, DSA-5970-1 (samba)
    judged by what is installed in the old image, and by the advisories that there were when the new one was made: what is installed in that is not known
    one advisory counts by its date: the list of what is installed does not tell
    CVE-2026-7001
    ");
}

#[test]
fn what_has_no_date_is_no_evidence_by_dates() {
    let undated = |id: &str| {
        let dated = advisory(7001, Some(SecurityLevel::High), "2026-09-15T10:00:00Z", "glibc", "2.36-9+deb12u11");
        Advisory { id: id.parse().unwrap(), ..dated }
    };
    let level = |id| Case { advisories: Some(&[undated(id)]), ..Case::default() }.judged().level;
    assert_eq!((level("DSA-5970-1"), level("CVE-2026-7001")), (SecurityLevel::High, SecurityLevel::Low));
}

#[test]
fn who_does_not_know_what_is_exploited_says_so_and_is_not_certain() {
    let advisories =
        [advisory(7001, Some(SecurityLevel::Medium), "2026-09-15T10:00:00Z", "openssl", "3.0.2-0ubuntu1.20")];
    let (old, new) = (installed(&[("openssl", "3.0.2-0ubuntu1.19")]), installed(&[("openssl", "3.0.2-0ubuntu1.20")]));
    let packages = (Some(old.as_slice()), Some(new.as_slice()));
    let case = Case { advisories: Some(&advisories), packages, attacks_unread: true, ..Case::default() };
    insta::assert_snapshot!(told(&case.judged()), @r"
    security, medium, likely
    one advisory that the vendor rates medium, USN-7001-1 (openssl)
    which vulnerabilities are exploited has never been read
    judged by what is installed in both images
    CVE-2026-7001
    ");
}
