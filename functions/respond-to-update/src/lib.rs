//! respond-to-update: a base image moved. Tells people which templates will be rebuilt and when, and starts an
//! execution for each that has an active image on it, page by page.
//!
//! A record of a move has the response planned, and people told; a page starts a part of the executions, and inserts
//! the next one. Whatever dies, the next try goes on at the newest page.

mod paging;
mod planning;

use aws_config::retry::RetryConfig;
use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::keys;
use prism_aws::pages::{self, PageRecord};
use prism_aws::runtime::Function;
use prism_aws::stream::{BatchResponse, Change, StreamEvent};
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_domain::id::Region;
use tokio::time::Duration;

/// How often a start is tried that Step Functions throttles: others take from the same quota.
const ATTEMPTS: u32 = 5;

/// The function.
#[derive(Debug)]
pub struct RespondToUpdate {
    table: Table,
    workflow: Workflow,
    region: Region,
    starts_per_second: u32,
}

impl Function for RespondToUpdate {
    type Input = StreamEvent;
    type Output = BatchResponse;

    fn new(environment: &Environment) -> Result<Self> {
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(200))
            .with_max_backoff(Duration::from_secs(3));
        let patient = environment.config.to_builder().retry_config(retries).build();
        Ok(Self {
            table: environment.table()?,
            workflow: Workflow::new(&patient, environment.required("STATE_MACHINE_ARN")?),
            region: environment.region()?,
            starts_per_second: environment.parsed("STARTS_PER_SECOND")?,
        })
    }

    async fn handle(&self, event: StreamEvent, now: Timestamp) -> Result<BatchResponse> {
        event.each(async |change| self.respond(change, now).await).await
    }
}

impl RespondToUpdate {
    async fn respond(&self, change: &Change, now: Timestamp) -> Result<()> {
        if change.key.sk.starts_with(keys::PAGE) {
            let Some(page) = pages::at(&self.table, &change.key).await? else { return Ok(()) };
            let Some(record) = base_images::update(&self.table, &page.update).await? else { return Ok(()) };
            // The page of a round that another one has taken the place of is nobody's any more.
            return if record.round == page.round { self.go_on(&record, Some(page), now).await } else { Ok(()) };
        }
        let Some(record) = base_images::update_at(&self.table, &change.key).await? else { return Ok(()) };
        let page = pages::newest(&self.table, &record).await?;
        self.go_on(&record, page, now).await
    }

    /// Does what is next of the response to a move.
    async fn go_on(&self, record: &UpdateRecord, page: Option<PageRecord>, now: Timestamp) -> Result<()> {
        if record.responded_at.is_some() {
            return Ok(());
        }
        match page.as_ref().and_then(|page| Some((page, page.plan.as_ref()?))) {
            None => self.plan(record, now).await,
            Some((page, plan)) => self.start(record, page, plan, now).await,
        }
    }
}
