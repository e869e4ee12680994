//! Rebuilds that the response to a move asked for, and that were lost: their executions ended before they were planned.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::workflow::Started;
use prism_aws::{claims, pages, requests};
use prism_domain::duration::before;
use prism_domain::id::Target;
use prism_domain::request::RequestInput;

use crate::{Output, ReconcileBuilds};

/// For how long after the response its executions may still be on their way: one that cannot be planned is tried again for
/// some minutes.
const ON_THEIR_WAY: SignedDuration = SignedDuration::from_mins(30);

impl ReconcileBuilds {
    /// The targets for which a build waits, runs or is to follow.
    pub(crate) async fn busy(&self) -> Result<BTreeSet<Target>> {
        let all = claims::all(&self.table).await?;
        let busy = all.into_iter().filter(|claim| claim.held.is_some() || claim.next.is_some());
        Ok(busy.map(|claim| claim.target).collect())
    }

    /// Asks again for what the response to the newest move of a base image has planned, is not built, and leads to no build.
    pub(crate) async fn ask_again(
        &self,
        record: &UpdateRecord,
        busy: &BTreeSet<Target>,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        if record.responded_at.is_none_or(|at| at > before(now, ON_THEIR_WAY)) {
            return Ok(());
        }
        let update = &record.update.id;
        let (name, architecture) = (&update.image.name, update.image.architecture);
        let Some(tracked) = base_images::tracked(&self.table, &update.image).await? else { return Ok(()) };
        let dependants = base_images::dependants(&self.table, name, architecture).await?;
        let behind: BTreeSet<Target> = (dependants.into_iter())
            .filter(|dependant| dependant.base_image_id.as_ref() != Some(&tracked.current.image_id))
            .map(|dependant| dependant.target)
            .filter(|target| !busy.contains(target))
            .collect();
        if behind.is_empty() {
            return Ok(());
        }
        let Some(page) = pages::newest(&self.table, record).await? else { return Ok(()) };
        for target in pages::all_targets(&self.table, &page).await? {
            let request = requests::of_update(update, record.round, &target)?;
            if !behind.contains(&target) || requests::find(&self.table, &request).await?.is_some() {
                continue;
            }
            let input = RequestInput::for_updates(&target, vec![update.clone()]);
            if requests::start(&self.table, &self.workflow, &request, &input).await? == Started::Running {
                tracing::warn!(%target, update_id = %update, "its rebuild was lost, and is asked for again");
                output.unasked += 1;
            }
        }
        Ok(())
    }
}
