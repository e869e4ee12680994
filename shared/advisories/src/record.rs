//! From what a vendor writes to an advisory: every text is checked before it becomes one.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use prism_domain::advisory::{Advisory, AdvisoryId, AdvisoryKind, CveId, Ecosystem, Fix, VersionOrder};
use prism_domain::level::SecurityLevel;
use prism_domain::problem::printable;

use crate::error::Fault;
use crate::reading::Reading;

/// The most advisories of one document.
const ADVISORIES: usize = 50_000;
/// The most vulnerabilities of one advisory: of a kernel's, some have over a thousand.
const CVES: usize = 10_000;
/// The most fixed packages of one advisory in one ecosystem.
const FIXES: usize = 10_000;
/// Characters of a title.
const TITLE: usize = 200;

/// A record as its vendor writes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    pub(crate) id: String,
    pub(crate) kind: Option<AdvisoryKind>,
    pub(crate) severity: Option<SecurityLevel>,
    pub(crate) title: String,
    pub(crate) cves: Vec<String>,
    pub(crate) issued: String,
    /// Empty: never.
    pub(crate) updated: String,
}

/// A package and the version that fixes it, as the vendor writes them.
pub(crate) type Fixed = (String, String);

impl Draft {
    /// The advisory that it is for this ecosystem; else what is wrong with it, to stand behind its id.
    pub(crate) fn advisory(&self, ecosystem: &str, fixed: impl IntoIterator<Item = Fixed>) -> Result<Advisory, String> {
        let id: AdvisoryId = self.id.parse().map_err(|error| format!("{error}"))?;
        let ecosystem: Ecosystem = ecosystem.parse().map_err(|error| format!("its ecosystem {error}"))?;
        let issued =
            time(&self.issued).ok_or_else(|| format!("was issued at \"{}\", which is no time", self.issued))?;
        let updated = match self.updated.as_str() {
            "" => issued,
            text => time(text).ok_or_else(|| format!("was updated at \"{text}\", which is no time"))?,
        };
        let mut cves = BTreeSet::new();
        for cve in &self.cves {
            match cve.parse::<CveId>() {
                Ok(cve) => drop(cves.insert(cve)),
                // `CVE-2004-XXXX`: it had no number yet when the advisory was written.
                Err(_) if cve.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {}
                Err(error) => return Err(format!("names \"{cve}\", which {error}")),
            }
        }
        let mut packages = BTreeSet::new();
        for (package, version) in fixed {
            packages.insert(fix(&ecosystem, package, &version)?);
            if packages.len() > FIXES {
                return Err(format!("fixes more than {FIXES} packages"));
            }
        }
        if cves.len() > CVES {
            return Err(format!("names more than {CVES} vulnerabilities"));
        }
        Ok(Advisory {
            id,
            ecosystem,
            kind: self.kind.unwrap_or(AdvisoryKind::Security),
            severity: self.severity,
            title: printable(self.title.split_whitespace().collect::<Vec<_>>().join(" ").as_str(), TITLE),
            cves: cves.into_iter().collect(),
            fixed: packages.into_iter().collect(),
            issued,
            updated: updated.max(issued),
        })
    }
}

fn fix(ecosystem: &Ecosystem, package: String, version: &str) -> Result<Fix, String> {
    if !is_package(&package) {
        return Err(format!("fixes \"{package}\", which is not a package's name"));
    }
    // The epoch 0 is the same as none.
    let version = version.strip_prefix("0:").unwrap_or(version);
    if !is_version(version, ecosystem.order()) {
        return Err(format!("fixes {package} in \"{version}\", which is not a version"));
    }
    Ok(Fix { package, version: version.to_owned() })
}

/// Letters, digits and `. _ + -`, a letter or digit first: what both rpm's and Debian's packages are named with.
/// Sources: <https://rpm-software-management.github.io/rpm/manual/spec.html>,
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#source>.
fn is_package(text: &str) -> bool {
    (1..=200).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-'))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !text.contains("..")
}

/// Letters, digits, `. + ~ -`, a colon behind the epoch; of rpm's, `_` and `^` too.
/// Sources: <https://rpm-software-management.github.io/rpm/manual/spec.html>,
/// <https://www.debian.org/doc/debian-policy/ch-controlfields.html#version>.
fn is_version(text: &str, order: VersionOrder) -> bool {
    let other: &[u8] = match order {
        VersionOrder::Rpm => b".+~-_^",
        VersionOrder::Dpkg => b".+~-:",
        VersionOrder::None => b".",
    };
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    (1..=8).contains(&epoch.len())
        && epoch.bytes().all(|b| b.is_ascii_digit())
        && (1..=200).contains(&rest.len())
        && rest.bytes().all(|b| b.is_ascii_alphanumeric() || other.contains(&b))
        && rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !rest.contains("..")
}

/// Takes `name-[epoch:]version-release.architecture[.rpm]` apart.
pub(crate) fn nevra(text: &str) -> Option<(Fixed, &str)> {
    let (rest, architecture) = text.strip_suffix(".rpm").unwrap_or(text).rsplit_once('.')?;
    let (rest, release) = rest.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some(((name.to_owned(), format!("{version}-{release}")), architecture))
}

/// A time as vendors write it: RFC 3339, RFC 2822, or a date with or without a time, which is UTC's then.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    let of_day = || text.parse::<DateTime>().ok().and_then(|time| TimeZone::UTC.to_timestamp(time).ok());
    text.parse().ok().or_else(of_day).or_else(|| jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp()))
}

/// A vendor's rating. Sources: <https://access.redhat.com/security/updates/classification>,
/// <https://alas.aws.amazon.com/faqs.html>, <https://ubuntu.com/security/cves/about#priority>,
/// <https://security-team.debian.org/security_tracker.html#severity-levels>.
pub(crate) fn rating(text: &str) -> Option<SecurityLevel> {
    match text.trim().to_ascii_lowercase().as_str() {
        "critical" => Some(SecurityLevel::Critical),
        "important" | "high" => Some(SecurityLevel::High),
        "moderate" | "medium" => Some(SecurityLevel::Medium),
        "low" | "negligible" | "unimportant" => Some(SecurityLevel::Low),
        _ => None,
    }
}

/// What a title says that the advisory is about.
pub(crate) fn kind(text: &str) -> Option<AdvisoryKind> {
    match text.trim().to_ascii_lowercase().as_str() {
        "security" => Some(AdvisoryKind::Security),
        "bugfix" | "bug fix" | "recommended" => Some(AdvisoryKind::Bugfix),
        "enhancement" | "newpackage" | "optional" | "feature" => Some(AdvisoryKind::Enhancement),
        _ => None,
    }
}

/// Gathers what one document says.
pub(crate) struct Gathered {
    since: Timestamp,
    records: usize,
    pub(crate) reading: Reading,
}

impl Gathered {
    /// Advisories that did not change at or after `since` are left out.
    pub(crate) fn new(since: Timestamp) -> Self {
        Self { since, records: 0, reading: Reading::default() }
    }

    /// A record was read, and this became of it: an advisory for each ecosystem, or what is wrong with it.
    pub(crate) fn record(&mut self, id: &str, read: Result<Vec<Advisory>, String>) -> Result<(), Fault> {
        self.records += 1;
        match read {
            Ok(advisories) => {
                let recent = advisories.into_iter().filter(|advisory| advisory.updated >= self.since);
                self.reading.advisories.extend(recent);
            }
            Err(reason) => self.reading.skipped.add(id, &reason),
        }
        if self.reading.advisories.len() > ADVISORIES {
            return Err(Fault::TooMany { limit: ADVISORIES });
        }
        Ok(())
    }

    /// How many records there were.
    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// The document is read. It is not what is expected if not one of its records is.
    pub(crate) fn finish(self) -> Result<Reading, Fault> {
        let skipped = &self.reading.skipped;
        match skipped.first.first() {
            Some(first) if skipped.count == self.records => {
                Err(Fault::NothingReadable { count: self.records, first: format!("{} {}", first.record, first.reason) })
            }
            _ => Ok(self.reading),
        }
    }

    /// The same of a document that is never empty.
    pub(crate) fn finish_whole(self) -> Result<Reading, Fault> {
        if self.records == 0 { Err(Fault::unexpected("has no records")) } else { self.finish() }
    }
}
