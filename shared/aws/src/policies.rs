//! The policy in force.

use prism_domain::policy::Policy;

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Applied, Table, Write};

/// The policy in force: the built-in one until another is applied.
///
/// # Errors
///
/// If AWS fails.
pub async fn current(table: &Table) -> Result<Policy> {
    Ok(table.get(&keys::policy()).await?.unwrap_or_default())
}

/// Puts a policy in force, as the next version.
///
/// # Errors
///
/// If AWS fails, or somebody else applied one at the same time.
pub async fn apply(table: &Table, policy: Policy) -> Result<Policy> {
    let read = current(table).await?.version;
    let next = Policy { version: read + 1, ..policy };
    let write = Write::replace(&keys::policy(), &next, "version", (read > 0).then_some(read))?;
    match table.transact("applying the policy", vec![write]).await? {
        Applied::Written => Ok(next),
        Applied::Lost(_) => Err(Error::lost_race("applying the policy")),
    }
}
