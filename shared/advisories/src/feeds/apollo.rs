//! Apollo, in which the makers of Rocky Linux publish its advisories: page by page, the newest first.
//! Sources: <https://errata.rockylinux.org>, <https://apollo.build.resf.org/docs>, and its code,
//! <https://github.com/resf/distro-tools/blob/main/apollo/server/routes/api_advisories.py>.
//!
//! `updated_at` is when Apollo last touched its row, often long after anything changed for those who install it; so an
//! advisory counts as of `published_at` alone.

use std::collections::BTreeMap;
use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::Advisory;
use serde::Deserialize;

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Step};
use crate::json;
use crate::pages::{self, Page};
use crate::record::{Draft, Fixed, Gathered, kind, nevra, rating};
use crate::source::{Meter, open};
use crate::updateinfo::is_debug;

/// The advisories of every release.
pub(crate) struct Apollo;

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

impl Feed for Apollo {
    fn name(&self) -> &'static str {
        "rocky-apollo"
    }

    fn base_url(&self) -> &'static str {
        "https://apollo.build.resf.org"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        &["rocky-8", "rocky-9", "rocky-10"]
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 64 * 1024 * 1024, documents: 100 }
    }

    fn first(&self, cursor: Option<&str>, since: Timestamp) -> Request {
        Request::new(path(1), Step::Page(1), pages::since(cursor, since), None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name(), read(request, document, self.limits().bytes))
    }
}

fn path(page: u32) -> String {
    format!("/api/v3/advisories/?page={page}&size={PAGE}")
}

fn read(request: &Request, document: &mut dyn BufRead, limit: u64) -> Result<Reading, Fault> {
    let meter = Meter::new(request, limit);
    let source = open(document, &meter)?;
    let (mut gathered, mut page) = (Gathered::new(request.since), Page::new(request));
    json::list(source, &meter, "advisories", |text| match json::record::<Record>(text) {
        Ok(record) => {
            page.see(&record.published_at);
            gathered.record(&record.name, advisories(&record))
        }
        Err(reason) => gathered.record("an advisory", Err(reason)),
    })?;
    let is_full = gathered.records() >= PAGE;
    let mut reading = gathered.finish()?;
    page.go_on(request, is_full, path, &mut reading);
    Ok(reading)
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
