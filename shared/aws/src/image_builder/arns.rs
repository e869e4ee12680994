//! The ARNs of what a plan asks for, known from its names.

use prism_templates::{ComponentPlan, ImagePlan};

use crate::error::{Error, Result};

/// The ARNs of what a plan asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arns {
    /// The template's component's first build version.
    pub component: String,
    /// Those of the patch's components, in the plan's order.
    pub patches: Vec<String>,
    /// The recipe.
    pub recipe: String,
    /// The distribution configuration.
    pub distribution: String,
    /// The pipeline.
    pub pipeline: String,
    /// The image build version: the first, since no two builds share a recipe.
    pub image: String,
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
            recipe: format!("{home}:image-recipe/{}/{}", plan.recipe.name, plan.recipe.version),
            distribution: format!("{home}:distribution-configuration/{}", plan.distribution.name),
            pipeline: format!("{home}:image-pipeline/{}", plan.pipeline.name),
            image: format!("{home}:image/{}/{}/1", plan.recipe.name, plan.recipe.version),
        })
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
    fn the_recipe_of_an_image_is_known_from_its_arn() {
        let image = "arn:aws:imagebuilder:us-east-1:123456789012:image/prism-python-ml-x86-64/1.0.17/1";
        let recipe = "arn:aws:imagebuilder:us-east-1:123456789012:image-recipe/prism-python-ml-x86-64/1.0.17";
        assert_eq!(recipe_of(image).unwrap(), recipe);
        assert!(recipe_of("image/prism").is_err());
    }
}
