//! How bad a vulnerability is: by its vendor's rating, by attacks that are known, and by those that are likely.

use jiff::civil::Date;

use super::{FixedCve, Published};
use crate::advisory::{Advisory, CveId};
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

/// The fix of a vulnerability, by its vendor's rating or else as bad as `otherwise`, and at least as bad as the attacks that
/// were known or likely on a day.
pub(super) fn fix(
    cve: &CveId,
    rating: Option<SecurityLevel>,
    otherwise: SecurityLevel,
    published: &Published<'_>,
    today: Date,
) -> FixedCve {
    let threats = published.threats;
    let exploited_since = threats.exploited.get(cve).copied().filter(|since| *since <= today);
    let likelihood = threats.likely.get(cve).copied();
    let attacks = if exploited_since.is_some() {
        SecurityLevel::Critical
    } else if likelihood.is_some_and(|likelihood| likelihood >= published.epss_threshold) {
        SecurityLevel::High
    } else {
        SecurityLevel::Low
    };
    let level = rating.unwrap_or(otherwise).max(attacks);
    FixedCve { cve: cve.clone(), level, rating, exploited_since, likelihood, advisory: None, package: None }
}
