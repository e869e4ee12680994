//! Base images: what they are now, their moves, what is wrong with them, and who stands on them.

mod troubles;
mod updates;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use prism_domain::architecture::Architecture;
use prism_domain::id::{AmiId, BaseImageName, Region, Target, TrackedImageId, UpdateId};
use prism_domain::notice::Notice;
use prism_domain::update::{BaseImageUpdate, TrackedImage};
use prism_domain::watch::TroubleKind;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys;
use crate::notices;
use crate::table::{Applied, Readings, Table, Write, number, text};

pub use troubles::{TOLD_AT_ONCE, all_troubles, begin_trouble, end_trouble, tell_troubles};
pub use updates::{
    UpdateRecord, announced, announced_and_responded, newest_updates, reassessed, replace, responded, update, update_at,
};

/// A target whose active image stands on a base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependant {
    /// The target.
    pub target: Target,
    /// The image that its active image stands on; nothing where that cannot be read.
    pub base_image_id: Option<AmiId>,
    /// How long its next build is expected to run; nothing where that cannot be read.
    #[serde(default, with = "prism_domain::duration::text::optional")]
    pub expected: Option<SignedDuration>,
    /// Whether somebody asked for its architecture by its name; nothing where an earlier version wrote this, or that cannot
    /// be read.
    #[serde(default)]
    pub by_name: Option<bool>,
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

/// What every base image is now in a region.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_tracked(table: &Table, region: &Region) -> Result<Readings<TrackedImage>> {
    table.query(&keys::tracked_images(region), "").await
}

/// Every target whose active image stands on a base image. One whose record cannot be read is among them all the same,
/// since its key tells which it is.
///
/// # Errors
///
/// If AWS fails.
pub async fn dependants(
    table: &Table,
    name: &BaseImageName,
    architecture: Architecture,
) -> Result<Readings<Dependant>> {
    let mut read: Readings<Dependant> = table.query(&keys::base_image(name, architecture), keys::DEPENDANT).await?;
    let names = read.unreadable.iter().filter_map(|record| record.sk.strip_prefix(keys::DEPENDANT)?.parse().ok());
    let of_key = |template| Dependant {
        target: Target { template, architecture },
        base_image_id: None,
        expected: None,
        by_name: None,
    };
    let of_keys: Vec<Dependant> = names.map(of_key).collect();
    read.values.extend(of_keys);
    Ok(read)
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
