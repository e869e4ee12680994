//! Making what a plan asks for, where it is not made already.

use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, ComponentConfiguration, Distribution, EbsInstanceBlockDeviceSpecification,
    EbsVolumeType, InstanceBlockDeviceMapping, Platform,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use prism_templates::{ComponentPlan, ImagePlan};

use super::arns::Arns;
use super::{ImageBuilder, tests};
use crate::error::{Error, Result};

/// How Image Builder says that a thing of this name and version is there.
fn is_there(error: &impl ProvideErrorMetadata) -> bool {
    matches!(error.code(), Some("ResourceAlreadyExistsException" | "ResourceInUseException"))
}

impl ImageBuilder {
    /// A component of the plan, named by its content. It is looked up first, since Image Builder answers a second
    /// one of the same name and version with a second build version of it.
    pub(super) async fn ensure_component(&self, plan: &ImagePlan, component: &ComponentPlan, arn: &str) -> Result<()> {
        let action = || format!("making component {}", component.name);
        match self.client.get_component().component_build_version_arn(arn).send().await {
            Ok(_) => return Ok(()),
            Err(error) if is_absent(&error) => {}
            Err(error) => return Err(Error::from_sdk(action(), error)),
        }
        let made = self
            .client
            .create_component()
            .name(&component.name)
            .semantic_version(&component.version)
            .description(&component.description)
            .platform(Platform::Linux)
            .data(component.data.as_str())
            .client_token(plan.client_token(&format!("component {}", component.name)))
            .tags("prism:template", plan.build.target.template.as_str())
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(is_there) => Ok(()),
            Err(error) => Err(Error::from_sdk(action(), error)),
        }
    }

    /// The recipe, numbered as the build.
    pub(super) async fn ensure_recipe(&self, plan: &ImagePlan, arns: &Arns) -> Result<()> {
        let recipe = &plan.recipe;
        let volume = EbsInstanceBlockDeviceSpecification::builder()
            .encrypted(recipe.root_volume.encrypted)
            .delete_on_termination(true)
            .volume_size(i32::try_from(recipe.root_volume.size_gib).unwrap_or(i32::MAX))
            .volume_type(EbsVolumeType::from(recipe.root_volume.volume_type.as_str()))
            .build();
        let mapping = InstanceBlockDeviceMapping::builder().device_name(&recipe.root_volume.device_name).ebs(volume);
        // What a patch brings to the base comes before what the template puts on it.
        let components = (arns.patches.iter())
            .chain([&arns.component])
            .map(|arn| ComponentConfiguration::builder().component_arn(arn).build())
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| Error::malformed("a recipe", error))?;
        let made = self
            .client
            .create_image_recipe()
            .name(&recipe.name)
            .semantic_version(&recipe.version)
            .description(&recipe.description)
            .parent_image(recipe.parent_image.as_str())
            .set_components(Some(components))
            .block_device_mappings(mapping.build())
            .set_ami_tags(Some(recipe.ami_tags.clone().into_iter().collect()))
            .client_token(plan.client_token("recipe"))
            .set_tags(Some(plan.tags.clone().into_iter().collect()))
            .send()
            .await;
        match made {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(is_there) => self.recognise_recipe(plan, arns).await,
            Err(error) => Err(Error::from_sdk(format!("making recipe {} {}", recipe.name, recipe.version), error)),
        }
    }

    /// Makes sure that a recipe that is there is this build's: a stack that was deleted may have left one of the
    /// same number, on an older base image or with another patch.
    async fn recognise_recipe(&self, plan: &ImagePlan, arns: &Arns) -> Result<()> {
        let action = format!("recipe {} {}", plan.recipe.name, plan.recipe.version);
        let found = self.client.get_image_recipe().image_recipe_arn(&arns.recipe).send().await;
        let found = found.map_err(|error| Error::from_sdk(format!("looking at {action}"), error))?.image_recipe;
        let parent = found.as_ref().and_then(|recipe| recipe.parent_image()).unwrap_or_default();
        if parent != plan.recipe.parent_image.as_str() {
            return Err(Error::malformed(
                action,
                format!("it stands on {parent}, so it is another build's: delete it"),
            ));
        }
        let applied = found.as_ref().map(|recipe| recipe.components()).unwrap_or_default();
        let is_applied = |name: &str| applied.iter().any(|one| one.component_arn().contains(&format!("/{name}/")));
        if applied.len() != plan.patches.len() + 1 || !plan.patches.iter().all(|patch| is_applied(&patch.name)) {
            return Err(Error::malformed(action, "it has another patch, so it is another build's: delete it"));
        }
        Ok(())
    }

    /// The distribution configuration of the target, brought up to date.
    pub(super) async fn ensure_distribution(&self, plan: &ImagePlan, arns: &Arns) -> Result<()> {
        let name = &plan.distribution.name;
        let distributions = distributions(plan)?;
        let made = self
            .client
            .create_distribution_configuration()
            .name(name)
            .description(&plan.distribution.description)
            .set_distributions(Some(distributions.clone()))
            .client_token(plan.client_token("distribution"))
            .tags("prism:template", plan.build.target.template.as_str())
            .send()
            .await;
        match made {
            Ok(_) => return Ok(()),
            Err(error) if error.as_service_error().is_some_and(is_there) => {}
            Err(error) => return Err(Error::from_sdk(format!("making distribution configuration {name}"), error)),
        }
        self.client
            .update_distribution_configuration()
            .distribution_configuration_arn(&arns.distribution)
            .description(&plan.distribution.description)
            .set_distributions(Some(distributions))
            .client_token(plan.client_token("distribution-update"))
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::from_sdk(format!("updating distribution configuration {name}"), error))
    }

    /// The pipeline of the target, brought up to date. `false`: the account has no more of them.
    pub(super) async fn ensure_pipeline(&self, plan: &ImagePlan, arns: &Arns, infrastructure: &str) -> Result<bool> {
        let name = &plan.pipeline.name;
        let made = self
            .client
            .create_image_pipeline()
            .name(name)
            .description(&plan.pipeline.description)
            .image_recipe_arn(&arns.recipe)
            .infrastructure_configuration_arn(infrastructure)
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(true)
            .client_token(plan.client_token("pipeline"))
            .tags("prism:template", plan.build.target.template.as_str())
            .send()
            .await;
        match made {
            Ok(_) => return Ok(true),
            Err(error) if error.as_service_error().is_some_and(is_there) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_service_quota_exceeded_exception()) => {
                return Ok(false);
            }
            Err(error) => return Err(Error::from_sdk(format!("making pipeline {name}"), error)),
        }
        self.client
            .update_image_pipeline()
            .image_pipeline_arn(&arns.pipeline)
            .description(&plan.pipeline.description)
            .image_recipe_arn(&arns.recipe)
            .infrastructure_configuration_arn(infrastructure)
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(true)
            .client_token(plan.client_token("pipeline-update"))
            .send()
            .await
            .map(|_| true)
            .map_err(|error| Error::from_sdk(format!("updating pipeline {name}"), error))
    }
}

/// Whether Image Builder says that there is no such thing.
pub(super) fn is_absent<E: ProvideErrorMetadata, R>(error: &aws_sdk_imagebuilder::error::SdkError<E, R>) -> bool {
    error.as_service_error().is_some_and(|error| error.code() == Some("ResourceNotFoundException"))
}

fn distributions(plan: &ImagePlan) -> Result<Vec<Distribution>> {
    let one = |ami: &prism_templates::AmiDistribution| {
        let configuration = AmiDistributionConfiguration::builder()
            .name(&ami.name)
            .description(&ami.description)
            .set_ami_tags(Some(ami.ami_tags.clone().into_iter().collect()))
            .build();
        Distribution::builder()
            .region(ami.region.as_str())
            .ami_distribution_configuration(configuration)
            .build()
            .map_err(|error| Error::malformed("a distribution", error))
    };
    plan.distribution.regions.iter().map(one).collect()
}
