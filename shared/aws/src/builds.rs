//! Builds: read, and written under the revision that was read.

use jiff::SignedDuration;
use prism_domain::build::Build;
use prism_domain::id::{BuildId, Target};

use crate::error::{Error, Result};
use crate::keys;
use crate::race;
use crate::table::{Readings, Table, Write};

/// A build.
///
/// # Errors
///
/// If AWS fails, or there is no such build.
pub async fn get(table: &Table, id: &BuildId) -> Result<Build> {
    find(table, id).await?.ok_or_else(|| Error::Conflict(format!("there is no build {id}")))
}

/// A build, if there is one.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, id: &BuildId) -> Result<Option<Build>> {
    table.get(&keys::build(id)).await
}

/// Those builds that there are, in no order.
///
/// # Errors
///
/// If AWS fails.
pub async fn find_all(table: &Table, ids: &[BuildId]) -> Result<Readings<Build>> {
    table.get_all(&ids.iter().map(keys::build).collect::<Vec<_>>()).await
}

/// The newest builds of a target, newest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest(table: &Table, target: &Target, limit: usize) -> Result<Readings<Build>> {
    table.newest(&keys::template_history(&target.template), &keys::builds_of(target.architecture), limit).await
}

/// How long the target's last builds that made an image took, oldest first: what the next is expected
/// to take.
///
/// # Errors
///
/// If AWS fails.
pub async fn durations(table: &Table, target: &Target) -> Result<Vec<SignedDuration>> {
    let builds = newest(table, target, 10).await?.logged();
    let done = |build: &Build| build.published_at.and_then(|at| build.ran(at));
    Ok(builds.iter().rev().filter_map(done).collect())
}

/// Writes a build, if it has not changed since it was read. One that was never read has revision 0.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(build: &Build) -> Result<Write> {
    let next = Build { revision: build.revision + 1, ..build.clone() }.bounded();
    Write::replace(&keys::build(&build.id), &next, "revision", build.revision)
}

/// Changes a build: `change` is given what is stored and says what it becomes; `None` leaves it. Tried
/// again when another change comes between. Answers the build as it then is.
///
/// # Errors
///
/// If AWS fails, there is no such build, or others are faster again and again.
pub async fn change(table: &Table, id: &BuildId, change: impl Fn(Build) -> Option<Build>) -> Result<Build> {
    let action = format!("writing build {id}");
    race::win(&action, async || {
        let stored = get(table, id).await?;
        let Some(changed) = change(stored.clone()) else { return Ok(Some(stored)) };
        let applied = table.transact(&action, vec![write(&changed)?]).await?;
        Ok(applied.then(Build { revision: changed.revision + 1, ..changed }))
    })
    .await
}
