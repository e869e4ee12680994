use jiff::Timestamp;

use super::*;
use crate::advisory::{CveId, Probability};
use crate::assessment::FixedCve;
use crate::assessment::UpdateType;
use crate::fixtures::update;
use crate::level::{Confidence, SecurityLevel};

fn fix(number: u32, exploited: bool) -> FixedCve {
    FixedCve {
        cve: format!("CVE-2026-{number:04}").parse::<CveId>().unwrap(),
        level: SecurityLevel::Medium,
        rating: None,
        exploited_since: exploited.then(|| "2026-09-01".parse().unwrap()),
        likelihood: Some(Probability::TENTH),
        advisory: None,
        package: None,
    }
}

fn judged(level: SecurityLevel, confidence: Confidence, fixes: &[FixedCve]) -> Assessment {
    Assessment {
        update_type: UpdateType::Security,
        level,
        confidence,
        reasons: vec!["a reason".to_owned()],
        fixes: fixes.to_vec(),
    }
}

/// What changes, in words.
fn change(old: Assessment, new: Assessment) -> Option<(ChangeKind, String)> {
    reassess(&update().assessed(old, Timestamp::UNIX_EPOCH), new).map(|change| (change.kind, change.sentence))
}

#[test]
fn a_judgement_that_differs_says_in_what() {
    use Confidence::{Certain, Likely, Unknown};
    use SecurityLevel::{Critical, High, Medium};
    let told = |old, new| change(old, new).map(|(kind, sentence)| format!("{kind:?}: {sentence}")).unwrap_or_default();
    let medium = |fixes: &[FixedCve]| judged(Medium, Likely, fixes);
    insta::assert_snapshot!([
        told(medium(&[]), judged(Critical, Likely, &[])),
        told(judged(High, Unknown, &[]), medium(&[])),
        told(medium(&[]), Assessment { update_type: UpdateType::Maintenance, ..medium(&[]) }),
        told(medium(&[fix(1, false)]), medium(&[fix(1, false), fix(2, false)])),
        told(medium(&[fix(1, false)]), medium(&[fix(1, true)])),
        told(medium(&[]), judged(Medium, Certain, &[])),
    ].join("\n"), @r"
    Raised: is critical instead of medium: a reason
    Lowered: is medium instead of high: a reason
    Type: is a maintenance update instead of a security update: a reason
    MoreFixes: is known to fix one more vulnerability, or a worse one: a reason
    MoreFixes: is known to fix one more vulnerability, or a worse one: a reason
    Surer: is medium still, which is certain now: a reason
    ");
}

#[test]
fn the_same_judgement_in_other_words_is_no_change() {
    let old = judged(SecurityLevel::Medium, Confidence::Likely, &[fix(1, false), fix(2, false)]);
    let new = Assessment { reasons: vec!["another".to_owned()], ..old.clone() };
    assert_eq!(change(old.clone(), new), None);
    let fewer = judged(SecurityLevel::Medium, Confidence::Likely, &[fix(1, false)]);
    assert_eq!(change(old, fewer), None);
}

#[test]
fn who_knows_less_changes_a_judgement_only_for_the_worse() {
    use Confidence::{Certain, Likely, Unknown};
    let medium = || judged(SecurityLevel::Medium, Certain, &[]);
    assert_eq!(change(medium(), judged(SecurityLevel::Low, Likely, &[])), None);
    assert_eq!(change(medium(), judged(SecurityLevel::Medium, Likely, &[fix(1, false)])), None);
    let high = |confidence| change(medium(), judged(SecurityLevel::High, confidence, &[])).map(|(kind, _)| kind);
    assert_eq!(high(Likely), Some(ChangeKind::Raised));
    assert_eq!(high(Unknown), None, "a precaution is no knowledge");
}

#[test]
fn a_judgement_that_has_forgotten_a_vulnerability_is_no_milder_one() {
    use Confidence::{Certain, Likely};
    use SecurityLevel::{High, Low};
    let old = judged(High, Likely, &[fix(1, false), fix(2, false)]);
    let kind = |new| change(old.clone(), new).map(|(kind, _)| kind);
    assert_eq!(kind(judged(Low, Likely, &[fix(1, false)])), None);
    assert_eq!(kind(judged(Low, Certain, &[fix(1, false)])), Some(ChangeKind::Lowered), "who is surer may");
    assert_eq!(kind(judged(Low, Likely, &[fix(2, false), fix(1, false)])), Some(ChangeKind::Lowered), "rated anew");
}
