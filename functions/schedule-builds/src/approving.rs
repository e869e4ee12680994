//! Notices about builds that wait for approval.

use jiff::Timestamp;
use prism_aws::error::{Error, Result};
use prism_aws::queue::Queue;
use prism_aws::table::{Applied, Table};
use prism_aws::{approvals, builds, fault};
use prism_domain::approving::{due_reminders, needs_approval};
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;

/// Writes the notices that are due to the outbox. Returns how many it wrote.
///
/// # Errors
///
/// If AWS fails.
pub async fn tell(table: &Table, queue: &Queue, policy: &Policy, now: Timestamp) -> Result<usize> {
    let waiting: Vec<&Queued> = queue
        .waiting
        .iter()
        .filter_map(|claim| Some(&claim.held.as_ref()?.queued))
        .filter(|queued| needs_approval(queued, policy).is_some())
        .collect();
    if waiting.is_empty() {
        return Ok(0);
    }
    let told = approvals::told(table).await?;
    let mut left = 0;
    for reminder in due_reminders(waiting, &told, policy, now) {
        let reason = match reminder.builds.as_slice() {
            [(one, _)] => match builds::find(table, &one.build).await {
                Ok(build) => build.and_then(|build| build.request.reason),
                Err(error @ Error::Unreadable(_)) => {
                    tracing::error!(build_id = %one.build, "told without its reason: {error}");
                    None
                }
                Err(error) => return Err(error),
            },
            _ => None,
        };
        let Some(notice) = notice::approval_needed(&reminder, reason.as_deref(), &policy.zone, now) else { continue };
        let action = format!("writing the notice {}", notice.id);
        // Lost: another invocation wrote the same notice.
        if table.transact(&action, approvals::tell(&notice)?.into()).await? == Applied::Written {
            fault::point("schedule-builds.approval-told");
            tracing::info!(notice_id = notice.id, "builds wait for approval: notice written");
            left += 1;
        }
    }
    Ok(left)
}
