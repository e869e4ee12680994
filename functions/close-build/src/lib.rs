//! close-build: ends a build. Cancels what still runs, settles or releases the money, frees the claim and leaves
//! the notice; then lets the next one begin, and removes what nobody will use.
//!
//! It is the last state of `build-image`; the status change of an execution that was stopped or timed out
//! brings it too, and, should that be lost, reconcile-builds.

mod clearing;
mod collecting;
mod ending;
mod following;
mod removing;

use aws_config::SdkConfig;
use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::image_builder::{ImageBuilder, Infrastructure};
use prism_aws::pace::within;
use prism_aws::requests::{self, RequestRecord};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table};
use prism_aws::workflow::{Standing, Workflow};
use prism_aws::{builds, claims, fault, inventory, ledger, policies, race, tokens, trials};
use prism_domain::build::{Build, EndingKind};
use prism_domain::closing::Verdict;
use prism_domain::trial::Trial;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use ending::Facts;

/// For how long each part of tidying may go on: both together are less than what the function has, which is a minute.
const TIDY: Duration = Duration::from_secs(20);

/// The function.
#[derive(Debug)]
pub struct CloseBuild {
    table: Table,
    config: SdkConfig,
    workflow: Workflow,
    image_builder: ImageBuilder,
    infrastructure: Infrastructure,
    functions: Functions,
    schedule_builds: String,
    prefix: String,
}

/// Who calls.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub enum Input {
    /// The state machine, whose execution is still running.
    State(StateInput),
    /// An execution's status change: a hint.
    /// Format: <https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html>.
    StatusChange {
        /// The event's detail.
        detail: Detail,
    },
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct StateInput {
    /// The ARN of the execution.
    execution: String,
    /// Why the gate stopped it, if it did.
    stopped: Option<String>,
    /// The error that was caught, if one was.
    failure: Option<Failure>,
}

/// An error as Step Functions catches it.
#[derive(Debug, Clone, Deserialize)]
pub struct Failure {
    /// Its name.
    #[serde(rename = "Error")]
    error: String,
    /// Its cause: text, or for a function's error JSON.
    #[serde(rename = "Cause", default)]
    cause: String,
}

/// The detail of an execution's status change.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    execution_arn: String,
    status: String,
}

/// How it ended.
#[derive(Debug, Serialize)]
pub struct Output {
    /// In one word.
    ending: EndingKind,
    /// In a sentence.
    message: String,
}

impl Function for CloseBuild {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            workflow: environment.workflow()?,
            image_builder: ImageBuilder::new(&environment.config),
            infrastructure: Infrastructure::of_stack(environment)?,
            config: environment.config.clone(),
            functions: Functions::new(&environment.config),
            schedule_builds: environment.required("SCHEDULE_BUILDS_FUNCTION")?.to_owned(),
            prefix: environment.required("PARAMETER_PREFIX")?.to_owned(),
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        let (execution, verdict) = match input {
            Input::State(state) => (state.execution, ending::of_state(state.stopped, state.failure)),
            Input::StatusChange { detail } => {
                // The event says what may be; the execution says what is.
                let standing = self.workflow.standing(&detail.execution_arn).await?;
                if standing == Standing::Running {
                    return Ok(Output { ending: EndingKind::Stopped, message: "the execution still runs".to_owned() });
                }
                let cause = match standing {
                    Standing::Stopped => self.workflow.cause(&detail.execution_arn).await?,
                    _ => None,
                };
                (detail.execution_arn, ending::of_standing(standing, &detail.status, cause.as_deref()))
            }
        };
        let Some(record) = requests::find(&self.table, &execution).await? else {
            let message = format!("nothing was planned: {}", verdict.message());
            return Ok(Output { ending: verdict.kind(), message });
        };
        about(&record.build);
        if !record.own {
            let message = format!("build {} answers this request", record.build);
            return Ok(Output { ending: EndingKind::Stopped, message });
        }
        let build = self.close(&record, &verdict, now).await?;
        // Nobody waits with it any more, whoever has closed the build.
        let removal = vec![tokens::remove(&build.id)?];
        let _: Applied =
            self.table.transact(&format!("removing the task token of build {}", build.id), removal).await?;
        go_on(self.follow(&build, now).await)?;
        self.functions.poke(&self.schedule_builds, &json!({})).await?;
        self.tidy(&build, now).await;
        let Some(ending) = build.ending else { return Err(Error::lost_race(format!("closing build {}", build.id))) };
        tracing::info!(ending = ?ending.kind, "closed: {}", ending.message);
        Ok(Output { ending: ending.kind, message: ending.message })
    }
}

impl CloseBuild {
    /// Closes the build, if it is not closed. Answers it as it then is.
    async fn close(&self, record: &RequestRecord, verdict: &Verdict, now: Timestamp) -> Result<Build> {
        let action = format!("closing build {}", record.build);
        let mut refusal = None;
        let closed = race::try_to_win(async || {
            let mut build = builds::get(&self.table, &record.build).await?;
            if build.ending.is_some() {
                return Ok(Some(build));
            }
            if build.outcome.is_none() {
                match self.end(&mut build, now).await {
                    Ok(_) => {}
                    Err(error) if error.is_retryable() => return Err(error),
                    // What runs on is stopped when the build is cleared, and what it cost is booked then.
                    Err(error) => tracing::warn!(error.name = error.name(), "Image Builder is not stopped: {error}"),
                }
            }
            fault::point("close-build.ended");
            let claim = claims::of(&self.table, &build.id.target).await?;
            let published = match inventory::channel(&self.table, &build.id.target).await {
                Err(Error::Unreadable(record)) => Err(*record),
                published => Ok(published?),
            };
            let policy = policies::readable(&self.table).await?.unwrap_or_default();
            let trial = self.trial(&build).await?;
            let facts = Facts { claim: &claim, published: published.as_ref(), trial: trial.as_ref(), policy: &policy };
            let (closed, writes) = ending::close(&build, facts, verdict, now)?;
            match self.table.transact(&action, writes).await {
                // DynamoDB refuses to add to what is no number, and does not say where.
                Err(refused @ Error::Permanent { .. }) => {
                    let periods = build.reservation.iter().flat_map(|reservation| reservation.periods.clone());
                    if let Some(record) = ledger::unreadable(&self.table, periods).await? {
                        return Err(record.into());
                    }
                    // Somebody may have mended it just now.
                    refusal = Some(refused);
                    Ok(None)
                }
                applied => Ok(applied?.then(closed).inspect(|_| fault::point("close-build.closed"))),
            }
        });
        let closed = closed.await?;
        closed.ok_or_else(|| refusal.unwrap_or_else(|| Error::lost_race(action)))
    }

    /// The trial of the base image that a build stands on, if there is one that can be read.
    async fn trial(&self, build: &Build) -> Result<Option<Trial>> {
        let Some(frozen) = &build.frozen else { return Ok(None) };
        let architecture = build.id.target.architecture;
        match trials::find(&self.table, &frozen.base, architecture, &frozen.base_image_id).await {
            Err(Error::Unreadable(record)) => {
                tracing::error!("{record}");
                Ok(None)
            }
            found => found,
        }
    }

    /// Removes what nobody will use, as long as there is time. It fails nothing: the build is closed, and what is left stays
    /// on the clearing list.
    async fn tidy(&self, build: &Build, now: Timestamp) {
        let cleared =
            within(Instant::now() + TIDY, "clearing what the build left", Box::pin(self.clear(&build.id, now))).await;
        fault::point("close-build.cleared");
        let collected = match build.published_at {
            Some(_) => within(Instant::now() + TIDY, "removing what nobody uses", Box::pin(self.collect(build))).await,
            None => Ok(()),
        };
        for error in [cleared, collected].into_iter().filter_map(Result::err) {
            tracing::warn!(error.name = error.name(), "what nobody uses is not removed yet: {error}");
        }
    }
}

/// A build that has ended is closed, whatever of what comes after cannot be read: that is for when it is mended.
fn go_on(done: Result<()>) -> Result<()> {
    match done {
        Err(Error::Unreadable(record)) => {
            tracing::error!("{record}");
            Ok(())
        }
        done => done,
    }
}

/// What a function's error says, out of the JSON that Step Functions makes of it.
fn sentence(failure: &Failure) -> String {
    let parsed: Option<Value> = serde_json::from_str(&failure.cause).ok();
    let message = parsed.as_ref().and_then(|cause| cause.get("errorMessage")).and_then(Value::as_str);
    match message {
        Some(message) => message.to_owned(),
        None if failure.cause.is_empty() => failure.error.clone(),
        None => failure.cause.clone(),
    }
}
