//! Everything that starting an image needs, as one value.

use std::collections::BTreeMap;

use prism_domain::hash;
use prism_domain::id::{AmiId, BuildId, Region, Target};
use prism_domain::patch::{FrozenPatch, PatchId};
use prism_domain::problem::{Problem, Problems};
use serde::{Deserialize, Serialize};

use crate::base::root_device;
use crate::compile::{ComponentDocument, component, patch_components};
use crate::names;
use crate::resolve::ResolvedTemplate;

/// What EC2 Image Builder is asked for, for one build. A dry run prints it; starting the image sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImagePlan {
    /// The build.
    pub build: BuildId,
    /// `CreateComponent`.
    pub component: ComponentPlan,
    /// `CreateComponent`, for what the recipe applies before that: the components of a patch, none without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<ComponentPlan>,
    /// `CreateImageRecipe`.
    pub recipe: RecipePlan,
    /// `CreateDistributionConfiguration`, or an update of it.
    pub distribution: DistributionPlan,
    /// `CreateImagePipeline`, or an update of it.
    pub pipeline: PipelinePlan,
    /// The tags of every Image Builder resource and of the AMI: which template, build, base image and
    /// content, what it was patched with, and the template's own.
    pub tags: BTreeMap<String, String>,
}

impl ImagePlan {
    /// The token of the call of this purpose (`component`, `start`), of 36 characters. It tells builds of the same
    /// number apart that are made of something else, such as one of a stack that is gone.
    #[must_use]
    pub fn client_token(&self, purpose: &str) -> String {
        let components = std::iter::once(&self.component).chain(&self.patches);
        let parts: Vec<&str> = [purpose, self.recipe.parent_image.as_str()]
            .into_iter()
            .chain(components.map(|component| component.name.as_str()))
            .collect();
        names::client_token(&self.build, &parts.join("/"))
    }
}

/// A component: what is installed and checked.
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

/// Plans the image of a build on a base AMI, with a patch if there is one, for the regions in their order.
///
/// # Errors
/// Every fault at once: a component that is too long, no region, a build of another template, a patch that names
/// what can't be.
pub fn image_plan(
    resolved: &ResolvedTemplate,
    build: &BuildId,
    base_image_id: &AmiId,
    regions: &[Region],
    patch: Option<&FrozenPatch>,
) -> Result<ImagePlan, Problems> {
    let mut problems = Vec::new();
    let target = &build.target;
    if target.template != resolved.name {
        problems.push(Problem::new("build", format!("{build} is not a build of {}", resolved.name)));
    }
    if regions.is_empty() {
        problems.push(Problem::new("regions", "are missing; give at least one, such as us-east-1"));
    }
    let patches = patch.map_or(Ok(Vec::new()), |patch| patch_plans(resolved, target, patch));
    let (data, patches) = match (component(resolved), patches) {
        (Ok(data), Ok(patches)) if problems.is_empty() => (data, patches),
        (data, patches) => {
            problems.extend(data.err().into_iter().flat_map(|Problems(more)| more));
            problems.extend(patches.err().into_iter().flat_map(|Problems(more)| more));
            return Err(Problems(problems));
        }
    };
    let tags = tags(resolved, build, base_image_id, patch);
    let about = format!("Template {} on {base_image_id} ({}), build {build}", resolved.name, resolved.base);
    let made_for = format!("Builds {} for {}", target.template, target.architecture);
    Ok(ImagePlan {
        build: build.clone(),
        component: ComponentPlan {
            name: names::component_name(&resolved.name, &resolved.content_hash()),
            version: names::COMPONENT_VERSION.to_owned(),
            platform: "Linux".to_owned(),
            description: format!("Builds and tests template {}", resolved.name),
            data,
        },
        patches,
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
            name: names::recipe_name(target),
            description: made_for.clone(),
            regions: distributions(build, regions, &about, &tags),
        },
        pipeline: PipelinePlan { name: names::recipe_name(target), description: made_for },
        tags,
    })
}

fn patch_plans(
    resolved: &ResolvedTemplate,
    target: &Target,
    patch: &FrozenPatch,
) -> Result<Vec<ComponentPlan>, Problems> {
    let documents = patch_components(resolved, target, patch)?;
    let plan = |data: ComponentDocument| ComponentPlan {
        name: names::patch_component_name(&data),
        version: names::COMPONENT_VERSION.to_owned(),
        platform: "Linux".to_owned(),
        description: format!("Updates the base of {target}, and checks that what was found to be lacking is there"),
        data,
    };
    Ok(documents.into_iter().map(plan).collect())
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
fn tags(
    resolved: &ResolvedTemplate,
    build: &BuildId,
    base_image_id: &AmiId,
    patch: Option<&FrozenPatch>,
) -> BTreeMap<String, String> {
    let lineage = [
        ("prism:template", resolved.name.to_string()),
        ("prism:build-id", build.to_string()),
        ("prism:base-image-id", base_image_id.to_string()),
        ("prism:content", resolved.content_hash()),
    ];
    let own = resolved.tags.iter().map(|(key, value)| (key.clone(), value.clone()));
    let release = patch.and_then(|patch| patch.release.clone()).map(|release| ("prism:release", release));
    let patched = patch.map(|patch| ("prism:patch", named(&patch.ids)));
    let lineage = lineage.into_iter().chain(release).chain(patched);
    own.chain(lineage.map(|(key, value)| (key.to_owned(), value))).collect()
}

/// The most characters of a tag's value.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html>.
const TAG_CHARACTERS: usize = 256;

/// Patches as a tag names them: by their ids, or, if those are too long, by their number and a hash of them.
fn named(ids: &[PatchId]) -> String {
    let all = ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
    if all.len() <= TAG_CHARACTERS { all } else { format!("{} patches {}", ids.len(), hash::short(&all)) }
}
