//! Making what a plan asks for, where it is not made already.

use std::collections::BTreeMap;

use aws_sdk_imagebuilder::types::{
    AmiDistributionConfiguration, ComponentConfiguration, Distribution, EbsInstanceBlockDeviceSpecification,
    EbsVolumeType, InstanceBlockDeviceMapping, Platform,
};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use prism_templates::{ComponentPlan, ImagePlan};

use super::arns::Arns;
use super::{Builders, ImageBuilder, tests};
use crate::error::{Error, Result, unless};

/// How Image Builder says that there is no such thing.
pub(super) const ABSENT: &str = "ResourceNotFoundException";

/// How Image Builder says that a thing of this name and version is there.
const IS_THERE: [&str; 2] = ["ResourceAlreadyExistsException", "ResourceInUseException"];

/// Checks that an existing component is the plan's: somebody else in the account may have made one of the same name. `data`:
/// its document, if Image Builder returns it.
fn recognise_component(plan: &ComponentPlan, data: Option<&str>) -> Result<()> {
    let is_other = data.is_some_and(|data| data.trim() != plan.data.as_str().trim());
    let told = || "its document is another one, so somebody else made it: delete it";
    if is_other { Err(Error::malformed(format!("component {}", plan.name), told())) } else { Ok(()) }
}

impl ImageBuilder {
    /// A component of the plan, named by its content. It is looked up first, since Image Builder answers a second
    /// one of the same name and version with a second build version of it.
    pub(super) async fn ensure_component(&self, plan: &ImagePlan, component: &ComponentPlan, arn: &str) -> Result<()> {
        let action = || format!("making component {}", component.name);
        let found = self.client.get_component().component_build_version_arn(arn).send().await;
        if let Some(found) = unless(&[ABSENT], action(), found)? {
            let data = found.component.and_then(|component| component.data);
            return recognise_component(component, data.as_deref());
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
        unless(&IS_THERE, action(), made).map(|_| ())
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
        match unless(&IS_THERE, format!("making recipe {} {}", recipe.name, recipe.version), made)? {
            Some(_) => Ok(()),
            None => self.recognise_recipe(plan, arns).await,
        }
    }

    /// Checks that an existing recipe is this build's. A deleted stack may have left one of the same number, or somebody else
    /// in the account may have made it.
    async fn recognise_recipe(&self, plan: &ImagePlan, arns: &Arns) -> Result<()> {
        let action = format!("recipe {} {}", plan.recipe.name, plan.recipe.version);
        let found = self.client.get_image_recipe().image_recipe_arn(&arns.own.recipe).send().await;
        let found = found.map_err(|error| Error::from_sdk(format!("looking at {action}"), error))?.image_recipe;
        let other = |what: String| {
            Err(Error::malformed(action.clone(), format!("{what}, so it is another build's: delete it")))
        };
        let Some(found) = found else { return other("it is empty".to_owned()) };
        let parent = found.parent_image().unwrap_or_default();
        if parent != plan.recipe.parent_image.as_str() {
            return other(format!("it stands on {parent}"));
        }
        let components = found.components().iter().map(ComponentConfiguration::component_arn);
        if !components.eq(arns.patches.iter().chain([&arns.component]).map(String::as_str)) {
            return other("it has other components".to_owned());
        }
        let volume = &plan.recipe.root_volume;
        let is_planned = |mapping: &InstanceBlockDeviceMapping| {
            let size = mapping.ebs().and_then(EbsInstanceBlockDeviceSpecification::volume_size);
            mapping.device_name() == Some(&volume.device_name)
                && size.and_then(|size| size.try_into().ok()) == Some(volume.size_gib)
        };
        if found.block_device_mappings().len() != 1 || !found.block_device_mappings().iter().all(is_planned) {
            return other("it has other volumes".to_owned());
        }
        let tags = found.ami_tags().cloned().unwrap_or_default();
        if tags.into_iter().collect::<BTreeMap<_, _>>() != plan.recipe.ami_tags {
            return other("it tags AMIs otherwise".to_owned());
        }
        if found.additional_instance_configuration().is_some_and(|more| more.user_data_override().is_some()) {
            return other("it runs user data".to_owned());
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
        if unless(&IS_THERE, format!("making distribution configuration {name}"), made)?.is_some() {
            return Ok(());
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
    pub(super) async fn ensure_pipeline(&self, plan: &ImagePlan, arns: &Arns, builders: &Builders) -> Result<bool> {
        let name = &plan.pipeline.name;
        let made = self
            .client
            .create_image_pipeline()
            .name(name)
            .description(&plan.pipeline.description)
            .image_recipe_arn(&arns.own.recipe)
            .infrastructure_configuration_arn(builders.infrastructure(plan))
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(builders.metadata)
            .logging_configuration(builders.pipeline_log())
            .client_token(plan.client_token("pipeline"))
            .tags("prism:template", plan.build.target.template.as_str())
            .send()
            .await;
        if made.as_ref().is_err_and(|error| error.code() == Some("ServiceQuotaExceededException")) {
            return Ok(false);
        }
        if unless(&IS_THERE, format!("making pipeline {name}"), made)?.is_some() {
            return Ok(true);
        }
        self.client
            .update_image_pipeline()
            .image_pipeline_arn(&arns.pipeline)
            .description(&plan.pipeline.description)
            .image_recipe_arn(&arns.own.recipe)
            .infrastructure_configuration_arn(builders.infrastructure(plan))
            .distribution_configuration_arn(&arns.distribution)
            .image_tests_configuration(tests())
            .enhanced_image_metadata_enabled(builders.metadata)
            .logging_configuration(builders.pipeline_log())
            .client_token(plan.client_token("pipeline-update"))
            .send()
            .await
            .map(|_| true)
            .map_err(|error| Error::from_sdk(format!("updating pipeline {name}"), error))
    }
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
