//! What has become of a base image since the image was made that stands on it.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use prism_domain::advisory::CveId;
use prism_domain::assessment::FixedCve;
use prism_domain::assessment::UpdateType;
use prism_domain::due::{LackedMoves, lacked_moves};
use prism_domain::id::AmiId;
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::update::BaseImageUpdate;
use serde::Serialize;

use crate::bases::Base;

/// What an image lacks that stands on `on`.
pub fn pending(on: &AmiId, base: &Base) -> LackedMoves {
    lacked_moves(on, base.tracked.as_ref(), &base.updates)
}

/// What several moves come to, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gist {
    /// The worst of their levels.
    pub level: SecurityLevel,
    /// How sure that one is.
    pub confidence: Confidence,
    /// Security if one of them is, or may be; else feature if one of them is.
    #[serde(rename = "type")]
    pub update_type: UpdateType,
    /// The vulnerability that weighs most, where one is known.
    pub worst: Option<FixedCve>,
    /// How many vulnerabilities they fix, as far as is known.
    pub cves: usize,
    /// Whether it is not known of one of them what it fixes.
    pub partly_unknown: bool,
}

/// What moves come to; nothing if there are none.
pub fn gist<'a>(updates: impl IntoIterator<Item = &'a BaseImageUpdate>) -> Option<Gist> {
    let updates: Vec<&BaseImageUpdate> = updates.into_iter().collect();
    let worst = updates.iter().max_by_key(|update| (update.security_level, update.confidence))?;
    let is_of = |wanted: &UpdateType| updates.iter().any(|update| update.update_type == *wanted);
    let update_type = [UpdateType::Security, UpdateType::Feature].into_iter().find(is_of);
    let cves: BTreeSet<&CveId> = updates.iter().flat_map(|update| &update.cves).collect();
    Some(Gist {
        level: worst.security_level,
        confidence: worst.confidence,
        update_type: update_type.unwrap_or(UpdateType::Maintenance),
        worst: updates.iter().flat_map(|update| &update.fixes).max_by_key(|fix| weight(fix)).cloned(),
        cves: cves.len(),
        partly_unknown: updates.iter().any(|update| update.confidence == Confidence::Unknown),
    })
}

/// By its level, then whether it is exploited, then how likely it is to be; the oldest id where all that is the same.
fn weight(fix: &FixedCve) -> impl Ord {
    (fix.level, fix.exploited_since.is_some(), fix.likelihood, Reverse(fix.cve.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::update;

    #[test]
    fn the_worst_level_and_the_weightiest_vulnerability_stand_for_all() {
        use crate::samples::{cve, judged};
        let high = judged(update(1, 1, 2), SecurityLevel::High, vec![cve("CVE-2024-0001", SecurityLevel::High)]);
        let exploited = FixedCve {
            exploited_since: Some("2024-05-01".parse().unwrap()),
            ..cve("CVE-2024-0003", SecurityLevel::Critical)
        };
        let fixes = vec![cve("CVE-2024-0002", SecurityLevel::Critical), exploited];
        let critical = judged(update(2, 2, 3), SecurityLevel::Critical, fixes);
        let told = gist([&high, &critical]).unwrap();
        assert_eq!((told.level, told.cves, told.partly_unknown), (SecurityLevel::Critical, 3, false));
        assert_eq!(told.worst.unwrap().cve.as_str(), "CVE-2024-0003");
        assert_eq!(gist([]), None);
    }
}
