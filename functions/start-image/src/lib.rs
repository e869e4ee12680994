//! start-image: starts the Image Builder build of what was frozen, once, and leaves the task token where
//! finish-image finds it.

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::image_builder::{Builders, ImageBuilder};
use prism_aws::runtime::{Function, about};
use prism_aws::table::Table;
use prism_aws::tokens::{self, Awaits};
use prism_aws::workflow::Workflow;
use prism_aws::{builds, claims, clearings, fault, templates};
use prism_domain::build::{Build, ImageRun};
use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

/// The function.
#[derive(Debug)]
pub struct StartImage {
    table: Table,
    workflow: Workflow,
    image_builder: ImageBuilder,
    builders: Builders,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARN of the execution.
    execution: String,
    /// Its build.
    build_id: BuildId,
    /// The token that ends the state.
    token: String,
}

/// What was started.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The ARN of the image build version.
    image: String,
}

impl Function for StartImage {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            workflow: environment.workflow()?,
            image_builder: ImageBuilder::new(&environment.config),
            builders: Builders::configured(environment)?,
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        about(&input.build_id);
        self.store_token(&input).await?;
        fault::point("start-image.token-stored");
        let build = builds::get(&self.table, &input.build_id).await?;
        let run = match build.run.clone() {
            Some(run) => run,
            None => self.start(&build, now).await?,
        };
        fault::point("start-image.run-stored");
        // Image Builder may have ended before its ARN or the token were stored: then nobody answered.
        let build = builds::get(&self.table, &input.build_id).await?;
        if let Some(outcome) = &build.outcome {
            self.workflow.answer(&input.token, outcome).await?;
        }
        tracing::info!(image = run.arn, "started");
        Ok(Output { image: run.arn })
    }
}

impl StartImage {
    async fn store_token(&self, input: &Input) -> Result<()> {
        let writes = vec![
            claims::held_by(&input.build_id.target, &input.execution)?,
            tokens::write(&input.build_id, &input.token, Awaits::Image)?,
        ];
        let stored = self.table.transact("storing the task token", writes).await?.then(());
        stored.ok_or_else(|| Error::Conflict(format!("build {} no longer holds its claim", input.build_id)))
    }

    async fn start(&self, build: &Build, now: Timestamp) -> Result<ImageRun> {
        let Some(frozen) = &build.frozen else {
            return Err(Error::Conflict(format!("no money is reserved for build {}", build.id)));
        };
        let plan = templates::frozen_plan(&build.id, frozen)?;
        let arn = self.image_builder.start(&plan, &self.builders, build).await?;
        let run = ImageRun { arn, started_at: now };
        fault::point("start-image.started");
        let stored = builds::change(&self.table, &build.id, |build| {
            (build.run.is_none() && build.ending.is_none()).then(|| Build { run: Some(run.clone()), ..build })
        })
        .await?;
        if stored.ended_unpublished() {
            // It was stopped while this started it: what runs now has to be stopped too.
            clearings::reopen(&self.table, &stored, now).await?;
            return Err(Error::Conflict(format!("build {} has ended", build.id)));
        }
        // Image Builder may have been done, and the image published, before the call that started it was answered.
        Ok(run)
    }
}
