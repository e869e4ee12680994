//! `prism base-images explain`: reading what it shows.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use prism_aws::base_images::{self, UpdateRecord};
use prism_domain::architecture::Architecture;
use prism_domain::id::{Target, TrackedImageId, UpdateId};
use prism_domain::update::{BaseImageUpdate, Direction};

use super::base_images::{Meant, meant};
use super::base_images_explain_view::{Explained, Stands, TemplateRow, explained};
use crate::fault::warn_of_unreadable;
use crate::progress::each;
use crate::stack::Stack;
use crate::standing::{self, Everything};

/// Reads the move that is meant, with everything that is known of it.
pub async fn read(
    stack: &Stack,
    typed: &str,
    architecture: Option<Architecture>,
    limit: usize,
) -> anyhow::Result<Explained> {
    let (meant, record, others) = find(stack, typed, architecture).await?;
    let update = &record.update;
    let since = since(stack, update).await?;
    let is_here = update.id.image.region == stack.region;
    let templates = if is_here { Some(templates(stack, update, &since).await?) } else { None };
    let taken_back_by = taken_back_by(update, &since);
    Ok(explained(record, meant.title, others, taken_back_by, templates, limit))
}

/// The move that is meant, and those of other architectures that may be meant too.
async fn find(
    stack: &Stack,
    typed: &str,
    architecture: Option<Architecture>,
) -> anyhow::Result<(Meant, UpdateRecord, Vec<UpdateId>)> {
    let Some((name, rest)) = typed.split_once('/') else { return newest(stack, typed, architecture).await };
    let Ok(unnamed) = format!("unnamed/{rest}").parse::<UpdateId>() else {
        bail!(
            "{typed} is no move of a base image: one looks like ubuntu-22.04/x86_64/us-east-1/3; prism base-images history {name} shows them"
        );
    };
    let meant = meant(stack, &unnamed.image.region, name).await?;
    let id = UpdateId { image: TrackedImageId { name: meant.name.clone(), ..unnamed.image }, ..unnamed };
    match base_images::update(&stack.table, &id).await? {
        Some(record) => Ok((meant, record, Vec::new())),
        None => Err(no_such_move(stack, &id).await),
    }
}

async fn no_such_move(stack: &Stack, id: &UpdateId) -> anyhow::Error {
    match base_images::newest_updates(&stack.table, &id.image, 1).await {
        Err(error) => error.into(),
        Ok(newest) => match warn_of_unreadable(newest).first() {
            None => anyhow!("there is no move {id}: {} has not moved", id.image),
            Some(newest) => anyhow!("there is no move {id}; the newest is {}", newest.update.id),
        },
    }
}

/// The newest move of a base image on each architecture, the newest of them first.
async fn newest(
    stack: &Stack,
    typed: &str,
    architecture: Option<Architecture>,
) -> anyhow::Result<(Meant, UpdateRecord, Vec<UpdateId>)> {
    let meant = meant(stack, &stack.region, typed).await?;
    let newest = each(stack, meant.images(architecture, &stack.region), |stack, id| async move {
        Ok(warn_of_unreadable(base_images::newest_updates(&stack.table, &id, 1).await?).pop())
    });
    let mut records: Vec<UpdateRecord> = newest.await?.into_iter().flatten().collect();
    records.sort_by(|one, other| {
        (other.update.updated_at, &one.update.id).cmp(&(one.update.updated_at, &other.update.id))
    });
    if records.is_empty() {
        let on = architecture.map(|architecture| format!(" ({architecture})")).unwrap_or_default();
        bail!("{}{on} has not moved in {} yet, as far as has been seen", meant.name, stack.region);
    }
    let newest = records.remove(0);
    Ok((meant, newest, records.into_iter().map(|other| other.update.id).collect()))
}

/// The moves from this one on, newest first.
async fn since(stack: &Stack, update: &BaseImageUpdate) -> anyhow::Result<Vec<BaseImageUpdate>> {
    let image = &update.id.image;
    let tracked = base_images::tracked(&stack.table, image).await?;
    let newest = tracked.map_or(update.id.sequence, |tracked| tracked.sequence);
    let count = newest.saturating_sub(update.id.sequence).saturating_add(1);
    let records = base_images::newest_updates(&stack.table, image, count as usize).await?;
    Ok(warn_of_unreadable(records).into_iter().map(|record| record.update).collect())
}

/// The move by which the vendor took back what this one brought.
fn taken_back_by(update: &BaseImageUpdate, since: &[BaseImageUpdate]) -> Option<UpdateId> {
    let back = since.iter().rev().find(|later| {
        later.id.sequence > update.id.sequence
            && later.direction == Direction::Back
            && later.previous_image_id == update.image_id
    });
    back.map(|back| back.id.clone())
}

/// How each template stands to a move that stands on that base image.
async fn templates(
    stack: &Stack,
    update: &BaseImageUpdate,
    since: &[BaseImageUpdate],
) -> anyhow::Result<Vec<TemplateRow>> {
    let image = &update.id.image;
    let dependants = base_images::dependants(&stack.table, &image.name, image.architecture).await?;
    let targets: Vec<Target> = warn_of_unreadable(dependants).into_iter().map(|dependant| dependant.target).collect();
    let names: BTreeSet<_> = targets.iter().map(|target| target.template.clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let all = standing::some(stack, &names).await?;
    Ok(rows(update, since, &all, &targets))
}

/// `since`: the moves from this one on.
pub fn rows(
    update: &BaseImageUpdate,
    since: &[BaseImageUpdate],
    all: &Everything,
    targets: &[Target],
) -> Vec<TemplateRow> {
    let row = |target: &Target| {
        let standing = all.templates.iter().find(|standing| standing.record.name == target.template)?;
        let found = standing.targets.iter().find(|found| found.architecture == target.architecture)?;
        let channel = found.channel.as_ref()?;
        // A move back to what it stands on does not bring it what was taken back.
        let mut brings = since.iter().filter(|later| later.id == update.id || later.direction == Direction::Forward);
        let has = brings.find(|later| later.image_id == channel.base_image_id);
        let stands = match has {
            Some(later) => {
                let newer = later.id != update.id;
                Stands::Has { build: channel.build.clone(), since: channel.since, newer }
            }
            None => Stands::Lacks { condition: found.condition.clone() },
        };
        Some(TemplateRow { template: target.template.clone(), disabled: standing.record.disabled.clone(), stands })
    };
    targets.iter().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{back, update};

    #[test]
    fn what_was_taken_back_later_is_known() {
        let since = [update(3, 1, 3), back(2, 2, 1), update(1, 1, 2)];
        assert_eq!(taken_back_by(&since[2], &since), Some(since[1].id.clone()));
        assert_eq!(taken_back_by(&since[1], &since), None);
        assert_eq!(taken_back_by(&since[0], &since), None);
    }
}
