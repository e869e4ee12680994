//! Task tokens: one item for each build whose execution waits. Whoever has a token can answer for the build, so tokens
//! stand in a partition of their own, which nobody reads but the functions that answer.

use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Table, Write};

/// What an execution waits for. An answer names it too, so that a build that has moved on to its next wait does not get the
/// answer to the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Awaits {
    /// Its turn. The state `AwaitTurn` writes these.
    Turn,
    /// Image Builder.
    Image,
}

/// A task token, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TokenRecord {
    token: String,
    awaits: Awaits,
}

impl TokenRecord {
    fn of(self, awaits: Awaits) -> Option<String> {
        (self.awaits == awaits).then_some(self.token)
    }
}

/// The task token of a build's execution, if it waits for this. A token that cannot be read is not answered: its execution
/// goes on when its wait times out.
///
/// # Errors
///
/// If AWS fails.
pub async fn of(table: &Table, build: &BuildId, awaits: Awaits) -> Result<Option<String>> {
    match table.get::<TokenRecord>(&keys::token(build)).await {
        Err(Error::Unreadable(record)) => {
            tracing::error!("{record}");
            Ok(None)
        }
        found => Ok(found?.and_then(|record| record.of(awaits))),
    }
}

/// Stores a token, in the place of the build's last one.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(build: &BuildId, token: &str, awaits: Awaits) -> Result<Write> {
    Write::put(&keys::token(build), &TokenRecord { token: token.to_owned(), awaits })
}

/// Removes the token of a build that has ended.
///
/// # Errors
///
/// If the write cannot be built.
pub fn remove(build: &BuildId) -> Result<Write> {
    Write::delete(&keys::token(build))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_build_that_has_gone_on_to_image_builder_is_not_told_that_its_turn_has_come() {
        let stored = || -> TokenRecord { serde_json::from_value(json!({"token": "AQCk", "awaits": "image"})).unwrap() };
        assert_eq!(stored().of(Awaits::Turn), None);
        assert_eq!(stored().of(Awaits::Image).as_deref(), Some("AQCk"));
    }
}
