//! Templates, as they were applied.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_domain::build::Frozen;
use prism_domain::due::Source;
use prism_domain::id::{BuildId, Target, TemplateName};
use prism_domain::problem::{Problems, printable};
use prism_templates::{ImagePlan, ResolvedTemplate, Template};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::table::{Applied, Readings, Table, Write, count};
use crate::{keys, policies};

/// A template in the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TemplateRecord {
    /// Its name.
    pub name: TemplateName,
    /// As it was applied.
    pub template: Template,
    /// Counts the times it was applied, from 1.
    pub revision: u64,
    /// When it was last applied.
    pub applied_at: Timestamp,
    /// Why it is not rebuilt by itself; nothing where it is.
    pub disabled: Option<String>,
}

/// A template, if it has been applied.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, name: &TemplateName) -> Result<Option<TemplateRecord>> {
    table.get(&keys::template(name)).await
}

/// Every template.
///
/// # Errors
///
/// If AWS fails.
pub async fn all(table: &Table) -> Result<Readings<TemplateRecord>> {
    table.query(keys::TEMPLATES, "").await
}

/// The names of templates, without reading the rest of them: at most `most`, the first ones.
///
/// # Errors
///
/// If AWS fails.
pub async fn names(table: &Table, most: usize) -> Result<Vec<TemplateName>> {
    let names = table.sort_keys(keys::TEMPLATES, most).await?;
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// A template as it is now, with all that it inherits.
#[derive(Debug)]
pub struct CurrentTemplate {
    /// It, or why there is none: it is not applied, or does not resolve.
    pub resolved: std::result::Result<ResolvedTemplate, Problems>,
    /// Its revision; 0 if it is not applied.
    pub revision: u64,
    /// Why it is not rebuilt by itself; nothing where it is.
    pub disabled: Option<String>,
    /// When it, or one that it inherits from, was applied last.
    pub changed_at: Option<Timestamp>,
}

impl CurrentTemplate {
    /// What a target of it is built from.
    #[must_use]
    pub fn source(&self) -> Source {
        let resolved = self.resolved.as_ref().ok();
        Source {
            disabled: self.disabled.clone(),
            content_hash: resolved.map(ResolvedTemplate::content_hash),
            source_hash: resolved.map(ResolvedTemplate::source_hash),
            changed_at: self.changed_at,
            architecture: resolved.map(ResolvedTemplate::architecture),
        }
    }
}

/// A template out of what is applied.
#[must_use]
pub fn current_of(name: &TemplateName, all: &BTreeMap<TemplateName, TemplateRecord>) -> CurrentTemplate {
    let lineage = with_inherited(name, all);
    let changed_at = lineage.values().map(|record| record.applied_at).max();
    let own = lineage.get(name);
    let (revision, disabled) = own.map_or((0, None), |own| (own.revision, own.disabled.clone()));
    let templates = lineage.into_iter().map(|(name, record)| (name, record.template.clone())).collect();
    CurrentTemplate { resolved: prism_templates::resolve(name, &templates), revision, disabled, changed_at }
}

/// A template and all that it inherits from, as far as it is applied.
fn with_inherited<'a>(
    name: &TemplateName,
    all: &'a BTreeMap<TemplateName, TemplateRecord>,
) -> BTreeMap<TemplateName, &'a TemplateRecord> {
    let mut lineage = BTreeMap::new();
    let mut wanted = vec![name];
    while let Some(name) = wanted.pop() {
        let Some(record) = all.get(name) else { continue };
        if lineage.insert(name.clone(), record).is_none() {
            wanted.extend(&record.template.inherits);
        }
    }
    lineage
}

/// A template as it is now, with all that it inherits.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`], if it or one that it inherits from cannot be read.
pub async fn current(table: &Table, name: &TemplateName) -> Result<CurrentTemplate> {
    let records = with_ancestors(table, vec![name.clone()]).await?.all()?;
    Ok(current_of(name, &records.into_iter().map(|record| (record.name.clone(), record)).collect()))
}

/// A template with all that it inherits.
///
/// # Errors
///
/// As [`current`]; as an invalid request, if there is no such template or it does not resolve.
pub async fn resolved(table: &Table, name: &TemplateName) -> Result<ResolvedTemplate> {
    current(table, name).await?.resolved.map_err(Error::from)
}

/// A template with all that it inherits, if a build of it can be planned for the target's architecture.
///
/// # Errors
///
/// If AWS fails; as an invalid request, if there is no such template, it does not resolve, or its base image is not in
/// the catalogue for that architecture.
pub async fn plannable(table: &Table, target: &Target) -> Result<ResolvedTemplate> {
    let resolved = resolved(table, &target.template).await?;
    let catalogue = policies::current(table).await?.catalogue();
    let base = catalogue.find(&resolved.base);
    if base.is_some_and(|base| base.architectures.contains_key(&target.architecture)) {
        return Ok(resolved);
    }
    Err(Error::InvalidRequest(format!(
        "template {} stands on base image {}, which is not in the catalogue for {}; there are {}",
        target.template,
        printable(resolved.base.as_str(), 60),
        target.architecture,
        catalogue.names()
    )))
}

/// The template that a build has frozen.
///
/// # Errors
///
/// If it cannot be read.
pub fn frozen(build: &BuildId, frozen: &Frozen) -> Result<ResolvedTemplate> {
    serde_json::from_value(frozen.template.clone())
        .map_err(|error| Error::malformed(format!("the template of build {build}"), error))
}

/// What Image Builder is asked for, by what a build has frozen.
///
/// # Errors
///
/// If the template cannot be read; as a build that cannot be made, if it or what is to be patched names what cannot be.
pub fn frozen_plan(build: &BuildId, frozen: &Frozen) -> Result<ImagePlan> {
    let template = self::frozen(build, frozen)?;
    let (base, patch) = (&frozen.base_image_id, frozen.patch.as_ref());
    let mut plan = prism_templates::image_plan(&template, build, base, &frozen.regions, patch)
        .map_err(|problems| Error::CannotBuild(problems.to_string()))?;
    if let Some(device) = &frozen.root_device {
        plan.recipe.root_volume.device_name.clone_from(device);
    }
    if let Some(rates) = &frozen.rates {
        plan.recipe.root_volume.size_gib = rates.root_volume_gb;
    }
    Ok(plan)
}

/// Templates, and all that they inherit from. Those that are missing are missing in the answer; `resolve` says which.
///
/// # Errors
///
/// If AWS fails.
pub async fn with_ancestors(table: &Table, mut wanted: Vec<TemplateName>) -> Result<Readings<TemplateRecord>> {
    let mut readings = Readings::default();
    let mut seen: BTreeSet<TemplateName> = BTreeSet::new();
    while let Some(name) = wanted.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        match find(table, &name).await {
            Ok(None) => {}
            Ok(Some(record)) => {
                wanted.extend(record.template.inherits.iter().cloned());
                readings.values.push(record);
            }
            Err(Error::Unreadable(record)) => readings.unreadable.push(*record),
            Err(error) => return Err(error),
        }
    }
    Ok(readings)
}

/// Applies a template: its next revision, or nothing if it is what is applied already. A record that cannot be read is
/// replaced.
///
/// # Errors
///
/// If AWS fails, or somebody else applied it at the same time.
pub async fn apply(table: &Table, name: &TemplateName, template: &Template, now: Timestamp) -> Result<Option<u64>> {
    let key = keys::template(name);
    let item = table.item(&key).await?;
    let before: Option<TemplateRecord> = match item.clone().map(|item| table.value(&key, item)).transpose() {
        // What cannot be read is replaced; why the template is disabled stays, if that can be.
        Err(Error::Unreadable(_)) => None,
        before => before?,
    };
    if before.as_ref().is_some_and(|before| before.template == *template) {
        return Ok(None);
    }
    let text = |name: &str| item.as_ref()?.get(name)?.as_s().ok().cloned();
    let record = TemplateRecord {
        name: name.clone(),
        template: template.clone(),
        revision: item.as_ref().and_then(|item| count(item, "revision")).unwrap_or_default().saturating_add(1),
        applied_at: now,
        disabled: text("disabled"),
    };
    let write = match (&before, &item) {
        (None, Some(item)) => Write::overwrite(&key, &record, item)?,
        (before, _) => Write::replace(&key, &record, "revision", before.as_ref().map_or(0, |before| before.revision))?,
    };
    let action = format!("applying template {name}");
    match table.transact(&action, vec![write]).await? {
        Applied::Written => Ok(Some(record.revision)),
        Applied::Lost(_) => Err(Error::lost_race(action)),
    }
}
