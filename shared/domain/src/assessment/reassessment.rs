//! Whether a later judgement of the same move is another one.

use std::collections::BTreeSet;

use super::Assessment;
use crate::advisory::CveId;
use crate::level::Confidence;
use crate::update::BaseImageUpdate;

/// A judgement that takes an earlier one's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The new one.
    pub assessment: Assessment,
    /// In what it differs; the weightiest.
    pub kind: ChangeKind,
    /// In a sentence, to stand behind the image's name.
    pub sentence: String,
}

/// In what two judgements of a move differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is worse than it was thought to be: a build for it moves up.
    Raised,
    /// It is less bad.
    Lowered,
    /// It is of another type.
    Type,
    /// It fixes more, or what it fixes is exploited now.
    MoreFixes,
    /// It is better known why.
    Surer,
}

/// Compares a judgement with an earlier one. Nothing, if they do not differ in a way that matters. A judgement that
/// knows less than the earlier one, since a source is silent or has forgotten, or since what lacked a fix has been
/// rebuilt, takes its place only if it is worse; a precaution never does.
#[must_use]
pub fn reassess(old: &BaseImageUpdate, new: Assessment) -> Option<Change> {
    let (was, is) = (old.security_level, new.level);
    let forgets = || old.cves.iter().any(|cve| new.fixes.iter().all(|fix| fix.cve != *cve));
    let knows_less = new.confidence < old.confidence || new.confidence == old.confidence && is < was && forgets();
    let is_precaution = new.confidence == Confidence::Unknown && old.confidence > Confidence::Unknown;
    if is_precaution || knows_less && is <= was {
        return None;
    }
    let why = new.reasons.first().map(|reason| format!(": {reason}")).unwrap_or_default();
    let more = more_fixes(old, &new);
    let (kind, sentence) = if is > was {
        (ChangeKind::Raised, format!("is {is} instead of {was}{why}"))
    } else if is < was {
        (ChangeKind::Lowered, format!("is {is} instead of {was}{why}"))
    } else if new.update_type != old.update_type {
        let sentence = format!("is a {} update instead of a {} update{why}", new.update_type, old.update_type);
        (ChangeKind::Type, sentence)
    } else if more > 0 {
        let fixes = match more {
            1 => "one more vulnerability, or a worse one".to_owned(),
            more => format!("{more} more vulnerabilities, or worse ones"),
        };
        (ChangeKind::MoreFixes, format!("is known to fix {fixes}{why}"))
    } else if new.confidence > old.confidence {
        (ChangeKind::Surer, format!("is {is} still, which is {} now{why}", new.confidence))
    } else {
        return None;
    };
    Some(Change { assessment: new, kind, sentence })
}

/// How many vulnerabilities are new, or have become exploited.
fn more_fixes(old: &BaseImageUpdate, new: &Assessment) -> usize {
    let known: BTreeSet<&CveId> = old.cves.iter().collect();
    let exploited: BTreeSet<&CveId> =
        old.fixes.iter().filter(|fix| fix.exploited_since.is_some()).map(|fix| &fix.cve).collect();
    let is_more = |fix: &&super::FixedCve| {
        !known.contains(&fix.cve) || fix.exploited_since.is_some() && !exploited.contains(&fix.cve)
    };
    new.fixes.iter().filter(is_more).count()
}

#[cfg(test)]
mod tests;
