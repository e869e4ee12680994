//! What became of a request: makes planning idempotent, and leads from an execution to its build.

use jiff::{SignedDuration, Timestamp};
use prism_domain::id::{BuildId, RequestId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Table, Write, text};

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
    /// When its execution was started, as Step Functions tells it: a name is free again 90 days after its execution has
    /// ended.
    pub started: String,
    /// The build that answers it.
    pub build: BuildId,
    /// Whether that build is the request's own, or another's that it joined.
    pub own: bool,
    /// The build whose execution has to look again, since this request took its place or approved it. Its task token
    /// is answered after this record is written, and again whenever planning is tried again.
    #[serde(default)]
    pub wakes: Option<BuildId>,
    /// When it was planned.
    pub at: Timestamp,
}

/// The record of an execution's request, if it was planned.
///
/// # Errors
///
/// If AWS fails.
pub async fn find(table: &Table, execution: &str) -> Result<Option<RequestRecord>> {
    table.get(&keys::request(execution)).await
}

/// The record of the request of an execution that was started at that time, if it was planned.
///
/// # Errors
///
/// If AWS fails.
pub async fn planned(table: &Table, execution: &str, started: &str) -> Result<Option<RequestRecord>> {
    let record = find(table, execution).await?;
    Ok(record.filter(|record| record.started == started))
}

/// Writes what became of a request, once, in place of that of an earlier execution of the same name.
///
/// # Errors
///
/// If it cannot be an item.
pub fn insert(record: &RequestRecord) -> Result<Write> {
    let is_free = "attribute_not_exists(pk) OR started <> :started";
    let write =
        Write::put_if(&keys::request(&record.execution), record, is_free, &[(":started", text(&record.started))]);
    Ok(write?.expiring(record.at + KEPT))
}

/// The name of an execution, which its ARN ends with.
///
/// # Errors
///
/// If the ARN is none of an execution.
pub fn name_of(execution: &str) -> Result<RequestId> {
    let name = execution.rsplit(':').next().unwrap_or_default();
    name.parse().map_err(|error| Error::malformed(format!("the execution {execution}"), error))
}
