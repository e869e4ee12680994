//! What the source of a base image names, and whether that is believed.
//!
//! Anybody can publish an AMI under any name, and a parameter can name anything: an image counts only if it exists,
//! is its vendor's, is called as the catalogue says, and is for the right architecture.

use jiff::Timestamp;
use serde::Deserialize;

use crate::catalogue::{Owner, Source};
use crate::id::AmiId;
use crate::problem::printable;
use crate::seen_image::SeenImage;
use crate::update::TrackedImage;
use crate::watch::TroubleKind;

/// The longest name or value that a sentence quotes, in characters.
const QUOTED: usize = 128;

/// An image as EC2 describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicImage {
    /// The account that owns it.
    pub owner: String,
    /// The architecture that it is for, as EC2 names it; nothing, if EC2 does not tell.
    pub architecture: Option<String>,
    /// What it is.
    pub image: SeenImage,
}

/// Why nothing was found to go by: what kind of trouble, and a sentence to stand behind the image's name.
pub type Unseen = (TroubleKind, String);

/// The image that a parameter's value names: an AMI id, or JSON with an `image_id`, as ECS publishes it.
/// Source: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html>.
///
/// # Errors
///
/// If it names none.
pub fn named(value: &str) -> Result<AmiId, Unseen> {
    #[derive(Deserialize)]
    struct Recommended {
        image_id: AmiId,
    }
    value.trim().parse().or_else(|_| {
        serde_json::from_str(value)
            .map(|recommended: Recommended| recommended.image_id)
            .map_err(|_| (TroubleKind::Foreign, format!("names no AMI but {}", printable(value, QUOTED))))
    })
}

/// The image that a parameter names, as EC2 describes it, if it is the vendor's of that name.
///
/// # Errors
///
/// If it does not exist, or is something else.
pub fn believed(
    owner: &Owner,
    source: &Source,
    id: &AmiId,
    described: Option<&PublicImage>,
) -> Result<SeenImage, Unseen> {
    let Some(PublicImage { owner: owns, architecture, image }) = described else {
        return Err((TroubleKind::Absent, format!("names {id}, which does not exist")));
    };
    let what = if owns != owner.as_str() {
        format!("belongs to {} and not to {owner}", printable(owns, QUOTED))
    } else if !source.admits(&image.image_name) {
        format!("is something else: {}", printable(&image.image_name, QUOTED))
    } else if let Some(other) = architecture.as_ref().filter(|other| *other != source.architecture.as_str()) {
        format!("is for {} and not for {}", printable(other, QUOTED), source.architecture)
    } else {
        return Ok(image.clone());
    };
    Err((TroubleKind::Foreign, format!("names {id}, which {what}")))
}

/// What orders releases: the version in their names where that counts, when they were made, then their names, then
/// their ids.
fn age<'a>(source: &Source, image: &'a SeenImage) -> (Option<(u64, u64)>, Option<Timestamp>, &'a str, &'a AmiId) {
    (source.rank(&image.image_name), image.created_at, &image.image_name, &image.image_id)
}

/// The newest of a vendor's images that is of a source.
#[must_use]
pub fn newest<'a>(owner: &Owner, source: &Source, images: &'a [PublicImage]) -> Option<&'a SeenImage> {
    of(owner, source, images).max_by_key(|image| age(source, image))
}

/// The names of the releases between what is known and what is seen now that were never seen, oldest first.
#[must_use]
pub fn between(
    owner: &Owner,
    source: &Source,
    known: &TrackedImage,
    seen: &SeenImage,
    images: &[PublicImage],
) -> Vec<String> {
    // Without its date nothing is known of what came after it.
    if known.current.created_at.is_none() {
        return Vec::new();
    }
    let never_seen = |image: &&SeenImage| known.past.iter().all(|past| past.image.image_id != image.image_id);
    let newer =
        |image: &&SeenImage| age(source, &known.current) < age(source, image) && age(source, image) < age(source, seen);
    let mut missed: Vec<&SeenImage> = of(owner, source, images).filter(newer).filter(never_seen).collect();
    missed.sort_by_key(|image| age(source, image));
    missed.into_iter().map(|image| image.image_name.clone()).collect()
}

fn of<'a>(owner: &Owner, source: &Source, images: &'a [PublicImage]) -> impl Iterator<Item = &'a SeenImage> {
    let fits = |public: &&PublicImage| {
        let is_for = public.architecture.as_ref().is_none_or(|for_it| for_it == source.architecture.as_str());
        public.owner == owner.as_str() && is_for && source.admits(&public.image.image_name)
    };
    images.iter().filter(fits).map(|public| &public.image)
}

#[cfg(test)]
mod tests;
