//! The outbox: a notice is a record, written with the change that it tells of.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_domain::notice::Notice;
use prism_domain::visible::visible;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys::{self, Key};
use crate::table::{Applied, Fault, Item, Readings, Record, Table, Write, text};

/// For how long a notice is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// A notice in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NoticeRecord {
    /// The notice.
    #[serde(flatten)]
    pub notice: Notice,
    /// When it was published; nothing until it is.
    pub sent_at: Option<Timestamp>,
}

/// The part of the record that is not the notice's own.
#[derive(Debug, Deserialize)]
struct Sent {
    sent_at: Option<Timestamp>,
}

/// Read in two parts: of a flattened one, serde does not tell which field is wrong.
impl Record for NoticeRecord {
    fn read(mut item: Item) -> Result<Self, Fault> {
        let Sent { sent_at } = Record::read(item.remove_entry("sent_at").into_iter().collect())?;
        Ok(Self { notice: Record::read(item)?, sent_at })
    }
}

/// Leaves a notice to be sent.
///
/// # Errors
///
/// If it cannot be an item.
pub fn leave(notice: &Notice) -> Result<Write> {
    let notice = Notice { body: visible(&notice.body), ..notice.clone() };
    let key = keys::notice(notice.created_at, &notice.id);
    let until = notice.created_at + KEPT;
    Ok(Write::put(&key, &NoticeRecord { notice, sent_at: None })?.expiring(until))
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
pub async fn of_day(table: &Table, day: Date) -> Result<Readings<NoticeRecord>> {
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
