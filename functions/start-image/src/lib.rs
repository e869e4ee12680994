//! start-image: starts the Image Builder build of what was frozen, once, and leaves the task token where
//! finish-image finds it.

use aws_config::SdkConfig;
use prism_aws::error::{Error, Result};
use prism_aws::image_builder::{self, ImageBuilder};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table, back_off};
use prism_aws::workflow::Workflow;
use prism_aws::{builds, claims, clearings, clock, fault, settings};
use prism_domain::build::{Build, ImageRun};
use prism_domain::claim::{Claim, Held};
use prism_domain::id::BuildId;
use prism_templates::ResolvedTemplate;
use serde::{Deserialize, Serialize};

/// How often the token is stored again when others write the claim at the same time.
const TRIES: u32 = 8;

/// The function.
#[derive(Debug)]
pub struct StartImage {
    table: Table,
    workflow: Workflow,
    image_builder: ImageBuilder,
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

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
            image_builder: ImageBuilder::new(config),
        })
    }

    async fn handle(&self, input: Input) -> Result<Output> {
        about(&input.build_id);
        self.store_token(&input).await?;
        fault::point("start-image.token-stored");
        let build = builds::get(&self.table, &input.build_id).await?;
        let run = match build.run.clone() {
            Some(run) => run,
            None => self.start(&build).await?,
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
        for attempt in 0..TRIES {
            let claim = claims::of(&self.table, &input.build_id.target).await?;
            let Some(held) = claim.held.clone().filter(|held| held.execution == input.execution) else {
                return Err(Error::malformed(format!("build {}", input.build_id), "it no longer holds its claim"));
            };
            let held = Held { image_token: Some(input.token.clone()), ..held };
            let write = claims::write(&Claim { held: Some(held), ..claim })?;
            match self.table.transact("storing the task token", vec![write]).await? {
                Applied::Written => return Ok(()),
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race("storing the task token"))
    }

    async fn start(&self, build: &Build) -> Result<ImageRun> {
        let Some(frozen) = &build.frozen else {
            return Err(Error::malformed(format!("build {}", build.id), "nothing is frozen: no money is reserved"));
        };
        let resolved: ResolvedTemplate = serde_json::from_value(frozen.template.clone())
            .map_err(|error| Error::malformed(format!("the template of build {}", build.id), error))?;
        let (base, patch) = (&frozen.base_image_id, frozen.patch.as_ref());
        let mut plan = prism_templates::image_plan(&resolved, &build.id, base, &frozen.regions, patch)?;
        if let Some(device) = &frozen.root_device {
            plan.recipe.root_volume.device_name.clone_from(device);
        }
        let infrastructure = image_builder::infrastructure(build.id.target.architecture)?;
        let started_at = clock::now();
        let arn = self.image_builder.start(&plan, &infrastructure, build.request.requested_at).await?;
        let run = ImageRun { arn, started_at };
        fault::point("start-image.started");
        let stored = builds::change(&self.table, &build.id, |build| {
            (build.run.is_none() && build.ending.is_none()).then(|| Build { run: Some(run.clone()), ..build })
        })
        .await?;
        if stored.ending.is_some() {
            // It was stopped while this started it: what runs now has to be stopped too.
            clearings::reopen(&self.table, &stored, clock::now()).await?;
            return Err(Error::malformed(format!("build {}", build.id), "it has ended"));
        }
        Ok(run)
    }
}
