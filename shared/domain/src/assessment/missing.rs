//! A patch without a new base image: what an image lacks that its vendor has fixed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::evidence::{Basis, Evidence, Fixing};
use super::judgement::judge;
use super::packages::{Inventory, main_package};
use super::{Assessment, FixedPackage, Published};
use crate::advisory::{AdvisoryId, Fix, Installed};

/// What an image lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// How bad that is.
    pub assessment: Assessment,
    /// The advisories whose fixes it lacks.
    pub advisories: BTreeSet<AdvisoryId>,
    /// Every package that they fix and that is installed without, and what it has to be at least.
    pub at_least: BTreeSet<Fix>,
}

/// How bad it is to stay on an image of which it is known what is installed: the fixes of vulnerabilities that it
/// lacks. Where the list leaves that open for an installed package, what was issued after the day up to which the image
/// is, `as_of`, counts as lacking: so a rebuild ends it. Nothing, if none is known, be it that there are no advisories,
/// or no order of versions.
#[must_use]
pub fn missing_fixes(
    installed: &[Installed],
    published: &Published<'_>,
    as_of: Timestamp,
    now: Timestamp,
) -> Option<Missing> {
    let inventory = Inventory::new(published.ecosystem?, installed);
    let (mut open, mut at_least) = (0, BTreeSet::new());
    let lacked = published
        .advisories?
        .iter()
        .filter(|advisory| advisory.issued <= now && advisory.is_security())
        .filter_map(|advisory| {
            let mut lacked = inventory.lacks(advisory);
            if lacked.is_empty() && advisory.issued > as_of {
                lacked = inventory.may_lack(advisory);
                lacked.retain(|package| package.installed.is_some());
                open += usize::from(!lacked.is_empty());
            }
            let fix = |package: &FixedPackage| Fix { package: package.name.clone(), version: package.fixed.clone() };
            at_least.extend(lacked.iter().map(fix));
            Some(Fixing { advisory, package: Some(main_package(&lacked)?) })
        });
    let fixings: Vec<Fixing<'_>> = lacked.collect();
    let evidence = Evidence { fixings, open, ..Evidence::new(Basis::Missing) };
    let advisories: BTreeSet<AdvisoryId> = evidence.fixings.iter().map(|fixing| fixing.advisory.id.clone()).collect();
    let assessment = judge(&evidence, published, now);
    (!advisories.is_empty()).then_some(Missing { assessment, advisories, at_least })
}

#[cfg(test)]
mod tests;
