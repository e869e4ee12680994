//! What became of a request: makes planning idempotent, and leads from an execution to its build.

use jiff::{SignedDuration, Timestamp};
use prism_domain::id::{BuildId, RequestId, Target, UpdateId};
use prism_domain::patch::PatchId;
use prism_domain::request::RequestInput;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Table, Write};
use crate::workflow::{Started, Workflow};

/// For how long it is kept: longer than Step Functions holds the name of an execution (90 days).
/// Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html>.
const KEPT: SignedDuration = SignedDuration::from_hours(400 * 24);

/// How often a request is made whose executions end before they are planned: a template that no build can be planned of is
/// given up at some time.
const TRIES: u32 = 9;

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

/// Starts the execution of one of the system's own requests, once. The name of one that ended before it was planned is taken
/// and leads to no build: the request is made again then, under another name.
///
/// # Errors
///
/// If AWS fails.
pub async fn start(table: &Table, workflow: &Workflow, request: &RequestId, input: &RequestInput) -> Result<Started> {
    for attempt in 1..=TRIES {
        let name = attempt_of(request, attempt)?;
        if workflow.start(&name, input).await? == Started::Running {
            return Ok(Started::Running);
        }
        if find(table, &name).await?.is_some() {
            return Ok(Started::Before);
        }
    }
    tracing::warn!(%request, "it is given up: its executions end before they are planned");
    Ok(Started::Before)
}

/// The name of a request that is made for the n-th time.
fn attempt_of(request: &RequestId, attempt: u32) -> Result<RequestId> {
    if attempt == 1 {
        return Ok(request.clone());
    }
    format!("{request}-{attempt}").parse().map_err(|error| Error::malformed("a request id", error))
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

#[cfg(test)]
mod tests {
    use prism_domain::architecture::Architecture;

    use super::*;

    #[test]
    fn a_request_that_is_made_again_has_another_name_which_step_functions_takes() {
        let target = Target { template: "x".repeat(48).parse().unwrap(), architecture: Architecture::X86_64 };
        let request = of_update(&"ubuntu-22.04/x86_64/us-east-1/3".parse().unwrap(), 7, &target).unwrap();
        let names: std::collections::BTreeSet<String> =
            (1..=TRIES).map(|attempt| attempt_of(&request, attempt).unwrap().to_string()).collect();
        assert_eq!(names.len(), usize::try_from(TRIES).unwrap());
        assert!(names.contains(request.as_str()), "the first has the name that it always had");
    }
}
