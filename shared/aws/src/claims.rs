//! Claims: read, and written under the revision that was read.

use prism_domain::claim::Claim;
use prism_domain::id::Target;

use crate::error::Result;
use crate::keys;
use crate::table::{Table, Write};

/// The claim of a target; one that nobody has ever held, where there is none.
///
/// # Errors
///
/// If AWS fails.
pub async fn of(table: &Table, target: &Target) -> Result<Claim> {
    let claim = table.get(&keys::claim(target)).await?;
    Ok(claim.unwrap_or_else(|| Claim { target: target.clone(), counter: 0, held: None, next: None, revision: 0 }))
}

/// Every claim.
///
/// # Errors
///
/// If AWS fails.
pub async fn all(table: &Table) -> Result<Vec<Claim>> {
    table.query(keys::CLAIMS, "").await
}

/// Writes a claim, if it has not changed since it was read.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(claim: &Claim) -> Result<Write> {
    let read = (claim.revision > 0).then_some(claim.revision);
    let next = Claim { revision: claim.revision + 1, ..claim.clone() };
    Write::replace(&keys::claim(&claim.target), &next, "revision", read)
}
