//! SUSE's advisories, in the Common Security Advisory Framework: a list of what changed, and a file for each advisory.
//! They have SUSE's ratings, which its records at OSV.dev lack.
//! Sources: <https://ftp.suse.com/pub/projects/security/csaf/>, of which `changes.csv` and the files' names are as
//! <https://docs.oasis-open.org/csaf/csaf/v2.0/csaf-v2.0.html> says (7.1.13 and 5.1); the form of an advisory: 3.2.

use std::collections::{BTreeMap, BTreeSet};

use prism_domain::advisory::Advisory;
use serde::Deserialize;

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::index::{self, Entry};
use crate::json;
use crate::reading::{Reading, Step};
use crate::record::{Draft, Fixed, nevra, rating};
use crate::source::Document;
use crate::updateinfo::is_debug;

/// The advisories of SUSE Linux Enterprise Server.
pub(crate) const FEED: Feed = Feed {
    name: "suse-csaf",
    base_url: "https://ftp.suse.com",
    ecosystems: &["sles-15.6", "sles-15.7", "sles-16.0"],
    role: Role::Main,
    limits: Limits { bytes: 32 * 1024 * 1024, documents: 501 },
    start: Start::At("/pub/projects/security/csaf/changes.csv", Step::Index),
    parse,
};

const DIRECTORY: &str = "/pub/projects/security/csaf";

#[derive(Deserialize)]
struct Record {
    document: Described,
    #[serde(default)]
    vulnerabilities: Vec<Vulnerability>,
}

#[derive(Deserialize)]
struct Described {
    #[serde(default)]
    title: String,
    #[serde(default)]
    aggregate_severity: Severity,
    tracking: Tracking,
}

#[derive(Default, Deserialize)]
struct Severity {
    #[serde(default)]
    text: String,
}

#[derive(Deserialize)]
struct Tracking {
    id: String,
    initial_release_date: String,
    #[serde(default)]
    current_release_date: String,
}

#[derive(Deserialize)]
struct Vulnerability {
    cve: Option<String>,
    #[serde(default)]
    product_status: Status,
}

/// Of products such as `SUSE Linux Enterprise Server 16.0:example-1.2-160000.1.1.x86_64`.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    recommended: Vec<String>,
    #[serde(default)]
    fixed: Vec<String>,
}

fn parse(feed: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    if document.request.step == Step::Index {
        return index::read(feed, document, entry, |name| {
            // Those of openSUSE, and such as only recommend something, are in the list too.
            name.as_str().starts_with("suse-su-").then(|| format!("{DIRECTORY}/{name}"))
        });
    }
    let record: Record = json::whole(document.source, &document.meter)?;
    let id = &record.document.tracking.id;
    index::record(document.request, id, &id.to_ascii_lowercase().replace(':', "_"), advisories(feed, &record))
}

/// One for each release that is known, with the vulnerabilities that it has there.
fn advisories(feed: &Feed, record: &Record) -> Result<Vec<Advisory>, String> {
    let Described { title, aggregate_severity, tracking } = &record.document;
    let draft = Draft {
        id: tracking.id.clone(),
        severity: rating(&aggregate_severity.text),
        title: title.clone(),
        issued: tracking.initial_release_date.clone(),
        updated: tracking.current_release_date.clone(),
        ..Draft::default()
    };
    let mut releases: BTreeMap<&str, (Draft, Vec<Fixed>)> = BTreeMap::new();
    for vulnerability in &record.vulnerabilities {
        let status = &vulnerability.product_status;
        let mut seen = BTreeSet::new();
        for product in status.recommended.iter().chain(&status.fixed) {
            let Some((product, package)) = product.split_once(':') else { continue };
            let ours = sles(product);
            let Some(ours) = feed.ecosystems.iter().find(|known| Some(**known) == ours.as_deref()) else {
                continue;
            };
            let (draft, fixed) = releases.entry(ours).or_insert_with(|| (draft.clone(), Vec::new()));
            if seen.insert(ours) {
                draft.cves.extend(vulnerability.cve.clone());
            }
            let (package, architecture) =
                nevra(package).ok_or_else(|| format!("has the package \"{package}\", which is no nevra"))?;
            if !["src", "nosrc"].contains(&architecture) && !is_debug(&package.0) {
                fixed.push(package);
            }
        }
    }
    releases.into_iter().map(|(ecosystem, (draft, fixed))| draft.advisory(ecosystem, fixed)).collect()
}
/// A line of the list: `"suse-su-2030_0001-1.json","2030-05-01T10:00:00Z"`.
fn entry(line: &str) -> Option<Entry> {
    let (name, modified) = line.split_once(',')?;
    let quoted = |text: &str| Some(text.trim().strip_prefix('"')?.strip_suffix('"')?.to_owned());
    index::entry(&format!("{},{}", quoted(modified)?, quoted(name)?))
}

/// Of `SUSE Linux Enterprise Server 15 SP7`, and of its modules, in which most of its packages are (`SUSE Linux
/// Enterprise Module for Basesystem 15 SP7`); since 16, of `SUSE Linux Enterprise Server 16.0`.
/// Source: <https://documentation.suse.com/sles/15-SP7/html/SLES-all/article-modules.html>.
fn sles(product: &str) -> Option<String> {
    let product = product.strip_prefix("SUSE Linux Enterprise ")?;
    let of = product.strip_prefix("Server ").or_else(|| product.strip_prefix("Module for "))?;
    // The release is what stands last: `Python 3 15 SP6` is a module.
    let words: Vec<&str> = of.strip_suffix("-LTSS").unwrap_or(of).split(' ').collect();
    let release = match words.as_slice() {
        [.., release, pack] if pack.starts_with("SP") => format!("sles-{release}.{}", pack.trim_start_matches("SP")),
        [.., release] => format!("sles-{release}"),
        [] => return None,
    };
    // `Server for SAP Applications` is another product.
    (product.starts_with("Module for ") || of.starts_with(|c: char| c.is_ascii_digit())).then_some(release)
}
