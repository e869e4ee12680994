//! What people are told of builds that wait for approval: a notice in the outbox, and that it was left, so that it is left
//! once.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use prism_domain::notice::Notice;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::table::{Readings, Table, Write};
use crate::{keys, notices};

/// For how long it is kept that a notice was left: as long as the notice.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// That a notice was left.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    /// The id of the notice.
    id: String,
    /// When.
    at: Timestamp,
}

/// When each notice of builds that wait for approval was left, by its id.
///
/// # Errors
///
/// If AWS fails.
pub async fn told(table: &Table) -> Result<BTreeMap<String, Timestamp>> {
    let told: Readings<Told> = table.query(keys::APPROVALS, "").await?;
    Ok(told.logged().into_iter().map(|told| (told.id, told.at)).collect())
}

/// Leaves a notice to be sent, and that it was left. If it was left before, the transaction that these are part of is lost.
///
/// # Errors
///
/// If they cannot be items.
pub fn tell(notice: &Notice) -> Result<[Write; 2]> {
    let told = Told { id: notice.id.clone(), at: notice.created_at };
    let marked = Write::insert(&keys::approval_told(&notice.id), &told)?.expiring(told.at + KEPT);
    Ok([marked, notices::leave(notice)?])
}
