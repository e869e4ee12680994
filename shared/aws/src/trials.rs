//! Trials of base images: read together, and written under the revision that was read.

use prism_domain::architecture::Architecture;
use prism_domain::id::{AmiId, BaseImageName};
use prism_domain::trial::Trial;

use crate::error::Result;
use crate::keys;
use crate::table::{Readings, Table, Write};

/// Every trial, in no order. One that cannot be read holds nothing back.
///
/// # Errors
///
/// If AWS fails.
pub async fn all(table: &Table) -> Result<Vec<Trial>> {
    Ok(table.query(keys::TRIALS, "").await?.logged())
}

/// The trials of a base image on an architecture, in no order.
///
/// # Errors
///
/// If AWS fails.
pub async fn of(table: &Table, base: &BaseImageName, architecture: Architecture) -> Result<Readings<Trial>> {
    table.query(keys::TRIALS, &keys::trials_of(base, architecture)).await
}

/// The trial of an image of a base on an architecture, if many targets stand on that.
///
/// # Errors
///
/// If AWS fails, or it cannot be read.
pub async fn find(
    table: &Table,
    base: &BaseImageName,
    architecture: Architecture,
    image: &AmiId,
) -> Result<Option<Trial>> {
    table.get(&keys::trial(base, architecture, image)).await
}

/// Writes a trial, if it has not changed since it was read.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(trial: &Trial) -> Result<Write> {
    let next = Trial { revision: trial.revision + 1, ..trial.clone() };
    Write::replace(&keys::trial(&trial.base, trial.architecture, &trial.image_id), &next, "revision", trial.revision)
}
