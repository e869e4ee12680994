//! Ubuntu's security notices, page by page, the newest first. A notice says what it fixes in which release, but not how
//! bad that is: Ubuntu rates vulnerabilities, and the notices' OSV records have those ratings. The notices are there
//! first, though.
//! Source: <https://ubuntu.com/security/api/docs> (`/security/notices.json`; 20 notices a page at most).

use std::collections::BTreeMap;

use prism_domain::advisory::Advisory;
use serde::Deserialize;

use crate::feed::{Feed, Limits, Role, Start};
use crate::pages;
use crate::record::Draft;
use crate::updateinfo::is_debug;

/// The notices.
pub(crate) const FEED: Feed = Feed {
    name: "ubuntu-notices",
    base_url: "https://ubuntu.com",
    ecosystems: &["ubuntu-20.04", "ubuntu-22.04", "ubuntu-24.04", "ubuntu-26.04"],
    role: Role::Hint,
    limits: Limits { bytes: 64 * 1024 * 1024, documents: 150 },
    start: Start::Pages(path),
    parse: |_, document| {
        pages::read(document, PAGE, path, "notices", "a notice", |notice: &Notice| {
            (&notice.published, &notice.id, advisories(notice))
        })
    },
};

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

fn path(page: u32) -> String {
    let offset = (page as usize).saturating_sub(1).saturating_mul(PAGE);
    format!("/security/notices.json?limit={PAGE}&offset={offset}&order=newest")
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
