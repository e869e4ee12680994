//! close-build: ends a build. Cancels what still runs, settles or releases the money, frees the claim and leaves
//! the notice; then removes what nobody will use, and lets the next one begin.
//!
//! It is the last state of `build-image`; the status change of an execution that was stopped or timed out
//! brings it too, and, should that be lost, reconcile-builds.

mod clearing;
mod ending;
mod following;

use aws_config::SdkConfig;
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::image_builder::ImageBuilder;
use prism_aws::requests::{self, RequestRecord};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table, back_off};
use prism_aws::workflow::{Standing, Started, Workflow};
use prism_aws::{builds, claims, clock, fault, inventory, settings};
use prism_domain::build::{Build, EndingKind};
use prism_domain::claim::Claim;
use prism_domain::id::{RequestId, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use ending::Verdict;

/// How often a build is closed again when others write the same items.
const TRIES: u32 = 8;

/// The function.
#[derive(Debug)]
pub struct CloseBuild {
    table: Table,
    config: SdkConfig,
    workflow: Workflow,
    image_builder: ImageBuilder,
    functions: Functions,
    schedule_builds: String,
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

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
            image_builder: ImageBuilder::new(config),
            config: config.clone(),
            functions: Functions::new(config),
            schedule_builds: settings::required("SCHEDULE_BUILDS_FUNCTION")?,
        })
    }

    async fn handle(&self, input: Input) -> Result<Output> {
        let (execution, verdict) = match input {
            Input::State(state) => (state.execution, Verdict::of_state(state.stopped, state.failure)),
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
                (detail.execution_arn, Verdict::of_standing(standing, &detail.status, cause.as_deref()))
            }
        };
        let request = requests::of_execution(&execution)?;
        let Some(record) = requests::find(&self.table, &request).await? else {
            let message = format!("nothing was planned: {}", verdict.message());
            return Ok(Output { ending: verdict.kind(), message });
        };
        about(&record.build);
        if !record.own {
            let message = format!("build {} answers this request", record.build);
            return Ok(Output { ending: EndingKind::Stopped, message });
        }
        let build = self.close(&record, &verdict).await?;
        self.clear(&build.id).await?;
        fault::point("close-build.cleared");
        if build.published_at.is_some() {
            self.collect(&build).await?;
        }
        self.begin_next(&record).await?;
        if build.published_at.is_some() {
            self.follow_base_image(&build).await?;
        }
        self.functions.poke(&self.schedule_builds, &json!({})).await?;
        let Some(ending) = build.ending else { return Err(Error::lost_race(format!("closing build {}", build.id))) };
        tracing::info!(ending = ?ending.kind, "closed: {}", ending.message);
        Ok(Output { ending: ending.kind, message: ending.message })
    }
}

impl CloseBuild {
    /// Closes the build, if it is not closed. Answers it as it then is.
    async fn close(&self, record: &RequestRecord, verdict: &Verdict) -> Result<Build> {
        for attempt in 0..TRIES {
            let mut build = builds::get(&self.table, &record.build).await?;
            if build.ending.is_some() {
                return Ok(build);
            }
            if build.outcome.is_none() {
                self.end(&mut build).await?;
            }
            fault::point("close-build.ended");
            let claim = claims::of(&self.table, &build.id.target).await?;
            let published = inventory::channel(&self.table, &build.id.target).await?;
            let (closed, writes) = ending::close(&build, &claim, published.as_ref(), verdict, clock::now())?;
            match self.table.transact(&format!("closing build {}", build.id), writes).await? {
                Applied::Written => {
                    fault::point("close-build.closed");
                    return Ok(closed);
                }
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race(format!("closing build {}", record.build)))
    }

    /// Starts what was waiting for this build to end. It stays on the claim until a build takes it along, so that
    /// it is neither lost nor built twice.
    async fn begin_next(&self, record: &RequestRecord) -> Result<()> {
        let target = &record.build.target;
        let claim = claims::of(&self.table, target).await?;
        let Some(next) = claim.next.clone().filter(|_| claim.held.is_none()) else { return Ok(()) };
        let started = self.workflow.start(&next_id(target, claim.counter)?, &next).await?;
        fault::point("close-build.next-started");
        if started == Started::Before {
            // It has ended, and no build took it along: it can't be built, and its execution says why.
            tracing::warn!(%target, "what was to follow is given up");
            self.forget_next(target, &claim).await?;
            fault::point("close-build.next-forgotten");
        }
        Ok(())
    }

    /// Takes what was started off the claim, unless the claim has changed.
    async fn forget_next(&self, target: &Target, started: &Claim) -> Result<()> {
        for attempt in 0..TRIES {
            let claim = claims::of(&self.table, target).await?;
            if claim.next != started.next || claim.held.is_some() {
                return Ok(());
            }
            let write = claims::write(&Claim { next: None, ..claim })?;
            match self.table.transact(&format!("writing the claim of {target}"), vec![write]).await? {
                Applied::Written => return Ok(()),
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race(format!("writing the claim of {target}")))
    }
}

/// The same for the same build that has ended.
fn next_id(target: &Target, ended: u32) -> Result<RequestId> {
    format!("after-{target}-{ended}").parse().map_err(|error| Error::malformed("a request id", error))
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
