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
use aws_sdk_imagebuilder::types::{ImageLoggingConfiguration, ImageTestsConfiguration, PipelineLoggingConfiguration};
use prism_domain::architecture::Architecture;
use prism_domain::build::Build;
use prism_domain::provenance::{OwnNames, verify_origin};
use prism_templates::ImagePlan;

use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::fault;

pub use arns::{Arns, own_names};
pub use look::{ImageState, Look};

/// For how long the tests of an image may run, in minutes.
const TEST_MINUTES: i32 = 180;

/// EC2 Image Builder, with the stack's infrastructure configurations.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    client: Client,
}

/// The ARNs of the stack's infrastructure configurations.
#[derive(Debug, Clone)]
pub struct Infrastructure {
    x86_64: String,
    arm64: String,
}

impl Infrastructure {
    /// Those in `INFRASTRUCTURE_X86_64_ARN` and `INFRASTRUCTURE_ARM64_ARN`.
    ///
    /// # Errors
    ///
    /// If a variable is not set.
    pub fn of_stack(environment: &Environment) -> Result<Self> {
        let arn = |variable| environment.required(variable).map(str::to_owned);
        Ok(Self { x86_64: arn("INFRASTRUCTURE_X86_64_ARN")?, arm64: arn("INFRASTRUCTURE_ARM64_ARN")? })
    }

    /// The one for an architecture.
    #[must_use]
    pub fn of(&self, architecture: Architecture) -> &str {
        match architecture {
            Architecture::X86_64 => &self.x86_64,
            Architecture::Arm64 => &self.arm64,
        }
    }
}

/// What the stack gives to every build.
#[derive(Debug, Clone)]
pub struct Builders {
    /// The infrastructure configurations.
    infrastructure: Infrastructure,
    /// The log group that Image Builder writes.
    log_group: String,
    /// Whether Image Builder lists the packages of each image.
    metadata: bool,
}

impl Builders {
    /// The infrastructure configurations, the log group in `BUILDER_LOG_GROUP`, and `IMAGE_METADATA`.
    ///
    /// # Errors
    ///
    /// If a variable is not set.
    pub fn configured(environment: &Environment) -> Result<Self> {
        Ok(Self {
            infrastructure: Infrastructure::of_stack(environment)?,
            log_group: environment.required("BUILDER_LOG_GROUP")?.to_owned(),
            metadata: environment.parsed("IMAGE_METADATA")?,
        })
    }

    fn infrastructure(&self, plan: &ImagePlan) -> &str {
        self.infrastructure.of(plan.build.target.architecture)
    }

    fn image_log(&self) -> ImageLoggingConfiguration {
        ImageLoggingConfiguration::builder().log_group_name(&self.log_group).build()
    }

    fn pipeline_log(&self) -> PipelineLoggingConfiguration {
        let log = PipelineLoggingConfiguration::builder();
        log.image_log_group_name(&self.log_group).pipeline_log_group_name(&self.log_group).build()
    }
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
    /// If AWS fails, or if a recipe or image of the build's number is not the build's.
    pub async fn start(&self, plan: &ImagePlan, builders: &Builders, build: &Build) -> Result<String> {
        let arns = Arns::of(plan, builders.infrastructure(plan))?;
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
        let piped = self.ensure_pipeline(plan, &arns, builders).await?;
        fault::point("start-image.pipeline-made");
        // A try before this one may have started it, by the other of the two calls or too long ago for its token.
        if self.is_started(build, &arns.own).await? {
            return Ok(arns.own.image);
        }
        let started = if piped {
            self.start_pipeline(plan, &arns).await?
        } else {
            self.create_image(plan, &arns, builders).await?
        };
        if started != arns.own.image {
            let said = format!("it names {started}, and the build's image is {}", arns.own.image);
            return Err(Error::malformed("Image Builder's answer", said));
        }
        Ok(started)
    }

    /// Whether there is the image of a build. One that is older than the request is what a stack that was deleted
    /// has left: it must not be taken for this build's.
    async fn is_started(&self, build: &Build, own: &OwnNames) -> Result<bool> {
        let Some(found) = self.image(&own.image).await? else { return Ok(false) };
        match verify_origin(build, own, &look::described(&found)) {
            Ok(()) => Ok(true),
            Err(rejected) => Err(Error::malformed(
                format!("image {}", own.image),
                format!("{rejected}, so it is another build's: delete it"),
            )),
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
    async fn create_image(&self, plan: &ImagePlan, arns: &Arns, builders: &Builders) -> Result<String> {
        let started = self
            .client
            .create_image()
            .image_recipe_arn(&arns.own.recipe)
            .distribution_configuration_arn(&arns.distribution)
            .infrastructure_configuration_arn(builders.infrastructure(plan))
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(builders.metadata)
            .logging_configuration(builders.image_log())
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
