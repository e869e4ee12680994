//! Claims: read, and written under the revision that was read.

use jiff::Timestamp;
use prism_domain::claim::Claim;
use prism_domain::id::{BuildId, Target};
use prism_domain::unreadable::UnreadableRecord;

use crate::error::Result;
use crate::keys;
use crate::table::{Applied, Readings, Table, Write, number, text};

/// The claim of a target; one that nobody has ever held, where there is none.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`](crate::Error::Unreadable), if nobody knows who holds it: nothing may be built for the
/// target then.
pub async fn of(table: &Table, target: &Target) -> Result<Claim> {
    let claim = table.get(&keys::claim(target)).await?;
    Ok(claim.unwrap_or_else(|| Claim::free(target.clone())))
}

/// Every claim.
///
/// # Errors
///
/// If AWS fails.
pub async fn all(table: &Table) -> Result<Readings<Claim>> {
    table.query(keys::CLAIMS, "").await
}

/// The target of a claim that cannot be read: its key tells which it is.
#[must_use]
pub fn target_of(record: &UnreadableRecord) -> Option<Target> {
    let build: BuildId = format!("{}-1", record.sk).parse().ok()?;
    (record.pk == keys::CLAIMS).then_some(build.target)
}

/// Holds a transaction to the condition that an execution still holds the claim of a target.
///
/// # Errors
///
/// If the write cannot be built.
pub fn held_by(target: &Target, execution: &str) -> Result<Write> {
    Write::check(&keys::claim(target), "held.execution = :execution", &[(":execution", text(execution))])
}

/// Writes a claim, if it has not changed since it was read.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(claim: &Claim) -> Result<Write> {
    let next = Claim { revision: claim.revision + 1, ..claim.clone() };
    Write::replace(&keys::claim(&claim.target), &next, "revision", claim.revision)
}

/// Writes that somebody has to look what a target is due, from `at` on. Whoever has read its claim before has to read it
/// again.
///
/// # Errors
///
/// If AWS fails.
pub async fn want(table: &Table, target: &Target, at: Timestamp) -> Result<()> {
    let key = keys::claim(target);
    let values = [(":at", text(&at.to_string())), (":one", number(1))];
    let marked = Write::update(&key, "SET wanted = :at ADD revision :one", Some("attribute_exists(pk)"), &values)?;
    let action = format!("having what {target} is due looked at");
    if table.transact(&action, vec![marked]).await? == Applied::Written {
        return Ok(());
    }
    let first = Claim { wanted: Some(at), revision: 1, ..Claim::free(target.clone()) };
    let _: Applied = table.transact(&action, vec![Write::insert(&key, &first)?]).await?;
    Ok(())
}
