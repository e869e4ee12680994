//! Base images: what they are now, their moves, and who stands on them.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use prism_domain::advisory::CveId;
use prism_domain::architecture::Architecture;
use prism_domain::assessment::FixedCve;
use prism_domain::id::{AmiId, BaseImageName, Region, Target, TrackedImageId, UpdateId};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::notice::Notice;
use prism_domain::update::{BaseImageUpdate, TrackedImage, UpdateType};
use prism_domain::watch::{Trouble, TroubleKind};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys::{self, Key};
use crate::notices;
use crate::table::{Applied, Item, Table, Write, number, text, value};

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

/// A target whose active image stands on a base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependant {
    /// The target.
    pub target: Target,
    /// The image that its active image stands on; nothing where an earlier version wrote this.
    #[serde(default)]
    pub base_image_id: Option<AmiId>,
    /// How long its next build is expected to run; nothing where an earlier version wrote this.
    #[serde(default, with = "prism_domain::duration::text::optional")]
    pub expected: Option<SignedDuration>,
}

impl Dependant {
    /// Whether its active image stands on an image, or nobody knows on which it does.
    #[must_use]
    pub fn may_stand_on(&self, image: &AmiId) -> bool {
        self.base_image_id.as_ref().is_none_or(|stands_on| stands_on == image)
    }
}

/// What a base image is now in a region, if it has been seen.
///
/// # Errors
///
/// If AWS fails.
pub async fn tracked(table: &Table, id: &TrackedImageId) -> Result<Option<TrackedImage>> {
    table.get(&keys::tracked_image(id)).await
}

/// What a base image is now, if it has been seen, in the region of this stack.
///
/// # Errors
///
/// If AWS fails.
pub async fn current(
    table: &Table,
    name: &BaseImageName,
    architecture: Architecture,
    region: &Region,
) -> Result<Option<TrackedImage>> {
    tracked(table, &TrackedImageId { name: name.clone(), architecture, region: region.clone() }).await
}

/// Writes the first sight of an image.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_first(table: &Table, tracked: &TrackedImage) -> Result<Applied> {
    let write = Write::insert(&keys::tracked_image(&tracked.id), tracked)?;
    table.transact(&format!("recording {}", tracked.id), vec![write]).await
}

/// Writes a move: what the image is now, if it is still as it was `known`, and the update.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_move(
    table: &Table,
    known: &TrackedImage,
    tracked: &TrackedImage,
    update: &BaseImageUpdate,
) -> Result<Applied> {
    let record = UpdateRecord { update: update.clone(), round: 0, announced_at: None, responded_at: None };
    let writes = vec![unchanged(known, tracked)?, Write::insert(&keys::update(&update.id), &record)?];
    table.transact(&format!("recording update {}", update.id), writes).await
}

/// Writes that an image is in quarantine or out of it, if it is still as it was `known`, with the notice of it.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_quarantine(
    table: &Table,
    known: &TrackedImage,
    tracked: &TrackedImage,
    notice: Option<&Notice>,
) -> Result<Applied> {
    let mut writes = vec![unchanged(known, tracked)?];
    if let Some(notice) = notice {
        writes.push(notices::leave(notice)?);
    }
    table.transact(&format!("recording {}", tracked.id), writes).await
}

/// The write that replaces an image, if it has neither moved nor been held or followed again since it was read.
fn unchanged(known: &TrackedImage, tracked: &TrackedImage) -> Result<Write> {
    let mut condition = "#current.image_id = :previous AND #sequence = :sequence AND ".to_owned();
    let mut values = vec![(":previous", text(known.current.image_id.as_str())), (":sequence", number(known.sequence))];
    if let Some(quarantine) = &known.quarantine {
        condition.push_str("#quarantine.seen_since = :held");
        values.push((":held", text(&quarantine.seen_since.to_string())));
    } else {
        condition.push_str("attribute_type(#quarantine, :null)");
        values.push((":null", text("NULL")));
    }
    let write = Write::put_if(&keys::tracked_image(&tracked.id), tracked, &condition, &values)?;
    let names = [("#current", "current"), ("#sequence", "sequence"), ("#quarantine", "quarantine")];
    Ok(names.into_iter().fold(write, |write, (placeholder, name)| write.naming(placeholder, name)))
}

/// Writes that trouble begins, becomes another or is told in other words, if it is still as it was `known`.
///
/// # Errors
///
/// If AWS fails.
pub async fn begin_trouble(table: &Table, known: Option<&Trouble>, trouble: &Trouble) -> Result<Applied> {
    let key = keys::trouble(&trouble.id);
    let write = match known {
        None => Write::insert(&key, trouble)?,
        Some(known) => {
            let since = (":since", text(&known.since.to_string()));
            // Another look may have told of it meanwhile, which is not to be forgotten.
            let (told, value) = match known.told_at {
                Some(at) => ("told_at = :told", (":told", text(&at.to_string()))),
                None => (UNTOLD, (":null", text("NULL"))),
            };
            Write::put_if(&key, trouble, &format!("{SAME_TROUBLE} AND {told}"), &[since, value])?
        }
    };
    table.transact(&format!("recording trouble with {}", trouble.id), vec![write]).await
}

/// Removes a trouble that is over, if it is still the one that was `known`.
///
/// # Errors
///
/// If AWS fails.
pub async fn end_trouble(table: &Table, known: &Trouble) -> Result<Applied> {
    let since = [(":since", text(&known.since.to_string()))];
    let write = Write::delete_if(&keys::trouble(&known.id), SAME_TROUBLE, &since)?;
    table.transact(&format!("recording that trouble with {} is over", known.id), vec![write]).await
}

/// Marks troubles as told, if nobody has told of any of them, and leaves the notice that tells. At most
/// [`TOLD_AT_ONCE`] of them.
///
/// # Errors
///
/// If AWS fails.
pub async fn tell_troubles(table: &Table, troubles: &[Trouble], notice: &Notice) -> Result<Applied> {
    let untold = format!("{SAME_TROUBLE} AND {UNTOLD}");
    let told = |trouble: &Trouble| {
        let values = [(":since", text(&trouble.since.to_string())), (":null", text("NULL"))];
        Write::put_if(&keys::trouble(&trouble.id), trouble, &untold, &values)
    };
    let mut writes = troubles.iter().map(told).collect::<Result<Vec<Write>>>()?;
    writes.push(notices::leave(notice)?);
    table.transact(&format!("telling of {}", notice.id), writes).await
}

/// How many troubles one transaction marks: with its notice, it takes a hundred writes.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
pub const TOLD_AT_ONCE: usize = 99;

/// The condition that a trouble is the one that was read.
const SAME_TROUBLE: &str = "since = :since";

/// The condition that nobody has been told of it.
const UNTOLD: &str = "attribute_type(told_at, :null)";

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

/// What every base image is now in a region. A record that cannot be read is left out, and logged: it is one image's.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_tracked(table: &Table, region: &Region) -> Result<Vec<TrackedImage>> {
    readable(table, &keys::tracked_images(region)).await
}

/// What is wrong with base images in a region. A record that cannot be read is left out, and logged: it is one image's.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_troubles(table: &Table, region: &Region) -> Result<Vec<Trouble>> {
    readable(table, &keys::troubles(region)).await
}

async fn readable<T: DeserializeOwned>(table: &Table, pk: &str) -> Result<Vec<T>> {
    let read = |item: Item| {
        let sk = item.get("sk").and_then(|sk| sk.as_s().ok()).cloned().unwrap_or_default();
        let read = value(item, &Key { pk: pk.to_owned(), sk });
        read.inspect_err(|error: &Error| tracing::error!("{error}")).ok()
    };
    Ok(table.items(pk).await?.into_iter().filter_map(read).collect())
}

/// Every target whose active image stands on a base image.
///
/// # Errors
///
/// If AWS fails.
pub async fn dependants(table: &Table, name: &BaseImageName, architecture: Architecture) -> Result<Vec<Dependant>> {
    table.query(&keys::base_image(name, architecture), keys::DEPENDANT).await
}

/// What one look at all base images of a region came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchRun {
    /// Where.
    pub region: Region,
    /// When it began.
    pub looked_at: Timestamp,
    /// How many are watched.
    pub watched: u32,
    /// How many are what they were.
    pub same: u32,
    /// Those that moved.
    pub moved: Vec<UpdateId>,
    /// How many were seen for the first time.
    pub first: u32,
    /// How many go back and forth and are not followed.
    pub held: u32,
    /// How many have trouble, by its kind.
    pub troubles: BTreeMap<TroubleKind, u32>,
    /// How many calls it took.
    pub calls: Calls,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// How many calls of each kind were made, not counting the SDK's repetitions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    /// `GetParameters`.
    pub get_parameters: u32,
    /// `DescribeImages`.
    pub describe_images: u32,
    /// Reads of the table.
    pub reads: u32,
    /// Transactions.
    pub writes: u32,
}

/// Records a run in place of the one before it.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_run(table: &Table, run: &WatchRun) -> Result<()> {
    let write = Write::put(&keys::watch(run.region.as_str()), run)?;
    let _: Applied = table.transact("recording the look at base images", vec![write]).await?;
    Ok(())
}

/// The last look at the base images of a region.
///
/// # Errors
///
/// If AWS fails.
pub async fn last_run(table: &Table, region: &Region) -> Result<Option<WatchRun>> {
    table.get(&keys::watch(region.as_str())).await
}
