//! finish-image: records how Image Builder ended, first, and answers the execution that waits, second.

use aws_config::SdkConfig;
use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::image_builder::{ImageBuilder, ImageState};
use prism_aws::runtime::{Function, about};
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_aws::{builds, claims, clearings, clock, fault, settings};
use prism_domain::build::{Build, ImageOutcome, ImageResult, ImageRun};
use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

/// The function.
#[derive(Debug)]
pub struct FinishImage {
    table: Table,
    workflow: Workflow,
    image_builder: ImageBuilder,
}

/// Image Builder's event, of which only the images are believed: how each is, is looked up.
/// Format: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html>.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARNs of image build versions.
    resources: Vec<String>,
}

/// What it found.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The builds that have ended.
    ended: Vec<BuildId>,
}

impl Function for FinishImage {
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
        let mut ended = Vec::new();
        for arn in input.resources {
            ended.extend(self.finish(&arn).await?);
        }
        Ok(Output { ended })
    }
}

impl FinishImage {
    async fn finish(&self, arn: &str) -> Result<Option<BuildId>> {
        let Some(look) = self.image_builder.look(arn).await? else {
            tracing::warn!(image = arn, "there is no such image");
            return Ok(None);
        };
        let (Some(id), ImageState::Ended { result, at }) = (look.build, look.state) else { return Ok(None) };
        about(&id);
        let now = clock::now();
        let run = ImageRun { arn: arn.to_owned(), started_at: look.created_at.unwrap_or(now) };
        let outcome = ImageOutcome { result, ended_at: at.unwrap_or(now).min(now), arn: arn.to_owned() };
        let build = builds::change(&self.table, &id, |build| record(build, &run, &outcome)).await?;
        if build.ending.is_some() {
            if build.published_at.is_none() {
                // It ended without this image, which nobody will use.
                clearings::reopen(&self.table, &build, now).await?;
            }
            return Ok(None);
        }
        fault::point("finish-image.recorded");
        let claim = claims::of(&self.table, &id.target).await?;
        let token = claim.held.filter(|held| held.queued.build == id).and_then(|held| held.image_token);
        if let (Some(token), Some(outcome)) = (token, &build.outcome) {
            self.workflow.answer(&token, outcome).await?;
        }
        tracing::info!(image = arn, ended_at = %ended_at(&build).unwrap_or(now), available = available(&build), "ended");
        Ok(Some(id))
    }
}

/// The build with the outcome, unless it has one, has ended, or this is another image than its own.
fn record(build: Build, run: &ImageRun, outcome: &ImageOutcome) -> Option<Build> {
    let another = build.run.as_ref().is_some_and(|own| own.arn != run.arn);
    if build.outcome.is_some() || build.ending.is_some() || another {
        return None;
    }
    // The event may be faster than the answer to the call that started the image.
    let run = build.run.clone().unwrap_or_else(|| run.clone());
    Some(Build { run: Some(run), outcome: Some(outcome.clone()), ..build })
}

fn ended_at(build: &Build) -> Option<Timestamp> {
    Some(build.outcome.as_ref()?.ended_at)
}

fn available(build: &Build) -> bool {
    build.outcome.as_ref().is_some_and(|outcome| matches!(outcome.result, ImageResult::Available { .. }))
}
