//! What becomes of each vendor's documents.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{GOOD, NOTICES, feed, gzip, read, read_kind, request, since, told};
use prism_advisories::all;

#[test]
fn every_kind_of_document_is_read() {
    for (name, kind, document) in GOOD {
        let label = format!("{name}{}", kind.replace('/', "-"));
        insta::assert_snapshot!(label, told(&read_kind(name, kind, document.as_bytes()).unwrap()));
    }
}

#[test]
fn a_compressed_document_is_the_same_as_a_plain_one() {
    for (name, kind, document) in GOOD {
        let plain = read_kind(name, kind, document.as_bytes());
        assert_eq!(read_kind(name, kind, &gzip(document.as_bytes())), plain, "{name} {kind}");
    }
}

#[test]
fn every_feed_has_a_name_and_ecosystems_of_its_own_form_and_a_first_request_below_its_base() {
    let mut names = std::collections::BTreeSet::new();
    for feed in all() {
        assert!(names.insert(feed.name), "{} twice", feed.name);
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
        assert!(feed.name.bytes().all(allowed), "{}", feed.name);
        assert!(feed.base_url.starts_with("https://") && !feed.base_url.ends_with('/'));
        for ecosystem in feed.ecosystems {
            assert!(ecosystem.parse::<prism_domain::advisory::Ecosystem>().is_ok(), "{ecosystem}");
        }
        let first = feed.first(None, since());
        assert!(first.path.starts_with('/') && first.path.is_ascii(), "{}", first.path);
        assert!(first.skip("gone").is_none(), "{} is nothing without its first document", feed.name);
    }
    assert_eq!(names.len(), all().len());
}

#[test]
fn updateinfo_that_was_read_before_is_not_read_again() {
    let feed = feed("alas-2023");
    let contents = feed.first(Some("c0ffee"), since());
    let contents = read(&feed, &contents, common::MIRRORS.as_bytes()).unwrap().next.remove(0);
    let reading = read(&feed, &contents, common::CONTENTS.as_bytes()).unwrap();
    assert!(reading.next.is_empty());
    assert_eq!(reading.cursor.as_deref(), Some("c0ffee"));
}

#[test]
fn pages_are_read_until_one_reaches_back_to_what_is_known() {
    let feed = feed("ubuntu-notices");
    let notice = |n: usize| format!(r#"{{"id":"USN-{n}-1","title":"t","published":"2030-05-{:02}T00:00:00"}}"#, n + 1);
    let page = |from: usize| {
        let notices: Vec<String> = (from - 19..=from).rev().map(notice).collect();
        format!(r#"{{"notices":[{}]}}"#, notices.join(","))
    };
    let first = feed.first(Some("2030-05-08T00:00:00Z"), since());
    let reading = read(&feed, &first, page(29).as_bytes()).unwrap();
    assert_eq!(reading.cursor, None, "the run is not over");
    assert_eq!(reading.next[0].path, "/security/notices.json?limit=20&offset=20&order=newest");
    let second = &reading.next[0];
    // It reaches to the sixth, before the seventh, which is a day before what is known.
    let reading = read(&feed, second, page(24).as_bytes()).unwrap();
    assert!(reading.next.is_empty());
    assert_eq!(reading.cursor.as_deref(), Some("2030-05-30T00:00:00Z"));
    // Nor is anything asked for behind a page that is not full.
    assert!(read(&feed, &first, NOTICES.as_bytes()).unwrap().next.is_empty());
}

#[test]
fn records_that_changed_are_read_in_order_and_the_run_goes_on_after_any_of_them() {
    let feed = feed("almalinux-osv");
    let lines: Vec<String> =
        (0..600).rev().map(|n| format!("2030-05-01T10:{:02}:{:02}Z,ALSA-2030:{n:04}\n", n / 60, n % 60)).collect();
    let index = lines.concat();
    let mut seen = Vec::new();
    let mut cursor = None;
    for _ in 0..3 {
        let run = read(&feed, &feed.first(cursor.as_deref(), since()), index.as_bytes()).unwrap();
        assert!(run.next.len() < feed.limits.documents);
        assert_eq!(run.more, seen.is_empty(), "the first run leaves some, the second none");
        for request in run.next {
            let skipped = request.skip("is gone").unwrap();
            assert_eq!(skipped.skipped.count, 1);
            cursor = skipped.cursor;
            seen.push(request.path);
        }
    }
    let expected: Vec<String> = (0..600).map(|n| format!("/AlmaLinux/ALSA-2030:{n:04}.json")).collect();
    assert_eq!(seen, expected, "each once, the oldest first");
}

#[test]
fn a_list_of_mirrors_leads_nowhere_but_below_the_base_url() {
    let feed = feed("alas-2023");
    let first = feed.first(None, since());
    let next = read(&feed, &first, b"http://169.254.169.254/latest/meta-data/\n").unwrap().next.remove(0);
    assert_eq!(next.path, "/latest/meta-data/repodata/repomd.xml", "the host is passed over");
    for line in ["https://x/../../y", "https://x/a b", "https://x/%2e%2e/y", "not a URL", "", "https://x/\u{202e}"] {
        let error = read(&feed, &first, line.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("is not a list of mirrors"), "{line}: {error}");
    }
}

#[test]
fn what_is_no_longer_than_its_year_is_not_looked_back_on() {
    let reading = read_kind("alas-2023", "/updateinfo", common::UPDATEINFO.as_bytes()).unwrap();
    assert!(reading.advisories.iter().all(|advisory| advisory.updated >= since()));
    let feed = feed("alas-2023");
    let all = feed.first(None, "2019-01-01T00:00:00Z".parse().unwrap());
    let contents = read(&feed, &all, common::MIRRORS.as_bytes()).unwrap().next.remove(0);
    let whole = read(&feed, &contents, common::CONTENTS.as_bytes()).unwrap().next.remove(0);
    let older = read(&feed, &whole, common::UPDATEINFO.as_bytes()).unwrap();
    assert_eq!(older.advisories.len(), reading.advisories.len() + 1);
}

#[test]
fn the_request_of_a_record_names_the_feeds_own_directory() {
    let feed = feed("redhat-osv");
    assert_eq!(request(&feed, ".json").path, "/Red%20Hat/RHSA-2030:0001.json");
}

#[test]
fn what_has_no_dates_is_filed_within_what_is_kept_for_as_long_as_it_is_told() {
    let feed = feed("debian-tracker");
    let filed = |since: &str| {
        let request = feed.first(None, since.parse().unwrap());
        let reading = read(&feed, &request, common::TRACKER.as_bytes()).unwrap();
        reading.advisories.iter().map(|advisory| advisory.issued.to_string()).max().unwrap()
    };
    assert_eq!(filed("2029-03-01T00:00:00Z"), "2030-01-01T00:00:00Z");
    assert_eq!(filed("2030-01-01T00:00:00Z"), "2030-01-01T00:00:00Z");
    assert_eq!(filed("2030-03-01T00:00:00Z"), "2031-01-01T00:00:00Z");
}

#[test]
fn parts_of_windows_are_told_from_what_microsoft_sells_beside_it() {
    let is_of_windows = |vendor: &str, product: &str| {
        let entry = format!(
            r#"{{"cveID": "CVE-2030-0001", "dateAdded": "2030-01-02", "vendorProject": "{vendor}", "product": "{product}"}}"#
        );
        let threats =
            read_kind("kev", "", format!(r#"{{"vulnerabilities": [{entry}]}}"#).as_bytes()).unwrap().threats.unwrap();
        !threats.windows.is_empty()
    };
    for part in [
        "Windows",
        "Win32k",
        "Streaming Service Proxy",
        "SmartScreen Prompt",
        "Office and WordPad",
        "Edge and Internet Explorer",
        "HTTP.sys",
    ] {
        assert!(is_of_windows("Microsoft", part), "{part}");
    }
    for other in [
        "Exchange Server",
        "SharePoint",
        "Word",
        "Office",
        "Open Management Infrastructure (OMI)",
        "Power Pages",
        "SQL Server",
    ] {
        assert!(!is_of_windows("Microsoft", other), "{other}");
    }
    assert!(!is_of_windows("Linux", "Kernel"));
}
