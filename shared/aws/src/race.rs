//! Races: reading, deciding and writing again when somebody else has written first.

use crate::error::{Error, Result};
use crate::table::{Applied, back_off};

/// How often somebody else may write first.
const TRIES: u32 = 8;

impl Applied {
    /// The value, if this is written; `None`, if somebody else wrote first.
    #[must_use]
    pub fn then<T>(self, value: T) -> Option<T> {
        (self == Self::Written).then_some(value)
    }
}

/// Makes attempts until one has written. Each attempt reads, decides and writes, and answers `None` if somebody else wrote
/// first.
///
/// # Errors
///
/// If an attempt fails, or if somebody else writes first eight times. `action`: what that error says was being done.
pub async fn win<T>(action: &str, attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<T> {
    try_to_win(attempt).await?.ok_or_else(|| Error::lost_race(action))
}

/// Like [`win`], but answers `None` if somebody else writes first eight times.
///
/// # Errors
///
/// If an attempt fails.
pub async fn try_to_win<T>(mut attempt: impl AsyncFnMut() -> Result<Option<T>>) -> Result<Option<T>> {
    for lost in 0..TRIES {
        // Boxed, or the types of its futures nest deeper than the compiler follows.
        if let Some(won) = Box::pin(attempt()).await? {
            return Ok(Some(won));
        }
        back_off(lost).await;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of a race whose first attempts are lost, and how many attempts it took.
    async fn raced(losses: u32) -> (Result<&'static str>, u32) {
        let mut attempts = 0;
        let raced = win("writing", async || {
            attempts += 1;
            let applied = if attempts > losses { Applied::Written } else { Applied::Lost(vec![0]) };
            Ok(applied.then("written"))
        });
        (raced.await, attempts)
    }

    #[tokio::test]
    async fn a_lost_race_is_run_again_and_not_for_ever() {
        assert!(matches!(raced(2).await, (Ok("written"), 3)));
        let (lost, attempts) = raced(u32::MAX).await;
        assert_eq!(lost.unwrap_err().to_string(), "writing: others were faster, again and again");
        assert_eq!(attempts, TRIES);
    }

    #[tokio::test]
    async fn an_attempt_that_fails_is_the_last() {
        let failed = win("writing", async || Err::<Option<()>, _>(Error::Conflict("it has ended".to_owned()))).await;
        assert_eq!(failed.unwrap_err().to_string(), "it has ended");
    }
}
