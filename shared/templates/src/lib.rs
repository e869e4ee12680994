//! Templates: what people write about the images they want, and what EC2 Image Builder is given.
//!
//! ```text
//! YAML ── parse ──► Template ── resolve ──► ResolvedTemplate ── image_plan ──► ImagePlan
//! ```
//!
//! Nothing here calls AWS, reads a clock or a file: every step is a function of values, and its answer
//! can be printed. A template is untrusted input whose text ends up in a root shell on the builder, so
//! that each kind of text has a list of characters that it may hold, and is single-quoted there as well.

mod allow;
mod base;
mod compile;
mod lineage;
mod names;
mod package;
mod plan;
mod read;
mod resolve;
mod shell;
mod template;
mod yaml;

pub use base::SystemManager;
pub use compile::{ComponentDocument, MAX_COMPONENT_CHARACTERS, component};
pub use names::{
    COMPONENT_VERSION, ami_name, ami_name_prefix, client_token, component_name, patch_component_name, recipe_name,
    recipe_version,
};
pub use plan::{
    AmiDistribution, ComponentPlan, DistributionPlan, ImagePlan, PipelinePlan, RecipePlan, RootVolume, image_plan,
};
pub use read::{from_json, slug_of};
pub use resolve::{ResolvedTemplate, resolve};
pub use shell::quote;
pub use template::{InstanceDefaults, PackageManager, Packages, Service, Template, User};
pub use yaml::{MAX_YAML_BYTES, parse};
