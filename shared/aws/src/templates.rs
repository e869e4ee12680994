//! Templates, as they were applied.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_domain::id::TemplateName;
use prism_templates::{ResolvedTemplate, Template};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Applied, Table, Write};

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
pub async fn all(table: &Table) -> Result<Vec<TemplateRecord>> {
    table.query(keys::TEMPLATES, "").await
}

/// A template with all that it inherits.
///
/// # Errors
///
/// If AWS fails; as an invalid request, if there is no such template or it does not resolve.
pub async fn resolved(table: &Table, name: &TemplateName) -> Result<ResolvedTemplate> {
    let records = with_ancestors(table, vec![name.clone()]).await?;
    let lineage: BTreeMap<TemplateName, Template> =
        records.into_iter().map(|record| (record.name, record.template)).collect();
    prism_templates::resolve(name, &lineage).map_err(Error::from)
}

/// Templates, and all that they inherit from. Those that are missing are missing in the answer; `resolve` says which.
///
/// # Errors
///
/// If AWS fails.
pub async fn with_ancestors(table: &Table, mut wanted: Vec<TemplateName>) -> Result<Vec<TemplateRecord>> {
    let mut records: BTreeMap<TemplateName, TemplateRecord> = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if records.contains_key(&name) {
            continue;
        }
        let Some(record) = find(table, &name).await? else { continue };
        wanted.extend(record.template.inherits.iter().cloned());
        records.insert(name, record);
    }
    Ok(records.into_values().collect())
}

/// Applies a template: its next revision, or nothing if it is what is applied already.
///
/// # Errors
///
/// If AWS fails, or somebody else applied it at the same time.
pub async fn apply(table: &Table, name: &TemplateName, template: &Template, now: Timestamp) -> Result<Option<u64>> {
    let before = find(table, name).await?;
    if before.as_ref().is_some_and(|before| before.template == *template) {
        return Ok(None);
    }
    let read = before.as_ref().map(|before| before.revision);
    let record = TemplateRecord {
        name: name.clone(),
        template: template.clone(),
        revision: read.unwrap_or_default() + 1,
        applied_at: now,
        disabled: before.and_then(|before| before.disabled),
    };
    let action = format!("applying template {name}");
    match table.transact(&action, vec![Write::replace(&keys::template(name), &record, "revision", read)?]).await? {
        Applied::Written => Ok(Some(record.revision)),
        Applied::Lost(_) => Err(Error::lost_race(action)),
    }
}
