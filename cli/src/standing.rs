//! How every template stands: what the table knows of it, gathered.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::table::Table;
use prism_aws::templates::TemplateRecord;
use prism_aws::{base_images, builds, claims, inventory, policies, templates};
use prism_domain::architecture::Architecture;
use prism_domain::build::{Build, Channel};
use prism_domain::claim::{Claim, Held};
use prism_domain::id::{AmiId, BaseImageName, Region, Target, TemplateName, TrackedImageId};
use prism_domain::update::{BaseImageUpdate, TrackedImage};
use prism_templates::{ResolvedTemplate, Template};

use crate::condition::{Condition, Known, condition};
use crate::progress::each;
use crate::stack::Stack;

/// A template and its targets.
#[derive(Debug, Clone)]
pub struct Standing {
    /// As it was applied.
    pub record: TemplateRecord,
    /// With all that it inherits; why not, where that fails.
    pub resolved: Result<ResolvedTemplate, String>,
    /// Its targets: for its own architecture, and for every other that was ever built.
    pub targets: Vec<TargetStanding>,
}

/// A target.
#[derive(Debug, Clone)]
pub struct TargetStanding {
    /// Which.
    pub architecture: Architecture,
    /// The image that launches use.
    pub channel: Option<Channel>,
    /// The build that holds its claim.
    pub held: Option<Held>,
    /// How it stands.
    pub condition: Condition,
    /// Its newest images, newest first.
    pub made: Vec<Made>,
}

/// An image that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The base image that it stands on.
    pub on: AmiId,
    /// When it was published.
    pub at: Timestamp,
}

/// A base image on an architecture: what it is now, and its newest moves.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// What it is now.
    pub tracked: Option<TrackedImage>,
    /// Its newest moves, newest first.
    pub updates: Vec<BaseImageUpdate>,
}

/// Every base image that a template stands on.
pub type Bases = BTreeMap<(BaseImageName, Architecture), Base>;

/// Everything about every template.
#[derive(Debug, Clone)]
pub struct Everything {
    /// By name.
    pub templates: Vec<Standing>,
    /// What they stand on.
    pub bases: Bases,
}

/// A template with all that it inherits, out of what is applied.
pub fn resolve(name: &TemplateName, all: &BTreeMap<TemplateName, Template>) -> Result<ResolvedTemplate, String> {
    prism_templates::resolve(name, all).map_err(|problems| problems.to_string())
}

/// Reads everything about every template.
pub async fn everything(stack: &Stack) -> anyhow::Result<Everything> {
    let records = templates::all(&stack.table).await?;
    let claims = claims::all(&stack.table).await?;
    gather(stack, records, claims, None).await
}

/// Reads everything about some templates: those of them that have been applied.
pub async fn some(stack: &Stack, names: &BTreeSet<TemplateName>) -> anyhow::Result<Everything> {
    let records = templates::all(&stack.table).await?;
    let claims = claims::all(&stack.table).await?;
    gather(stack, records, claims, Some(names)).await
}

/// Reads everything about one template, if it has been applied.
pub async fn of(stack: &Stack, name: &TemplateName) -> anyhow::Result<Option<Standing>> {
    Ok(some(stack, &BTreeSet::from([name.clone()])).await?.templates.pop())
}

async fn gather(
    stack: &Stack,
    records: Vec<TemplateRecord>,
    claims: Vec<Claim>,
    only: Option<&BTreeSet<TemplateName>>,
) -> anyhow::Result<Everything> {
    let catalogue = policies::current(&stack.table).await?.catalogue();
    let watched = |base: &BaseImageName| catalogue.find(base).map_or_else(|| base.clone(), |found| found.name.clone());
    let all: BTreeMap<TemplateName, Template> =
        records.iter().map(|record| (record.name.clone(), record.template.clone())).collect();
    let records: Vec<TemplateRecord> =
        records.into_iter().filter(|record| only.is_none_or(|only| only.contains(&record.name))).collect();
    let names = records.iter().map(|record| record.name.clone()).collect();
    let channels = each(names, |name| {
        let table = stack.table.clone();
        async move { Ok(inventory::channels(&table, &name).await?) }
    })
    .await?;
    let mut claims: BTreeMap<Target, Claim> = claims.into_iter().map(|claim| (claim.target.clone(), claim)).collect();
    let mut templates = Vec::new();
    let mut known = Vec::new();
    for (record, channels) in records.into_iter().zip(channels) {
        let resolved = resolve(&record.name, &all);
        for architecture in architectures(&record.name, resolved.as_ref().ok(), &channels, &claims) {
            let target = Target { template: record.name.clone(), architecture };
            let channel = channels.iter().find(|channel| channel.build.target == target).cloned();
            let base = match (&channel, &resolved) {
                (Some(channel), _) => Some(channel.base.clone()),
                (None, Ok(resolved)) => Some(watched(&resolved.base)),
                (None, Err(_)) => None,
            };
            let held = claims.remove(&target).and_then(|claim| claim.held);
            known.push((target, base, Known { held, channel, ..Known::default() }));
        }
        templates.push(Standing { record, resolved, targets: Vec::new() });
    }
    let bases =
        read_bases(stack, known.iter().filter_map(|(target, base, _)| Some((base.clone()?, target.architecture))))
            .await?;
    let targets: Vec<Target> = known.iter().map(|(target, ..)| target.clone()).collect();
    let newest = each(targets, |target| {
        let table = stack.table.clone();
        async move { Ok(builds::newest(&table, &target, 5).await?) }
    })
    .await?;
    for ((target, base, mut known), newest) in known.into_iter().zip(newest) {
        known.builds = newest;
        if let Some(base) = base.and_then(|base| bases.get(&(base, target.architecture))) {
            known.base = base.clone();
        }
        let condition = condition(&known);
        if let Some(standing) = templates.iter_mut().find(|standing| standing.record.name == target.template) {
            let made = known.builds.iter().filter_map(made).collect();
            let Known { channel, held, .. } = known;
            standing.targets.push(TargetStanding { architecture: target.architecture, channel, held, condition, made });
        }
    }
    Ok(Everything { templates, bases })
}

fn made(build: &Build) -> Option<Made> {
    Some(Made { on: build.frozen.as_ref()?.base_image_id.clone(), at: build.published_at? })
}

fn architectures(
    name: &TemplateName,
    resolved: Option<&ResolvedTemplate>,
    channels: &[Channel],
    claims: &BTreeMap<Target, Claim>,
) -> BTreeSet<Architecture> {
    let own = resolved.map(ResolvedTemplate::architecture);
    let published = channels.iter().map(|channel| channel.build.target.architecture);
    let claimed = claims.values().filter(|claim| claim.held.is_some() && claim.target.template == *name);
    own.into_iter().chain(published).chain(claimed.map(|claim| claim.target.architecture)).collect()
}

async fn read_bases(
    stack: &Stack,
    wanted: impl Iterator<Item = (BaseImageName, Architecture)>,
) -> anyhow::Result<Bases> {
    let wanted: BTreeSet<(BaseImageName, Architecture)> = wanted.collect();
    let wanted: Vec<_> = wanted.into_iter().collect();
    let read = each(wanted.clone(), |(name, architecture)| {
        let (table, region) = (stack.table.clone(), stack.region.clone());
        async move { read_base(&table, name, architecture, &region).await }
    })
    .await?;
    Ok(wanted.into_iter().zip(read).collect())
}

async fn read_base(
    table: &Table,
    name: BaseImageName,
    architecture: Architecture,
    region: &Region,
) -> anyhow::Result<Base> {
    let updates = base_images::newest_updates(
        table,
        &TrackedImageId { name: name.clone(), architecture, region: region.clone() },
        20,
    )
    .await?;
    let updates = updates.into_iter().map(|record| record.update).collect();
    let tracked = base_images::tracked(table, &TrackedImageId { name, architecture, region: region.clone() }).await?;
    Ok(Base { tracked, updates })
}
