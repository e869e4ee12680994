//! How many builds that are not urgent become executions: no more than the next night can take. The rest stays due.

use jiff::{SignedDuration, Timestamp};

use crate::duration::after;
use crate::estimate::expected_duration;
use crate::policy::Policy;
use crate::queued::Queued;

/// How often `reconcile-builds` looks for templates that have changed.
const LOOKED_FOR_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// When a template that changes now may be rebuilt at the earliest: in the off-peak window that is open or opens after the
/// next look for changed templates.
#[must_use]
pub fn rebuilt_from(policy: &Policy, now: Timestamp) -> Timestamp {
    policy.next_off_peak(after(now, LOOKED_FOR_EVERY)).at
}

/// How many more builds the next off-peak window can take beside those that wait already, if each runs as long as the first
/// one of a template is expected to.
#[must_use]
pub fn room_at_night(waiting: &[Queued], policy: &Policy, now: Timestamp) -> usize {
    let Some(window) = policy.off_peak_window.next(now) else { return 0 };
    let length = window.opens.max(now).duration_until(window.closes);
    let builders = i32::try_from(policy.max_concurrent_builds).unwrap_or(i32::MAX);
    let taken = waiting.iter().map(|queued| queued.demand.expected);
    let taken = taken.fold(SignedDuration::ZERO, SignedDuration::saturating_add);
    let left = length.saturating_mul(builders).saturating_sub(taken);
    usize::try_from(left.as_secs() / expected_duration(&[]).as_secs().max(1)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{self, at};
    use crate::level::Urgency;
    use crate::slot::Demand;

    fn waiting(minutes: i64) -> Queued {
        let expected = SignedDuration::from_mins(minutes);
        let demand = Demand { expected, ..fixtures::demand(Urgency::High, "2026-11-24T00:00:00Z") };
        fixtures::queued(fixtures::target("python-ml").build(1), demand, "2026-11-22T00:00:00Z", 1)
    }

    #[test]
    fn a_change_just_before_the_window_closes_is_rebuilt_in_the_next_one() {
        let from = |now: &str| rebuilt_from(&Policy::default(), at(now)).to_string();
        assert_eq!(from("2026-11-23T12:00:00Z"), "2026-11-24T02:00:00Z");
        assert_eq!(from("2026-11-24T03:00:00Z"), "2026-11-24T04:00:00Z");
        assert_eq!(from("2026-11-24T05:30:00Z"), "2026-11-25T02:00:00Z");
    }

    #[test]
    fn a_night_takes_as_many_builds_as_its_builders_have_time_for() {
        let (policy, noon) = (Policy::default(), at("2026-11-23T12:00:00Z"));
        // 4 hours of 5 builders are 26 times 45 minutes.
        assert_eq!(room_at_night(&[], &policy, noon), 26);
        assert_eq!(room_at_night(&[waiting(45), waiting(45)], &policy, noon), 24);
        assert_eq!(room_at_night(&vec![waiting(45); 40], &policy, noon), 0, "it is full");
        assert_eq!(room_at_night(&[], &policy, at("2026-11-24T05:15:00Z")), 5, "the rest of this night");
    }
}
