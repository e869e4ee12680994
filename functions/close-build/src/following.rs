//! What a base image's moves ask for that came while a build on it ran: whoever responded to them may have found no
//! image yet that stood on it.

use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::table::Applied;
use prism_aws::{claims, fault, journal, notices, policies, requests, settings};
use prism_domain::build::{Build, Frozen};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::request::RequestInput;
use prism_domain::response::{Response, not_rebuilt};
use prism_domain::update::Direction;
use serde_json::json;

use crate::CloseBuild;

/// How many moves of a base image are looked at for those that came while its build ran.
const MOVES: usize = 5;

impl CloseBuild {
    /// Starts what the moves ask for. Where somebody did, this is the same request; and whatever else is built next
    /// stands on what the base image is by then. A move back asks for nothing, unless the policy says so.
    pub(crate) async fn follow_base_image(&self, build: &Build) -> Result<()> {
        let Some(frozen) = &build.frozen else { return Ok(()) };
        let target = &build.id.target;
        let claim = claims::of(&self.table, target).await?;
        if claim.held.is_some() || claim.next.is_some() {
            return Ok(());
        }
        let region = settings::parsed("AWS_REGION")?;
        let Some(tracked) = base_images::current(&self.table, &frozen.base, target.architecture, &region).await? else {
            return Ok(());
        };
        if tracked.current.image_id == frozen.base_image_id {
            return Ok(());
        }
        let policy = policies::current(&self.table).await?;
        let moves = base_images::newest_updates(&self.table, &tracked.id, MOVES).await?;
        let since: Vec<UpdateRecord> =
            moves.into_iter().take_while(|record| record.update.image_id != frozen.base_image_id).collect();
        let asks = |record: &&UpdateRecord| record.update.direction == Direction::Forward || policy.rebuild_on_rollback;
        let mut followed = false;
        for record in since.iter().filter(asks) {
            let update = &record.update.id;
            let input = RequestInput::for_updates(target, vec![update.clone()]);
            let request = requests::of_update(update, record.round, target)?;
            requests::start(&self.table, &self.workflow, &request, &input).await?;
            fault::point("close-build.update-followed");
            followed = true;
        }
        let withdrawn = since.iter().find(|record| record.update.previous_image_id == frozen.base_image_id);
        match withdrawn {
            Some(record) if !followed => self.tell_of_withdrawn(build, frozen, record, &policy).await,
            _ => Ok(()),
        }
    }

    /// Says in the journal and to people that a new image stands on a base image that was withdrawn while it was
    /// built: the notice of that did not name this template.
    async fn tell_of_withdrawn(
        &self,
        build: &Build,
        frozen: &Frozen,
        record: &UpdateRecord,
        policy: &Policy,
    ) -> Result<()> {
        // The same whenever it is said again.
        let Some(at) = build.ending.as_ref().map(|ending| ending.at) else { return Ok(()) };
        let update = &record.update;
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
