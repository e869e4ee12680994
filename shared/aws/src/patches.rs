//! Patches: what active images were found to lack.

use prism_domain::id::Target;
use prism_domain::patch::{Patch, PatchId};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Readings, Table, Write};

/// Writes a finding, once.
///
/// # Errors
///
/// If it cannot be an item.
pub fn insert(patch: &Patch) -> Result<Write> {
    Write::insert(&keys::patch(&patch.id), patch)
}

/// A finding, if there is such a one.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, id: &PatchId) -> Result<Option<Patch>> {
    table.get(&keys::patch(id)).await
}

/// Those findings that there are, in no order.
///
/// # Errors
///
/// If AWS fails.
pub async fn find_all(table: &Table, ids: &[PatchId]) -> Result<Readings<Patch>> {
    table.get_all(&ids.iter().map(keys::patch).collect::<Vec<_>>()).await
}

/// Findings that have to be there.
///
/// # Errors
///
/// If AWS fails, or one is not there.
pub async fn known(table: &Table, ids: &[PatchId]) -> Result<Vec<Patch>> {
    let mut patches = Vec::new();
    for id in ids {
        let patch = find(table, id).await?;
        patches.push(patch.ok_or_else(|| Error::Conflict(format!("there is no patch {id}")))?);
    }
    Ok(patches)
}

/// The findings of a target's newest images, those of the newest image first.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest(table: &Table, target: &Target, limit: usize) -> Result<Readings<Patch>> {
    table.newest(&keys::template_history(&target.template), &keys::patches_of(target.architecture), limit).await
}
