//! Ubuntu's security notices, page by page, the newest first. A notice says what it fixes in which release, but not how
//! bad that is: Ubuntu rates vulnerabilities, and the notices' OSV records have those ratings. The notices are there
//! first, though.
//! Source: <https://ubuntu.com/security/api/docs> (`/security/notices.json`; 20 notices a page at most).

use std::collections::BTreeMap;
use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::Advisory;
use serde::Deserialize;

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Role, Step};
use crate::json;
use crate::pages::{self, Page};
use crate::record::{Draft, Gathered};
use crate::source::{Meter, open};
use crate::updateinfo::is_debug;

/// The notices.
pub(crate) struct UbuntuNotices;

const PAGE: usize = 20;

/// Releases by codename. Source: <https://wiki.ubuntu.com/Releases>.
const RELEASES: [(&str, &str); 4] =
    [("focal", "ubuntu-20.04"), ("jammy", "ubuntu-22.04"), ("noble", "ubuntu-24.04"), ("resolute", "ubuntu-26.04")];

#[derive(Deserialize)]
struct Notice {
    id: String,
    title: String,
    published: String,
    #[serde(default)]
    cves_ids: Vec<String>,
    #[serde(default)]
    release_packages: BTreeMap<String, Vec<Package>>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    #[serde(default)]
    is_source: bool,
    /// Where it is: `security`; or `esm-…`, which only subscribers reach.
    #[serde(default)]
    pocket: Option<String>,
}

impl Feed for UbuntuNotices {
    fn name(&self) -> &'static str {
        "ubuntu-notices"
    }

    fn base_url(&self) -> &'static str {
        "https://ubuntu.com"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        &["ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"]
    }

    fn role(&self) -> Role {
        Role::Hint
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 64 * 1024 * 1024, documents: 150 }
    }

    fn first(&self, cursor: Option<&str>, since: Timestamp) -> Request {
        Request::new(path(1), Step::Page(1), pages::since(cursor, since), None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name(), read(request, document, self.limits().bytes))
    }
}

fn path(page: u32) -> String {
    let offset = (page as usize).saturating_sub(1).saturating_mul(PAGE);
    format!("/security/notices.json?limit={PAGE}&offset={offset}&order=newest")
}

fn read(request: &Request, document: &mut dyn BufRead, limit: u64) -> Result<Reading, Fault> {
    let meter = Meter::new(request, limit);
    let source = open(document, &meter)?;
    let (mut gathered, mut page) = (Gathered::new(request.since), Page::new(request));
    json::list(source, &meter, "notices", |text| match json::record::<Notice>(text) {
        Ok(notice) => {
            page.see(&notice.published);
            gathered.record(&notice.id, advisories(&notice))
        }
        Err(reason) => gathered.record("a notice", Err(reason)),
    })?;
    let is_full = gathered.records() >= PAGE;
    let mut reading = gathered.finish()?;
    page.go_on(request, is_full, path, &mut reading);
    Ok(reading)
}

impl Package {
    fn is_installable(&self) -> bool {
        let is_free = !self.pocket.as_deref().is_some_and(|pocket| pocket.starts_with("esm"))
            && !["+esm", "~esm"].iter().any(|mark| self.version.contains(mark));
        is_free && !self.is_source && !self.version.is_empty() && !is_debug(&self.name)
    }
}

/// One for each release that is known. A package is named once for each of its versions; the source package, and one
/// without a version, fixes nothing that is installed.
fn advisories(notice: &Notice) -> Result<Vec<Advisory>, String> {
    let draft = Draft {
        id: notice.id.clone(),
        title: notice.title.clone(),
        cves: notice.cves_ids.clone(),
        issued: notice.published.clone(),
        ..Draft::default()
    };
    let mut advisories = Vec::new();
    for (codename, ecosystem) in RELEASES {
        if let Some(packages) = notice.release_packages.get(codename) {
            let binaries = packages.iter().filter(|package| package.is_installable());
            advisories.push(
                draft.advisory(ecosystem, binaries.map(|package| (package.name.clone(), package.version.clone())))?,
            );
        }
    }
    Ok(advisories)
}
