//! The journal: decisions, written with what they decide.

use jiff::SignedDuration;
use prism_domain::decision::{Decision, KEPT_DAYS};
use prism_domain::id::TemplateName;

use crate::error::Result;
use crate::keys;
use crate::table::{Readings, Table, Write};

/// For how long a decision is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24 * KEPT_DAYS);

/// Writes a decision about a template.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(template: &TemplateName, decision: &Decision) -> Result<Write> {
    let write = Write::put(&keys::decision(template, decision.at, &decision.subject), decision)?;
    Ok(write.expiring(decision.at + KEPT))
}

/// Writes a decision about a template, if it is not there.
///
/// # Errors
///
/// If it cannot be an item.
pub fn insert(template: &TemplateName, decision: &Decision) -> Result<Write> {
    let write = Write::insert(&keys::decision(template, decision.at, &decision.subject), decision)?;
    Ok(write.expiring(decision.at + KEPT))
}

/// The newest decisions about a template, newest first.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest(table: &Table, template: &TemplateName, limit: usize) -> Result<Readings<Decision>> {
    table.newest(&keys::template_history(template), "DECISION#", limit).await
}
