//! Advisories in the Open Source Vulnerability format, from OSV.dev: of `AlmaLinux`, Red Hat and Ubuntu.
//!
//! A vendor's directory has `modified_id.csv`, which names every record with the time when it last changed there, and a
//! file for each record. A run reads the list, and then the records that changed since the last run, the oldest first:
//! so it is incremental, as small as what changed, and goes on after any of them. The vendors' own archives are the
//! contrary: all or nothing, of up to gigabytes.
//! Sources: <https://google.github.io/osv.dev/data/>, <https://ossf.github.io/osv-schema/>.
//!
//! `modified` is when the record last changed, often because OSV.dev found a name more for it; so an advisory counts as
//! of `published` alone.

use std::collections::BTreeMap;

use prism_domain::advisory::Advisory;
use prism_domain::level::SecurityLevel;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::index;
use crate::json;
use crate::reading::{Reading, Step};
use crate::record::{Draft, Fixed, rating};
use crate::source::Document;
use crate::updateinfo::is_debug;

/// The records of each vendor.
pub(crate) const FEEDS: [Feed; 3] = [
    records(
        "almalinux-osv",
        "/AlmaLinux/modified_id.csv",
        &["almalinux-8", "almalinux-9", "almalinux-10"],
        |feed, it| parse(feed, it, "ALSA-", |name| Some(format!("almalinux-{}", name.strip_prefix("AlmaLinux:")?))),
    ),
    records("redhat-osv", "/Red%20Hat/modified_id.csv", &["rhel-8", "rhel-9", "rhel-10"], |feed, it| {
        // Of `Red Hat:enterprise_linux:9::appstream`; extended support and layered products have other names.
        parse(feed, it, "RHSA-", |name| {
            let release = name.strip_prefix("Red Hat:enterprise_linux:")?;
            Some(format!("rhel-{}", release.split([':', '.']).next()?))
        })
    }),
    records(
        "ubuntu-osv",
        "/Ubuntu/modified_id.csv",
        &["ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"],
        // Of `Ubuntu:22.04:LTS`; what only subscribers get is `Ubuntu:Pro:22.04:LTS`.
        |feed, it| {
            parse(feed, it, "USN-", |name| {
                Some(format!("ubuntu-{}", name.strip_prefix("Ubuntu:")?.strip_suffix(":LTS")?))
            })
        },
    ),
];

const fn records(
    name: &'static str,
    index: &'static str,
    ecosystems: &'static [&'static str],
    parse: fn(&Feed, Document<'_>) -> Result<Reading, Fault>,
) -> Feed {
    Feed {
        name,
        base_url: "https://osv-vulnerabilities.storage.googleapis.com",
        ecosystems,
        role: Role::Main,
        limits: Limits { bytes: 16 * 1024 * 1024, documents: 501 },
        start: Start::At(index, Step::Index),
        parse,
    }
}

#[derive(Deserialize)]
struct Record {
    id: String,
    published: Option<String>,
    #[serde(default)]
    withdrawn: Option<String>,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    severity: Vec<Severity>,
    #[serde(default)]
    related: Vec<String>,
    #[serde(default)]
    upstream: Vec<String>,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    affected: Vec<Affected>,
    #[serde(default)]
    references: Vec<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    #[serde(default)]
    url: String,
}

#[derive(Deserialize)]
struct Severity {
    #[serde(rename = "type")]
    of: String,
    score: String,
}

#[derive(Deserialize)]
struct Affected {
    package: Package,
    #[serde(default)]
    ranges: Vec<Range>,
    #[serde(default)]
    ecosystem_specific: Specific,
    #[serde(default)]
    database_specific: Specific,
}

#[derive(Deserialize)]
struct Package {
    ecosystem: String,
    name: String,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    events: Vec<BTreeMap<String, String>>,
}

/// What Ubuntu adds: the binary packages, and its ratings.
#[derive(Default, Deserialize)]
struct Specific {
    #[serde(default)]
    binaries: Vec<BTreeMap<String, Value>>,
    #[serde(default)]
    cves_map: CvesMap,
}

#[derive(Default, Deserialize)]
struct CvesMap {
    #[serde(default)]
    cves: Vec<RatedCve>,
}

#[derive(Deserialize)]
struct RatedCve {
    #[serde(default)]
    severity: Vec<Severity>,
}

/// `prefix`: what the ids of the vendor's security advisories begin with. `ecosystem`: ours, of what a record calls its
/// ecosystem.
fn parse(
    feed: &Feed,
    document: Document<'_>,
    prefix: &str,
    ecosystem: fn(&str) -> Option<String>,
) -> Result<Reading, Fault> {
    let request = document.request;
    if request.step == Step::Index {
        let directory = request.path.trim_end_matches("/modified_id.csv");
        return index::read(feed, document, index::entry, |id| {
            id.as_str().starts_with(prefix).then(|| format!("{directory}/{id}.json"))
        });
    }
    let record: Record = json::whole(document.source, &document.meter)?;
    index::record(request, &record.id, &record.id, advisories(feed, ecosystem, &record))
}

/// One for each release that is known. A record that was withdrawn is none.
fn advisories(feed: &Feed, ecosystem: fn(&str) -> Option<String>, record: &Record) -> Result<Vec<Advisory>, String> {
    if record.withdrawn.is_some() {
        return Ok(Vec::new());
    }
    let mut releases: BTreeMap<&str, Vec<Fixed>> = BTreeMap::new();
    for affected in &record.affected {
        let ours = ecosystem(&affected.package.ecosystem);
        if let Some(ours) = feed.ecosystems.iter().find(|known| Some(**known) == ours.as_deref()) {
            releases.entry(ours).or_default().extend(affected.fixed());
        }
    }
    let names = [&record.upstream, &record.related, &record.aliases].into_iter().flatten();
    let draft = Draft {
        id: record.id.clone(),
        severity: record.severity(),
        title: record.summary.clone(),
        cves: names.filter(|name| name.starts_with("CVE-")).cloned().collect(),
        issued: record.published.clone().unwrap_or_default(),
        ..Draft::default()
    };
    releases.into_iter().map(|(ecosystem, fixed)| draft.advisory(ecosystem, fixed)).collect()
}
impl Record {
    /// The vendor's own rating: Ubuntu's of the worst of its vulnerabilities, what Red Hat refers to
    /// (`…/security/updates/classification/#important`), or what a title begins with (`Important: kernel security
    /// update`). A CVSS score is not a vendor's rating.
    fn severity(&self) -> Option<SecurityLevel> {
        let specific =
            self.affected.iter().flat_map(|affected| [&affected.database_specific, &affected.ecosystem_specific]);
        let of_cves = specific.flat_map(|specific| &specific.cves_map.cves).flat_map(|cve| &cve.severity);
        let ratings = of_cves.chain(&self.severity).filter(|severity| severity.of == "Ubuntu");
        let classes = self.references.iter().filter_map(|reference| {
            reference.url.strip_prefix("https://access.redhat.com/security/updates/classification/#")
        });
        let of_title = self.summary.split_once(':').and_then(|(word, _)| rating(word));
        ratings.filter_map(|severity| rating(&severity.score)).max().or(classes.filter_map(rating).max()).or(of_title)
    }
}

impl Affected {
    /// The binary packages, where the record names them: as `{"binary_name", "binary_version"}` or `{name: version}`.
    fn fixed(&self) -> Vec<Fixed> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let mut fixed = Vec::new();
        for binary in &self.ecosystem_specific.binaries {
            if let Some(name) = binary.get("binary_name").and_then(text) {
                fixed.extend(binary.get("binary_version").and_then(text).map(|version| (name, version)));
            } else {
                fixed.extend(binary.iter().filter_map(|(name, version)| Some((name.clone(), text(version)?))));
            }
        }
        if fixed.is_empty() {
            let versions = self.ranges.iter().flat_map(|range| &range.events).filter_map(|event| event.get("fixed"));
            fixed.extend(versions.map(|version| (self.package.name.clone(), version.clone())));
        }
        fixed.retain(|(name, _)| !is_debug(name));
        fixed
    }
}
