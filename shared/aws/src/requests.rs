//! What became of a request: makes planning idempotent, and leads from an execution to its build.

use jiff::{SignedDuration, Timestamp};
use prism_domain::id::{BuildId, RequestId, Target, UpdateId};
use prism_domain::patch::PatchId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Table, Write};

/// For how long it is kept: longer than Step Functions holds the name of an execution (90 days).
/// Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The request, which is the name of its execution.
    pub id: RequestId,
    /// The ARN of its execution.
    pub execution: String,
    /// The build that answers it.
    pub build: BuildId,
    /// Whether that build is the request's own, or another's that it joined.
    pub own: bool,
    /// The task token of the execution that has to look again, since this request took its place, or approved
    /// it. It is answered after this record is written, and again whenever planning is tried again.
    pub wake: Option<String>,
    /// When it was planned.
    pub at: Timestamp,
}

/// The record of a request, if it was planned.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, id: &RequestId) -> Result<Option<RequestRecord>> {
    table.get(&keys::request(id)).await
}

/// Writes what became of a request, once.
///
/// # Errors
///
/// If it cannot be an item.
pub fn insert(record: &RequestRecord) -> Result<Write> {
    Ok(Write::insert(&keys::request(&record.id), record)?.expiring(record.at + KEPT))
}

/// The request that answers an update for a target in a round: the same for the same three, so that nobody starts it
/// twice.
///
/// # Errors
///
/// Never: such a name is short enough.
pub fn of_update(update: &UpdateId, round: u32, target: &Target) -> Result<RequestId> {
    let cause = if round == 0 { update.to_string() } else { format!("{update}#{round}") };
    let id = format!("update-{}-{target}", prism_domain::hash::short(&cause));
    id.parse().map_err(|error| Error::malformed("a request id", error))
}

/// The request that answers a patch: the same for the same finding, so that nobody starts it twice.
///
/// # Errors
///
/// Never: such a name is short enough.
pub fn of_patch(id: &PatchId) -> Result<RequestId> {
    let id = format!("patch-{}", prism_domain::hash::short(&id.to_string()));
    id.parse().map_err(|error| Error::malformed("a request id", error))
}

/// The request of an execution: the name in its ARN.
///
/// # Errors
///
/// If the ARN is none of an execution.
pub fn of_execution(arn: &str) -> Result<RequestId> {
    let name = arn.rsplit(':').next().unwrap_or_default();
    name.parse().map_err(|error| Error::malformed(format!("the execution {arn}"), error))
}
