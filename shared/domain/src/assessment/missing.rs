//! A patch without a new base image: what an image lacks that its vendor has fixed.

use jiff::Timestamp;

use super::evidence::{Basis, Evidence, Fixing};
use super::judgement::judge;
use super::packages::{Inventory, main_package};
use super::{Assessment, Published};
use crate::advisory::Installed;

/// How bad it is to stay on an image of which it is known what is installed: the fixes of vulnerabilities that it
/// lacks, of those that were issued until a moment (where its repositories are locked to a release: that of the
/// release; otherwise none). Nothing, if none is known, be it that there are no advisories, or no order of versions.
#[must_use]
pub fn missing_fixes(
    installed: &[Installed],
    published: &Published<'_>,
    until: Option<Timestamp>,
    now: Timestamp,
) -> Option<Assessment> {
    let until = until.map_or(now, |until| until.min(now));
    let inventory = Inventory::new(published.ecosystem?.order(), installed);
    let lacked = published.advisories?.iter().filter(|advisory| advisory.issued <= until).filter_map(|advisory| {
        let package = main_package(inventory.lacks(advisory))?;
        Some(Fixing { advisory, package: Some(package) }).filter(Fixing::is_security)
    });
    let fixings: Vec<Fixing<'_>> = lacked.collect();
    let evidence = Evidence { fixings, ..Evidence::new(Basis::Missing) };
    (!evidence.fixings.is_empty()).then(|| judge(&evidence, published, now))
}

#[cfg(test)]
mod tests;
