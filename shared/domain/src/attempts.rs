//! Failed attempts to rebuild an image, and when the next one is made.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::build::Frozen;
use crate::duration::{after, relative};
use crate::id::AmiId;
use crate::patch::PatchId;

/// How long after the first, second and third attempt the next one is made; after every other one, a day.
const SOON: [SignedDuration; 3] =
    [SignedDuration::from_mins(15), SignedDuration::from_hours(1), SignedDuration::from_hours(4)];
const DAILY: SignedDuration = SignedDuration::from_hours(24);
/// From the policy's `failure_limit` on.
const WEEKLY: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What an attempt builds. If any of it changes, another attempt may well succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The hash of the template's content.
    pub content_hash: String,
    /// The base image.
    pub base_image_id: AmiId,
    /// The patches, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<PatchId>,
}

impl Fingerprint {
    /// What a build was made of.
    #[must_use]
    pub fn of(frozen: &Frozen) -> Self {
        let patches = frozen.patch.as_ref().map(|patch| patch.ids.clone()).unwrap_or_default();
        Self::new(frozen.content_hash.clone(), frozen.base_image_id.clone(), patches)
    }

    /// The fingerprint of this content, base image and these patches.
    #[must_use]
    pub fn new(content_hash: String, base_image_id: AmiId, mut patches: Vec<PatchId>) -> Self {
        patches.sort_unstable();
        patches.dedup();
        Self { content_hash, base_image_id, patches }
    }
}

/// The failed attempts to build a fingerprint since its last success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempts {
    /// What they built. `None`: they failed before that was decided.
    pub fingerprint: Option<Fingerprint>,
    /// How many of them failed for what the template or its base image is.
    pub failures: u32,
    /// How many of them failed for another reason: a quota, capacity, or a lost run.
    #[serde(default)]
    pub others: u32,
    /// When the last one failed.
    pub last: Timestamp,
    /// What its error was.
    pub message: String,
}

impl Attempts {
    /// The attempts after another one has failed.
    #[must_use]
    pub fn after_failure(before: Option<&Self>, failed: Failed) -> Self {
        let Failed { fingerprint, is_own, at, message } = failed;
        let before = before.filter(|before| before.fingerprint == fingerprint);
        let (failures, others) = before.map_or((0, 0), |before| (before.failures, before.others));
        let (failures, others) =
            if is_own { (failures.saturating_add(1), others) } else { (failures, others.saturating_add(1)) };
        Self { fingerprint, failures, others, last: at, message }
    }

    /// When the next attempt is made.
    #[must_use]
    pub fn next_at(&self, failure_limit: u32) -> Timestamp {
        let made = self.failures.saturating_add(self.others).max(1);
        let soon = usize::try_from(made - 1).ok().and_then(|index| SOON.get(index));
        let wait = if self.is_written_off(failure_limit) { WEEKLY } else { soon.copied().unwrap_or(DAILY) };
        after(self.last, wait)
    }

    /// That it failed, how often, and when (`again`) it is tried again.
    #[must_use]
    pub fn sentence(&self, again: &str) -> String {
        let times = match self.failures.saturating_add(self.others) {
            0 | 1 => "once".to_owned(),
            2 => "twice".to_owned(),
            times => format!("{times} times"),
        };
        format!("its rebuild has failed {times}, and is tried again {again}: {}", self.message)
    }

    /// When the next attempt is made, to stand behind `Tried again:`.
    #[must_use]
    pub fn outlook(&self, failure_limit: u32, now: Timestamp) -> String {
        let again = relative(self.next_at(failure_limit), now);
        if self.is_written_off(failure_limit) {
            format!("once a week, since it has failed {} times; {again} for the next time", self.failures)
        } else {
            again
        }
    }

    /// Whether people are told of the last failure: each one, until it is tried once a week only.
    #[must_use]
    pub fn is_told(&self, failure_limit: u32) -> bool {
        self.failures <= failure_limit.max(1)
    }

    /// Whether it failed so often that it is tried once a week only.
    #[must_use]
    pub fn is_written_off(&self, failure_limit: u32) -> bool {
        self.failures >= failure_limit.max(1)
    }
}

/// A failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// What it built, if that was decided.
    pub fingerprint: Option<Fingerprint>,
    /// Whether it failed for what the template or its base image is.
    pub is_own: bool,
    /// When.
    pub at: Timestamp,
    /// What its error was.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn failed(content: &str, is_own: bool, at: Timestamp) -> Failed {
        let fingerprint = Some(Fingerprint::new(content.into(), "ami-00000001".parse().unwrap(), Vec::new()));
        Failed { fingerprint, is_own, at, message: "no space left".into() }
    }

    fn waits(failures: &[bool]) -> Vec<SignedDuration> {
        let (mut attempts, mut now) = (None, Timestamp::UNIX_EPOCH);
        let mut waits = Vec::new();
        for is_own in failures {
            let next = Attempts::after_failure(attempts.as_ref(), failed("a", *is_own, now));
            waits.push(now.duration_until(next.next_at(5)));
            now = next.next_at(5);
            attempts = Some(next);
        }
        waits
    }

    #[test]
    fn a_rebuild_is_tried_again_soon_then_daily_and_from_the_limit_on_weekly() {
        let hours = [0, 1, 4, 24, 24 * 7, 24 * 7].map(SignedDuration::from_hours);
        let mut expected = hours.to_vec();
        expected[0] = SignedDuration::from_mins(15);
        assert_eq!(waits(&[true; 6]), expected);
    }

    #[test]
    fn quotas_and_lost_runs_never_make_it_weekly() {
        assert!(waits(&[false; 12]).iter().all(|wait| *wait <= DAILY));
    }

    #[test]
    fn people_are_told_of_each_failure_until_it_is_tried_weekly_and_of_that_once() {
        let now = Timestamp::UNIX_EPOCH;
        let mut attempts: Option<Attempts> = None;
        let mut told = Vec::new();
        for _ in 0..7 {
            let next = Attempts::after_failure(attempts.as_ref(), failed("a", true, now));
            told.push(next.is_told(5));
            attempts = Some(next);
        }
        assert_eq!(told, [true, true, true, true, true, false, false]);
        let outlook = attempts.unwrap().outlook(5, now);
        assert_eq!(outlook, "once a week, since it has failed 7 times; in 7 days for the next time");
    }

    #[test]
    fn another_fingerprint_begins_anew() {
        let now = Timestamp::UNIX_EPOCH;
        let four =
            (0..4).fold(None, |before, _| Some(Attempts::after_failure(before.as_ref(), failed("a", true, now))));
        assert_eq!(four.as_ref().map(|attempts| attempts.failures), Some(4));
        assert_eq!(Attempts::after_failure(four.as_ref(), failed("b", true, now)).failures, 1);
    }

    proptest! {
        #[test]
        fn the_next_attempt_is_at_most_a_week_away_and_never_at_once(failures in prop::collection::vec(any::<bool>(), 1..20)) {
            for wait in waits(&failures) {
                prop_assert!(wait >= SOON[0] && wait <= WEEKLY);
            }
        }
    }
}
