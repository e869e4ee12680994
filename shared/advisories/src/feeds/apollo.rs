//! Apollo, in which the makers of Rocky Linux publish its advisories: page by page, the newest first.
//! Sources: <https://errata.rockylinux.org>, <https://apollo.build.resf.org/docs>, and its code,
//! <https://github.com/resf/distro-tools/blob/main/apollo/server/routes/api_advisories.py>.
//!
//! `updated_at` is when Apollo last touched its row, often long after anything changed for those who install it; so an
//! advisory counts as of `published_at` alone.

use std::collections::BTreeMap;

use prism_domain::advisory::Advisory;
use serde::Deserialize;

use crate::feed::{Feed, Limits, Role, Start};
use crate::pages;
use crate::record::{Draft, Fixed, kind, nevra, rating};
use crate::updateinfo::is_debug;

/// The advisories of every release.
pub(crate) const FEED: Feed = Feed {
    name: "rocky-apollo",
    base_url: "https://apollo.build.resf.org",
    ecosystems: &["rocky-8", "rocky-9", "rocky-10"],
    role: Role::Main,
    limits: Limits { bytes: 64 * 1024 * 1024, documents: 100 },
    start: Start::Pages(path),
    parse: |_, document| {
        pages::read(document, PAGE, path, "advisories", "an advisory", |record: &Record| {
            (&record.published_at, &record.name, advisories(record))
        })
    },
};

/// A page has 100 records at most; one of a kernel has hundreds of packages.
const PAGE: usize = 50;

#[derive(Deserialize)]
struct Record {
    name: String,
    synopsis: String,
    kind: String,
    severity: String,
    published_at: String,
    #[serde(default)]
    cves: Vec<Cve>,
    #[serde(default)]
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Cve {
    cve: String,
}

#[derive(Deserialize)]
struct Package {
    nevra: String,
    product_name: String,
}

fn path(page: u32) -> String {
    format!("/api/v3/advisories/?page={page}&size={PAGE}")
}

/// One for each release that it has packages for.
fn advisories(record: &Record) -> Result<Vec<Advisory>, String> {
    let mut releases: BTreeMap<&'static str, Vec<Fixed>> = BTreeMap::new();
    for package in &record.packages {
        let Some(ecosystem) = ecosystem(&package.product_name) else { continue };
        let (fixed, architecture) =
            nevra(&package.nevra).ok_or_else(|| format!("has the package \"{}\", which is no nevra", package.nevra))?;
        if architecture != "src" && !is_debug(&fixed.0) {
            releases.entry(ecosystem).or_default().push(fixed);
        }
    }
    let draft = Draft {
        id: record.name.clone(),
        kind: kind(&record.kind),
        severity: rating(&record.severity),
        title: record.synopsis.clone(),
        cves: record.cves.iter().map(|cve| cve.cve.clone()).collect(),
        issued: record.published_at.clone(),
        updated: String::new(),
    };
    releases.into_iter().map(|(ecosystem, fixed)| draft.advisory(ecosystem, fixed)).collect()
}

/// Of a product such as `Rocky Linux 9 aarch64`.
fn ecosystem(product: &str) -> Option<&'static str> {
    match product.strip_prefix("Rocky Linux ")?.split([' ', '.']).next()? {
        "8" => Some("rocky-8"),
        "9" => Some("rocky-9"),
        "10" => Some("rocky-10"),
        _ => None,
    }
}
