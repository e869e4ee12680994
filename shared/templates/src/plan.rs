//! Everything that starting an image needs, as one value.

use std::collections::BTreeMap;

use prism_domain::id::{AmiId, BuildId, Region};
use prism_domain::problem::{Problem, Problems};
use serde::{Deserialize, Serialize};

use crate::base::root_device;
use crate::compile::{ComponentDocument, component};
use crate::names;
use crate::resolve::ResolvedTemplate;

/// What EC2 Image Builder is asked for, for one build. A dry run prints it; starting the image sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePlan {
    /// The build.
    pub build: BuildId,
    /// `CreateComponent`.
    pub component: ComponentPlan,
    /// `CreateImageRecipe`.
    pub recipe: RecipePlan,
    /// `CreateDistributionConfiguration`, or an update of it.
    pub distribution: DistributionPlan,
    /// `CreateImagePipeline`, or an update of it.
    pub pipeline: PipelinePlan,
    /// The tags of every Image Builder resource and of the AMI: which template, build, base image and
    /// content, and the template's own.
    pub tags: BTreeMap<String, String>,
}

impl ImagePlan {
    /// The token of the call of this purpose (`component`, `start`), of 36 characters. It tells builds of the same
    /// number apart that are made of something else, such as one of a stack that is gone.
    #[must_use]
    pub fn client_token(&self, purpose: &str) -> String {
        names::client_token(&self.build, &format!("{purpose}/{}/{}", self.recipe.parent_image, self.component.name))
    }
}

/// The component: what is installed and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentPlan {
    /// Its name, with the content's hash.
    pub name: String,
    /// Always `1.0.0`.
    pub version: String,
    /// Always `Linux`.
    pub platform: String,
    /// What it is for.
    pub description: String,
    /// The document, inline.
    pub data: ComponentDocument,
}

/// The recipe: what the component is put on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipePlan {
    /// Its name.
    pub name: String,
    /// `1.0.<build number>`.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The base AMI itself. A name that resolves at build time would break the lineage.
    pub parent_image: AmiId,
    /// The root volume.
    pub root_volume: RootVolume,
    /// The tags of the AMI from the moment that it exists, so that one whose test failed has them too.
    pub ami_tags: BTreeMap<String, String>,
}

/// The root volume of the build instance and of the AMI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootVolume {
    /// The device, as the base's publisher registers it. EC2's word for it (`RootDeviceName`) wins where
    /// it is known.
    pub device_name: String,
    /// Its size in GiB.
    pub size_gib: u32,
    /// Always `gp3`.
    pub volume_type: String,
    /// Always true, under the account's default key.
    pub encrypted: bool,
}

/// The distribution configuration: where the AMI goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DistributionPlan {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The regions, in the order given, each once.
    pub regions: Vec<AmiDistribution>,
}

/// The AMI in one region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AmiDistribution {
    /// The region.
    pub region: Region,
    /// The AMI's name, with Image Builder's date in it.
    pub name: String,
    /// The AMI's description there; copies get none by themselves.
    pub description: String,
    /// The AMI's tags there.
    pub ami_tags: BTreeMap<String, String>,
}

/// The pipeline of the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelinePlan {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
}

/// Plans the image of a build on a base AMI, for the regions in their order.
///
/// # Errors
/// Every fault at once: a component that is too long, no region, a build of another template.
pub fn image_plan(
    resolved: &ResolvedTemplate,
    build: &BuildId,
    base_image_id: &AmiId,
    regions: &[Region],
) -> Result<ImagePlan, Problems> {
    let mut problems = Vec::new();
    let target = &build.target;
    if target.template != resolved.name {
        problems.push(Problem::new("build", format!("{build} is not a build of {}", resolved.name)));
    }
    if regions.is_empty() {
        problems.push(Problem::new("regions", "are missing; give at least one, such as us-east-1"));
    }
    let data = match component(resolved) {
        Ok(data) if problems.is_empty() => data,
        Ok(_) => return Err(Problems(problems)),
        Err(Problems(more)) => {
            problems.extend(more);
            return Err(Problems(problems));
        }
    };
    let tags = tags(resolved, build, base_image_id);
    let about = format!("Template {} on {base_image_id} ({}), build {build}", resolved.name, resolved.base);
    let made_for = format!("Builds {} for {}", target.template, target.architecture);
    Ok(ImagePlan {
        build: build.clone(),
        component: ComponentPlan {
            name: names::component_name(resolved),
            version: names::COMPONENT_VERSION.to_owned(),
            platform: "Linux".to_owned(),
            description: format!("Builds and tests template {}", resolved.name),
            data,
        },
        recipe: RecipePlan {
            name: names::recipe_name(target),
            version: names::recipe_version(build),
            description: about.clone(),
            parent_image: base_image_id.clone(),
            root_volume: RootVolume {
                device_name: root_device(&resolved.base).to_owned(),
                size_gib: resolved.root_volume_gb,
                volume_type: "gp3".to_owned(),
                encrypted: true,
            },
            ami_tags: tags.clone(),
        },
        distribution: DistributionPlan {
            name: names::distribution_name(target),
            description: made_for.clone(),
            regions: distributions(build, regions, &about, &tags),
        },
        pipeline: PipelinePlan { name: names::pipeline_name(target), description: made_for },
        tags,
    })
}

fn distributions(
    build: &BuildId,
    regions: &[Region],
    description: &str,
    ami_tags: &BTreeMap<String, String>,
) -> Vec<AmiDistribution> {
    let mut distributions: Vec<AmiDistribution> = Vec::new();
    for region in regions {
        if !distributions.iter().any(|known| known.region == *region) {
            distributions.push(AmiDistribution {
                region: region.clone(),
                name: names::ami_name(build),
                description: description.to_owned(),
                ami_tags: ami_tags.clone(),
            });
        }
    }
    distributions
}

/// The lineage, and the template's own tags. A template's tags can't begin with `prism:`.
fn tags(resolved: &ResolvedTemplate, build: &BuildId, base_image_id: &AmiId) -> BTreeMap<String, String> {
    let lineage = [
        ("prism:template", resolved.name.to_string()),
        ("prism:build-id", build.to_string()),
        ("prism:base-image-id", base_image_id.to_string()),
        ("prism:content", resolved.content_hash()),
    ];
    let own = resolved.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
    own.chain(lineage.map(|(key, value)| (key.to_owned(), value))).collect()
}
