//! finish-image: records how Image Builder ended, first, and answers the execution that waits, second. Then, when
//! nobody waits for it any more, it keeps what is installed in the image.

use std::time::Duration;

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::image_builder::{self, ImageBuilder, ImageState, Infrastructure};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table};
use prism_aws::tokens::{self, Awaits};
use prism_aws::workflow::Workflow;
use prism_aws::{builds, claims, clearings, fault, packages};
use prism_domain::build::{Build, ImageOutcome, ImageResult, ImageRun};
use prism_domain::id::BuildId;
use prism_domain::provenance::{BuilderImage, verify_image};
use serde::{Deserialize, Serialize};

/// For how long an image's packages are listed: some hundred calls. It is less than the function may take.
const LISTED_WITHIN: Duration = Duration::from_secs(40);

/// The function.
#[derive(Debug)]
pub struct FinishImage {
    table: Table,
    workflow: Workflow,
    image_builder: ImageBuilder,
    infrastructure: Infrastructure,
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

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            workflow: environment.workflow()?,
            image_builder: ImageBuilder::new(&environment.config),
            infrastructure: Infrastructure::of_stack(environment)?,
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        let mut ended = Vec::new();
        for arn in input.resources {
            ended.extend(self.finish(&arn, now).await?);
        }
        Ok(Output { ended })
    }
}

impl FinishImage {
    async fn finish(&self, arn: &str, now: Timestamp) -> Result<Option<BuildId>> {
        let Some(look) = self.image_builder.look(arn).await? else {
            tracing::warn!(image = arn, "there is no such image");
            return Ok(None);
        };
        let (Some(id), ImageState::Ended { result, at }) = (look.build, look.state) else { return Ok(None) };
        about(&id);
        if let Err(reason) = self.verify(&id, &look.image).await? {
            tracing::warn!(image = arn, "it is tagged as the build's image and is not believed: {reason}");
            return Ok(None);
        }
        let run = ImageRun { arn: arn.to_owned(), started_at: look.image.created_at.unwrap_or(now) };
        let outcome = ImageOutcome { result, ended_at: at.unwrap_or(now).min(now), arn: arn.to_owned() };
        let build = builds::change(&self.table, &id, |build| record(build, &run, &outcome)).await?;
        if build.ending.is_some() {
            // If it ended without this image, nobody will use that.
            clearings::reopen(&self.table, &build, now).await?;
            self.keep_packages(&build).await;
            return Ok(None);
        }
        fault::point("finish-image.recorded");
        let claim = claims::of(&self.table, &id.target).await?;
        if claim.held.is_some_and(|held| held.queued.build == id)
            && let Some(outcome) = &build.outcome
            && let Some(token) = tokens::of(&self.table, &id, Awaits::Image).await?
        {
            self.workflow.answer(&token, outcome).await?;
            fault::point("finish-image.answered");
        }
        self.keep_packages(&build).await;
        let ended_at = build.outcome.as_ref().map_or(now, |outcome| outcome.ended_at);
        tracing::info!(image = arn, %ended_at, available = available(&build), "ended");
        Ok(Some(id))
    }

    /// Whether an image is the one of the build that its tag names; why not, if it is not.
    async fn verify(&self, id: &BuildId, image: &BuilderImage) -> Result<Result<(), String>> {
        let Some(build) = builds::find(&self.table, id).await? else {
            return Ok(Err("there is no such build".to_owned()));
        };
        let claim = claims::of(&self.table, &id.target).await?;
        let own = image_builder::own_names(&self.infrastructure, id)?;
        Ok(verify_image(&build, claim.held.as_ref(), &own, image).map_err(|rejected| rejected.to_string()))
    }

    /// Keeps what is installed in a build's image, if that is not kept. It fails nothing: whoever needs the list does
    /// without it, and reconcile-builds has it asked for again.
    async fn keep_packages(&self, build: &Build) {
        if build.ended_unpublished() {
            return;
        }
        let Some(outcome) = build.outcome.as_ref().filter(|_| available(build)) else { return };
        match tokio::time::timeout(LISTED_WITHIN, self.list_packages(&build.id, &outcome.arn)).await {
            Ok(Ok(count)) => tracing::info!(count, "its packages are listed"),
            Ok(Err(error)) => tracing::warn!(error.name = error.name(), "its packages are not listed: {error}"),
            Err(_) => tracing::warn!("its packages are not listed: that took too long"),
        }
    }

    /// Answers how many were written: none if that is done already, or if Image Builder has no list.
    async fn list_packages(&self, id: &BuildId, image: &str) -> Result<Option<usize>> {
        if packages::are_kept(&self.table, id).await? {
            return Ok(None);
        }
        let Some(installed) = self.image_builder.packages(image).await? else { return Ok(None) };
        let write = packages::write(id, &installed)?;
        let _: Applied = self.table.transact(&format!("keeping the packages of build {id}"), vec![write]).await?;
        Ok(Some(installed.len()))
    }
}

/// The build with the outcome, unless it has one or has ended.
fn record(build: Build, run: &ImageRun, outcome: &ImageOutcome) -> Option<Build> {
    if build.outcome.is_some() || build.ending.is_some() {
        return None;
    }
    // The event may be faster than the answer to the call that started the image.
    let run = build.run.clone().unwrap_or_else(|| run.clone());
    Some(Build { run: Some(run), outcome: Some(outcome.clone()), ..build })
}

fn available(build: &Build) -> bool {
    build.outcome.as_ref().is_some_and(|outcome| matches!(outcome.result, ImageResult::Available { .. }))
}
