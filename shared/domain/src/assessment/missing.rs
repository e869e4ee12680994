//! A patch without a new base image: what an image lacks that its vendor has fixed.

use jiff::Timestamp;

use super::evidence::{Basis, Evidence, Fixing};
use super::judgement::judge;
use super::packages::{Inventory, main_package};
use super::{Assessment, Published};
use crate::advisory::Installed;

/// How bad it is to stay on an image of which it is known what is installed: the fixes of vulnerabilities that it
/// lacks. Where the list leaves that open for an installed package, what was issued after the image was `built` counts
/// as lacking: so a rebuild ends it. Nothing, if none is known, be it that there are no advisories, or no order of
/// versions.
#[must_use]
pub fn missing_fixes(
    installed: &[Installed],
    published: &Published<'_>,
    built: Timestamp,
    now: Timestamp,
) -> Option<Assessment> {
    let inventory = Inventory::new(published.ecosystem?, installed);
    let mut open = 0;
    let lacked =
        published.advisories?.iter().filter(|advisory| advisory.issued <= now && advisory.is_security()).filter_map(
            |advisory| {
                let mut lacked = inventory.lacks(advisory);
                if lacked.is_empty() && advisory.issued > built {
                    lacked = inventory.may_lack(advisory);
                    lacked.retain(|package| package.installed.is_some());
                    open += usize::from(!lacked.is_empty());
                }
                Some(Fixing { advisory, package: Some(main_package(lacked)?) })
            },
        );
    let fixings: Vec<Fixing<'_>> = lacked.collect();
    let evidence = Evidence { fixings, open, ..Evidence::new(Basis::Missing) };
    (!evidence.fixings.is_empty()).then(|| judge(&evidence, published, now))
}

#[cfg(test)]
mod tests;
