//! Targets that are behind their base image though the response to its newest move is over, and that nobody builds.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::{claims, looks, standing};
use prism_domain::claim::Stage;
use prism_domain::duration::before;
use prism_domain::id::Target;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;

use crate::finds::count;
use crate::{Output, ReconcileBuilds};

/// For how long after the response its executions may still be on their way: one that cannot be planned is tried again for
/// some minutes.
const ON_THEIR_WAY: SignedDuration = SignedDuration::from_mins(30);

impl ReconcileBuilds {
    /// The targets for which a build waits, runs or is to follow, or that somebody is about to look at; and the builds that
    /// wait.
    pub(crate) async fn busy(&self, output: &mut Output) -> Result<(BTreeSet<Target>, Vec<Queued>)> {
        let all = claims::all(&self.table).await?;
        // Whether one waits or runs under a claim that cannot be read nobody knows.
        let unknown: Vec<Target> = all.unreadable.iter().filter_map(claims::target_of).collect();
        let claims = output.readable(all);
        let held = claims.iter().filter_map(|claim| claim.held.as_ref());
        let waiting = held.filter(|held| held.stage == Stage::Waiting).map(|held| held.queued.clone()).collect();
        let busy = claims.into_iter().filter(|it| it.held.is_some() || it.next.is_some() || it.wanted.is_some());
        Ok((busy.map(|claim| claim.target).chain(unknown).collect(), waiting))
    }

    /// Has each of them looked at that is due a rebuild.
    pub(crate) async fn look_at_those_behind(
        &self,
        newest: &UpdateRecord,
        busy: &BTreeSet<Target>,
        policy: &Policy,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        if newest.responded_at.is_none_or(|at| at > before(now, ON_THEIR_WAY)) {
            return Ok(());
        }
        let image = &newest.update.id.image;
        let Some(tracked) = base_images::tracked(&self.table, image).await? else { return Ok(()) };
        let dependants = base_images::dependants(&self.table, &image.name, image.architecture).await?;
        let behind = output.readable(dependants).into_iter().filter(|dependant| {
            dependant.base_image_id.as_ref() != Some(&tracked.current.image_id) && !busy.contains(&dependant.target)
        });
        for target in behind.map(|dependant| dependant.target) {
            count(self.look_at(&target, policy, now, output).await, output);
        }
        Ok(())
    }

    async fn look_at(&self, target: &Target, policy: &Policy, now: Timestamp, output: &mut Output) -> Result<()> {
        let standing = standing::of(&self.table, target).await?;
        if looks::start_if_due(&self.table, &self.workflow, &standing, policy, now).await?.started {
            tracing::warn!(%target, "its rebuild was lost, and is looked at again");
            output.unasked += 1;
        }
        Ok(())
    }
}
