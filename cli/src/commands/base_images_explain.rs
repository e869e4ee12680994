//! `prism base-images explain`: reading what it shows.

use std::collections::BTreeSet;

use anyhow::anyhow;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::requests::{self, RequestRecord};
use prism_domain::id::{Target, TrackedImageId, UpdateId};
use prism_domain::update::{BaseImageUpdate, Direction};

use super::On;
use super::base_images::{Meant, meant};
use super::base_images_explain_view::{Explained, Stands, TemplateRow, explained};
use crate::args::BaseImagesExplain as Args;
use crate::progress::{during, each};
use crate::stack::Stack;
use crate::standing::{self, Everything};

/// Reads and answers.
pub async fn run(on: &On, args: &Args) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    on.output.give(&during("reading the move", read(&stack, args)).await?)
}

async fn read(stack: &Stack, args: &Args) -> anyhow::Result<Explained> {
    let (meant, records) = find(stack, args).await?;
    let Some(record) = records.first() else { return Err(anyhow!("{} has not moved", meant.name)) };
    let image = record.update.id.image.clone();
    let others = records.iter().skip(1).map(|other| other.update.id.clone()).collect();
    let since = since(stack, &record.update).await?;
    let templates = if image.region == stack.region { Some(templates(stack, record, &since).await?) } else { None };
    let taken_back_by = taken_back_by(&record.update, &since);
    Ok(explained(record.clone(), meant.title, others, taken_back_by, templates, usize::from(args.limit)))
}

/// The move that is meant, and behind it those of other architectures that may be meant too.
async fn find(stack: &Stack, args: &Args) -> anyhow::Result<(Meant, Vec<UpdateRecord>)> {
    let Some((name, rest)) = args.update.split_once('/') else { return newest(stack, args).await };
    let typed: Option<UpdateId> = format!("unnamed/{rest}").parse().ok();
    let Some(typed) = typed else {
        return Err(anyhow!(
            "{} is no move of a base image: one looks like ubuntu-22.04/x86_64/us-east-1/3; prism base-images history {name} shows them",
            args.update
        ));
    };
    let meant = meant(stack, &typed.image.region, name).await?;
    let id = UpdateId { image: TrackedImageId { name: meant.name.clone(), ..typed.image }, ..typed };
    match base_images::update(&stack.table, &id).await? {
        Some(record) => Ok((meant, vec![record])),
        None => Err(no_such_move(stack, &id).await),
    }
}

async fn no_such_move(stack: &Stack, id: &UpdateId) -> anyhow::Error {
    match base_images::newest_updates(&stack.table, &id.image, 1).await {
        Err(error) => error.into(),
        Ok(newest) => match newest.first() {
            None => anyhow!("there is no move {id}: {} has not moved", id.image),
            Some(newest) => anyhow!("there is no move {id}; the newest is {}", newest.update.id),
        },
    }
}

/// The newest move of a base image on each architecture, the newest of them first.
async fn newest(stack: &Stack, args: &Args) -> anyhow::Result<(Meant, Vec<UpdateRecord>)> {
    let meant = meant(stack, &stack.region, &args.update).await?;
    let newest = each(meant.images(args.architecture, &stack.region), |id| {
        let table = stack.table.clone();
        async move { Ok(base_images::newest_updates(&table, &id, 1).await?.pop()) }
    });
    let mut records: Vec<UpdateRecord> = newest.await?.into_iter().flatten().collect();
    records.sort_by(|one, other| {
        (other.update.updated_at, &one.update.id).cmp(&(one.update.updated_at, &other.update.id))
    });
    if records.is_empty() {
        let on = args.architecture.map(|architecture| format!(" ({architecture})")).unwrap_or_default();
        return Err(anyhow!("{}{on} has not moved in {} yet, as far as has been seen", meant.name, stack.region));
    }
    Ok((meant, records))
}

/// The moves from this one on, newest first.
async fn since(stack: &Stack, update: &BaseImageUpdate) -> anyhow::Result<Vec<BaseImageUpdate>> {
    let image = &update.id.image;
    let tracked = base_images::tracked(&stack.table, image).await?;
    let newest = tracked.map_or(update.id.sequence, |tracked| tracked.sequence);
    let count = newest.saturating_sub(update.id.sequence).saturating_add(1);
    let records =
        base_images::newest_updates(&stack.table, image, usize::try_from(count).unwrap_or(usize::MAX)).await?;
    Ok(records.into_iter().map(|record| record.update).collect())
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
    record: &UpdateRecord,
    since: &[BaseImageUpdate],
) -> anyhow::Result<Vec<TemplateRow>> {
    let (update, round) = (&record.update, record.round);
    let image = &update.id.image;
    let dependants = base_images::dependants(&stack.table, &image.name, image.architecture).await?;
    let targets: Vec<Target> = dependants.into_iter().map(|dependant| dependant.target).collect();
    let names: BTreeSet<_> = targets.iter().map(|target| target.template.clone()).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let all = standing::some(stack, &names).await?;
    let answers = each(targets, |target| {
        let (table, id) = (stack.table.clone(), requests::of_update(&update.id, round, &target));
        async move { Ok((target, requests::find(&table, &id?).await?)) }
    });
    Ok(rows(update, since, &all, &answers.await?))
}

/// `since`: the moves from this one on.
pub fn rows(
    update: &BaseImageUpdate,
    since: &[BaseImageUpdate],
    all: &Everything,
    answers: &[(Target, Option<RequestRecord>)],
) -> Vec<TemplateRow> {
    let row = |(target, answer): &(Target, Option<RequestRecord>)| {
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
        Some(TemplateRow {
            template: target.template.clone(),
            disabled: standing.record.disabled.clone(),
            stands,
            answered_by: answer.as_ref().map(|answer| answer.build.clone()),
            joined: answer.as_ref().is_some_and(|answer| !answer.own),
        })
    };
    answers.iter().filter_map(row).collect()
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
