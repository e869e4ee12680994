//! What decides what a target is due, read from the table.

use prism_domain::architecture::Architecture;
use prism_domain::due::Standing;
use prism_domain::id::{BuildId, Target, TrackedImageId};
use prism_domain::patch::Patch;

use crate::error::Result;
use crate::table::{Readings, Table};
use crate::{base_images, builds, claims, inventory, patches, templates, trials};

/// How many moves of a base image are read, the newest.
const MOVES: usize = 50;

/// How many findings of what an image lacks are read, the newest.
const PATCHES: usize = 20;

/// How a target stands. The claim is read first: a decision on the rest holds only if the claim's revision is still that
/// one when it is written.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`](crate::error::Error::Unreadable), if one of the records cannot be read.
pub async fn of(table: &Table, target: &Target) -> Result<Standing> {
    let claim = claims::of(table, target).await?;
    let source = templates::current(table, &target.template).await?.source();
    let published = inventory::channel(table, target).await?;
    let mut elsewhere = None;
    if published.is_none() {
        for architecture in Architecture::ALL.into_iter().filter(|other| *other != target.architecture) {
            let other = Target { architecture, ..target.clone() };
            elsewhere = elsewhere.or(inventory::channel(table, &other).await?);
        }
    }
    let (mut tracked, mut moves, mut lacking, mut trials) = (None, Vec::new(), Vec::new(), Vec::new());
    if let Some(channel) = &published {
        let region = table.region()?.clone();
        let id = TrackedImageId { name: channel.base.clone(), architecture: target.architecture, region };
        tracked = base_images::tracked(table, &id).await?;
        // One that cannot be read holds nothing back.
        trials = trials::of(table, &channel.base, target.architecture).await?.logged();
        let newest = base_images::newest_updates(table, &id, MOVES).await?.logged();
        moves.extend(newest.into_iter().map(|record| record.update));
        lacking = lacked(table, &channel.build).await?.logged();
    }
    Ok(Standing { claim, published, elsewhere, tracked, moves, patches: lacking, trials, source })
}

/// What the published image of a build was found to lack, the newest findings first.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`](crate::error::Error::Unreadable), if the build cannot be read.
pub async fn lacked(table: &Table, published: &BuildId) -> Result<Readings<Patch>> {
    let mut lacking = patches::newest(table, &published.target, PATCHES).await?;
    if lacking.values.iter().any(|patch| patch.id.build != *published) {
        let build = builds::get(table, published).await?;
        lacking.values.retain(|patch| build.lacks(patch));
    }
    Ok(lacking)
}
