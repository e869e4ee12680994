//! What follows a build: its target is looked at again.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::table::Applied;
use prism_aws::{fault, journal, looks, notices, policies, standing};
use prism_domain::build::{Build, Frozen};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::due::not_rebuilt;
use prism_domain::due::{Due, lacked_moves};
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::response::Response;
use prism_domain::update::BaseImageUpdate;
use serde_json::json;

use crate::CloseBuild;

impl CloseBuild {
    /// Has the target looked at again, if something is due or a person's request waits: now, or when a failed rebuild is
    /// to be tried again. While a policy cannot be read nothing is due; the hourly look comes back to it.
    pub(crate) async fn follow(&self, build: &Build, now: Timestamp) -> Result<()> {
        let Some(policy) = policies::readable(&self.table).await? else { return Ok(()) };
        let standing = standing::of(&self.table, &build.id.target).await?;
        let looked = looks::start_if_due(&self.table, &self.workflow, &standing, &policy, now).await?;
        fault::point("close-build.followed");
        let (Due::Nothing(_), Some(frozen), Some(_)) = (&looked.due, &build.frozen, build.published_at) else {
            return Ok(());
        };
        let moves = lacked_moves(&frozen.base_image_id, standing.tracked.as_ref(), &standing.moves);
        match moves.withdrawn {
            Some(withdrawn) => self.tell_of_withdrawn(build, frozen, &withdrawn, &policy).await,
            None => Ok(()),
        }
    }

    /// Says in the journal and to people that a new image stands on a base image that was withdrawn while it was
    /// built: the notice of that did not name this template.
    async fn tell_of_withdrawn(
        &self,
        build: &Build,
        frozen: &Frozen,
        update: &BaseImageUpdate,
        policy: &Policy,
    ) -> Result<()> {
        // The same whenever it is said again.
        let Some(at) = build.ending.as_ref().map(|ending| ending.at) else { return Ok(()) };
        let target = &build.id.target;
        let decision = Decision {
            kind: DecisionKind::Skip,
            subject: format!("{target}:{}", update.id),
            reasons: vec![not_rebuilt(update)],
            inputs: json!({ "update": update.id, "build": build.id, "base_image": frozen.base_image_id }),
            at,
        };
        let response = Response { kept: vec![target.clone()], ..Response::default() };
        let mut notice = notice::update_withdrawn(update, 0, &response, &policy.zone, at);
        notice.id = format!("{}:{}", notice.id, build.id);
        let writes = vec![journal::insert(&target.template, &decision)?, notices::leave(&notice)?];
        // Lost: it was said before.
        let _: Applied = self.table.transact(&format!("telling of the withdrawn base of {}", build.id), writes).await?;
        fault::point("close-build.withdrawal-told");
        Ok(())
    }
}
