//! What ended builds may have left behind in Image Builder and EC2: a list of what close-build has still to
//! clear away, so that nothing runs on and no image stays that nobody will use. A build is put on it in the
//! write that ends it, and again when its image turns up later.

use jiff::{SignedDuration, Timestamp};
use prism_domain::build::Build;
use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys;
use crate::table::{Applied, Readings, Table, Write, text};

/// For how long a build stays on the list after it is cleared.
const KEPT: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A build on the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClearingRecord {
    /// The build.
    pub build: BuildId,
    /// The ARN of the execution that carried it out.
    pub execution: String,
    /// Since when it is on the list.
    pub since: Timestamp,
    /// When nothing was left; nothing until then.
    pub cleared_at: Option<Timestamp>,
}

/// The build on the list, if it is there.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, id: &BuildId) -> Result<Option<ClearingRecord>> {
    table.get(&keys::clearing(id)).await
}

/// Every build that is not cleared.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_open(table: &Table) -> Result<Readings<ClearingRecord>> {
    let mut listed: Readings<ClearingRecord> = table.query(keys::CLEARINGS, "").await?;
    listed.values.retain(|record| record.cleared_at.is_none());
    Ok(listed)
}

/// Puts a build on the list.
///
/// # Errors
///
/// If it cannot be an item.
pub fn leave(build: &Build, now: Timestamp) -> Result<Write> {
    let record =
        ClearingRecord { build: build.id.clone(), execution: build.execution.clone(), since: now, cleared_at: None };
    Write::put(&keys::clearing(&build.id), &record)
}

/// Puts an ended build on the list again, since its image has turned up. Its `since` is new, so that a clearing which looked
/// before does not mark it as cleared. A build whose image is published is not put on the list.
///
/// # Errors
///
/// If AWS fails.
pub async fn reopen(table: &Table, build: &Build, now: Timestamp) -> Result<()> {
    if !build.ended_unpublished() {
        return Ok(());
    }
    let _: Applied = table.transact(&format!("noting what build {} left", build.id), vec![leave(build, now)?]).await?;
    Ok(())
}

/// Records that nothing is left of a build, unless something has turned up since its record was read.
///
/// # Errors
///
/// If AWS fails.
pub async fn cleared(table: &Table, record: ClearingRecord, now: Timestamp) -> Result<()> {
    let record = ClearingRecord { cleared_at: Some(now), ..record };
    let since = [(":since", text(&record.since.to_string()))];
    let write = Write::put_if(&keys::clearing(&record.build), &record, "since = :since", &since)?.expiring(now + KEPT);
    // Lost: it is on the list anew.
    let _: Applied = table.transact(&format!("noting that build {} is cleared", record.build), vec![write]).await?;
    Ok(())
}
