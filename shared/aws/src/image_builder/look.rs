//! Looking at an image: how far it is, what it made, and what failed.

use std::collections::BTreeMap;

use aws_sdk_imagebuilder::types::{Image, ImageStatus, WorkflowExecutionStatus, WorkflowStepExecutionStatus};
use jiff::Timestamp;
use prism_domain::build::ImageResult;
use prism_domain::id::{AmiId, BuildId, Region};
use prism_domain::problem::printable;
use prism_domain::provenance::{BUILD_TAG, BuilderImage};

use super::ImageBuilder;
use super::ensure::ABSENT;
use crate::error::{Error, Result, unless};

/// How far an image is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageState {
    /// It is being built, tested or distributed.
    InProgress,
    /// It ended.
    Ended {
        /// How.
        result: ImageResult,
        /// When its last workflow ended, where Image Builder tells.
        at: Option<Timestamp>,
    },
}

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The build that its tag names, which is a candidate: see `verify_image`.
    pub build: Option<BuildId>,
    /// The image itself.
    pub image: BuilderImage,
    /// How far it is.
    pub state: ImageState,
}

impl ImageBuilder {
    /// Looks at an image build version. `None`: there is none.
    ///
    /// # Errors
    ///
    /// If AWS fails, or its answer can't be read.
    pub async fn look(&self, arn: &str) -> Result<Option<Look>> {
        let Some(image) = self.image(arn).await? else { return Ok(None) };
        let build = image.tags().and_then(|tags| tags.get(BUILD_TAG)).and_then(|id| id.parse().ok());
        let state = match image.state().and_then(|state| state.status()) {
            // The latter two are what a lifecycle rule makes of an image that was available.
            Some(ImageStatus::Available | ImageStatus::Deprecated | ImageStatus::Disabled) => {
                self.ended(arn, ImageResult::Available { amis: amis(&image)? }).await?
            }
            Some(ImageStatus::Failed) => {
                let reason = image.state().and_then(|state| state.reason()).unwrap_or("Image Builder gives no reason");
                let failure = self.failure(arn, reason).await?;
                self.ended(arn, failure).await?
            }
            Some(ImageStatus::Cancelled | ImageStatus::Deleted) => self.ended(arn, ImageResult::Cancelled).await?,
            _ => ImageState::InProgress,
        };
        Ok(Some(Look { build, image: described(&image), state }))
    }

    /// An image build version. `None`: there is none.
    pub(super) async fn image(&self, arn: &str) -> Result<Option<Image>> {
        let found = self.client.get_image().image_build_version_arn(arn).send().await;
        Ok(unless(&[ABSENT], format!("looking at image {arn}"), found)?.and_then(|answer| answer.image))
    }

    async fn ended(&self, arn: &str, result: ImageResult) -> Result<ImageState> {
        let workflows = self.workflows(arn).await?;
        let ends = workflows.iter().filter_map(|workflow| workflow.end_time()?.parse().ok());
        Ok(ImageState::Ended { result, at: ends.max() })
    }

    async fn failure(&self, arn: &str, reason: &str) -> Result<ImageResult> {
        let failed =
            self.workflows(arn).await?.into_iter().find(|w| w.status() == Some(&WorkflowExecutionStatus::Failed));
        let mut step = None;
        let mut message = reason.to_owned();
        if let Some(workflow) = failed.and_then(|workflow| workflow.workflow_execution_id) {
            let answer = self
                .client
                .list_workflow_step_executions()
                .workflow_execution_id(workflow)
                .send()
                .await
                .map_err(|error| Error::from_sdk(format!("looking at the steps of image {arn}"), error))?;
            let mut steps = answer.steps.unwrap_or_default().into_iter();
            if let Some(failed) = steps.find(|step| step.status() == Some(&WorkflowStepExecutionStatus::Failed)) {
                step = failed.name.map(|name| printable(&name, 128));
                message = failed.message.filter(|message| !message.is_empty()).unwrap_or(message);
            }
        }
        Ok(ImageResult::Failed { step, message: printable(&message, 600) })
    }

    async fn workflows(&self, arn: &str) -> Result<Vec<aws_sdk_imagebuilder::types::WorkflowExecutionMetadata>> {
        let answer = self.client.list_workflow_executions().image_build_version_arn(arn).send().await;
        let answer =
            answer.map_err(|error| Error::from_sdk(format!("looking at the workflows of image {arn}"), error))?;
        Ok(answer.workflow_executions.unwrap_or_default())
    }
}

pub(super) fn described(image: &Image) -> BuilderImage {
    BuilderImage {
        arn: image.arn().unwrap_or_default().to_owned(),
        recipe: image.image_recipe().and_then(|recipe| recipe.arn()).map(str::to_owned),
        created_at: image.date_created().and_then(|date| date.parse().ok()),
    }
}

fn amis(image: &Image) -> Result<BTreeMap<Region, AmiId>> {
    let mut amis = BTreeMap::new();
    for ami in image.output_resources().map(|output| output.amis()).unwrap_or_default() {
        // A region whose copy failed has no image: it must not lose the others theirs.
        if let (Some(region), Some(id)) = (ami.region(), ami.image()) {
            let unreadable = |error: &dyn std::fmt::Display| Error::malformed("an image's list of AMIs", error);
            let region = region.parse().map_err(|error| unreadable(&error))?;
            amis.insert(region, id.parse().map_err(|error| unreadable(&error))?);
        }
    }
    Ok(amis)
}
