//! The queue as the schedule sees it, and the answers that the state machine reads.

use jiff::{SignedDuration, Timestamp};
use prism_domain::architecture::Architecture;
use prism_domain::claim::{Claim, Held, Stage};
use prism_domain::estimate;
use prism_domain::id::{BuildId, Region, Target};
use prism_domain::ledger::{BudgetSource, Ledger, periods};
use prism_domain::money::MicroDollars;
use prism_domain::policy::Policy;
use prism_domain::schedule::{Load, Queued, Turn, schedule, turn_of};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::table::Table;
use crate::{builds, claims, ledger, settings};

/// What the state machine does next with a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnAnswer {
    /// `go`, `wait` or `stop`.
    pub answer: Answer,
    /// Why, in plain words.
    pub reason: String,
    /// When it wakes by itself, if it waits.
    pub until: Option<Timestamp>,
    /// How long that is, in seconds: at least 1, and at most a day.
    pub wait_seconds: Option<i64>,
}

/// What the state machine does next, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It goes on.
    Go,
    /// It parks.
    Wait,
    /// It closes the build.
    Stop,
}

impl TurnAnswer {
    /// The build goes on.
    #[must_use]
    pub fn go(reason: impl Into<String>) -> Self {
        Self { answer: Answer::Go, reason: reason.into(), until: None, wait_seconds: None }
    }

    /// The build ends.
    #[must_use]
    pub fn stop(reason: impl Into<String>) -> Self {
        Self { answer: Answer::Stop, reason: reason.into(), until: None, wait_seconds: None }
    }

    /// The build waits.
    #[must_use]
    pub fn wait(until: Timestamp, reason: impl Into<String>, now: Timestamp) -> Self {
        let seconds = now.duration_until(until).as_secs().clamp(1, 24 * 3600);
        Self { answer: Answer::Wait, reason: reason.into(), until: Some(until), wait_seconds: Some(seconds) }
    }

    /// What a turn of the schedule means for the state machine.
    #[must_use]
    pub fn of(turn: &Turn, now: Timestamp) -> Self {
        match turn {
            Turn::Go { .. } => Self::go("has its turn"),
            Turn::Wait { until, reason } => Self::wait(*until, reason, now),
            Turn::Stop { reason } => Self::stop(reason),
        }
    }
}

/// Everything that the schedule decides on.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The claims whose builds wait.
    pub waiting: Vec<Claim>,
    /// The balances of the periods that now can pay.
    pub ledger: Ledger,
    /// What runs.
    pub load: Load,
}

impl Queue {
    /// The queue as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn read(table: &Table, policy: &Policy, now: Timestamp) -> Result<Self> {
        let is_waiting = |claim: &Claim| claim.held.as_ref().is_some_and(|held| held.stage == Stage::Waiting);
        let waiting = claims::all(table).await?.into_iter().filter(is_waiting).collect();
        let (ledger, load) = means(table, policy, now).await?;
        Ok(Self { waiting, ledger, load })
    }

    /// The turn of every build that waits.
    #[must_use]
    pub fn turns(&self, policy: &Policy, now: Timestamp) -> Vec<(BuildId, Turn)> {
        let queued: Vec<Queued> =
            self.waiting.iter().filter_map(|claim| Some(claim.held.as_ref()?.queued.clone())).collect();
        schedule(&queued, &self.ledger, &self.load, policy, now)
    }

    /// The turn of the build that holds a claim, with all that wait before it served first. `None`: it does not wait.
    ///
    /// What it would wait for alone (its window, a person, money, a builder) it waits for in the queue as well, so that the
    /// queue is read only for one that could go: of ten thousand that wait for the night, none reads all the others.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn turn_of(
        table: &Table,
        claim: &Claim,
        build: &BuildId,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Turn>> {
        let holds = |held: &&Held| held.stage == Stage::Waiting && held.queued.build == *build;
        let Some(held) = claim.held.as_ref().filter(holds) else { return Ok(None) };
        let (ledger, load) = means(table, policy, now).await?;
        let alone = turn_of(&held.queued, &ledger, &load, policy, now);
        if !matches!(alone, Turn::Go { .. }) {
            return Ok(Some(alone));
        }
        let turns = Queue::read(table, policy, now).await?.turns(policy, now);
        Ok(turns.into_iter().find_map(|(id, turn)| (id == *build).then_some(turn)))
    }
}

/// The balances of the periods that now can pay, and what runs.
async fn means(table: &Table, policy: &Policy, now: Timestamp) -> Result<(Ledger, Load)> {
    let mut current = periods(BudgetSource::Daily, now, &policy.zone);
    current.extend(periods(BudgetSource::Emergency, now, &policy.zone));
    let ledger = ledger::read(table, current).await?;
    Ok((ledger, Load { running: ledger::running(table).await? }))
}

/// What a builder instance of an architecture costs an hour: by the type in
/// `BUILDER_INSTANCE_TYPE_X86_64` or `BUILDER_INSTANCE_TYPE_ARM64`.
///
/// # Errors
///
/// If the variable is not set, or names a type whose price is not known.
pub fn builder_price(architecture: Architecture) -> Result<MicroDollars> {
    let variable = match architecture {
        Architecture::X86_64 => "BUILDER_INSTANCE_TYPE_X86_64",
        Architecture::Arm64 => "BUILDER_INSTANCE_TYPE_ARM64",
    };
    let instance_type = settings::required(variable)?;
    estimate::hourly_price(&instance_type).ok_or_else(|| {
        Error::malformed(
            format!("the environment variable {variable}"),
            format!("no price of {instance_type} is known"),
        )
    })
}

/// The regions that get an image: the stack's own, and those of the policy.
///
/// # Errors
///
/// If `AWS_REGION` is not set.
pub fn regions(policy: &Policy) -> Result<Vec<Region>> {
    let mut regions = vec![settings::parsed("AWS_REGION")?];
    for region in &policy.regions {
        if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    Ok(regions)
}

/// What a build of a target is expected to take and to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// How long it will run.
    pub duration: SignedDuration,
    /// What it will cost.
    pub cost: MicroDollars,
}

/// What a build of a target is expected to take and to cost, by what its last ones took.
///
/// # Errors
///
/// If AWS fails, or the builder's price is not known.
pub async fn expect(table: &Table, target: &Target, root_volume_gb: u32, policy: &Policy) -> Result<Expectation> {
    let duration = estimate::expected_duration(&builds::durations(table, target).await?);
    let price = builder_price(target.architecture)?;
    let cost = estimate::estimate(price, duration, root_volume_gb, regions(policy)?.len()).total();
    Ok(Expectation { duration, cost })
}
