//! Documents as vendors write them, with records that are made up; and what is told of a reading.
#![allow(dead_code, clippy::allow_attributes, reason = "each test uses its share")]

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use prism_advisories::{Feed, FeedError, Reading, Request, all};

/// The form of <https://cdn.amazonlinux.com/al2023/core/mirrors/latest/x86_64/mirror.list>.
pub const MIRRORS: &str = include_str!("../fixtures/alas-2023.0.txt");

/// The form of a `repodata/repomd.xml`, as createrepo writes it.
pub const CONTENTS: &str = include_str!("../fixtures/alas-2023.1.xml");

/// The form of Amazon Linux's `updateinfo.xml`.
pub const UPDATEINFO: &str = include_str!("../fixtures/alas-2023.2.xml");

/// The form of <https://alas.aws.amazon.com/AL2023/alas.rss>.
pub const RSS: &str = include_str!("../fixtures/alas-2023-rss.0.xml");

/// The form of <https://ubuntu.com/security/notices.json>.
pub const NOTICES: &str = include_str!("../fixtures/ubuntu-notices.0.json");

/// The form of <https://apollo.build.resf.org/api/v3/advisories/>.
pub const APOLLO: &str = include_str!("../fixtures/rocky-apollo.0.json");

/// The form of <https://salsa.debian.org/security-tracker-team/security-tracker/-/raw/master/data/DSA/list>.
pub const DSA: &str = include_str!("../fixtures/debian-dsa.0.txt");

/// The form of <https://security-tracker.debian.org/tracker/data/json>.
pub const TRACKER: &str = include_str!("../fixtures/debian-tracker.0.json");

/// The form of <https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json>.
pub const KEV: &str = include_str!("../fixtures/kev.0.json");

/// The form of <https://epss.empiricalsecurity.com/epss_scores-current.csv.gz>.
pub const EPSS: &str = include_str!("../fixtures/epss.0.csv");

/// The form of <https://osv-vulnerabilities.storage.googleapis.com/AlmaLinux/modified_id.csv>.
pub const INDEX: &str = include_str!("../fixtures/almalinux-osv.0.csv");

/// The form of a record of `AlmaLinux`: <https://github.com/AlmaLinux/osv-database>.
pub const ALMALINUX: &str = include_str!("../fixtures/almalinux-osv.1.json");

/// The form of a record of Red Hat: <https://github.com/ossf/osv-schema/tree/main/tools/redhat>.
pub const REDHAT: &str = include_str!("../fixtures/redhat-osv.1.json");

/// The form of <https://ftp.suse.com/pub/projects/security/csaf/changes.csv>.
pub const CHANGES: &str = include_str!("../fixtures/suse-csaf.0.csv");

/// The form of a record of SUSE: <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html>.
pub const SUSE: &str = include_str!("../fixtures/suse-csaf.1.json");

/// The form of a record of Ubuntu: <https://github.com/canonical/ubuntu-security-notices>.
pub const UBUNTU: &str = include_str!("../fixtures/ubuntu-osv.1.json");

/// A good document of each kind: which feed, which of its documents, and what it says.
pub const GOOD: [(&str, &str, &str); 16] = [
    ("alas-2023", "/mirror.list", MIRRORS),
    ("alas-2023", "/repomd.xml", CONTENTS),
    ("alas-2023", "/updateinfo.xml.gz", UPDATEINFO),
    ("alas-2023-rss", "/alas.rss", RSS),
    ("ubuntu-notices", "", NOTICES),
    ("rocky-apollo", "", APOLLO),
    ("debian-dsa", "", DSA),
    ("debian-tracker", "", TRACKER),
    ("kev", "", KEV),
    ("epss", "", EPSS),
    ("almalinux-osv", "/modified_id.csv", INDEX),
    ("almalinux-osv", ".json", ALMALINUX),
    ("redhat-osv", ".json", REDHAT),
    ("suse-csaf", "/changes.csv", CHANGES),
    ("suse-csaf", ".json", SUSE),
    ("ubuntu-osv", ".json", UBUNTU),
];

pub fn feed(name: &str) -> Feed {
    all().into_iter().find(|feed| feed.name == name).unwrap()
}

pub fn since() -> Timestamp {
    "2029-01-01T00:00:00Z".parse().unwrap()
}

/// The request for one kind of a feed's documents, as a run comes to it.
pub fn request(feed: &Feed, kind: &str) -> Request {
    let index = "2030-05-01T10:00:00Z,ALSA-2030:0001\n2030-05-01T10:00:00Z,RHSA-2030:0001\n\
                 2030-05-01T10:00:00Z,USN-9001-1\n";
    request_since(feed, kind, since(), index)
}

/// The same, from another time on: of a vendor's records, `index` names one.
pub fn request_since(feed: &Feed, kind: &str, since: Timestamp, index: &str) -> Request {
    let mut request = feed.first(None, since);
    while !request.path.contains(kind) {
        let document =
            [("mirror.list", MIRRORS), ("repomd.xml", CONTENTS), ("modified_id.csv", index), ("changes.csv", CHANGES)];
        let (_, document) = document.into_iter().find(|(end, _)| request.path.ends_with(end)).unwrap();
        request = read(feed, &request, document.as_bytes()).unwrap().next.remove(0);
    }
    request
}

pub fn read(feed: &Feed, request: &Request, document: &[u8]) -> Result<Reading, FeedError> {
    feed.read(request, &mut &*document)
}

/// Reads a document of one kind.
pub fn read_kind(name: &str, kind: &str, document: &[u8]) -> Result<Reading, FeedError> {
    let feed = feed(name);
    read(&feed, &request(&feed, kind), document)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(bytes).unwrap();
    out.finish().unwrap()
}

/// A reading as text.
pub fn told(reading: &Reading) -> String {
    let mut out = String::new();
    for a in &reading.advisories {
        let severity = a.severity.map_or("unrated", |severity| severity.as_str());
        writeln!(out, "{} {} {:?} {severity}: {}", a.ecosystem, a.id, a.kind, a.title).unwrap();
        writeln!(out, "  issued {}, updated {}", a.issued, a.updated).unwrap();
        let cves: Vec<_> = a.cves.iter().map(ToString::to_string).collect();
        writeln!(out, "  {}", cves.join(" ")).unwrap();
        for fix in &a.fixed {
            writeln!(out, "  {} {}", fix.package, fix.version).unwrap();
        }
    }
    if let Some(threats) = &reading.threats {
        for (cve, since) in &threats.exploited {
            writeln!(out, "{cve} exploited since {since}").unwrap();
        }
        for (cve, likely) in &threats.likely {
            writeln!(out, "{cve} likely to {likely}").unwrap();
        }
    }
    for skipped in &reading.skipped.first {
        writeln!(out, "skipped: {} {}", skipped.record, skipped.reason).unwrap();
    }
    for next in &reading.next {
        writeln!(out, "next: {}", next.path).unwrap();
    }
    if let Some(cursor) = &reading.cursor {
        writeln!(out, "cursor: {cursor}").unwrap();
    }
    out
}
