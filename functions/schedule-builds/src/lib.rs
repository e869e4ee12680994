//! schedule-builds: looks at the whole queue, wakes the builds whose turn has come or that have to stop, starts the looks at
//! what targets are due whose time has come, and has people told of the builds that wait for approval. Runs every five minutes, and whenever something changes that a turn depends on.

mod approving;

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::queue::Queue;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_aws::tokens::{self, Awaits};
use prism_aws::workflow::Workflow;
use prism_aws::{looks, policies};
use prism_domain::claim::Held;
use serde::Serialize;
use serde_json::{Value, json};

/// The function.
#[derive(Debug)]
pub struct ScheduleBuilds {
    table: Table,
    workflow: Workflow,
}

/// What it did.
#[derive(Debug, Default, Serialize)]
pub struct Output {
    /// How many builds wait.
    waiting: usize,
    /// How many of them were woken.
    woken: usize,
    /// How many looks at what a target is due were started.
    looks: usize,
    /// How many notices of builds that wait for approval were left.
    told: usize,
}

impl Function for ScheduleBuilds {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self { table: environment.table()?, workflow: environment.workflow()? })
    }

    async fn handle(&self, _hint: Value, now: Timestamp) -> Result<Output> {
        let Some(policy) = policies::readable(&self.table).await? else { return Ok(Output::default()) };
        let queue = Queue::read(&self.table, &policy, now).await?;
        let mut woken = 0;
        let mut failed = None;
        for (build, turn) in queue.turns(&policy, now) {
            let mut held = queue.waiting.iter().filter_map(|claim| claim.held.as_ref());
            let Some(held) = held.find(|held| held.queued.build == build) else { continue };
            if !turn.is_news(held.parked.as_ref().map(|parked| parked.until)) {
                continue;
            }
            match self.wake(held).await {
                Ok(answered) => woken += usize::from(answered),
                // One that can't be woken does not keep the others asleep.
                Err(error) => {
                    tracing::error!(build_id = %build, error.name = error.name(), "not woken: {error}");
                    failed = Some(error);
                }
            }
        }
        let looks = looks::start_wanted(&self.table, &self.workflow, &queue.idle, now).await?;
        let told = approving::tell(&self.table, &queue, &policy, now).await?;
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Output { waiting: queue.waiting.len(), woken, looks, told })
    }
}

impl ScheduleBuilds {
    /// Has a build look at the gate, which decides again: what wakes it is no more than a hint. Answers whether it was
    /// parked: one that is not is on its way to the gate by itself.
    async fn wake(&self, held: &Held) -> Result<bool> {
        if held.parked.is_none() {
            return Ok(false);
        }
        let Some(token) = tokens::of(&self.table, &held.queued.build, Awaits::Turn).await? else { return Ok(false) };
        self.workflow.succeed(&token, &json!({})).await?;
        tracing::info!(build_id = %held.queued.build, "woken");
        Ok(true)
    }
}
