//! schedule-builds: looks at the whole queue, wakes the builds whose turn has come or that have to stop, starts the looks at
//! what targets are due whose time has come, and has people told of the builds that wait for approval. Runs every five minutes, and whenever something changes that a turn depends on.

mod approving;

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::queue::Queue;
use prism_aws::runtime::Function;
use prism_aws::table::{Applied, Table};
use prism_aws::tokens::{self, Awaits};
use prism_aws::workflow::Workflow;
use prism_aws::{claims, journal, looks, policies};
use prism_domain::claim::{Claim, Held, Parked};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::id::BuildId;
use prism_domain::schedule::Turn;
use serde::Serialize;
use serde_json::{Value, json};

/// On how many claims is written at a time what their builds wait for.
const AT_ONCE: usize = 16;

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
        let held = queue.waiting.iter().filter_map(|claim| Some((claim, claim.held.as_ref()?)));
        let held: BTreeMap<&BuildId, (&Claim, &Held)> = held.map(|one| (&one.1.queued.build, one)).collect();
        let turns = queue.turns(&policy, now);
        let mut done = Vec::new();
        // In the order of the queue.
        for (build, turn) in turns.iter().filter(|(_, turn)| !matches!(turn, Turn::Wait { .. })) {
            if let Some((_, held)) = held.get(build) {
                done.push((build, self.wake(held, matches!(turn, Turn::Go { .. })).await));
            }
        }
        let parked = turns.iter().filter_map(|(build, turn)| {
            let (claim, held) = held.get(build)?;
            Some((build, *claim, *held, turn.parked_anew(held.parked.as_ref()?)?))
        });
        let parking = stream::iter(parked).map(async |(build, claim, held, parked)| {
            (build, self.park(claim, held, parked, now).await.map(|()| false))
        });
        done.extend(parking.buffer_unordered(AT_ONCE).collect::<Vec<_>>().await);
        let (mut woken, mut failed) = (0, None);
        for (build, done) in done {
            match done {
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
    /// parked: one that is not is on its way to the gate by itself. `granted`: it is its turn, and the gate need not read the
    /// queue again.
    async fn wake(&self, held: &Held, granted: bool) -> Result<bool> {
        if held.parked.is_none() {
            return Ok(false);
        }
        let Some(token) = tokens::of(&self.table, &held.queued.build, Awaits::Turn).await? else { return Ok(false) };
        self.workflow.succeed(&token, &json!({ "granted": granted })).await?;
        tracing::info!(build_id = %held.queued.build, "woken");
        Ok(true)
    }

    /// Says on the claim of a build, and in the journal, what it waits for by now. It stays parked.
    async fn park(&self, claim: &Claim, held: &Held, parked: Parked, now: Timestamp) -> Result<()> {
        let build = &held.queued.build;
        let decision = Decision {
            kind: DecisionKind::Defer,
            subject: build.to_string(),
            reasons: vec![format!("it {}", parked.reason)],
            inputs: json!({ "until": parked.until, "estimate": held.queued.estimate, "max_cost": held.queued.max_cost }),
            at: now,
        };
        let held = Held { parked: Some(parked), ..held.clone() };
        let claim = Claim { held: Some(held), ..claim.clone() };
        let writes = vec![claims::write(&claim)?, journal::write(&build.target.template, &decision)?];
        // Lost: it has been woken, joined or stopped since, and whoever did that says what it waits for.
        let _: Applied = self.table.transact(&format!("saying what build {build} waits for"), writes).await?;
        Ok(())
    }
}
