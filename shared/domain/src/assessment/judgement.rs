//! From evidence to type, level and confidence.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::dates::day_of;
use super::evidence::{Basis, Evidence, Fixing, lacks_attacks};
use super::rating::{NAMED, UNRATED, fix, rated};
use super::reasons::Reasons;
use super::{Assessment, FixedCve, Published};
use crate::advisory::{AdvisoryKind, CveId};
use crate::assessment::UpdateType;
use crate::level::{Confidence, SecurityLevel};

/// What the evidence comes to.
pub(super) fn judge(evidence: &Evidence<'_>, published: &Published<'_>, now: Timestamp) -> Assessment {
    let mut fixes = fixes(evidence, published, now);
    fixes.sort_by(|one, other| weight(one).cmp(&weight(other)));
    let tuesdays = matches!(&evidence.basis, Basis::PatchTuesdays(days) if !days.is_empty());
    let levels = fixes.iter().map(|fix| fix.level);
    let advisories = evidence.fixings.iter().filter(|fixing| evidence.counts(fixing)).map(|it| rated(it.advisory));
    let found = levels.chain(advisories).chain(tuesdays.then_some(SecurityLevel::High)).max();

    let precaution = evidence.stale.is_some() && found < Some(SecurityLevel::High);
    let brings = |kind| evidence.fixings.iter().any(|fixing| fixing.advisory.kind == kind);
    let update_type = if found.is_some() || precaution {
        UpdateType::Security
    } else if brings(AdvisoryKind::Enhancement) {
        UpdateType::Feature
    } else {
        UpdateType::Maintenance
    };
    let unsure = lacks_attacks(published, now);
    let reasons = Reasons { evidence, fixes: &fixes, published, precaution, unsure }.in_words();
    let confidence = if unsure { evidence.confidence().min(Confidence::Likely) } else { evidence.confidence() };
    fixes.truncate(NAMED);
    Assessment {
        update_type,
        level: if precaution { SecurityLevel::High } else { found.unwrap_or(SecurityLevel::Low) },
        confidence: if precaution { Confidence::Unknown } else { confidence },
        reasons,
        fixes,
    }
}

/// The worst first: by level, then what is exploited, then what is likely to be, then by number.
fn weight(fix: &FixedCve) -> impl Ord + '_ {
    (Reverse(fix.level), fix.exploited_since.is_none(), Reverse(fix.likelihood), &fix.cve)
}

/// Every vulnerability that is fixed, once. Of several advisories that fix it the worst counts, so that another
/// advisory never makes it less bad.
fn fixes(evidence: &Evidence<'_>, published: &Published<'_>, now: Timestamp) -> Vec<FixedCve> {
    let mut found: BTreeMap<&CveId, FixedCve> = BTreeMap::new();
    let mut add = |cve, fix: FixedCve| {
        let known = found.entry(cve).or_insert_with(|| fix.clone());
        let rating = known.rating.max(fix.rating);
        if says_more(&fix, known) {
            *known = fix;
        }
        known.rating = rating;
    };
    let today = day_of(now);
    let fix = |cve, rating, otherwise| fix(cve, rating, otherwise, published, today);
    let gone: BTreeSet<&CveId> = evidence.gone.iter().map(|finding| &finding.cve).collect();
    let advised: BTreeSet<&CveId> = evidence.fixings.iter().flat_map(|fixing| &fixing.advisory.cves).collect();
    for finding in &evidence.gone {
        // What Inspector leaves open an advisory may tell.
        let otherwise = if advised.contains(&finding.cve) { SecurityLevel::Low } else { UNRATED };
        add(&finding.cve, fix(&finding.cve, finding.severity, otherwise));
    }
    for cve in &evidence.windows {
        add(*cve, fix(cve, None, UNRATED));
    }
    for fixing in &evidence.fixings {
        let Fixing { advisory, package } = fixing;
        for cve in advisory.cves.iter().filter(|cve| evidence.basis != Basis::Findings || gone.contains(cve)) {
            let (advisory_id, package) = (Some(advisory.id.clone()), package.clone());
            add(cve, FixedCve { advisory: advisory_id, package, ..fix(cve, advisory.severity, UNRATED) });
        }
    }
    found.into_values().collect()
}

/// Whether one of two accounts of a vulnerability is the one to keep: the worse, then the one with an advisory, then,
/// so that their order does not matter, the one of the advisory and package that come first.
fn says_more(fix: &FixedCve, known: &FixedCve) -> bool {
    let key = |fix: &FixedCve| {
        let package = fix.package.as_ref().map(|package| (package.name.clone(), package.fixed.clone()));
        (Reverse(fix.level), fix.advisory.is_none(), fix.advisory.clone(), package)
    };
    key(fix) < key(known)
}
