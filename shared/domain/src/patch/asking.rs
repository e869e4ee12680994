//! Whether a rebuild is to be asked for an image that lacks fixes.

use jiff::{SignedDuration, Timestamp};

use crate::build::{Ending, EndingKind};
use crate::duration::after;
use crate::id::AmiId;
use crate::level::SecurityLevel;
use crate::policy::Policy;
use crate::update::{BaseImageUpdate, Direction};

/// How long after a patch's build has failed the same patch is asked for again.
const AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// Whether an image on `stands_on` gets fixes that it lacks with a rebuild that is coming anyway: its base image has moved
/// on since, for a reason that is as bad, and the rebuild waits for nobody's approval. `moves`: those of its base image,
/// newest first.
#[must_use]
pub fn comes_anyway<'a>(
    level: SecurityLevel,
    stands_on: &AmiId,
    moves: impl IntoIterator<Item = &'a BaseImageUpdate>,
    policy: &Policy,
) -> bool {
    let waits = |level| level == SecurityLevel::Low && policy.low_needs_approval;
    let since = moves.into_iter().take_while(|update| update.image_id != *stands_on);
    since
        .filter(|update| update.direction == Direction::Forward && !waits(update.security_level))
        .any(|update| update.security_level >= level)
}

/// Whether a patch whose build has ended so is asked for again by now.
#[must_use]
pub fn is_due_again(ending: Option<&Ending>, now: Timestamp) -> bool {
    ending.is_some_and(|ending| ending.kind == EndingKind::Failed && after(ending.at, AGAIN) <= now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ami(number: u32) -> AmiId {
        format!("ami-{number:08}").parse().unwrap()
    }

    /// A move from one image to the other.
    fn update(from: u32, to: u32, level: SecurityLevel, direction: Direction) -> BaseImageUpdate {
        let json = serde_json::json!({
            "id": format!("ubuntu-22.04/x86_64/us-east-1/{to}"), "image_id": ami(to), "image_name": "next",
            "previous_image_id": ami(from), "previous_image_name": "previous", "direction": direction,
            "update_type": "security", "security_level": level, "confidence": "likely", "cves": [], "reasons": [],
            "updated_at": "2026-11-23T17:00:00Z", "changelog_url": null
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn a_rebuild_that_is_as_urgent_and_waits_for_nobody_is_awaited() {
        use Direction::{Back, Forward};
        use SecurityLevel::{Critical, High, Low};
        let comes = |level, on, moves: &[BaseImageUpdate]| comes_anyway(level, &ami(on), moves, &Policy::default());
        let [low, high] = [Low, High].map(|level| update(1, 2, level, Forward));
        assert!(comes(High, 1, std::slice::from_ref(&high)));
        assert!(!comes(Critical, 1, std::slice::from_ref(&high)), "it is less urgent");
        assert!(!comes(Low, 1, std::slice::from_ref(&low)), "it waits for a person");
        let unapproved = Policy { low_needs_approval: false, ..Policy::default() };
        assert!(comes_anyway(Low, &ami(1), std::slice::from_ref(&low), &unapproved));
        assert!(!comes(High, 2, std::slice::from_ref(&high)), "it has that already");
        assert!(!comes(High, 2, &[update(2, 3, Low, Forward), high.clone()]), "what it has already is not coming");
        assert!(!comes(High, 2, &[update(2, 1, High, Back), high]), "nothing is rebuilt for a move back");
    }

    #[test]
    fn a_patch_is_asked_for_again_a_day_after_its_build_has_failed() {
        let now: Timestamp = "2026-11-23T17:00:00Z".parse().unwrap();
        let ended = |kind, at: &str| Ending { kind, message: String::new(), at: at.parse().unwrap() };
        assert!(is_due_again(Some(&ended(EndingKind::Failed, "2026-11-22T17:00:00Z")), now));
        assert!(!is_due_again(Some(&ended(EndingKind::Failed, "2026-11-22T17:00:01Z")), now));
        assert!(!is_due_again(Some(&ended(EndingKind::Complete, "2026-11-01T17:00:00Z")), now));
        assert!(!is_due_again(None, now), "it is under way");
    }
}
