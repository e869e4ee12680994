//! The ARNs of what a plan asks for, known from its names.

use prism_domain::id::BuildId;
use prism_domain::provenance::OwnNames;
use prism_templates::{ComponentPlan, ImagePlan};

use super::Infrastructure;
use crate::error::{Error, Result};

/// The ARNs of what a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arns {
    /// The template's component's first build version.
    pub component: String,
    /// Those of the patch's components, in the plan's order.
    pub patches: Vec<String>,
    /// The distribution configuration.
    pub distribution: String,
    /// The pipeline.
    pub pipeline: String,
    /// The recipe, the image and the AMIs.
    pub own: OwnNames,
}

impl Arns {
    /// The ARNs of a plan, in the partition, region and account of an infrastructure configuration.
    /// Formats: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2imagebuilder.html>.
    ///
    /// # Errors
    ///
    /// If that is not an ARN of Image Builder.
    pub fn of(plan: &ImagePlan, infrastructure: &str) -> Result<Self> {
        let home = home(infrastructure)?;
        let component = |plan: &ComponentPlan| format!("{home}:component/{}/{}/1", plan.name, plan.version);
        Ok(Self {
            component: component(&plan.component),
            patches: plan.patches.iter().map(component).collect(),
            distribution: format!("{home}:distribution-configuration/{}", plan.distribution.name),
            pipeline: format!("{home}:image-pipeline/{}", plan.pipeline.name),
            own: names_in(&home, &plan.build),
        })
    }
}

/// The names of what Image Builder makes for a build, which follow from its number. Its image is the first build version of
/// its recipe, since no two builds share one.
///
/// # Errors
///
/// If the ARN of the stack's infrastructure configuration is none.
pub fn own_names(infrastructure: &Infrastructure, build: &BuildId) -> Result<OwnNames> {
    Ok(names_in(&home(infrastructure.of(build.target.architecture))?, build))
}

fn names_in(home: &str, build: &BuildId) -> OwnNames {
    let (name, version) = (prism_templates::recipe_name(&build.target), prism_templates::recipe_version(build));
    OwnNames {
        image: format!("{home}:image/{name}/{version}/1"),
        recipe: format!("{home}:image-recipe/{name}/{version}"),
        ami: prism_templates::ami_name_prefix(build),
    }
}

/// `arn:aws:imagebuilder:us-east-1:123456789012`, out of the ARN of anything there.
fn home(arn: &str) -> Result<String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    match parts.as_slice() {
        ["arn", partition, "imagebuilder", region, account, _] => {
            Ok(format!("arn:{partition}:imagebuilder:{region}:{account}"))
        }
        _ => Err(Error::malformed("the ARN of the infrastructure configuration", format!("it is \"{arn}\""))),
    }
}

/// The ARN of the recipe of an image build version.
///
/// # Errors
///
/// If that is not the ARN of one.
pub(super) fn recipe_of(image: &str) -> Result<String> {
    let parts: Vec<&str> = image.split('/').collect();
    match parts.as_slice() {
        [head, name, version, _build] => Ok(format!("{}:image-recipe/{name}/{version}", home(head)?)),
        _ => Err(Error::malformed("the ARN of an image", format!("it is \"{image}\""))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_s_number_leads_to_the_names_of_what_is_made_for_it() {
        let own = names_in("arn:aws:imagebuilder:us-east-1:123456789012", &"python-ml-x86_64-17".parse().unwrap());
        assert_eq!(own.image, "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.17/1");
        assert_eq!(recipe_of(&own.image).unwrap(), own.recipe);
        assert_eq!(own.ami, "prism-python-ml-x86_64-17 ");
    }

    #[test]
    fn the_recipe_of_an_image_is_known_from_its_arn() {
        let image = "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.17/1";
        let recipe = "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/prism-python-ml-x86-64/1.0.17";
        assert_eq!(recipe_of(image).unwrap(), recipe);
        assert!(recipe_of("image/prism").is_err());
    }
}
