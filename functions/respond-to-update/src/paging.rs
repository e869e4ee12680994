//! A page of the response to a move: its executions are started, and the next page is asked for.

use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::{Error, Result};
use prism_aws::pages::{self, PageRecord, Plan};
use prism_aws::table::Applied;
use prism_aws::{fault, looks};
use prism_domain::id::Target;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Duration, MissedTickBehavior, interval};

use crate::RespondToUpdate;

/// How many starts are under way at a time.
const AT_A_TIME: usize = 16;

impl RespondToUpdate {
    /// How many executions a page starts: no more than can be started in two seconds, so that other records of the
    /// stream do not wait.
    pub(crate) fn page_size(&self) -> usize {
        usize::try_from(self.starts_per_second).unwrap_or(pages::MOST).saturating_mul(2).clamp(1, pages::MOST)
    }

    /// Starts the executions of a page, and inserts the next one: the stream brings that here.
    pub(crate) async fn start(
        &self,
        record: &UpdateRecord,
        page: &PageRecord,
        plan: &Plan,
        now: Timestamp,
    ) -> Result<()> {
        let update = &record.update.id;
        let targets = pages::targets(&self.table, page, plan).await?;
        self.start_all(&targets, now).await?;
        tracing::info!(update_id = %update, page = page.page, pages = plan.pages, builds = targets.len(), "started");
        let Some(next) = page.next(now) else { return self.finish(record, now).await };
        let action = format!("asking for page {} of the response to {update}", next.page);
        // Lost: somebody has asked for it already.
        let _: Applied = self.table.transact(&action, vec![pages::insert(&next)?]).await?;
        fault::point("respond-to-update.page-asked");
        Ok(())
    }

    /// Nothing is left to be done.
    pub(crate) async fn finish(&self, record: &UpdateRecord, now: Timestamp) -> Result<()> {
        let update = &record.update.id;
        let write = base_images::responded(record, now)?;
        let _: Applied = self.table.transact(&format!("marking update {update} as responded to"), vec![write]).await?;
        tracing::info!(update_id = %update, round = record.round, "responded");
        Ok(())
    }

    /// At an even pace: Step Functions lets an account start 300 executions a second in the large regions and 150
    /// elsewhere, and others need some of that.
    /// Source: <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
    async fn start_all(&self, targets: &[Target], now: Timestamp) -> Result<()> {
        let mut pace = interval(Duration::from_secs(1) / self.starts_per_second.max(1));
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut starts = JoinSet::new();
        for target in targets {
            if starts.len() == AT_A_TIME {
                started(starts.join_next().await)?;
            }
            pace.tick().await;
            let (table, workflow, target) = (self.table.clone(), self.workflow.clone(), target.clone());
            starts.spawn(async move { looks::start(&table, &workflow, &target, now).await });
        }
        while !starts.is_empty() {
            started(starts.join_next().await)?;
        }
        Ok(())
    }
}

fn started(ended: Option<Result<Result<()>, JoinError>>) -> Result<()> {
    if let Some(ended) = ended {
        ended.map_err(|error| Error::malformed("the start of an execution", error))??;
        fault::point("respond-to-update.started");
    }
    Ok(())
}
