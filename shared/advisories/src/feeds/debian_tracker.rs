//! Debian's security tracker: every source package, every vulnerability that it ever had, and what became of that in each
//! release. One document, of some 60 megabytes, read as a stream. It is the only place that tells of fixes without an
//! advisory, such as those of a point release, and of Debian's own ratings.
//! Source: <https://security-tracker.debian.org/tracker/data/json>, as
//! <https://security-team.debian.org/security_tracker.html> describes it.
//!
//! Kept is what a release fixed by an update of its own: a version with `deb12u` or `deb13u` in it
//! (<https://www.debian.org/doc/manuals/developers-reference/pkgs.html#special-case-uploads-to-the-stable-and-oldstable-distributions>).
//! An advisory is named after its vulnerability. **The tracker has no dates**: it is filed under the first of January of
//! its vulnerability's year, or of the first year that lies whole within what is kept, so that it is kept as long as the
//! tracker tells it. It is evidence by versions, and none by dates.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::debian_list::RELEASES;
use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::json;
use crate::reading::{Reading, Step};
use crate::record::{Draft, Fixed, Gathered, rating};
use crate::source::Document;

/// The tracker.
pub(crate) const FEED: Feed = Feed {
    name: "debian-tracker",
    base_url: "https://security-tracker.debian.org",
    ecosystems: &["debian-12", "debian-13"],
    role: Role::Main,
    limits: Limits { bytes: 256 * 1024 * 1024, documents: 1 },
    start: Start::At("/tracker/data/json", Step::Whole),
    parse,
};

/// The most pairs of a vulnerability and a release.
const FIXED: usize = 50_000;

#[derive(Deserialize)]
struct Record {
    #[serde(default)]
    releases: Releases,
}

/// By codename; where there is none, an empty list stands.
#[derive(Deserialize)]
#[serde(untagged)]
enum Releases {
    Some(BTreeMap<String, Release>),
    None([(); 0]),
}

impl Default for Releases {
    fn default() -> Self {
        Self::None([])
    }
}

#[derive(Deserialize)]
struct Release {
    status: String,
    #[serde(default)]
    fixed_version: String,
    #[serde(default)]
    urgency: String,
}

fn parse(_: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    let since = TimeZone::UTC.to_datetime(document.request.since);
    let year = i32::from(since.year());
    let whole_year = if since.day_of_year() == 1 { year } else { year + 1 }.to_string();
    let mut found: BTreeMap<(String, &str), (Draft, Vec<Fixed>)> = BTreeMap::new();
    let mut gathered = Gathered::new(Timestamp::MIN);
    json::groups(document.source, &document.meter, |package, cve, text| {
        let record = match json::record::<Record>(text) {
            Ok(record) => record,
            Err(reason) => return gathered.record(&format!("{package} {cve}"), Err(reason)),
        };
        gathered.record(cve, Ok(Vec::new()))?;
        // `TEMP-…`: it has no number yet.
        let Some(of) = cve
            .strip_prefix("CVE-")
            .and_then(|rest| rest.get(..4))
            .filter(|of| of.parse::<i32>().is_ok_and(|of| of >= year))
        else {
            return Ok(());
        };
        let Releases::Some(releases) = record.releases else { return Ok(()) };
        for (codename, ecosystem) in RELEASES {
            let Some(release) = releases.get(codename) else { continue };
            let update = format!("deb{}u", ecosystem.trim_start_matches("debian-"));
            if release.status == "resolved" && release.fixed_version.contains(&update) {
                let (draft, fixed) = found.entry((cve.to_owned(), ecosystem)).or_default();
                draft.severity = draft.severity.max(rating(release.urgency.trim_end_matches('*')));
                draft.issued = format!("{}-01-01", of.max(whole_year.as_str()));
                fixed.push((package.to_owned(), release.fixed_version.clone()));
            }
        }
        if found.len() > FIXED { Err(Fault::TooMany { limit: FIXED }) } else { Ok(()) }
    })?;
    for ((cve, ecosystem), (draft, fixed)) in found {
        let packages = fixed.iter().map(|(package, _)| package.as_str()).collect::<Vec<_>>().join(", ");
        let draft = Draft { id: cve.clone(), title: packages, cves: vec![cve.clone()], ..draft };
        gathered.record(&cve, draft.advisory(ecosystem, fixed).map(|advisory| vec![advisory]))?;
    }
    gathered.finish_whole()
}
