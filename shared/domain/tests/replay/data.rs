//! The real data, read from beside the project.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_domain::advisory::{CveId, Threats};
use prism_domain::level::SecurityLevel;
use prism_domain::seen_image::SeenImage;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A release of Amazon Linux 2, and what its notes say that it fixed.
#[derive(Deserialize)]
pub struct Release {
    pub version: String,
    pub date: Date,
    pub cves: Vec<CveId>,
    pub known_severity: BTreeMap<CveId, String>,
    #[serde(rename = "kev_at_release")]
    pub exploited: Vec<CveId>,
    #[serde(rename = "kev_later")]
    pub exploited_later: Vec<CveId>,
}

/// An advisory of AlmaLinux.
#[derive(Deserialize)]
pub struct Record {
    pub id: String,
    pub release: String,
    pub published: Timestamp,
    pub modified: Timestamp,
    pub severity: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    pub cves: Vec<CveId>,
    pub fixed: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Kev {
    entries: Vec<Exploited>,
}

#[derive(Deserialize)]
struct Exploited {
    cve: CveId,
    added: Date,
}

pub struct Data {
    pub releases: Vec<Release>,
    pub advisories: Vec<Record>,
    pub severities: BTreeMap<CveId, String>,
    pub threats: Threats,
}

impl Data {
    /// The data; nothing, said aloud, where it is not there.
    pub fn read() -> Option<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
        if !folder.is_dir() {
            let skipped = format!("SKIPPED: nothing is replayed, since {} is not there\n", folder.display());
            std::io::stderr().write_all(skipped.as_bytes()).unwrap();
            return None;
        }
        let kev: Kev = read(&folder.join("kev_compact.json"));
        let exploited = kev.entries.into_iter().map(|entry| (entry.cve, entry.added)).collect();
        Some(Self {
            releases: read(&folder.join("al2_replay_labels.json")),
            advisories: read(&folder.join("alma_advisories_2024-10_2026-03.json")),
            severities: read(&folder.join("cve_severity_from_alma.json")),
            threats: Threats { exploited, ..Threats::default() },
        })
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Red Hat's words for levels, which AlmaLinux has too.
/// Source: <https://access.redhat.com/security/updates/classification>.
pub fn level(rating: &str) -> SecurityLevel {
    match rating {
        "Critical" => SecurityLevel::Critical,
        "Important" => SecurityLevel::High,
        "Moderate" => SecurityLevel::Medium,
        "Low" => SecurityLevel::Low,
        other => panic!("{other} is no rating"),
    }
}

pub fn at(day: Date, hours: i64) -> Timestamp {
    let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
    midnight + SignedDuration::from_hours(hours)
}

/// An image of a day.
pub fn image(name: String, created_at: Option<Timestamp>) -> SeenImage {
    SeenImage { created_at, ..SeenImage::new("ami-00000001".parse().unwrap(), name) }
}
