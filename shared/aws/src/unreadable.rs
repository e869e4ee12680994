//! Which unreadable records people have been told of.

use std::collections::BTreeSet;

use prism_domain::notice::Notice;
use prism_domain::unreadable::{Told, UnreadableRecord};

use crate::error::{Error, Result};
use crate::keys;
use crate::notices;
use crate::table::{Applied, Table, Write};

/// The records that people have been told of.
///
/// # Errors
///
/// If AWS fails.
pub async fn told(table: &Table) -> Result<Told> {
    match table.get(&keys::told_unreadable()).await {
        Ok(told) => Ok(told.unwrap_or_default()),
        // It is written anew, and people are told again.
        Err(Error::Unreadable(_)) => Ok(Told { is_unreadable: true, ..Told::default() }),
        Err(error) => Err(error),
    }
}

/// Remembers which records cannot be read (`is_whole`: no others than these), and leaves the notice of those that are news, in one transaction. Nothing, if
/// another run was faster: then that has told.
///
/// # Errors
///
/// If AWS fails.
pub async fn tell(
    table: &Table,
    read: &Told,
    found: &BTreeSet<UnreadableRecord>,
    is_whole: bool,
    notice: Option<&Notice>,
) -> Result<()> {
    let mut next = read.next(found);
    if !is_whole {
        next.digests.extend(read.digests.iter().cloned());
    }
    let key = keys::told_unreadable();
    let mut writes = vec![if read.is_unreadable {
        Write::put(&key, &next)?
    } else {
        Write::replace(&key, &next, "revision", read.revision)?
    }];
    if let Some(notice) = notice {
        writes.push(notices::leave(notice)?);
    }
    let _: Applied = table.transact("telling of records that cannot be read", writes).await?;
    Ok(())
}
