//! What ended builds may have left behind in Image Builder and EC2: a list of what close-build has still to
//! clear away, so that nothing runs on and no image stays that nobody will use. A build is put on it in the
//! write that ends it, and again when its image turns up later.

use jiff::{SignedDuration, Timestamp};
use prism_domain::build::Build;
use prism_domain::id::{AmiId, BuildId, Region};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys;
use crate::table::{Applied, Table, Write, text};

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
    /// The images that were found: once one is deregistered, nothing else tells of its snapshots.
    pub images: Vec<LeftImage>,
    /// When nothing was left; nothing until then.
    pub cleared_at: Option<Timestamp>,
}

/// An AMI that nobody will use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftImage {
    /// Where it is.
    pub region: Region,
    /// The AMI.
    pub id: AmiId,
    /// Its snapshots.
    pub snapshots: Vec<String>,
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
pub async fn all_open(table: &Table) -> Result<Vec<ClearingRecord>> {
    let listed: Vec<ClearingRecord> = table.query(keys::CLEARINGS, "").await?;
    Ok(listed.into_iter().filter(|record| record.cleared_at.is_none()).collect())
}

/// Puts a build on the list.
///
/// # Errors
///
/// If it cannot be an item.
pub fn leave(build: &Build, now: Timestamp) -> Result<Write> {
    Write::put(&keys::clearing(&build.id), &fresh(build, now))
}

/// Puts a build on the list whose image has turned up since it ended, unless it is there.
///
/// # Errors
///
/// If AWS fails.
pub async fn reopen(table: &Table, build: &Build, now: Timestamp) -> Result<()> {
    let condition = "attribute_not_exists(pk) OR attribute_type(cleared_at, :text)";
    let write = Write::put_if(&keys::clearing(&build.id), &fresh(build, now), condition, &[(":text", text("S"))])?;
    // Lost: it is on the list.
    let _: Applied = table.transact(&format!("noting what build {} left", build.id), vec![write]).await?;
    Ok(())
}

/// Records what has been found of a build, or that nothing is left.
///
/// # Errors
///
/// If AWS fails.
pub async fn note(table: &Table, record: &ClearingRecord) -> Result<()> {
    let mut write = Write::put(&keys::clearing(&record.build), record)?;
    if let Some(cleared_at) = record.cleared_at {
        write = write.expiring(cleared_at + KEPT);
    }
    let _: Applied = table.transact(&format!("noting what build {} left", record.build), vec![write]).await?;
    Ok(())
}

fn fresh(build: &Build, now: Timestamp) -> ClearingRecord {
    ClearingRecord {
        build: build.id.clone(),
        execution: build.execution.clone(),
        since: now,
        images: Vec::new(),
        cleared_at: None,
    }
}
