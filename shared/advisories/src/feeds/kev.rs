//! CISA's catalogue of vulnerabilities that are known to be exploited. It is one document, of some megabytes, and holds
//! all there is each time.
//! Source: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, and its schema
//! <https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities_schema.json>.

use std::io::BufRead;

use jiff::Timestamp;
use jiff::civil::Date;
use prism_domain::advisory::{CveId, Threats};
use serde::Deserialize;

use super::named;
use crate::error::{Fault, FeedError};
use crate::feed::{Feed, Limits, Reading, Request, Skipped, Step};
use crate::json;
use crate::record::all_skipped;
use crate::source::{Meter, open};

/// The catalogue.
pub(crate) struct Kev;

const VULNERABILITIES: usize = 50_000;

/// Parts of Windows, whatever they are named together with.
const OF_WINDOWS: [&str; 4] = ["Windows", "Internet Explorer", "WordPad", ".NET Framework"];

/// Words by which the catalogue names other products of Microsoft.
const BESIDE_WINDOWS: [&str; 23] = [
    "Azure",
    "Dynamics",
    "Edge",
    "Excel",
    "Exchange",
    "Forefront",
    "Office",
    "OMI",
    "Outlook",
    "Partner",
    "Power",
    "PowerPoint",
    "Project",
    "Publisher",
    "SQL",
    "SharePoint",
    "Silverlight",
    "Skype",
    "Studio",
    "Teams",
    "Visio",
    "Visual",
    "Word",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(rename = "cveID")]
    cve: String,
    date_added: Date,
    #[serde(default)]
    vendor_project: String,
    #[serde(default)]
    product: String,
}

impl Entry {
    /// Windows has no advisories of its own here: what is known of it stands in this catalogue alone. Its parts have
    /// names of their own (`Win32k`, `SmartScreen Prompt`, `MSHTML`), so what Microsoft sells beside it is told apart.
    fn is_of_windows(&self) -> bool {
        let is_part = OF_WINDOWS.iter().any(|part| self.product.contains(part));
        let mut words = self.product.split(|c: char| !c.is_ascii_alphanumeric());
        self.vendor_project == "Microsoft" && (is_part || !words.any(|word| BESIDE_WINDOWS.contains(&word)))
    }
}

impl Feed for Kev {
    fn name(&self) -> &'static str {
        "kev"
    }

    fn base_url(&self) -> &'static str {
        "https://www.cisa.gov"
    }

    fn ecosystems(&self) -> &'static [&'static str] {
        &[]
    }

    fn limits(&self) -> Limits {
        Limits { bytes: 32 * 1024 * 1024, documents: 1 }
    }

    fn first(&self, _cursor: Option<&str>, since: Timestamp) -> Request {
        Request::new("/sites/default/files/feeds/known_exploited_vulnerabilities.json", Step::Whole, since, None)
    }

    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        named(self.name(), read(request, document, self.limits().bytes))
    }
}

fn read(request: &Request, document: &mut dyn BufRead, limit: u64) -> Result<Reading, Fault> {
    let meter = Meter::new(request, limit);
    let source = open(document, &meter)?;
    let (mut threats, mut skipped, mut count) = (Threats::default(), Skipped::default(), 0);
    json::list(source, &meter, "vulnerabilities", |text| {
        count += 1;
        let read = json::record::<Entry>(text).and_then(|entry| match entry.cve.parse::<CveId>() {
            Ok(cve) => Ok((cve, entry.date_added, entry.is_of_windows())),
            Err(error) => Err(format!("{} {error}", entry.cve)),
        });
        match read {
            Ok((cve, added, is_of_windows)) => {
                if is_of_windows {
                    threats.windows.insert(cve.clone());
                }
                threats.exploited.insert(cve, added);
            }
            Err(reason) => skipped.add(&format!("entry {count}"), &reason),
        }
        if count > VULNERABILITIES { Err(Fault::TooMany { limit: VULNERABILITIES }) } else { Ok(()) }
    })?;
    all_skipped(count, &skipped)?;
    if count == 0 {
        return Err(Fault::unexpected("has no records"));
    }
    Ok(Reading { threats: Some(threats), skipped, ..Reading::default() })
}
