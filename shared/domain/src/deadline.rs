//! When an update has to be in an image.

use jiff::Timestamp;

use crate::duration;
use crate::level::SecurityLevel;
use crate::policy::Policy;

/// When an update of this level, seen at `from`, has to be in the images.
#[must_use]
pub fn deadline(level: SecurityLevel, policy: &Policy, from: Timestamp) -> Timestamp {
    duration::after(from, policy.deadlines.of(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_has_its_default_deadline() {
        let from: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let told = SecurityLevel::ALL.map(|level| deadline(level, &Policy::default(), from).to_string());
        assert_eq!(
            told,
            ["2026-11-23T16:00:00Z", "2026-11-24T12:00:00Z", "2026-11-30T12:00:00Z", "2026-12-23T12:00:00Z"]
        );
    }

    #[test]
    fn an_immediate_window_is_due_at_once() {
        let mut policy = Policy::default();
        policy.deadlines.critical = jiff::SignedDuration::ZERO;
        assert_eq!(deadline(SecurityLevel::Critical, &policy, Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn a_deadline_never_leaves_the_time_that_can_be_told() {
        assert_eq!(deadline(SecurityLevel::Low, &Policy::default(), Timestamp::MAX), Timestamp::MAX);
    }
}
