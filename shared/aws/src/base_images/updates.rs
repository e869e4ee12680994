//! The moves of base images: what each was judged to be, and how far it is answered.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use prism_domain::id::{TrackedImageId, UpdateId};
use prism_domain::update::BaseImageUpdate;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::{self, Key};
use crate::table::{Fault, Item, Readings, Record, Table, Write, number, text};

/// A move of a base image, and when its dependants were asked to rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UpdateRecord {
    /// The move.
    #[serde(flatten)]
    pub update: BaseImageUpdate,
    /// How often it was judged anew, and worse: each time its dependants are asked again.
    pub round: u32,
    /// When people were told in this round; nothing until then.
    pub announced_at: Option<Timestamp>,
    /// When every dependant's build was started in this round; nothing until then.
    pub responded_at: Option<Timestamp>,
}

/// The part of the record that is not the move's own.
#[derive(Debug, Deserialize)]
struct Answered {
    round: u32,
    announced_at: Option<Timestamp>,
    responded_at: Option<Timestamp>,
}

/// Read in two parts: of a flattened one, serde does not tell which field is wrong.
impl Record for UpdateRecord {
    fn read(mut item: Item) -> Result<Self, Fault> {
        let answered = ["round", "announced_at", "responded_at"].map(|name| item.remove_entry(name));
        let Answered { round, announced_at, responded_at } = Record::read(answered.into_iter().flatten().collect())?;
        Ok(Self { update: Record::read(item)?, round, announced_at, responded_at })
    }
}

impl UpdateRecord {
    /// Since when there is something to respond to: the move was seen then, or judged.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.update.assessed_at.map_or(self.update.updated_at, |assessed| assessed.max(self.update.updated_at))
    }
}

/// A move, if there is such a one.
///
/// # Errors
///
/// If AWS fails.
pub async fn update(table: &Table, id: &UpdateId) -> Result<Option<UpdateRecord>> {
    table.get(&keys::update(id)).await
}

/// The move of a key, as it is now.
///
/// # Errors
///
/// If AWS fails, or the item is no move.
pub async fn update_at(table: &Table, key: &Key) -> Result<Option<UpdateRecord>> {
    table.get(key).await
}

/// The write that records that people were told of a move in a round, once.
///
/// # Errors
///
/// If a write cannot be built.
pub fn announced(record: &UpdateRecord, now: Timestamp) -> Result<Write> {
    change(record, "SET announced_at = :now", "attribute_type(announced_at, :null)", now, &[(":null", text("NULL"))])
}

/// The write that records that a round is over: every dependant's build was started, or there was nothing to start.
///
/// # Errors
///
/// If a write cannot be built.
pub fn responded(record: &UpdateRecord, now: Timestamp) -> Result<Write> {
    change(record, "SET responded_at = :now", "attribute_exists(pk)", now, &[])
}

/// The write that records that people were told of a move in a round and that nothing is to be started, once.
///
/// # Errors
///
/// If a write cannot be built.
pub fn announced_and_responded(record: &UpdateRecord, now: Timestamp) -> Result<Write> {
    let untold = "attribute_type(announced_at, :null)";
    let both = "SET announced_at = :now, responded_at = :now";
    change(record, both, untold, now, &[(":null", text("NULL"))])
}

/// The write that puts another record of a move in the place of this one, if that is still in the same round.
///
/// # Errors
///
/// If it cannot be an item.
pub fn replace(read: &UpdateRecord, next: &UpdateRecord) -> Result<Write> {
    let round = [(":round", number(read.round))];
    Ok(Write::put_if(&keys::update(&read.update.id), next, SAME_ROUND, &round)?.naming("#round", "round"))
}

/// A change of a move's record, as long as it is in this round.
fn change(
    record: &UpdateRecord,
    expression: &str,
    condition: &str,
    now: Timestamp,
    more: &[(&str, AttributeValue)],
) -> Result<Write> {
    let mut values = vec![(":now", text(&now.to_string())), (":round", number(record.round))];
    values.extend(more.iter().cloned());
    let condition = format!("{condition} AND {SAME_ROUND}");
    let write = Write::update(&keys::update(&record.update.id), expression, Some(&condition), &values)?;
    Ok(write.naming("#round", "round"))
}

/// The condition that a move's record is in the round that was read.
const SAME_ROUND: &str = "#round = :round";

/// The write that puts a judgement of a move in the place of the one that was read, unless another one has.
///
/// # Errors
///
/// If a write cannot be built.
pub fn reassessed(read: &UpdateRecord, update: &BaseImageUpdate) -> Result<Write> {
    let judged = serde_dynamo::to_item(update).map_err(|error| Error::malformed("a judgement", error))?;
    let mut judged: Item = judged;
    let names = JUDGED.map(|field| format!(":{field}"));
    let mut values: Vec<(&str, AttributeValue)> = Vec::new();
    for (name, field) in names.iter().zip(JUDGED) {
        let value = judged.remove(field);
        values.push((name, value.ok_or_else(|| Error::malformed("a judgement", format!("it has no {field}")))?));
    }
    let unjudged = if let Some(at) = read.update.assessed_at {
        values.push((":read", text(&at.to_string())));
        "assessed_at = :read"
    } else {
        values.push((":null", text("NULL")));
        "(attribute_not_exists(assessed_at) OR attribute_type(assessed_at, :null))"
    };
    let set = JUDGED.map(|field| format!("{field} = :{field}")).join(", ");
    Write::update(&keys::update(&update.id), &format!("SET {set}"), Some(unjudged), &values)
}

/// What a judgement changes of a move.
const JUDGED: [&str; 7] = ["assessed_at", "confidence", "cves", "fixes", "reasons", "security_level", "update_type"];

/// The newest moves of a base image in a region, newest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest_updates(table: &Table, id: &TrackedImageId, limit: usize) -> Result<Readings<UpdateRecord>> {
    table.newest(&keys::base_image(&id.name, id.architecture), &keys::updates_in(&id.region), limit).await
}
