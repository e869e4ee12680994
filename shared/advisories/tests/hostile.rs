//! Documents that no vendor sends: cut off, changed, endless, or made to do harm.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::io::{BufReader, Cursor, Read};

use common::{GOOD, gzip, read, read_kind, request};
use prism_advisories::{Fault, FeedError, all};
use prism_domain::problem::printable;
use proptest::prelude::*;

/// Something that is repeated, as long as wanted, without being anywhere.
struct Repeated {
    part: &'static [u8],
    at: usize,
    left: u64,
}

impl Read for Repeated {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let count = out.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for byte in &mut out[..count] {
            *byte = self.part[self.at];
            self.at = (self.at + 1) % self.part.len();
        }
        self.left -= count as u64;
        Ok(count)
    }
}

/// `head`, then `part` again and again, up to so many bytes.
fn long(head: &'static str, part: &'static str, bytes: u64) -> impl Read {
    Cursor::new(head).chain(Repeated { part: part.as_bytes(), at: 0, left: bytes })
}

/// A limit that is soon reached, and larger than that of a record.
const SOME: u64 = 5 * 1024 * 1024;

fn read_long(name: &str, kind: &str, document: impl Read) -> FeedError {
    read_at_most(SOME, name, kind, document)
}

fn read_at_most(limit: u64, name: &str, kind: &str, document: impl Read) -> FeedError {
    let feed = common::feed(name);
    let request = request(&feed, kind).at_most(limit);
    feed.read(&request, &mut BufReader::new(document)).unwrap_err()
}

/// The peak of this process's memory, in bytes. Linux only: elsewhere nothing is known.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
}

/// The beginning of a document of each kind, and what can be said for ever after it.
const ENDLESS: [(&str, &str, &str, &str); 13] = [
    ("alas-2023", "/mirror.list", "", "https://example.com/a\n"),
    ("alas-2023", "/repomd.xml", "<repomd>", "<data type='primary'><location href='x'/></data>"),
    (
        "alas-2023",
        "/updateinfo",
        "<updates>",
        "<update type='security'><id>ALAS-1</id><issued date='2001-01-01'/></update>",
    ),
    (
        "alas-2023-rss",
        "",
        "<rss><channel>",
        "<item><title>ALAS2023-1 (low): x</title><pubDate>Thu, 10 Jan 2002 20:41:00 GMT</pubDate></item>",
    ),
    ("ubuntu-notices", "", r#"{"notices":[{}"#, r#",{"id":"USN-1-1","title":"t","published":"2004-01-01T00:00:00"}"#),
    (
        "rocky-apollo",
        "",
        r#"{"advisories":[{}"#,
        r#",{"name":"RLSA-1:1","synopsis":"","kind":"","severity":"","published_at":"2004-01-01"}"#,
    ),
    ("debian-dsa", "", "", "[01 Aug 2002] DSA-141 mpack - buffer overflow\n\t{CVE-2002-1425}\n"),
    ("debian-tracker", "", r#"{"a":{"CVE-2001-0001":{}"#, r#","CVE-2001-0002":{"releases":{}}"#),
    ("epss", "", "cve,epss,percentile\n", "CVE-2030-0001,0.00963,0.99214\n"),
    (
        "kev",
        "",
        r#"{"vulnerabilities":[{"cveID":"CVE-2030-0001","dateAdded":"2030-01-01"}"#,
        r#",{"cveID":"CVE-2030-0001","dateAdded":"2030-01-01"}"#,
    ),
    (
        "almalinux-osv",
        ".json",
        r#"{"id":"ALSA-2030:0001","affected":["#,
        r#"{"package":{"ecosystem":"x","name":"y"}},"#,
    ),
    ("suse-csaf", ".json", r#"{"vulnerabilities":["#, r#"{"cve":"CVE-2030-0001"},"#),
    ("almalinux-osv", "/modified_id.csv", "", "2001-01-01T00:00:00Z,ALSA-2001:0001\n"),
];

#[test]
fn what_has_no_end_is_stopped_at_the_limit() {
    for (name, kind, head, part) in ENDLESS {
        let error = read_at_most(1024 * 1024, name, kind, long(head, part, u64::MAX));
        assert_eq!(error.feed, name);
        assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
    }
}

#[test]
fn a_single_text_of_100_megabytes_is_refused_before_it_is_in_memory() {
    let before = peak();
    for (name, kind, head) in [
        ("alas-2023", "/updateinfo", "<updates><update><title>"),
        ("alas-2023", "/updateinfo", "<updates><update type='"),
        ("alas-2023", "/updateinfo", "<updates><!--"),
        ("alas-2023", "/updateinfo", "<updates><![CDATA["),
        ("alas-2023-rss", "", "<rss><channel><item><description>"),
        ("ubuntu-notices", "", r#"{"notices":[{"id":""#),
        ("ubuntu-notices", "", r#"{"title":""#),
        ("rocky-apollo", "", r#"{"advisories":[{"name":""#),
        ("debian-tracker", "", r#"{"a":{"CVE-2001-0001":{"description":""#),
        ("debian-tracker", "", r#"{""#),
        ("debian-dsa", "", "[01 Aug 2002] "),
        ("kev", "", r#"{"vulnerabilities":[{"cveID":""#),
        ("epss", "", "cve,epss,percentile\nCVE-"),
        ("almalinux-osv", "/modified_id.csv", ""),
        ("almalinux-osv", ".json", r#"{"id":""#),
    ] {
        let error = read_long(name, kind, long(head, "a", 100 * 1024 * 1024));
        assert!(matches!(error.fault, Fault::RecordTooLarge { .. } | Fault::TooLarge { .. }), "{name} {head}: {error}");
        assert!(error.to_string().starts_with(&format!("the feed {name} sent a ")), "{error}");
        assert!(!error.is_retryable());
    }
    let grown = peak().saturating_sub(before);
    assert!(grown < 64 * 1024 * 1024, "the peak grew by {grown} bytes");
}

#[test]
fn a_decompression_bomb_stops_at_the_limit() {
    // Spaces may stand anywhere: a gigabyte of them is a megabyte of gzip.
    let bomb = gzip(&vec![b' '; 1024 * 1024]).repeat(1024);
    for feed in all() {
        let error = read(&feed, &feed.first(None, common::since()), &bomb).unwrap_err();
        assert_eq!(error.feed, feed.name);
        assert!(matches!(error.fault, Fault::TooLarge { .. } | Fault::RecordTooLarge { .. }), "{error}");
    }
    // Compressed twice, it is not XML nor JSON.
    let twice = gzip(&gzip(common::KEV.as_bytes()));
    assert!(matches!(read_kind("kev", "", &twice).unwrap_err().fault, Fault::Malformed { .. }));
}

#[test]
fn a_feeds_own_limit_holds_for_100_megabytes_that_are_never_in_memory() {
    let before = peak();
    let feed = common::feed("epss");
    let line = "CVE-2030-0001,0.00963,0.99214\n".repeat(3_000);
    let line: &'static str = Box::leak(line.into_boxed_str());
    let mut document = BufReader::new(long("cve,epss,percentile\n", line, 100 * 1024 * 1024));
    let error = feed.read(&request(&feed, ""), &mut document).unwrap_err();
    assert_eq!(error.fault, Fault::TooLarge { limit: feed.limits.bytes });
    let grown = peak().saturating_sub(before);
    assert!(grown < 32 * 1024 * 1024, "the peak grew by {grown} bytes");
}

#[test]
fn empty_gzip_members_for_ever_come_to_an_end() {
    let empty: &'static [u8] = Box::leak(gzip(b"").into_boxed_slice());
    let error = read_long("alas-2023", "/mirror.list", Repeated { part: empty, at: 0, left: u64::MAX });
    assert!(matches!(error.fault, Fault::TooLarge { .. }), "{error}");
}

#[test]
fn entities_do_not_expand_and_name_nothing_outside() {
    let laughs = r#"<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol1 "&lol;&lol;&lol;&lol;&lol;&lol;">
        <!ENTITY lol2 "&lol1;&lol1;&lol1;&lol1;&lol1;&lol1;">]><updates><update><title>&lol2;</title></update></updates>"#;
    let external =
        r#"<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><updates><update><id>&x;</id></update></updates>"#;
    let remote = r#"<!DOCTYPE updates SYSTEM "https://example.com/x.dtd"><updates/>"#;
    for document in [laughs, external, remote] {
        let error = read_kind("alas-2023", "/updateinfo", document.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("a document type, which is not taken"), "{error}");
    }
    for unknown in
        ["<updates><update><title>&lol;</title></update></updates>", "<updates><update type='&lol;'/></updates>"]
    {
        let error = read_kind("alas-2023", "/updateinfo", unknown.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("lol"), "{error}");
    }
    let own = "<updates><update><id>ALAS-1</id><issued date='2030-01-01'/><title>&lt;&amp;&gt;&apos;&quot;&#65;&#x202e;</title></update></updates>";
    let reading = read_kind("alas-2023", "/updateinfo", own.as_bytes()).unwrap();
    assert_eq!(reading.advisories[0].title, "<&>'\"A\\u{202e}");
}

#[test]
fn nesting_has_an_end() {
    let deep = format!("<updates>{}", "<a>".repeat(10_000));
    let error = read_kind("alas-2023", "/updateinfo", deep.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("more than 32 elements within each other"), "{error}");
    let deep = format!("{}{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    for (name, kind, document) in [
        ("kev", "", format!(r#"{{"vulnerabilities":[{deep}]}}"#)),
        ("kev", "", format!(r#"{{"vulnerabilities":{deep}}}"#)),
        ("debian-tracker", "", format!(r#"{{"a":{{"CVE-2030-0001":{deep}}}}}"#)),
        ("almalinux-osv", ".json", format!(r#"{{"id":{deep}}}"#)),
        (
            "almalinux-osv",
            ".json",
            format!(
                r#"{{"id":"ALSA-2030:0001","affected":[{{"ecosystem_specific":{{"binaries":[{{"a":{deep}}}]}}}}]}}"#
            ),
        ),
    ] {
        assert_eq!(read_kind(name, kind, document.as_bytes()).unwrap_err().feed, name);
    }
}

#[test]
fn another_sites_page_is_none_of_a_vendors_documents() {
    let page = b"<!doctype html><html><body>Please log in</body></html>\n";
    for (name, kind, _) in GOOD {
        let error = read_kind(name, kind, page).unwrap_err();
        assert_eq!(error.feed, name);
        assert!(!error.is_retryable(), "{error}");
        assert!(read_kind(name, kind, b"").is_err(), "{name} {kind}: nothing is not something");
    }
}

#[test]
fn what_is_not_utf_8_is_an_error_that_names_the_feed() {
    for (name, kind, document) in GOOD {
        let mut bytes = document.as_bytes().to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] = 0xff;
        if let Err(error) = read_kind(name, kind, &bytes) {
            assert_eq!(error.feed, name);
        }
        assert!(read_kind(name, kind, b"\xff\xfe\x00\xd8").is_err());
    }
}

#[test]
fn a_whole_document_of_bad_records_is_an_error_that_tells_of_the_first() {
    let error = read_kind("kev", "", br#"{"vulnerabilities":[{"cveID":"CVE-1"},{"cveID":1}]}"#).unwrap_err();
    insta::assert_snapshot!(error, @"the feed kev sent a document none of whose 2 records can be read; of the first, entry 1 is not of the expected form: missing field `dateAdded` at line 1 column 17");
    let error = read_kind("kev", "", br#"{"vulnerabilities":[]}"#).unwrap_err();
    insta::assert_snapshot!(error, @"the feed kev sent a document that has no records");
    let error = read_kind("kev", "", br#"{"vulnerability":[]}"#).unwrap_err();
    insta::assert_snapshot!(error, @"the feed kev sent a document that has no list vulnerabilities");
    let error = read_kind("alas-2023", "/updateinfo", b"<rss/>").unwrap_err();
    insta::assert_snapshot!(error, @"the feed alas-2023 sent a document that is no updateinfo but rss");
    let error = read_kind("kev", "", br#"{"vulnerabilities":[{"cveID"#).unwrap_err();
    insta::assert_snapshot!(error, @"the feed kev sent a document that is cut off at line 1, column 27");
    let error = read_kind("epss", "", b"cve,score\n").unwrap_err();
    insta::assert_snapshot!(error, @r#"the feed epss sent a document that is not CSV of EPSS at line 1: its columns are "cve,score""#);
    let error = read_kind("ubuntu-osv", ".json", common::REDHAT.as_bytes()).unwrap_err();
    insta::assert_snapshot!(error, @"the feed ubuntu-osv sent a document that is not the record that was asked for, but RHSA-2030:0001");
    let error = read_long("kev", "", long("{", " ", u64::MAX));
    insta::assert_snapshot!(error, @"the feed kev sent a record of more than 4194304 bytes, which is the limit of one");
}

/// Whatever was read, it names the feed, and has no text that could do harm.
fn harmless(name: &str, kind: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    match read_kind(name, kind, bytes) {
        Err(error) => {
            prop_assert_eq!(error.feed, name);
            let told = error.to_string();
            prop_assert!(told.starts_with(&format!("the feed {name} ")), "{}", told);
            prop_assert_eq!(&printable(&told, usize::MAX), &told);
        }
        Ok(reading) => {
            for advisory in &reading.advisories {
                prop_assert_eq!(&printable(&advisory.title, usize::MAX), &advisory.title);
                for fix in &advisory.fixed {
                    let safe = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b".+~-_^:".contains(&b));
                    prop_assert!(safe(&fix.package) && safe(&fix.version) && !fix.package.contains(".."));
                }
                prop_assert!(advisory.issued <= advisory.updated && advisory.updated >= common::since());
            }
            for skipped in &reading.skipped.first {
                prop_assert_eq!(&printable(&skipped.reason, usize::MAX), &skipped.reason);
                prop_assert_eq!(&printable(&skipped.record, usize::MAX), &skipped.record);
            }
            for next in &reading.next {
                prop_assert!(next.path.starts_with('/') && next.path.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(!next.path.split('/').any(|part| part == ".."));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_bytes_are_an_error_or_a_harmless_reading(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for (name, kind, _) in GOOD {
            harmless(name, kind, &bytes)?;
        }
    }

    #[test]
    fn any_change_of_a_good_document_is_an_error_or_a_harmless_reading(
        of in 0..GOOD.len(), at in any::<prop::sample::Index>(), put in "\\PC{0,4}|[\\x00-\\x20]|[<>&;\"'{}\\[\\],:/.$`|\u{202e}]", cut in 0_usize..8,
    ) {
        let (name, kind, document) = GOOD[of];
        let mut bytes = document.as_bytes().to_vec();
        let at = at.index(bytes.len());
        let end = (at + cut).min(bytes.len());
        bytes.splice(at..end, put.into_bytes());
        harmless(name, kind, &bytes)?;
    }

    #[test]
    fn what_is_cut_off_is_an_error_or_what_stood_before(of in 0..GOOD.len(), at in any::<prop::sample::Index>(), zip in any::<bool>()) {
        let (name, kind, document) = GOOD[of];
        let bytes = if zip { gzip(document.as_bytes()) } else { document.as_bytes().to_vec() };
        let cut = &bytes[..at.index(bytes.len() - 1)];
        harmless(name, kind, cut)?;
        let is_lines = ["epss", "debian-dsa"].contains(&name) || kind == "/mirror.list" || ["/modified_id.csv", "/changes.csv"].contains(&kind);
        // Lines say nothing of those that follow; everything else has an end.
        if zip || !is_lines {
            let whole = read_kind(name, kind, cut);
            prop_assert!(whole.is_err(), "{} {}", name, kind);
        }
    }

    #[test]
    fn what_is_written_well_is_read_in_full(
        records in proptest::collection::vec(("[A-Z]{2,6}-[0-9]{1,4}(-[0-9]{1,3})?", "[a-z][a-z0-9+.-]{0,12}[a-z0-9]", "([1-9]:)?[0-9][a-z0-9.~^_]{0,9}[0-9]-[0-9]{1,3}", 0_u32..9_999_999), 1..20),
    ) {
        prop_assume!(records.iter().all(|(_, package, version, _)| !package.contains("..") && !version.contains("..")));
        prop_assume!(records.iter().all(|(_, package, ..)| !package.ends_with("-dbg")));
        let updates: Vec<String> = records.iter().map(|(id, package, version, cve)| {
            let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
            let (version, release) = rest.split_once('-').unwrap();
            format!("<update type='security'><id>{id}</id><title>t</title><issued date='2030-01-01'/><severity>low</severity>\
                <references><reference type='cve' id='CVE-2030-{cve:07}'/></references><pkglist><collection>\
                <package name='{package}' epoch='{epoch}' version='{version}' release='{release}' arch='x86_64'/></collection></pkglist></update>")
        }).collect();
        let reading = read_kind("alas-2023", "/updateinfo", format!("<updates>{}</updates>", updates.concat()).as_bytes()).unwrap();
        prop_assert_eq!(&reading.skipped.first, &[]);
        let read: Vec<_> = reading.advisories.iter().map(|a| (a.id.as_str(), a.fixed[0].package.as_str(), a.fixed[0].version.as_str(), a.cves[0].as_str())).collect();
        let written: Vec<_> = records.iter().map(|(id, package, version, cve)| (id.clone(), package.clone(), version.clone(), format!("CVE-2030-{cve:07}"))).collect();
        let written: Vec<_> = written.iter().map(|(id, package, version, cve)| (id.as_str(), package.as_str(), version.as_str(), cve.as_str())).collect();
        prop_assert_eq!(read, written);
    }
}
