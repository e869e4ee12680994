//! Not asking too often, and not for too long.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::error::{Error, Result};

/// Lets calls go one after the other, at most so many a second, however many want to.
#[derive(Debug)]
pub struct Pacer {
    interval: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pacer {
    /// At most this many calls a second.
    #[must_use]
    pub fn per_second(calls: u32) -> Self {
        Self { interval: Duration::from_secs(1) / calls.max(1), next: Mutex::new(None) }
    }

    /// Waits for this caller's turn. Turns are given in the order of asking.
    pub async fn turn(&self) {
        let turn = self.next_turn(Instant::now());
        sleep_until(turn).await;
    }

    /// When it is the turn of who asks now.
    fn next_turn(&self, now: Instant) -> Instant {
        // A time is whole whoever panicked while holding it.
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = next.map_or(now, |next| next.max(now));
        *next = Some(turn + self.interval);
        turn
    }
}

/// What a call answers, if it does so before `deadline`.
///
/// # Errors
///
/// The call's, or that there was no time left.
pub async fn within<T>(deadline: Instant, action: &str, call: impl Future<Output = Result<T>>) -> Result<T> {
    timeout_at(deadline, call).await.unwrap_or_else(|_| Err(Error::OutOfTime { action: action.to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_come_no_faster_than_the_pace_and_a_pause_is_not_caught_up() {
        let pacer = Pacer::per_second(20);
        let begun = Instant::now();
        let turns: Vec<Instant> = (0..21).map(|_| pacer.next_turn(begun)).collect();
        assert_eq!((turns[0], turns[20]), (begun, begun + Duration::from_secs(1)));
        let later = begun + Duration::from_mins(1);
        let turns: Vec<Instant> = (0..21).map(|_| pacer.next_turn(later)).collect();
        assert_eq!((turns[0], turns[20]), (later, later + Duration::from_secs(1)));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_given_up_and_says_so() {
        let ahead = Instant::now() + Duration::from_mins(1);
        assert_eq!(within(ahead, "looking", async { Ok(7) }).await.unwrap(), 7);
        let never = std::future::pending::<Result<()>>();
        let error = within(Instant::now(), "looking", never).await.unwrap_err();
        assert_eq!(error.to_string(), "looking: there was no time left for it in this run");
        assert!(error.is_retryable() && error.is_out_of_time() && !error.is_throttling());
    }
}
