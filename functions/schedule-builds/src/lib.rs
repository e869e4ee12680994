//! schedule-builds: looks at the whole queue, and wakes the builds whose turn has come or that have to
//! stop. Runs every five minutes, and whenever something changes that a turn depends on.

use aws_config::SdkConfig;
use prism_aws::error::Result;
use prism_aws::queue::Queue;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_aws::{clock, policies, settings};
use prism_domain::schedule::Turn;
use serde::Serialize;
use serde_json::Value;

/// The function.
#[derive(Debug)]
pub struct ScheduleBuilds {
    table: Table,
    workflow: Workflow,
}

/// What it did.
#[derive(Debug, Serialize)]
pub struct Output {
    /// How many builds wait.
    waiting: usize,
    /// How many of them were woken.
    woken: usize,
}

impl Function for ScheduleBuilds {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
        })
    }

    async fn handle(&self, _hint: Value) -> Result<Output> {
        let now = clock::now();
        let policy = policies::current(&self.table).await?;
        let queue = Queue::read(&self.table, &policy, now).await?;
        let mut woken = 0;
        let mut failed = None;
        for (build, turn) in queue.turns(&policy, now) {
            if matches!(turn, Turn::Wait { .. }) {
                continue;
            }
            let held =
                queue.waiting.iter().filter_map(|claim| claim.held.as_ref()).find(|held| held.queued.build == build);
            // One that is not parked is on its way to the gate by itself.
            if let Some(parked) = held.and_then(|held| held.parked.as_ref()) {
                // The gate decides again: what wakes a build is no more than a hint.
                match self.workflow.succeed(&parked.token, &serde_json::json!({})).await {
                    Ok(()) => {
                        tracing::info!(build_id = %build, "woken");
                        woken += 1;
                    }
                    // One that can't be woken does not keep the others asleep.
                    Err(error) => {
                        tracing::error!(build_id = %build, error.name = error.name(), "not woken: {error}");
                        failed = Some(error);
                    }
                }
            }
        }
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Output { waiting: queue.waiting.len(), woken })
    }
}
