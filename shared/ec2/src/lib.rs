//! The EC2 calls, in a crate of their own because their SDK dominates build time.

mod built;
mod findings;
pub mod judge;

pub use findings::Scanned;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Image, ImageState};
use jiff::Timestamp;
use prism_aws::error::{Error, Result};
use prism_domain::id::AmiId;
use prism_domain::seen_image::SeenImage;
use prism_domain::sight::PublicImage;

/// How many ids or names one call takes: the values of all its filters together.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
pub const DESCRIBED_AT_ONCE: usize = 200;

/// How many images a page has, the most that there may be.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html>.
const PAGE: i32 = 1000;

/// The images of a region.
#[derive(Debug, Clone)]
pub struct Images {
    client: Client,
}

impl Images {
    /// The images of the region of `config`.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Describes those of at most [`DESCRIBED_AT_ONCE`] images that exist and that everybody may use or this account
    /// may, whoever owns them: whether an owner is believed is for the caller to say. A parameter may name one that is
    /// deprecated.
    ///
    /// # Errors
    ///
    /// If AWS fails: an image that could not be asked for never reads as absent.
    pub async fn described(&self, ids: &[AmiId]) -> Result<Vec<PublicImage>> {
        // A filter, not the parameter `ImageId.N`, of which one unknown id fails the call for all.
        let by_id = Filter::builder().name("image-id").set_values(Some(ids.iter().map(ToString::to_string).collect()));
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let answer = self
                .client
                .describe_images()
                .include_deprecated(true)
                .filters(by_id.clone().build())
                .set_next_token(next)
                .send()
                .await
                .map_err(|error| Error::from_sdk("describing base images", error))?;
            found.extend(answer.images.unwrap_or_default().iter().filter_map(public));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// A page of the images of `owner` whose names are of one of at most [`DESCRIBED_AT_ONCE`] patterns, and where
    /// the next page begins, if there is one. Deprecated ones are not among them.
    ///
    /// # Errors
    ///
    /// If AWS fails: an image that could not be asked for never reads as absent.
    pub async fn listed(
        &self,
        owner: &str,
        patterns: &[String],
        page: Option<String>,
        now: Timestamp,
    ) -> Result<(Vec<PublicImage>, Option<String>)> {
        let answer = self
            .client
            .describe_images()
            .owners(owner)
            .filters(Filter::builder().name("name").set_values(Some(patterns.to_vec())).build())
            .max_results(PAGE)
            .set_next_token(page)
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("listing the images of {owner}"), error))?;
        let images = answer.images.unwrap_or_default();
        // Its owner is told of a deprecated one too.
        let current = |image: &&Image| deprecated_at(image).is_none_or(|at| at > now);
        let found = images.iter().filter(current).filter_map(public).collect();
        Ok((found, answer.next_token.filter(|token| !token.is_empty())))
    }
}

/// An image that can be used: one that is still being made, or has failed, is as good as none.
fn public(image: &Image) -> Option<PublicImage> {
    let usable = image.state().is_none_or(|state| *state == ImageState::Available);
    let seen = SeenImage {
        image_id: image.image_id()?.parse().ok()?,
        image_name: image.name().unwrap_or_default().to_owned(),
        created_at: created_at(image),
        root_device: image.root_device_name().map(str::to_owned),
        root_volume_gb: root_volume_gb(image),
    };
    let architecture = image.architecture().map(|architecture| architecture.as_str().to_owned());
    usable.then_some(PublicImage { owner: image.owner_id()?.to_owned(), architecture, image: seen })
}

/// The size of the snapshot that a root volume is made from.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>.
fn root_volume_gb(image: &Image) -> Option<u32> {
    let root = image.root_device_name()?;
    let mapping = image.block_device_mappings().iter().find(|mapping| mapping.device_name() == Some(root))?;
    mapping.ebs()?.volume_size()?.try_into().ok()
}

fn deprecated_at(image: &Image) -> Option<Timestamp> {
    image.deprecation_time()?.parse().ok()
}

fn created_at(image: &Image) -> Option<Timestamp> {
    image.creation_date()?.parse().ok()
}
