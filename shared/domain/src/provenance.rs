//! Whether an image is a build's own. A tag is a claim that anyone may make: it names a candidate and proves nothing.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::build::Build;
use crate::claim::{Held, Stage};
use crate::id::AmiId;

/// The names that a build's number leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnNames {
    /// The ARN of its image build version.
    pub image: String,
    /// The ARN of its recipe.
    pub recipe: String,
    /// What the names of its AMIs begin with.
    pub ami: String,
}

/// An image build version, as Image Builder describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuilderImage {
    /// Its ARN.
    pub arn: String,
    /// The ARN of the recipe that it is built from.
    pub recipe: Option<String>,
    /// When it was asked for.
    pub created_at: Option<Timestamp>,
}

/// An AMI of this account, as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ami {
    /// Its id.
    pub id: AmiId,
    /// Its name, which EC2 lets nobody change.
    pub name: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// The snapshots that it is made of.
    pub snapshots: Vec<String>,
}

/// A snapshot of this account, as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Its id.
    pub id: String,
    /// What EC2 wrote when it was made, which nobody can change.
    pub description: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// When it was begun.
    pub created_at: Option<Timestamp>,
}

/// The tag of an AMI that names its build.
pub const BUILD_TAG: &str = "prism:build-id";

/// What Image Builder tags AMIs with; a policy of AWS's own lets Image Builder delete only snapshots with the first tag.
/// Sources: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/tag-resources.html>,
/// <https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html>.
const CREATED_BY: (&str, &str) = ("CreatedBy", "EC2 Image Builder");

/// The tag with the ARN of the image that an AMI, or a snapshot of it, is of. Source: the first of the above.
pub const IMAGE_TAG: &str = "Ec2ImageBuilderArn";

/// Why something is not believed to be a build's own.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// Its ARN is not the one that the build's number leads to.
    #[error("its ARN is not the one of the build's image")]
    OtherArn,
    /// It is not built from the build's recipe.
    #[error("it is not built from the build's recipe")]
    OtherRecipe,
    /// It is not called as the build's AMIs are.
    #[error("it does not have the name of an AMI of the build")]
    OtherName,
    /// This tag is not what it is on what Image Builder makes for the build.
    #[error("its tag {0} is not the one of the build's image")]
    OtherTag(&'static str),
    /// It was not made for an AMI.
    #[error("it was not made for an AMI")]
    OtherOrigin,
    /// It was made at this time, before the build was asked for.
    #[error("it is of {0}, before the build was asked for")]
    Older(Timestamp),
    /// AWS does not tell when it was made.
    #[error("it is not known when it was made")]
    UnknownAge,
    /// The build has not come so far that it could have an image.
    #[error("the build has no image yet")]
    NotBuilding,
}

/// Whether an image of Image Builder is a build's, and the build is so far that it may have one. `held`: the build that
/// holds the target's claim.
///
/// # Errors
///
/// Why it is not believed.
pub fn verify_image(build: &Build, held: Option<&Held>, own: &OwnNames, image: &BuilderImage) -> Result<(), Rejected> {
    verify_origin(build, own, image)?;
    let ended = build.ending.is_some() && build.frozen.is_some();
    let building = held.is_some_and(|held| held.queued.build == build.id && held.stage == Stage::Building);
    if ended || building { Ok(()) } else { Err(Rejected::NotBuilding) }
}

/// Whether an image of Image Builder is what was made for a build: of its name, its recipe and its time.
///
/// # Errors
///
/// Why it is not believed.
pub fn verify_origin(build: &Build, own: &OwnNames, image: &BuilderImage) -> Result<(), Rejected> {
    if image.arn != own.image {
        return Err(Rejected::OtherArn);
    }
    if image.recipe.as_ref() != Some(&own.recipe) {
        return Err(Rejected::OtherRecipe);
    }
    verify_age(build, image.created_at)
}

/// Whether an AMI is what Image Builder made for a build.
///
/// # Errors
///
/// Why it is not believed.
pub fn verify_ami(build: &Build, own: &OwnNames, ami: &Ami) -> Result<(), Rejected> {
    if !ami.name.starts_with(&own.ami) {
        return Err(Rejected::OtherName);
    }
    verify_tag(&ami.tags, BUILD_TAG, &build.id.to_string())?;
    verify_tags_of_service(&ami.tags, own)?;
    verify_age(build, ami.created_at)
}

/// How EC2 describes the snapshots of an AMI that it makes or copies. AWS does not document it; it was seen at
/// <https://lucaberton.com/blog/aws-ebs-snapshots-failed-to-delete-ami-backup-guide/> and
/// <https://gist.github.com/shaikkhajaibrahim/f8f0c2804c923ca6ea2d9e7251534995>.
const OF_AN_AMI: [&str; 2] = ["Created by CreateImage(", "Copied for DestinationAmi ami-"];

/// Whether a snapshot is of an AMI that Image Builder made for a build. `is_of_removed`: an AMI of the build that has just
/// been deregistered names it. Of any other it has to be known that it was made for an AMI: everybody may write tags, a
/// backup would be deleted by them, and EC2 itself keeps the snapshots of AMIs that are still registered.
///
/// # Errors
///
/// Why it is not believed.
pub fn verify_snapshot(
    build: &Build,
    own: &OwnNames,
    snapshot: &Snapshot,
    is_of_removed: bool,
) -> Result<(), Rejected> {
    if !is_of_removed && !OF_AN_AMI.iter().any(|origin| snapshot.description.starts_with(origin)) {
        return Err(Rejected::OtherOrigin);
    }
    verify_tags_of_service(&snapshot.tags, own)?;
    verify_age(build, snapshot.created_at)
}

fn verify_tags_of_service(tags: &BTreeMap<String, String>, own: &OwnNames) -> Result<(), Rejected> {
    verify_tag(tags, CREATED_BY.0, CREATED_BY.1)?;
    verify_tag(tags, IMAGE_TAG, &own.image)
}

fn verify_tag(tags: &BTreeMap<String, String>, key: &'static str, value: &str) -> Result<(), Rejected> {
    if tags.get(key).is_some_and(|found| found == value) { Ok(()) } else { Err(Rejected::OtherTag(key)) }
}

/// Numbers begin anew with each stack, so an older thing of the same name may be of one that was deleted.
fn verify_age(build: &Build, created_at: Option<Timestamp>) -> Result<(), Rejected> {
    match created_at {
        // AWS tells whole seconds.
        Some(at) if at.as_second() >= build.request.requested_at.as_second() => Ok(()),
        Some(at) => Err(Rejected::Older(at)),
        None => Err(Rejected::UnknownAge),
    }
}

#[cfg(test)]
mod tests;
