//! The outbox: a notice is a record, written with the change that it tells of.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_domain::notice::Notice;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys::{self, Key};
use crate::table::{Applied, Table, Write, text};

/// For how long a notice is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// A notice in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoticeRecord {
    /// The notice.
    #[serde(flatten)]
    pub notice: Notice,
    /// When it was published; nothing until it is.
    pub sent_at: Option<Timestamp>,
}

/// Leaves a notice to be sent.
///
/// # Errors
///
/// If it cannot be an item.
pub fn leave(notice: &Notice) -> Result<Write> {
    let record = NoticeRecord { notice: notice.clone(), sent_at: None };
    Ok(Write::put(&keys::notice(notice.created_at, &notice.id), &record)?.expiring(notice.created_at + KEPT))
}

/// The notice of a key, as it is now.
///
/// # Errors
///
/// If AWS fails, or the item is no notice.
pub async fn at(table: &Table, key: &Key) -> Result<Option<NoticeRecord>> {
    table.get(key).await
}

/// The notices of a day, oldest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn of_day(table: &Table, day: Date) -> Result<Vec<NoticeRecord>> {
    table.query(&keys::notices_of(day), "").await
}

/// Marks a notice as sent.
///
/// # Errors
///
/// If AWS fails.
pub async fn mark_sent(table: &Table, notice: &Notice, now: Timestamp) -> Result<Applied> {
    let write = Write::update(
        &keys::notice(notice.created_at, &notice.id),
        "SET sent_at = :now",
        Some("attribute_exists(pk)"),
        &[(":now", text(&now.to_string()))],
    )?;
    table.transact(&format!("marking notice {} as sent", notice.id), vec![write]).await
}
