//! Whether a hint is worth a look; what can go wrong when a base image is looked at, for how long it has, and who hears of
//! it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::duration::after;
use crate::id::{AmiId, TrackedImageId};
use crate::text::shown_as_stored;

/// For how long after a look has begun a hint brings no other: one release is announced by many messages.
const HINTS_REST: SignedDuration = SignedDuration::from_mins(1);

/// Whether a hint is worth a look now, if the last one began at `last`.
#[must_use]
pub fn heeds_hint(last: Option<Timestamp>, now: Timestamp) -> bool {
    last.is_none_or(|last| after(last, HINTS_REST) <= now)
}

/// Why a look at a base image found nothing to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TroubleKind {
    /// The region does not have it, and never had.
    Missing,
    /// It was there, and its vendor has taken it back.
    Withdrawn,
    /// Its parameter names an image that does not exist.
    Absent,
    /// Its parameter names something that is not its vendor's image of that name for that architecture.
    Foreign,
    /// AWS could not be asked.
    Unreachable,
    /// AWS was too busy to answer.
    Throttled,
}

impl TroubleKind {
    /// Whether it says nothing of the image: its source could not be asked.
    #[must_use]
    pub const fn is_of_the_asking(self) -> bool {
        matches!(self, Self::Unreachable | Self::Throttled)
    }

    /// How long it may last before people hear of it; none: they need not, since many images are not in every region.
    #[must_use]
    pub const fn told_after(self) -> Option<SignedDuration> {
        match self {
            Self::Missing => None,
            Self::Withdrawn | Self::Absent | Self::Foreign => Some(SignedDuration::from_hours(1)),
            // It passes by itself, mostly.
            Self::Unreachable | Self::Throttled => Some(SignedDuration::from_hours(4)),
        }
    }
}

shown_as_stored!(TroubleKind);

/// What goes wrong with a base image, from the first look that found it so to the first that does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// Which image, where.
    pub id: TrackedImageId,
    /// What.
    pub kind: TroubleKind,
    /// In a sentence, to stand behind the image's name.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
    /// When people were told, if they were.
    pub told_at: Option<Timestamp>,
    /// The image, if it is what the base image was at the last look and does not exist any more: no build can stand on it.
    pub gone: Option<AmiId>,
}

/// How often at the least the images that parameters name are described again, though the parameters stand: a vendor may
/// delete an image and leave the parameter.
const DESCRIBED_EVERY: SignedDuration = SignedDuration::from_hours(4);

/// How often base images are looked at.
const LOOKED_AT_EVERY: SignedDuration = SignedDuration::from_mins(15);

/// Whether the image in this place of the list of all is described again at a look: at each look a part of them, so that
/// each has its turn within four hours.
#[must_use]
pub fn is_described_again(place: usize, now: Timestamp) -> bool {
    let looks = DESCRIBED_EVERY.as_secs() / LOOKED_AT_EVERY.as_secs();
    let look = now.as_second().div_euclid(LOOKED_AT_EVERY.as_secs());
    i64::try_from(place).is_ok_and(|place| (place - look).rem_euclid(looks) == 0)
}

/// What becomes of the record of an image's trouble after a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TroubleChange {
    /// Nothing: it is as it was.
    None,
    /// It begins, becomes another, or is told in other words.
    Begins(Trouble),
    /// It has lasted so long that people have to hear of it, now.
    Tell(Trouble),
    /// It is over.
    Ends,
}

/// Compares what a look came to with what was wrong before. That a source could not be asked takes nothing back of what it
/// said before, and being refused and being out of reach are one trouble: it goes on.
#[must_use]
pub fn trouble(
    id: &TrackedImageId,
    known: Option<&Trouble>,
    found: Option<(TroubleKind, String)>,
    now: Timestamp,
) -> TroubleChange {
    match (known, found) {
        (None, None) => TroubleChange::None,
        (Some(_), None) => TroubleChange::Ends,
        (Some(known), Some((kind, _))) if kind.is_of_the_asking() && !known.kind.is_of_the_asking() => {
            TroubleChange::None
        }
        (Some(known), Some((kind, detail)))
            if known.kind == kind || kind.is_of_the_asking() && known.kind.is_of_the_asking() =>
        {
            let next = Trouble { kind, detail, ..known.clone() };
            let due = kind.told_after().is_some_and(|length| after(known.since, length) <= now);
            if due && known.told_at.is_none() {
                TroubleChange::Tell(Trouble { told_at: Some(now), ..next })
            } else if next == *known {
                TroubleChange::None
            } else {
                TroubleChange::Begins(next)
            }
        }
        (_, Some((kind, detail))) => {
            TroubleChange::Begins(Trouble { id: id.clone(), kind, detail, since: now, told_at: None, gone: None })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures;

    fn id() -> TrackedImageId {
        fixtures::update().id.image
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minutes)
    }

    fn begun(kind: TroubleKind) -> Trouble {
        Trouble { id: id(), kind, detail: "why".into(), since: at(0), told_at: None, gone: None }
    }

    fn found(kind: TroubleKind) -> (TroubleKind, String) {
        (kind, "why".to_owned())
    }

    #[test]
    fn an_image_that_does_not_exist_is_told_after_an_hour_and_once() {
        let known = begun(TroubleKind::Absent);
        let look =
            |known: &Trouble, minutes| trouble(&id(), Some(known), Some(found(TroubleKind::Absent)), at(minutes));
        assert_eq!(look(&known, 59), TroubleChange::None);
        let TroubleChange::Tell(told) = look(&known, 60) else { panic!("it should be told") };
        assert_eq!((told.told_at, told.since), (Some(at(60)), at(0)));
        assert_eq!(look(&told, 6000), TroubleChange::None);
    }

    #[test]
    fn every_image_is_described_again_once_in_four_hours() {
        for place in 0..98 {
            let turns = (0..16).filter(|look| is_described_again(place, at(look * 15)));
            assert_eq!(turns.count(), 1, "{place}");
        }
    }

    #[test]
    fn a_hint_within_a_minute_of_a_look_is_worth_none() {
        assert!(heeds_hint(None, at(0)));
        let second = SignedDuration::from_secs(1);
        assert_eq!([at(0), at(1) - second, at(1)].map(|now| heeds_hint(Some(at(0)), now)), [false, false, true]);
    }

    #[test]
    fn a_trouble_that_is_told_in_other_words_goes_on() {
        let told = Trouble { told_at: Some(at(60)), ..begun(TroubleKind::Absent) };
        let other = Some((TroubleKind::Absent, "names another".to_owned()));
        let changed = Trouble { detail: "names another".to_owned(), ..told.clone() };
        assert_eq!(trouble(&id(), Some(&told), other, at(75)), TroubleChange::Begins(changed));
        let throttled = begun(TroubleKind::Throttled);
        let down = Trouble { kind: TroubleKind::Unreachable, ..throttled.clone() };
        let look = |minutes| trouble(&id(), Some(&throttled), Some(found(TroubleKind::Unreachable)), at(minutes));
        assert_eq!(look(239), TroubleChange::Begins(down.clone()));
        assert_eq!(look(240), TroubleChange::Tell(Trouble { told_at: Some(at(240)), ..down }));
    }

    #[test]
    fn another_trouble_begins_anew_and_a_good_look_ends_it() {
        let known = begun(TroubleKind::Throttled);
        let TroubleChange::Begins(next) = trouble(&id(), Some(&known), Some(found(TroubleKind::Absent)), at(5)) else {
            panic!("it should begin")
        };
        assert_eq!((next.kind, next.since), (TroubleKind::Absent, at(5)));
        assert_eq!(trouble(&id(), Some(&next), None, at(6)), TroubleChange::Ends);
    }

    use TroubleKind::{Absent, Foreign, Missing, Throttled, Unreachable, Withdrawn};

    proptest! {
        /// However often its source can't be asked in between, a trouble begins once and is told once.
        #[test]
        fn what_a_source_said_stands_while_it_cannot_be_asked(
            said in prop::sample::select(vec![Missing, Withdrawn, Absent, Foreign]),
            failures in prop::collection::vec(prop::sample::select(vec![Unreachable, Throttled]), 0..20),
            step in 1_i64..60,
        ) {
            let mut known = begun(said);
            let mut told = 0;
            for (place, kind) in failures.into_iter().flat_map(|failure| [failure, said]).enumerate() {
                let now = at(step * (1 + i64::try_from(place).unwrap()));
                match trouble(&id(), Some(&known), Some(found(kind)), now) {
                    TroubleChange::Tell(next) => (known, told) = (next, told + 1),
                    change => prop_assert_eq!(change, TroubleChange::None),
                }
                prop_assert_eq!((known.kind, known.since), (said, at(0)));
            }
            prop_assert!(told <= 1);
        }

        #[test]
        fn nobody_hears_of_an_image_that_a_region_never_had(minutes in 0_i64..1_000_000) {
            let change = trouble(&id(), Some(&begun(TroubleKind::Missing)), Some(found(TroubleKind::Missing)), at(minutes));
            prop_assert_eq!(change, TroubleChange::None);
        }
    }
}
