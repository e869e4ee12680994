//! What is wrong with base images.

use prism_domain::id::Region;
use prism_domain::notice::Notice;
use prism_domain::watch::Trouble;

use crate::error::Result;
use crate::keys;
use crate::notices;
use crate::table::{Applied, Readings, Table, Write, text};

/// Writes that trouble begins, becomes another or is told in other words, if it is still as it was `known`.
///
/// # Errors
///
/// If AWS fails.
pub async fn begin_trouble(table: &Table, known: Option<&Trouble>, trouble: &Trouble) -> Result<Applied> {
    let key = keys::trouble(&trouble.id);
    let write = match known {
        None => Write::insert(&key, trouble)?,
        Some(known) => {
            let since = (":since", text(&known.since.to_string()));
            // Another look may have told of it meanwhile, which is not to be forgotten.
            let (told, value) = match known.told_at {
                Some(at) => ("told_at = :told", (":told", text(&at.to_string()))),
                None => (UNTOLD, (":null", text("NULL"))),
            };
            Write::put_if(&key, trouble, &format!("{SAME_TROUBLE} AND {told}"), &[since, value])?
        }
    };
    table.transact(&format!("recording trouble with {}", trouble.id), vec![write]).await
}

/// Removes a trouble that is over, if it is still the one that was `known`.
///
/// # Errors
///
/// If AWS fails.
pub async fn end_trouble(table: &Table, known: &Trouble) -> Result<Applied> {
    let since = [(":since", text(&known.since.to_string()))];
    let write = Write::delete_if(&keys::trouble(&known.id), SAME_TROUBLE, &since)?;
    table.transact(&format!("recording that trouble with {} is over", known.id), vec![write]).await
}

/// Marks troubles as told, if nobody has told of any of them, and leaves the notice that tells. At most
/// [`TOLD_AT_ONCE`] of them.
///
/// # Errors
///
/// If AWS fails.
pub async fn tell_troubles(table: &Table, troubles: &[Trouble], notice: &Notice) -> Result<Applied> {
    let untold = format!("{SAME_TROUBLE} AND {UNTOLD}");
    let told = |trouble: &Trouble| {
        let values = [(":since", text(&trouble.since.to_string())), (":null", text("NULL"))];
        Write::put_if(&keys::trouble(&trouble.id), trouble, &untold, &values)
    };
    let mut writes = troubles.iter().map(told).collect::<Result<Vec<Write>>>()?;
    writes.push(notices::leave(notice)?);
    table.transact(&format!("telling of {}", notice.id), writes).await
}

/// How many troubles one transaction marks: with its notice, it takes a hundred writes.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
pub const TOLD_AT_ONCE: usize = 99;

/// The condition that a trouble is the one that was read.
const SAME_TROUBLE: &str = "since = :since";

/// The condition that nobody has been told of it.
const UNTOLD: &str = "attribute_type(told_at, :null)";

/// What is wrong with base images in a region.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_troubles(table: &Table, region: &Region) -> Result<Readings<Trouble>> {
    table.query(&keys::troubles(region), "").await
}
