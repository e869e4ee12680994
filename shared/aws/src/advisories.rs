//! What vendors published, in a table of its own: it can be made anew from the feeds, and what is old goes by itself.
//!
//! An advisory is one item, its content compressed, sorted by the day of its issue, so that a year of one ecosystem is
//! read in one or two queries.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_domain::advisory::{Advisory, CveId, Ecosystem, Probability, Threats};
use prism_domain::zone::Zone;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Error, Result};
use crate::keys::{self, Key};
use crate::packed::{pack, unpack};
use crate::table::{Applied, Fault, Item, Readings, Record, Table, Write, item, number};

/// For how long an advisory is kept after it was issued or last changed: a year, and what a late image may need.
pub const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How many entries of a list stand in one item, so that each stays far below DynamoDB's 400 KB.
const CHUNK: usize = 8_000;

#[derive(Debug, Serialize, Deserialize)]
struct Packed {
    content: ByteBuf,
}

/// The content of a packed item.
struct Unpacked<T>(T);

impl<T: DeserializeOwned> Record for Unpacked<T> {
    fn read(item: Item) -> Result<Self, Fault> {
        let packed = Packed::read(item)?;
        let unreadable = |error: Error| Fault { field: Some("content".to_owned()), reason: error.to_string() };
        unpack("what was kept", &packed.content).map(Self).map_err(unreadable)
    }
}

/// The advisories of an ecosystem that were issued on a day or later, the oldest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn issued_since(table: &Table, ecosystem: &Ecosystem, since: Date) -> Result<Vec<Advisory>> {
    let read: Readings<Unpacked<Advisory>> =
        table.query_from(&keys::advisories_of(ecosystem), &since.to_string()).await?;
    // One that is issued anew under another date stands twice; what was updated last counts.
    let mut found: BTreeMap<_, Advisory> = BTreeMap::new();
    for Unpacked(advisory) in read.logged() {
        match found.get(&advisory.id) {
            Some(known) if known.updated > advisory.updated => {}
            _ => {
                found.insert(advisory.id.clone(), advisory);
            }
        }
    }
    let mut found: Vec<Advisory> = found.into_values().collect();
    found.sort_by(|one, other| (one.issued, &one.id).cmp(&(other.issued, &other.id)));
    Ok(found)
}

/// Keeps advisories, in place of what was kept of them before.
///
/// # Errors
///
/// If AWS fails. Some may be kept then.
pub async fn keep(table: &Table, advisories: &[Advisory]) -> Result<()> {
    let items = advisories.iter().map(|advisory| {
        let day = Zone::utc().date(advisory.issued);
        let key = keys::advisory(&advisory.ecosystem, day, &advisory.id);
        packed(&key, advisory, advisory.updated + KEPT)
    });
    table.put_all("keeping advisories", items.collect::<Result<Vec<_>>>()?).await
}

/// What is known of attacks.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`], if a part of it cannot be read.
pub async fn threats(table: &Table) -> Result<Threats> {
    let exploited = list::<(CveId, Date)>(table, "EXPLOITED#").await?.into_iter().collect();
    let likely = list::<(CveId, Probability)>(table, "LIKELY#").await?.into_iter().collect();
    let windows = list::<CveId>(table, "WINDOWS#").await?.into_iter().collect();
    Ok(Threats { exploited, windows, likely })
}

/// Keeps the vulnerabilities that are known to be exploited, and which of them are Windows'.
///
/// # Errors
///
/// If AWS fails.
pub async fn keep_exploited(table: &Table, threats: &Threats, now: Timestamp) -> Result<()> {
    keep_list(table, "WINDOWS#", &threats.windows.iter().collect::<Vec<_>>(), now).await?;
    keep_list(table, "EXPLOITED#", &threats.exploited.iter().collect::<Vec<_>>(), now).await
}

/// Keeps the vulnerabilities that are likely to be.
///
/// # Errors
///
/// If AWS fails.
pub async fn keep_likely(table: &Table, likely: &BTreeMap<CveId, Probability>, now: Timestamp) -> Result<()> {
    keep_list(table, "LIKELY#", &likely.iter().collect::<Vec<_>>(), now).await
}

async fn list<T: DeserializeOwned>(table: &Table, prefix: &str) -> Result<Vec<T>> {
    let chunks: Readings<Unpacked<Vec<T>>> = table.query(keys::THREATS, prefix).await?;
    // A part of a list would make little of what is exploited.
    Ok(chunks.all()?.into_iter().flat_map(|Unpacked(chunk)| chunk).collect())
}

/// Writes a list in chunks. Chunks that a longer list has left behind are written empty.
async fn keep_list<T: Serialize>(table: &Table, prefix: &str, all: &[T], now: Timestamp) -> Result<()> {
    let before: Readings<Packed> = table.query(keys::THREATS, prefix).await?;
    let before = before.values.len() + before.unreadable.len();
    let chunks: Vec<&[T]> = all.chunks(CHUNK).collect();
    let items = (0..chunks.len().max(before)).map(|place| {
        let key = Key { pk: keys::THREATS.to_owned(), sk: format!("{prefix}{place:03}") };
        packed(&key, &chunks.get(place).copied().unwrap_or_default(), now + KEPT)
    });
    table.put_all("keeping what is known of attacks", items.collect::<Result<Vec<_>>>()?).await
}

/// How a feed stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedState {
    /// The feed.
    pub feed: String,
    /// The ecosystems that it tells of; none: of attacks.
    pub ecosystems: BTreeSet<Ecosystem>,
    /// Whether it tells less than another feed of the same ecosystem, which counts.
    pub is_hint: bool,
    /// When it was last asked.
    pub asked_at: Timestamp,
    /// When it was last read to its end; nothing: never.
    pub good_at: Option<Timestamp>,
    /// Up to where it has been read, in the feed's own terms.
    pub cursor: Option<String>,
    /// The tag of what was last read, to ask for nothing else.
    pub etag: Option<String>,
    /// How many records of it were passed over in the last good reading, since they could not be read.
    pub skipped: u32,
    /// What is wrong with it, and since when.
    pub failure: Option<FeedFailure>,
}

/// What is wrong with a feed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedFailure {
    /// Since when.
    pub since: Timestamp,
    /// In a sentence, made printable.
    pub reason: String,
}

/// How every feed that was ever asked stands.
///
/// # Errors
///
/// If AWS fails.
pub async fn feeds(table: &Table) -> Result<Readings<FeedState>> {
    table.query(keys::FEEDS, "").await
}

/// How a feed stands, if it was ever asked. One whose record cannot be read is asked as if it never was.
///
/// # Errors
///
/// If AWS fails.
pub async fn feed(table: &Table, name: &str) -> Result<Option<FeedState>> {
    match table.get(&keys::feed(name)).await {
        Err(Error::Unreadable(_)) => Ok(None),
        state => state,
    }
}

/// Writes how a feed stands.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_feed(table: &Table, state: &FeedState) -> Result<()> {
    let write = Write::put(&keys::feed(&state.feed), state)?;
    let _: Applied = table.transact(&format!("recording feed {}", state.feed), vec![write]).await?;
    Ok(())
}

fn packed<T: Serialize + ?Sized>(key: &Key, value: &T, expires: Timestamp) -> Result<Item> {
    let mut item = item(key, &Packed { content: ByteBuf::from(pack("what is to be kept", value)?) })?;
    item.insert("ttl".to_owned(), number(expires.as_second()));
    Ok(item)
}
