//! The moves of base images: what each was judged to be, and how far it is answered.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use prism_domain::advisory::CveId;
use prism_domain::assessment::FixedCve;
use prism_domain::id::{TrackedImageId, UpdateId};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::update::{BaseImageUpdate, UpdateType};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::{self, Key};
use crate::table::{Item, Table, Write, number, text};

/// A move of a base image, and when its dependants were asked to rebuild.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpdateRecord {
    /// The move.
    #[serde(flatten)]
    pub update: BaseImageUpdate,
    /// How often it was judged anew, and worse: each time its dependants are asked again.
    #[serde(default)]
    pub round: u32,
    /// When people were told in this round; nothing until then.
    pub announced_at: Option<Timestamp>,
    /// When every dependant's build was started in this round; nothing until then.
    pub responded_at: Option<Timestamp>,
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
    let write =
        Write::put_if(&keys::update(&read.update.id), next, same_round(read), &[(":round", number(read.round))])?;
    Ok(write.naming("#round", "round"))
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
    let condition = format!("{condition} AND {}", same_round(record));
    let write = Write::update(&keys::update(&record.update.id), expression, Some(&condition), &values)?;
    Ok(write.naming("#round", "round"))
}

/// A record that an earlier version wrote has no round, and is in the first.
const fn same_round(record: &UpdateRecord) -> &'static str {
    if record.round == 0 { "(attribute_not_exists(#round) OR #round = :round)" } else { "#round = :round" }
}

/// The write that puts a judgement of a move in the place of the one that was read, unless another one has.
///
/// # Errors
///
/// If a write cannot be built.
pub fn reassessed(read: &UpdateRecord, update: &BaseImageUpdate) -> Result<Write> {
    let judged = serde_dynamo::to_item(Judged::of(update)).map_err(|error| Error::malformed("a judgement", error))?;
    let judged: Item = judged;
    let mut set: Vec<String> = judged.keys().map(|name| format!("{name} = :{name}")).collect();
    set.sort_unstable();
    let mut values: Vec<(String, AttributeValue)> =
        judged.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
    let unjudged = if let Some(at) = read.update.assessed_at {
        values.push((":read".to_owned(), text(&at.to_string())));
        "assessed_at = :read"
    } else {
        values.push((":null".to_owned(), text("NULL")));
        "(attribute_not_exists(assessed_at) OR attribute_type(assessed_at, :null))"
    };
    let values: Vec<(&str, AttributeValue)> =
        values.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    Write::update(&keys::update(&update.id), &format!("SET {}", set.join(", ")), Some(unjudged), &values)
}

/// What a judgement changes of a move.
#[derive(Debug, Serialize)]
struct Judged<'a> {
    update_type: UpdateType,
    security_level: SecurityLevel,
    confidence: Confidence,
    cves: &'a [CveId],
    fixes: &'a [FixedCve],
    reasons: &'a [String],
    assessed_at: Option<Timestamp>,
}

impl<'a> Judged<'a> {
    fn of(update: &'a BaseImageUpdate) -> Self {
        Self {
            update_type: update.update_type,
            security_level: update.security_level,
            confidence: update.confidence,
            cves: &update.cves,
            fixes: &update.fixes,
            reasons: &update.reasons,
            assessed_at: update.assessed_at,
        }
    }
}

/// A move that has to be there.
///
/// # Errors
///
/// If AWS fails, or there is none.
pub async fn known_update(table: &Table, id: &UpdateId) -> Result<BaseImageUpdate> {
    let record = update(table, id).await?;
    Ok(record.ok_or_else(|| Error::malformed(format!("update {id}"), "there is no such update"))?.update)
}

/// The newest moves of a base image in a region, newest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest_updates(table: &Table, id: &TrackedImageId, limit: usize) -> Result<Vec<UpdateRecord>> {
    table.newest(&keys::base_image(&id.name, id.architecture), &keys::updates_in(&id.region), limit).await
}
