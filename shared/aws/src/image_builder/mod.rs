//! EC2 Image Builder: what a plan asks for is made, a build is started, looked at, and cleared away.
//!
//! Names carry what a thing is (a target, a content, a build number), so that its ARN is known without
//! asking, and making it again finds it made.

mod arns;
mod clear;
mod ensure;
mod look;
mod packages;

use aws_sdk_imagebuilder::Client;
use aws_sdk_imagebuilder::types::ImageTestsConfiguration;
use jiff::Timestamp;
use prism_domain::architecture::Architecture;
use prism_templates::ImagePlan;

use crate::error::{Error, Result};
use crate::fault;
use crate::settings;

pub use arns::Arns;
pub use look::{ImageState, Look};

/// For how long the tests of an image may run, in minutes.
const TEST_MINUTES: i32 = 180;

/// EC2 Image Builder, with the stack's infrastructure configurations.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    client: Client,
}

/// The ARN of the stack's infrastructure configuration for an architecture, from
/// `INFRASTRUCTURE_X86_64_ARN` or `INFRASTRUCTURE_ARM64_ARN`.
///
/// # Errors
///
/// If the variable is not set.
pub fn infrastructure(architecture: Architecture) -> Result<String> {
    settings::required(match architecture {
        Architecture::X86_64 => "INFRASTRUCTURE_X86_64_ARN",
        Architecture::Arm64 => "INFRASTRUCTURE_ARM64_ARN",
    })
}

impl ImageBuilder {
    /// Image Builder in the account and region of `config`.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Makes what the plan asks for, and starts the build, once: every call carries a token of the build.
    /// Answers the ARN of the image build version.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn start(&self, plan: &ImagePlan, infrastructure: &str, requested_at: Timestamp) -> Result<String> {
        let arns = Arns::of(plan, infrastructure)?;
        self.ensure_component(plan, &plan.component, &arns.component).await?;
        fault::point("start-image.component-made");
        for (patch, arn) in plan.patches.iter().zip(&arns.patches) {
            self.ensure_component(plan, patch, arn).await?;
            fault::point("start-image.patch-made");
        }
        self.ensure_recipe(plan, &arns).await?;
        fault::point("start-image.recipe-made");
        self.ensure_distribution(plan, &arns).await?;
        fault::point("start-image.distribution-made");
        let piped = self.ensure_pipeline(plan, &arns, infrastructure).await?;
        fault::point("start-image.pipeline-made");
        // A try before this one may have started it, by the other of the two calls or too long ago for its token.
        if self.is_started(&arns.image, requested_at).await? {
            return Ok(arns.image);
        }
        if piped {
            self.start_pipeline(plan, &arns).await
        } else {
            self.create_image(plan, &arns, infrastructure).await
        }
    }

    /// Whether there is the image of a build. One that is older than the request is what a stack that was deleted
    /// has left: it must not be taken for this build's.
    async fn is_started(&self, image: &str, requested_at: Timestamp) -> Result<bool> {
        let found = match self.client.get_image().image_build_version_arn(image).send().await {
            Ok(found) => found.image,
            Err(error) if ensure::is_absent(&error) => None,
            Err(error) => return Err(Error::from_sdk(format!("looking at image {image}"), error)),
        };
        let Some(found) = found else { return Ok(false) };
        let created_at: Option<Timestamp> = found.date_created().and_then(|date| date.parse().ok());
        match created_at {
            // Image Builder tells whole seconds.
            Some(at) if at.as_second() < requested_at.as_second() => Err(Error::malformed(
                format!("image {image}"),
                format!("it is of {at}, so it is another build's: delete it"),
            )),
            _ => Ok(true),
        }
    }

    async fn start_pipeline(&self, plan: &ImagePlan, arns: &Arns) -> Result<String> {
        let started = self
            .client
            .start_image_pipeline_execution()
            .image_pipeline_arn(&arns.pipeline)
            .client_token(plan.client_token("start"))
            .set_tags(Some(plan.tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("starting the pipeline of build {}", plan.build), error))?;
        started.image_build_version_arn.ok_or_else(|| Error::malformed("Image Builder's answer", "it names no image"))
    }

    /// The same build without a pipeline, for when the account has no more of them.
    async fn create_image(&self, plan: &ImagePlan, arns: &Arns, infrastructure: &str) -> Result<String> {
        let started = self
            .client
            .create_image()
            .image_recipe_arn(&arns.recipe)
            .distribution_configuration_arn(&arns.distribution)
            .infrastructure_configuration_arn(infrastructure)
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(true)
            .client_token(plan.client_token("start"))
            .set_tags(Some(plan.tags.clone().into_iter().collect()))
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("creating the image of build {}", plan.build), error))?;
        started.image_build_version_arn.ok_or_else(|| Error::malformed("Image Builder's answer", "it names no image"))
    }
}

fn tests() -> ImageTestsConfiguration {
    ImageTestsConfiguration::builder().image_tests_enabled(true).timeout_minutes(TEST_MINUTES).build()
}
