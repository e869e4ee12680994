//! CISA's catalogue of vulnerabilities that are known to be exploited. It is one document, of some megabytes, and holds
//! all there is each time.
//! Source: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>, and its schema
//! <https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities_schema.json>.

use jiff::civil::Date;
use prism_domain::advisory::{CveId, Threats};
use serde::Deserialize;

use crate::error::Fault;
use crate::feed::{Feed, Limits, Role, Start};
use crate::json;
use crate::reading::{Reading, Step};
use crate::record::Gathered;
use crate::source::Document;

/// The catalogue.
pub(crate) const FEED: Feed = Feed {
    name: "kev",
    base_url: "https://www.cisa.gov",
    ecosystems: &[],
    role: Role::Main,
    limits: Limits { bytes: 32 * 1024 * 1024, documents: 1 },
    start: Start::At("/sites/default/files/feeds/known_exploited_vulnerabilities.json", Step::Whole),
    parse,
};

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

fn parse(_: &Feed, document: Document<'_>) -> Result<Reading, Fault> {
    let (mut gathered, mut threats) = (Gathered::new(document.request.since), Threats::default());
    json::list(document.source, &document.meter, "vulnerabilities", |text| {
        let read = json::record::<Entry>(text).and_then(|entry| match entry.cve.parse::<CveId>() {
            Ok(cve) => {
                if entry.is_of_windows() {
                    threats.windows.insert(cve.clone());
                }
                threats.exploited.insert(cve, entry.date_added);
                Ok(Vec::new())
            }
            Err(error) => Err(format!("{} {error}", entry.cve)),
        });
        gathered.record(&format!("entry {}", gathered.records() + 1), read)?;
        if gathered.records() > VULNERABILITIES { Err(Fault::TooMany { limit: VULNERABILITIES }) } else { Ok(()) }
    })?;
    Ok(Reading { threats: Some(threats), ..gathered.finish_whole()? })
}
