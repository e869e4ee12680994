//! How bad a vulnerability is: by its vendor's rating, by attacks that are known, and by those that are likely.

use jiff::civil::Date;

use super::Published;
use crate::advisory::{Advisory, CveId, Probability};
use crate::level::SecurityLevel;

/// What a fix counts as whose vendor does not say how bad it is. More than half of the vulnerabilities that vendors
/// do rate are important or critical, so this is the likelier guess, and the safer one.
pub(super) const UNRATED: SecurityLevel = SecurityLevel::High;

/// How many vulnerabilities an assessment names. A move over a year of releases may fix more.
pub(super) const NAMED: usize = 1_000;

/// The level of an advisory by its vendor's rating alone.
pub(super) fn rated(advisory: &Advisory) -> SecurityLevel {
    advisory.severity.unwrap_or(UNRATED)
}

/// What is known of a vulnerability beside its vendor's rating.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threat {
    pub(super) exploited_since: Option<Date>,
    pub(super) likelihood: Option<Probability>,
    /// The level that follows from these two, if one does.
    pub(super) level: Option<SecurityLevel>,
}

/// What was known of a vulnerability on a day.
pub(super) fn threat(cve: &CveId, published: &Published<'_>, today: Date) -> Threat {
    let threats = published.threats;
    let exploited_since = threats.exploited.get(cve).copied().filter(|since| *since <= today);
    let likelihood = threats.likely.get(cve).copied();
    let level = if exploited_since.is_some() {
        Some(SecurityLevel::Critical)
    } else if likelihood.is_some_and(|likelihood| likelihood >= published.epss_threshold) {
        Some(SecurityLevel::High)
    } else {
        None
    };
    Threat { exploited_since, likelihood, level }
}
