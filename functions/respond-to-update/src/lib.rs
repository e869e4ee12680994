//! respond-to-update: a base image moved. Tells people which templates will be rebuilt and when, and
//! starts an execution for each that has an active image on it.

use aws_config::SdkConfig;
use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::{Error, Result};
use prism_aws::queue;
use prism_aws::runtime::Function;
use prism_aws::stream::{BatchResponse, Change, StreamEvent};
use prism_aws::table::{Applied, Table};
use prism_aws::workflow::Workflow;
use prism_aws::{clock, fault, journal, notices, policies, requests, settings, templates};
use prism_domain::deadline::deadline;
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::id::Target;
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::request::{RequestInput, compile_request};
use prism_domain::slot::{Demand, Slot, slot};
use prism_domain::update::BaseImageUpdate;
use serde_json::json;

/// The function.
#[derive(Debug)]
pub struct RespondToUpdate {
    table: Table,
    workflow: Workflow,
}

impl Function for RespondToUpdate {
    type Input = StreamEvent;
    type Output = BatchResponse;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
        })
    }

    async fn handle(&self, event: StreamEvent) -> Result<BatchResponse> {
        event.each(async |change| self.respond(change).await).await
    }
}

impl RespondToUpdate {
    async fn respond(&self, change: &Change) -> Result<()> {
        let Some(record) = base_images::update_at(&self.table, &change.key).await? else { return Ok(()) };
        if record.responded_at.is_some() {
            return Ok(());
        }
        let update = &record.update;
        let now = clock::now();
        let policy = policies::current(&self.table).await?;
        let image = &update.id.image;
        let mut plans = Vec::new();
        for dependant in base_images::dependants(&self.table, &image.name, image.architecture).await? {
            match self.plan(&dependant.target, update, &policy, now).await {
                Ok(Some(slot)) => plans.push((dependant.target, slot)),
                Ok(None) => {}
                // A template that cannot be planned is not rebuilt, and must not hold up the others.
                Err(Error::InvalidRequest(reason)) => self.skip(&dependant.target, update, &reason, now).await?,
                Err(error) => return Err(error),
            }
        }
        self.announce(&record, &plans, &policy, now).await?;
        fault::point("respond-to-update.announced");
        for (target, _) in &plans {
            let input = RequestInput::for_updates(target, vec![update.id.clone()]);
            self.workflow.start(&requests::of_update(&update.id, target)?, &input).await?;
            fault::point("respond-to-update.started");
        }
        base_images::mark_responded(&self.table, &update.id, now).await?;
        tracing::info!(update_id = %update.id, level = %update.security_level, builds = plans.len(), "responded");
        Ok(())
    }

    /// When the rebuild of a target is planned, by the same rule by which it will be queued. `None`: it is
    /// not rebuilt, and the journal says why.
    async fn plan(
        &self,
        target: &Target,
        update: &BaseImageUpdate,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Slot>> {
        let record = templates::find(&self.table, &target.template).await?;
        let skipped = match record {
            None => Some("the template is gone".to_owned()),
            Some(record) => record.disabled.map(|reason| format!("the template is disabled: {reason}")),
        };
        if let Some(reason) = skipped {
            self.skip(target, update, &reason, now).await?;
            return Ok(None);
        }
        let resolved = templates::resolved(&self.table, &target.template).await?;
        let input = RequestInput::for_updates(target, vec![update.id.clone()]);
        let due = |level, from| deadline(level, policy, from);
        let request = compile_request(&input, target, std::slice::from_ref(update), &[], due, now);
        let expected = queue::expect(&self.table, target, resolved.root_volume_gb, policy).await?;
        let demand = Demand {
            urgency: request.urgency,
            priority: request.priority,
            trigger: request.trigger,
            deadline: request.deadline,
            expected: expected.duration,
            not_before: None,
            approved: request.approved,
        };
        Ok(Some(slot(&demand, policy, now)))
    }

    async fn skip(&self, target: &Target, update: &BaseImageUpdate, reason: &str, now: Timestamp) -> Result<()> {
        let decision = Decision {
            kind: DecisionKind::Skip,
            subject: format!("{target}:{}", update.id),
            reasons: vec![reason.to_owned()],
            inputs: json!({ "update": update.id, "level": update.security_level }),
            at: now,
        };
        let write = journal::write(&target.template, &decision)?;
        let _: Applied = self.table.transact("writing the journal", vec![write]).await?;
        fault::point("respond-to-update.skipped");
        Ok(())
    }

    /// Leaves the one notice of the update, if there is anybody to tell, and it has not been left before.
    async fn announce(
        &self,
        record: &UpdateRecord,
        plans: &[(Target, Slot)],
        policy: &Policy,
        now: Timestamp,
    ) -> Result<()> {
        if plans.is_empty() || record.announced_at.is_some() {
            return Ok(());
        }
        let notice = notice::update_available(&record.update, plans, &policy.zone, now);
        let writes = vec![base_images::announced(&record.update.id, now)?, notices::leave(&notice)?];
        let _: Applied = self.table.transact(&format!("announcing update {}", record.update.id), writes).await?;
        Ok(())
    }
}
