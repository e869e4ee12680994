//! What things are called in EC2 Image Builder.
//!
//! Its names take letters, digits, spaces, `-` and `_`, and its ARNs lower case and hyphens for the last
//! two: with hyphens throughout, the name in the console is the name in the ARN, and everything of ours
//! begins with `prism-`, to which the roles' permissions are scoped.
//! Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateImageRecipe.html>.

use prism_domain::hash;
use prism_domain::id::{BuildId, Target, TemplateName};
use sha2::{Digest, Sha256};

use crate::compile::ComponentDocument;
use crate::resolve::hex;

/// The version of every component, since its content is in its name.
pub const COMPONENT_VERSION: &str = "1.0.0";

/// `prism-python-ml-0123456789ab`: the template and [its content's hash](crate::ResolvedTemplate::content_hash).
#[must_use]
pub fn component_name(template: &TemplateName, content_hash: &str) -> String {
    format!("prism-{template}-{content_hash}")
}

/// `prism-patch-0123456789ab`: a component of a patch, by what is in it, which names its target.
#[must_use]
pub fn patch_component_name(document: &ComponentDocument) -> String {
    format!("prism-patch-{}", hash::short(document.as_str()))
}

/// `prism-python-ml-x86-64`: the recipe, and so the middle of the ARN of its images. The pipeline and the distribution
/// configuration of a target are called so too.
#[must_use]
pub fn recipe_name(target: &Target) -> String {
    format!("prism-{}-{}", target.template, target.architecture.as_str().replace('_', "-"))
}

/// `1.0.17` for build 17.
#[must_use]
pub fn recipe_version(build: &BuildId) -> String {
    format!("1.0.{}", build.number)
}

/// The AMI's name: the build, which makes it unique, and when it was built, on which Image Builder
/// insists. With the date filled in it has at most 101 of the 127 characters that are allowed.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AmiDistributionConfiguration.html>.
#[must_use]
pub fn ami_name(build: &BuildId) -> String {
    format!("{}{{{{ imagebuilder:buildDate }}}}", ami_name_prefix(build))
}

/// What the AMI's name begins with, before its date. No other build's AMI is called so.
#[must_use]
pub fn ami_name_prefix(build: &BuildId) -> String {
    format!("prism-{build} ")
}

/// The token of one call that a build makes: 36 characters, always the same for the same build and
/// purpose, so that a call that is made again does nothing twice. A change of what is sent needs another
/// purpose.
#[must_use]
pub fn client_token(build: &BuildId, purpose: &str) -> String {
    let digest = hex(&Sha256::digest(format!("{build}/{purpose}"))[..16]);
    [&digest[..8], &digest[8..12], &digest[12..16], &digest[16..20], &digest[20..]].join("-")
}
