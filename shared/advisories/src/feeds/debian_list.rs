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
use std::io::BufRead;

use jiff::Timestamp;
use jiff::civil::Date;
use prism_domain::advisory::Advisory;

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Step};
use crate::record::{Draft, Fixed, Gathered};
use crate::source::{Meter, open};

/// The list.
pub(crate) struct DebianList;

/// Releases by codename. Source: <https://www.debian.org/releases/>.
pub(crate) const RELEASES: [(&str, &str); 2] = [("bookworm", "debian-12"), ("trixie", "debian-13")];

impl Feed for DebianList {
    fn name(&self) -> &'static str {
        "debian-dsa"
    }

    fn base_url(&self) -> &'static str {
        "https://salsa.debian.org"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        &["debian-12", "debian-13"]
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 16 * 1024 * 1024, documents: 1 }
    }

    fn first(&self, _cursor: Option<&str>, since: Timestamp) -> Request {
        let path = "/security-tracker-team/security-tracker/-/raw/master/data/DSA/list";
        Request::new(path, Step::Whole, since, None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name(), read(request, document, self.limits().bytes))
    }
}

/// An advisory of the list: its first line, and what stands below it.
#[derive(Default)]
struct Entry {
    head: String,
    cves: Vec<String>,
    fixed: BTreeMap<String, Vec<Fixed>>,
    wrong: Option<String>,
}

fn read(request: &Request, document: &mut dyn BufRead, limit: u64) -> Result<Reading, Fault> {
    let meter = Meter::new(request, limit);
    let mut source = open(document, &meter)?;
    let mut gathered = Gathered::new(request.since);
    let (mut line, mut number, mut entry) = (Vec::new(), 0_usize, None::<Entry>);
    loop {
        line.clear();
        meter.next_record();
        number += 1;
        let at = || format!("at line {number}");
        if source.read_until(b'\n', &mut line).map_err(|error| meter.fault(&error, at()))? == 0 {
            break;
        }
        let text = str::from_utf8(&line).map_err(|error| Fault::malformed("UTF-8", at(), error.to_string()))?;
        // Its last line ends like the others, so that what is cut off within one is seen.
        let Some(text) = text.strip_suffix('\n') else { return Err(Fault::CutOff { at: at() }) };
        if text.starts_with('[') {
            finish(entry.take(), &mut gathered)?;
            entry = Some(Entry { head: text.to_owned(), ..Entry::default() });
        } else if text.starts_with([' ', '\t']) {
            match &mut entry {
                Some(entry) => entry.add(text.trim()),
                None => return Err(Fault::malformed("list of advisories", at(), "no advisory stands above this line")),
            }
        } else if !text.trim().is_empty() {
            return Err(Fault::malformed("list of advisories", at(), format!("\"{text}\"")));
        }
    }
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
