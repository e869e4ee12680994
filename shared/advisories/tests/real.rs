//! Records that vendors have published, where they are at hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::path::PathBuf;

use common::{feed, read, request_since};
use jiff::Timestamp;
use prism_advisories::Reading;

/// A file of real records, or `None`, said aloud.
fn real(name: &str) -> Option<Vec<u8>> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/advisories").join(name);
    let read = std::fs::read(&path);
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    if read.is_err() {
        eprintln!("SKIPPED: no real records at {}", path.display());
    }
    read.ok()
}

/// Reads real records of a feed, from the beginning of time.
fn read_real(name: &str, kind: &str, id: &str, document: &[u8]) -> Reading {
    let feed = feed(name);
    let request = request_since(&feed, kind, Timestamp::UNIX_EPOCH, &format!("2030-01-01T00:00:00Z,{id}\n"));
    let reading = read(&feed, &request, document).unwrap();
    assert_eq!(reading.skipped.first, [], "{name}");
    reading
}

#[test]
fn amazons_updateinfo() {
    for (name, file, id, fixed) in [
        ("alas-2023", "updateinfo_2023.xml.gz", "ALAS2023-2023-001", "rsyslog"),
        (
            "alas-2023",
            "updateinfo_2023_kernel-livepatch.xml.gz",
            "ALAS2023LIVEPATCH-2023-001",
            "kernel-livepatch-6.1.12-19.43",
        ),
        ("alas-2", "updateinfo_2.xml.gz", "ALAS2-2018-939", "kernel"),
        ("alas-2-kernel-5.15", "updateinfo_2_kernel-5.15.xml.gz", "ALAS2KERNEL-5.15-2022-001", "kernel"),
    ] {
        let Some(document) = real(file) else { return };
        let reading = read_real(name, "/updateinfo", "", &document);
        assert_eq!(reading.advisories.len(), 1, "{file}");
        let advisory = &reading.advisories[0];
        assert_eq!(advisory.id.as_str(), id);
        assert!(advisory.severity.is_some() && !advisory.cves.is_empty() && advisory.issued < advisory.updated);
        assert!(advisory.fixed.iter().any(|fix| fix.package == fixed), "{file}: {:?}", advisory.fixed);
    }
}

#[test]
fn amazons_rss() {
    let Some(document) = real("alas_rss_100items.xml") else { return };
    let reading = read_real("alas-2-rss", "/alas.rss", "", &document);
    assert_eq!(reading.advisories.len(), String::from_utf8(document).unwrap().matches("<item>").count());
    assert_eq!(reading.advisories[0].id.as_str(), "ALAS2-2018-1106", "as the repository names it");
    let Some(document) = real("alas2023_rss_item.xml") else { return };
    let advisory = read_real("alas-2023-rss", "/alas.rss", "", &document).advisories.remove(0);
    assert_eq!(advisory.id.as_str(), "ALAS2023-2023-126");
    assert_eq!((advisory.cves.len(), advisory.updated.to_string().as_str()), (3, "2023-03-08T00:51:00Z"));
}

#[test]
fn rockys_updateinfo_and_apollo() {
    let Some(document) = real("rocky_updateinfo.xml") else { return };
    let reading = read_real("rocky-8-baseos", "/updateinfo", "", &document);
    assert_eq!(reading.advisories.len(), String::from_utf8(document).unwrap().matches("<update ").count());
    for file in ["apollo_RLBA-2025_2973.json", "apollo_RLSA-2023_3319.json"] {
        let Some(record) = real(file) else { return };
        let page = format!(r#"{{"advisories": [{}]}}"#, String::from_utf8(record).unwrap());
        let advisory = read_real("rocky-apollo", "", "", page.as_bytes()).advisories.remove(0);
        assert!(!advisory.cves.is_empty() && !advisory.fixed.is_empty() && advisory.severity.is_some(), "{file}");
    }
    let Some(page) = real("apollo_api_page1.json") else { return };
    let reading = read_real("rocky-apollo", "", "", &page);
    assert_eq!(reading.advisories[0].id.as_str(), "RLSA-2025:21816");
    assert_eq!(reading.advisories[0].ecosystem.as_str(), "rocky-10");
}

#[test]
fn ubuntus_notices() {
    let Some(document) = real("USN-7095-1.json") else { return };
    let advisories = read_real("ubuntu-osv", ".json", "USN-7095-1", &document).advisories;
    let ecosystems: Vec<&str> = advisories.iter().map(|advisory| advisory.ecosystem.as_str()).collect();
    assert_eq!(ecosystems, ["ubuntu-22.04", "ubuntu-24.04"]);
    assert!(advisories[0].cves.len() == 197);
    assert!(advisories[0].fixed.iter().any(|fix| fix.package == "linux-modules-6.8.0-1017-nvidia"));
    let Some(page) = real("ubuntu_notices_api_page.json") else { return };
    let reading = read_real("ubuntu-notices", "", "", &page);
    assert!(reading.advisories.is_empty(), "its notices are of a release that nobody runs any more");
    assert_eq!(reading.cursor.as_deref(), Some("2004-10-23T02:11:46Z"));
}

#[test]
fn debians_list_and_tracker() {
    let Some(document) = real("debian_DSA_list_sample.txt") else { return };
    let reading = read_real("debian-dsa", "", "", &document);
    let told: Vec<_> = reading.advisories.iter().map(|a| (a.id.as_str(), a.ecosystem.as_str())).collect();
    assert_eq!(told, [("DSA-5970-1", "debian-12")]);
    assert_eq!(reading.advisories[0].fixed[0].version, "5.8.0-1+deb12u1");
    let Some(document) = real("debian_tracker_sample.json") else { return };
    let reading = read_real("debian-tracker", "", "", &document);
    let told: Vec<_> = reading.advisories.iter().map(|a| (a.id.as_str(), a.ecosystem.as_str())).collect();
    assert_eq!(told, [("CVE-2025-53603", "debian-12")], "the one that a release fixed by an update of its own");
    assert_eq!(reading.advisories[0].fixed[0].version, "5.8.0-1+deb12u1");
}

#[test]
fn the_days_scores() {
    let Some(document) = real("epss_sample.csv") else { return };
    let threats = read_real("epss", "", "", &document).threats.unwrap();
    let likely: Vec<String> = threats.likely.iter().map(|(cve, likely)| format!("{cve} {likely}")).collect();
    assert_eq!(likely, ["CVE-1999-0005 91.9 %"]);
}
