//! The queue as the schedule sees it, and the answers that the state machine reads.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use prism_domain::architecture::Architecture;
use prism_domain::claim::{Claim, Held, Stage};
use prism_domain::estimate::{self, Expectation, Rates};
use prism_domain::forecast::{Foreseen, Outlook, Running, forecast};
use prism_domain::hash::spread;
use prism_domain::id::{BuildId, Region, Target};
use prism_domain::ledger::{BudgetSource, Ledger, periods};
use prism_domain::money::MicroDollars;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;
use prism_domain::remedy::{Facts, Remedy, remedy};
use prism_domain::schedule::{Load, Turn, WaitsFor, schedule, turn_in_queue, turn_of};
use prism_domain::unreadable::UnreadableRecord;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::table::Table;
use crate::{base_images, builds, claims, ledger, trials};

/// What the state machine does next with a build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnAnswer {
    /// `go`, `wait` or `stop`.
    pub answer: Answer,
    /// Why, in plain words.
    pub reason: String,
    /// When it wakes by itself, if it waits.
    pub until: Option<Timestamp>,
    /// What it waits for, if the schedule says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// After how many seconds it comes to the gate by itself: at least 1.
    pub wait_seconds: Option<i64>,
}

/// For how long after its time a build that the schedule lets wait stays parked, should schedule-builds not wake it: three
/// looks, and well within a window.
const UNWOKEN: SignedDuration = SignedDuration::from_mins(15);

/// Over how many seconds builds come to the gate by themselves that have the same time.
const SPREAD: u64 = 1800;

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
        Self { answer: Answer::Go, reason: reason.into(), until: None, waits_for: None, wait_seconds: None }
    }

    /// The build ends.
    #[must_use]
    pub fn stop(reason: impl Into<String>) -> Self {
        Self { answer: Answer::Stop, reason: reason.into(), until: None, waits_for: None, wait_seconds: None }
    }

    /// The build waits, and comes to the gate by itself then.
    #[must_use]
    pub fn wait(until: Timestamp, reason: impl Into<String>, now: Timestamp) -> Self {
        let seconds = now.duration_until(until).as_secs().clamp(1, 24 * 3600);
        let (reason, until) = (reason.into(), Some(until));
        Self { answer: Answer::Wait, reason, until, waits_for: None, wait_seconds: Some(seconds) }
    }

    /// What a turn of the schedule means for the state machine. schedule-builds wakes a build that waits, in the order of
    /// the queue. Should it not, the build comes to the gate by itself within the hour, and not all that wait for the same
    /// window at the same moment.
    #[must_use]
    pub fn of(turn: &Turn, build: &BuildId, now: Timestamp) -> Self {
        match turn {
            Turn::Go { .. } => Self::go("has its turn"),
            Turn::Stop { reason } => Self::stop(reason),
            Turn::Wait { until, waits_for, reason } => {
                let wait = Self::wait(*until, reason, now);
                let late = UNWOKEN.as_secs() + spread(&build.to_string(), SPREAD).cast_signed();
                let wait_seconds = wait.wait_seconds.map(|seconds| seconds + late);
                Self { waits_for: Some(*waits_for), wait_seconds, ..wait }
            }
        }
    }
}

/// What is foreseen of the builds that wait and run.
#[derive(Debug, Clone, Default)]
pub struct Forecast {
    /// Of each build that waits.
    pub waiting: BTreeMap<BuildId, Expected>,
    /// When each build that runs is expected to end.
    pub ends: BTreeMap<BuildId, Timestamp>,
}

impl Forecast {
    /// The same, of one build alone.
    #[must_use]
    pub fn of(&self, build: &BuildId) -> Self {
        let waiting = self.waiting.get_key_value(build).map(|(build, expected)| (build.clone(), expected.clone()));
        let ends = self.ends.get_key_value(build).map(|(build, at)| (build.clone(), *at));
        Self { waiting: waiting.into_iter().collect(), ends: ends.into_iter().collect() }
    }
}

/// What is foreseen of a build that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// When it starts and ends. `None`: it does not start unless somebody changes something.
    pub start: Option<Foreseen>,
    /// What becomes of it now.
    pub turn: Turn,
    /// Whether a person has to approve it before it starts.
    pub waits_for_approval: bool,
}

impl Expected {
    /// What it waits for now, or why it ends, to stand behind its name.
    #[must_use]
    pub fn reason(&self) -> &str {
        match &self.turn {
            Turn::Go { .. } => "starts now",
            Turn::Wait { reason, .. } | Turn::Stop { reason } => reason,
        }
    }
}

/// Everything that the schedule decides on.
#[derive(Debug, Clone)]
pub struct Queue {
    /// The claims whose builds wait.
    pub waiting: Vec<Claim>,
    /// The claims whose builds run.
    pub running: Vec<Claim>,
    /// The claims that nobody holds.
    pub idle: Vec<Claim>,
    /// The claims that cannot be read.
    pub unreadable: Vec<UnreadableRecord>,
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
        let means = means(table, policy, now).await?;
        Self::after(table, means).await
    }

    /// The queue, read after the means. A build that starts between the two readings is in neither: it holds up nobody,
    /// and if another one gets its place or its money, the gate's conditions refuse that. The other way round it would
    /// be in both, and others would be told to wait for a builder that is free.
    async fn after(table: &Table, (ledger, load): (Ledger, Load)) -> Result<Self> {
        let is_waiting = |claim: &Claim| claim.held.as_ref().is_some_and(|held| held.stage == Stage::Waiting);
        let claims = claims::all(table).await?;
        let unreadable = claims.unreadable.clone();
        let (idle, held): (Vec<Claim>, Vec<Claim>) =
            claims.logged().into_iter().partition(|claim| claim.held.is_none());
        let (waiting, running) = held.into_iter().partition(is_waiting);
        Ok(Self { waiting, running, idle, unreadable, ledger, load })
    }

    /// Every claim that can be read.
    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.waiting.iter().chain(&self.running).chain(&self.idle)
    }

    fn queued(&self) -> Vec<Queued> {
        self.waiting.iter().filter_map(|claim| Some(claim.held.as_ref()?.queued.clone())).collect()
    }

    /// The turn of every build that waits.
    #[must_use]
    pub fn turns(&self, policy: &Policy, now: Timestamp) -> Vec<(BuildId, Turn)> {
        schedule(&self.queued(), &self.ledger, &self.load, policy, now)
    }

    fn running(&self, now: Timestamp) -> Vec<Running> {
        let running = |held: &Held| {
            let Queued { build, demand, .. } = &held.queued;
            Running::new(build.clone(), held.started_at, demand.expected, now)
        };
        self.running.iter().filter_map(|claim| claim.held.as_ref().map(running)).collect()
    }

    /// What a person could change so that builds meet their deadlines. `None`: none is late, or no change saves any.
    #[must_use]
    pub fn remedy(&self, policy: &Policy, now: Timestamp) -> Option<Remedy> {
        let (running, queued) = (self.running(now), self.queued());
        remedy(&Facts { queue: &queued, running: &running, ledger: &self.ledger, load: &self.load, policy, now })
    }

    /// What is foreseen of every build that waits or runs, if nothing else happens.
    #[must_use]
    pub fn forecast(&self, policy: &Policy, now: Timestamp) -> Forecast {
        let (running, queued) = (self.running(now), self.queued());
        let starts = forecast(&queued, &running, &self.ledger, &self.load, policy, now);
        let turns: BTreeMap<BuildId, Turn> = self.turns(policy, now).into_iter().collect();
        let approvals = queued.iter().filter(|queued| queued.waits_for_approval(policy).is_some());
        let approvals: BTreeSet<&BuildId> = approvals.map(|queued| &queued.build).collect();
        let waiting = starts.into_iter().filter_map(|Outlook { build, start }| {
            let (turn, waits_for_approval) = (turns.get(&build)?.clone(), approvals.contains(&build));
            Some((build, Expected { start, turn, waits_for_approval }))
        });
        Forecast { waiting: waiting.collect(), ends: running.into_iter().map(|one| (one.build, one.ends)).collect() }
    }

    /// The turn of a build that waits, with all that wait before it served first. It counts as given, whatever its claim
    /// says.
    ///
    /// What it would wait for alone (its window, a person, money, a builder) it waits for in the queue as well, so that the
    /// queue is read only for one that could go: of ten thousand that wait for the night, none reads all the others. Nor does
    /// one that schedule-builds, which has just read the queue, has `granted` its turn.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn turn_of(
        table: &Table,
        queued: &Queued,
        granted: bool,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Turn> {
        let (ledger, load) = means(table, policy, now).await?;
        let alone = turn_of(queued, &ledger, &load, policy, now);
        if granted || !matches!(alone, Turn::Go { .. }) {
            return Ok(alone);
        }
        let queue = Self::after(table, (ledger, load)).await?;
        Ok(turn_in_queue(&queue.queued(), queued, &queue.ledger, &queue.load, policy, now))
    }

    /// The turn of a build, if no other one waited.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn turn_alone(table: &Table, queued: &Queued, policy: &Policy, now: Timestamp) -> Result<Turn> {
        let (ledger, load) = means(table, policy, now).await?;
        Ok(turn_of(queued, &ledger, &load, policy, now))
    }
}

/// The balances of the periods that now can pay, and what runs.
async fn means(table: &Table, policy: &Policy, now: Timestamp) -> Result<(Ledger, Load)> {
    let mut current = periods(BudgetSource::Daily, now, &policy.zone);
    current.extend(periods(BudgetSource::Emergency, now, &policy.zone));
    let mut ledger = ledger::read(table, current).await?;
    let running = match ledger::running(table).await {
        Err(Error::Unreadable(record)) => {
            ledger.unreadable_counter = Some(*record);
            0
        }
        running => running?,
    };
    let mut gone = base_images::all_troubles(table, table.region()?).await?.logged();
    gone.retain(|trouble| trouble.gone.is_some());
    Ok((ledger, Load { running, starting: 0, trials: trials::all(table).await?, gone }))
}

/// What a builder instance costs an hour on each architecture.
#[derive(Debug, Clone, Copy)]
pub struct BuilderPrices {
    x86_64: MicroDollars,
    arm64: MicroDollars,
}

impl BuilderPrices {
    /// By the instance types in `BUILDER_INSTANCE_TYPE_X86_64` and `BUILDER_INSTANCE_TYPE_ARM64`.
    ///
    /// # Errors
    ///
    /// If a variable is not set, or names a type whose price is not known.
    pub fn of_stack(environment: &Environment) -> Result<Self> {
        let price = |variable: &str| {
            let instance_type = environment.required(variable)?;
            let unknown = format!("no price of {instance_type} is known");
            let price = estimate::hourly_price(instance_type);
            price.ok_or_else(|| Error::malformed(format!("the environment variable {variable}"), unknown))
        };
        Ok(Self { x86_64: price("BUILDER_INSTANCE_TYPE_X86_64")?, arm64: price("BUILDER_INSTANCE_TYPE_ARM64")? })
    }

    /// What the cost of a build with this root volume is worked out from.
    #[must_use]
    pub const fn rates(self, architecture: Architecture, root_volume_gb: u32) -> Rates {
        let builder_per_hour = match architecture {
            Architecture::X86_64 => self.x86_64,
            Architecture::Arm64 => self.arm64,
        };
        Rates { builder_per_hour, root_volume_gb }
    }
}

/// The regions that get an image: the stack's own, and those of the policy.
#[must_use]
pub fn regions(home: &Region, policy: &Policy) -> Vec<Region> {
    let mut regions = vec![home.clone()];
    for region in &policy.regions {
        if !regions.contains(region) {
            regions.push(region.clone());
        }
    }
    regions
}

/// What a build of a target is expected to take and to cost that is published in so many regions, by what its last ones
/// took.
///
/// # Errors
///
/// If AWS fails.
pub async fn expect(table: &Table, target: &Target, rates: Rates, regions: usize) -> Result<Expectation> {
    let duration = estimate::expected_duration(&builds::durations(table, target).await?);
    Ok(Expectation { duration, cost: estimate::estimate(rates, duration, regions) })
}
