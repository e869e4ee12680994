//! Limits on how many ids a request and a build list, so that every item stays below DynamoDB's 400 KB and a build can
//! always be closed.
//! Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How many updates a request names, and how many patches. What it answers beyond that is counted.
pub const NAMED: usize = 50;

/// How many of the requests that joined a build are named: the newest.
pub const JOINED: usize = 10;

/// Removes duplicates and keeps at most `most` values, those that rank highest. Returns how many were dropped.
pub fn bound<T: Ord + Clone, R: Ord>(values: &mut Vec<T>, most: usize, rank: impl Fn(&T) -> R) -> u32 {
    let mut seen = BTreeSet::new();
    values.retain(|value| seen.insert(value.clone()));
    let dropped = values.len().saturating_sub(most);
    if dropped > 0 {
        values.sort_by_cached_key(|value| Reverse(rank(value)));
        values.truncate(most);
    }
    u32::try_from(dropped).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
