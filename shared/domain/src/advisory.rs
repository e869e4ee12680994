//! What vendors say of vulnerabilities: advisories, what is exploited, what is likely to be.

mod merge;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::id::is_dotted_name;
use crate::level::SecurityLevel;
use crate::text::text_id;

pub use merge::news;

text_id!(
    /// A vulnerability, such as `CVE-2024-1234`.
    /// Source: <https://www.cve.org/Resources/General/Policies/CVE-Identifier-Syntax.html>.
    CveId,
    "a CVE id",
    "it is CVE-, a year, and 4 to 19 digits",
    is_cve_id
);

text_id!(
    /// The advisories of one vendor for one release of its system, such as `ubuntu-22.04` or `rocky-9`.
    Ecosystem,
    "an advisory ecosystem",
    "allowed are 2 to 64 lower-case letters, digits, dots and hyphens, a letter first",
    is_dotted_name
);

text_id!(
    /// An advisory, as its vendor numbers it, such as `ALAS2023-2025-935` or `RLSA-2025:8056`.
    AdvisoryId,
    "an advisory id",
    "allowed are 3 to 64 letters, digits, hyphens, dots, colons and underscores, a letter first",
    is_advisory_id
);

fn is_cve_id(text: &str) -> bool {
    let parts = text.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(year, number)| {
        year.len() == 4
            && (4..=19).contains(&number.len())
            && year.bytes().chain(number.bytes()).all(|b| b.is_ascii_digit())
    })
}

fn is_advisory_id(text: &str) -> bool {
    (3..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b':' | b'_'))
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// How an ecosystem orders the versions of its packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionOrder {
    /// Epoch, version, release, as rpm compares them.
    Rpm,
    /// Epoch, upstream version, Debian revision, as dpkg compares them.
    Dpkg,
    /// It has no packages whose versions could be compared.
    None,
}

impl Ecosystem {
    /// How its packages' versions are ordered.
    #[must_use]
    pub fn order(&self) -> VersionOrder {
        let is_of = |families: &[&str]| families.iter().any(|family| self.0.starts_with(family));
        if is_of(&["ubuntu-", "debian-"]) {
            VersionOrder::Dpkg
        } else if is_of(&["amazon-linux-", "rocky-", "almalinux-", "rhel-", "sles-"]) {
            VersionOrder::Rpm
        } else {
            VersionOrder::None
        }
    }

    /// Whether its advisories name source packages, while images list binary ones: a name that an image does not have
    /// says nothing then.
    #[must_use]
    pub fn names_sources(&self) -> bool {
        self.0.starts_with("debian-")
    }
}

/// An advisory: what a vendor fixed, and how bad it thinks that was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Advisory {
    /// Its number.
    pub id: AdvisoryId,
    /// Of which release.
    pub ecosystem: Ecosystem,
    /// Security, or something else.
    pub kind: AdvisoryKind,
    /// The vendor's rating, where it gives one.
    pub severity: Option<SecurityLevel>,
    /// One line: untrusted text, made printable.
    pub title: String,
    /// The vulnerabilities that it fixes.
    pub cves: Vec<CveId>,
    /// The packages that it fixes, and the first version in which each is fixed.
    pub fixed: Vec<Fix>,
    /// When it was issued.
    pub issued: Timestamp,
    /// When it last changed; never before `issued`.
    pub updated: Timestamp,
}

impl Advisory {
    /// Whether it is about vulnerabilities. What names one is, whatever it calls itself.
    #[must_use]
    pub fn is_security(&self) -> bool {
        self.kind == AdvisoryKind::Security || !self.cves.is_empty()
    }

    /// Whether it is known when it was issued. One without a number of its own, which is named after its
    /// vulnerability, comes from a list of versions that has no dates.
    #[must_use]
    pub fn is_dated(&self) -> bool {
        !is_cve_id(self.id.as_str())
    }
}

/// What an advisory is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdvisoryKind {
    /// It fixes vulnerabilities.
    Security,
    /// It fixes bugs.
    Bugfix,
    /// It brings something new.
    Enhancement,
}

/// The first version of a package that has a fix. A package may stand in an advisory more than once, such as in
/// two module streams or for two kernels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Fix {
    /// The binary package's name; of Debian, the source package's.
    pub package: String,
    /// Its version, as the ecosystem writes it: `[epoch:]version[-release]`.
    pub version: String,
}

/// A package, as it is installed in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Installed {
    /// Its name.
    pub package: String,
    /// Its version, as the ecosystem writes it.
    pub version: String,
}

/// How likely it is that a vulnerability is exploited within 30 days, in hundred-thousandths.
/// Source: <https://www.first.org/epss/faq>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Probability(u32);

impl Probability {
    /// Certainty.
    pub const ONE: Self = Self(100_000);
    /// One in ten.
    pub const TENTH: Self = Self(10_000);
    /// The least that is kept: most vulnerabilities are below it, and need no remembering.
    pub const NOTABLE: Self = Self(5_000);

    /// So many hundred-thousandths, if that is a probability.
    #[must_use]
    pub const fn new(hundred_thousandths: u32) -> Option<Self> {
        if hundred_thousandths <= Self::ONE.0 { Some(Self(hundred_thousandths)) } else { None }
    }

    /// As it is read: `0.1`, `0.97312`, `1`.
    #[must_use]
    pub fn decimal(self) -> String {
        let exact = format!("{}.{:05}", self.0 / Self::ONE.0, self.0 % Self::ONE.0);
        exact.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

impl fmt::Display for Probability {
    /// `97.3 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}.{} %", self.0 / 1_000, self.0 % 1_000 / 100))
    }
}

/// A text that is no probability. Reads on from the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is not a probability; write it as a number from 0 to 1, such as 0.5")]
pub struct NotAProbability;

impl FromStr for Probability {
    type Err = NotAProbability;

    /// Reads a decimal from 0 to 1. Digits after the fifth are dropped.
    fn from_str(text: &str) -> Result<Self, NotAProbability> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.len() <= 20 && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(NotAProbability);
        }
        let fraction: String = fraction.chars().chain("00000".chars()).take(5).collect();
        let (whole, fraction): (u32, u32) =
            (whole.parse().map_err(|_| NotAProbability)?, fraction.parse().map_err(|_| NotAProbability)?);
        whole
            .checked_mul(Self::ONE.0)
            .and_then(|whole| whole.checked_add(fraction))
            .and_then(Self::new)
            .ok_or(NotAProbability)
    }
}

/// What is known of attacks: which vulnerabilities are exploited, and how likely others are to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Threats {
    /// The vulnerabilities of CISA's catalogue of known exploited ones, and when each was added.
    /// Source: <https://www.cisa.gov/known-exploited-vulnerabilities-catalog>.
    pub exploited: BTreeMap<CveId, Date>,
    /// Those of them that are vulnerabilities of Microsoft Windows, for which no advisories are read.
    #[serde(default)]
    pub windows: BTreeSet<CveId>,
    /// The probability of those that have a notable one (EPSS).
    pub likely: BTreeMap<CveId, Probability>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ids_of_the_vendors_are_taken_and_what_could_do_harm_is_refused() {
        for id in ["ALAS2023-2025-935", "RLSA-2025:8056", "USN-7095-1", "DSA-141", "SUSE-SU-2015:0011-2"] {
            assert!(id.parse::<AdvisoryId>().is_ok(), "{id}");
        }
        for id in ["", "../x", "A B", "USN-1;rm", "SUSE-SU-403 Forbidden-1"] {
            assert!(id.parse::<AdvisoryId>().is_err(), "{id}");
        }
        assert!("CVE-2024-1234".parse::<CveId>().is_ok() && "CVE-2024-12".parse::<CveId>().is_err());
    }

    #[test]
    fn every_ecosystem_has_its_order() {
        let order = |name: &str| name.parse::<Ecosystem>().unwrap().order();
        assert_eq!(order("ubuntu-22.04"), VersionOrder::Dpkg);
        assert_eq!(order("amazon-linux-2023"), VersionOrder::Rpm);
        assert_eq!(order("windows-2022"), VersionOrder::None);
    }

    #[test]
    fn a_probability_is_read_as_it_is_written() {
        let read = |text: &str| text.parse::<Probability>().map(|p| p.0);
        assert_eq!(
            (read("0.91963"), read("1"), read("0.5"), read("0.973123")),
            (Ok(91_963), Ok(100_000), Ok(50_000), Ok(97_312))
        );
        assert!(["", "1.00001", "-1", "0,5", ".", "99999999999999999999999"].iter().all(|text| read(text).is_err()));
        assert_eq!(Probability(97_312).to_string(), "97.3 %");
    }

    proptest! {
        #[test]
        fn no_text_makes_a_probability_above_one(text in ".{0,30}") {
            if let Ok(read) = text.parse::<Probability>() {
                prop_assert!(read <= Probability::ONE);
            }
        }

        #[test]
        fn a_probability_is_written_as_it_is_read(hundred_thousandths in 0..=100_000_u32) {
            let probability = Probability::new(hundred_thousandths).unwrap();
            prop_assert_eq!(probability.decimal().parse(), Ok(probability));
        }
    }
}
