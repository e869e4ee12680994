//! Debian's list of security advisories: a text that its security team keeps by hand, of every advisory since 1997. It
//! has no ratings. Packages are source packages.
//!
//! ```text
//! [31 Jul 2025] DSA-5970-1 sope - security update
//!         {CVE-2025-53603}
//!         [bookworm] - sope 5.8.0-1+deb12u1
//! ```
//! Source: <https://security-team.debian.org/security_tracker.html>.

use std::collections::BTreeMap;

use jiff::civil::Date;
use prism_domain::advisory::Advisory;

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::reading::{Reading, Step};
use crate::record::{Draft, Fixed, Gathered};
use crate::source::Document;
use crate::source::each_line;

/// The list.
pub(crate) const FEED: Feed = Feed {
    name: "debian-dsa",
    base_url: "https://salsa.debian.org",
    ecosystems: &["debian-12", "debian-13"],
    role: Role::Main,
    limits: Limits { bytes: 16 * 1024 * 1024, documents: 1 },
    start: Start::At("/security-tracker-team/security-tracker/-/raw/master/data/DSA/list", Step::Whole),
    parse,
};

/// Releases by codename. Source: <https://www.debian.org/releases/>.
pub(crate) const RELEASES: [(&str, &str); 2] = [("bookworm", "debian-12"), ("trixie", "debian-13")];

/// An advisory of the list: its first line, and what stands below it.
#[derive(Default)]
struct Entry {
    head: String,
    cves: Vec<String>,
    fixed: BTreeMap<String, Vec<Fixed>>,
    wrong: Option<String>,
}

fn parse(_: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    let (mut gathered, mut entry) = (Gathered::new(document.request.since), None::<Entry>);
    each_line(document.source, &document.meter, |at, line| {
        let malformed = |why: &str| Err(Fault::malformed("list of advisories", at.to_owned(), why));
        // Its last line ends like the others, so that what is cut off within one is seen.
        let Some(text) = line.strip_suffix('\n') else { return Err(Fault::CutOff { at: at.to_owned() }) };
        if text.starts_with('[') {
            finish(entry.take(), &mut gathered)?;
            entry = Some(Entry { head: text.to_owned(), ..Entry::default() });
        } else if text.starts_with([' ', '\t']) {
            match &mut entry {
                Some(entry) => entry.add(text.trim()),
                None => return malformed("no advisory stands above this line"),
            }
        } else if !text.trim().is_empty() {
            return malformed(&format!("\"{text}\""));
        }
        Ok(())
    })?;
    finish(entry, &mut gathered)?;
    gathered.finish_whole()
}

fn finish(entry: Option<Entry>, gathered: &mut Gathered) -> Result<(), Fault> {
    let Some(entry) = entry else { return Ok(()) };
    gathered.record(&entry.head.clone(), entry.advisories())
}

impl Entry {
    /// A line below the first: `{CVE-…}`, `[release] - package version`, or a note.
    fn add(&mut self, line: &str) {
        if let Some(cves) = line.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            self.cves.extend(cves.split_whitespace().map(str::to_owned));
        } else if let Some((release, rest)) = line.strip_prefix('[').and_then(|rest| rest.split_once("] - ")) {
            let mut words = rest.split_whitespace();
            match (words.next(), words.next()) {
                // `<not-affected>`, `<end-of-life>`, …: nothing is fixed in that release.
                (Some(_), Some(version)) if version.starts_with('<') => {}
                (Some(package), Some(version)) => {
                    let fixed = (package.to_owned(), version.to_owned());
                    self.fixed.entry(release.to_owned()).or_default().push(fixed);
                }
                _ => self.wrong = Some(format!("has the line \"{line}\"")),
            }
        }
    }

    fn advisories(mut self) -> Result<Vec<Advisory>, String> {
        if let Some(wrong) = self.wrong {
            return Err(wrong);
        }
        let (date, rest) =
            self.head.strip_prefix('[').and_then(|rest| rest.split_once("] ")).ok_or("has no date in brackets")?;
        let date = Date::strptime("%d %b %Y", date).map_err(|_| "has a date that is none")?;
        let (id, title) = rest.split_once(' ').unwrap_or((rest, ""));
        let draft = Draft {
            id: id.to_owned(),
            title: title.to_owned(),
            cves: self.cves,
            issued: date.to_string(),
            ..Draft::default()
        };
        let mut advisories = Vec::new();
        for (codename, ecosystem) in RELEASES {
            if let Some(fixed) = self.fixed.remove(codename) {
                advisories.push(draft.advisory(ecosystem, fixed)?);
            }
        }
        Ok(advisories)
    }
}
