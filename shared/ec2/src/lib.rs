//! The EC2 calls, in a crate of their own because their SDK dominates build time.

mod findings;
pub mod judge;

pub use findings::Scanned;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Image, ImageState};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use prism_aws::clearings::LeftImage;
use prism_aws::error::{Error, Result};
use prism_aws::fault;
use prism_domain::id::{AmiId, BuildId, Region};
use prism_domain::sight::PublicImage;
use prism_domain::update::SeenImage;

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

    /// The AMIs of this account, in `region` as the client is, that carry a build's tag and were made since its request.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn of_build(&self, build: &BuildId, since: Timestamp, region: &Region) -> Result<Vec<LeftImage>> {
        let answer = self
            .client
            .describe_images()
            .owners("self")
            .filters(Filter::builder().name("tag:prism:build-id").values(build.to_string()).build())
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("describing the images of build {build}"), error))?;
        let images = answer.images.unwrap_or_default();
        // An older one is of another stack's build of the same number.
        let is_of_it = |image: &&Image| created_at(image).is_none_or(|created| created >= since);
        Ok(images.iter().filter(is_of_it).filter_map(|image| built(image, region)).collect())
    }

    /// Deregisters an image and deletes its snapshots. What is gone already is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn remove(&self, image: &LeftImage) -> Result<()> {
        if self.is_there(image).await? {
            match self.client.deregister_image().image_id(image.id.as_str()).send().await {
                Ok(_) => {}
                Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => {}
                Err(error) => return Err(Error::from_sdk(format!("deregistering {}", image.id), error)),
            }
        }
        fault::point("close-build.image-deregistered");
        for snapshot in &self.snapshots_left(image).await? {
            match self.client.delete_snapshot().snapshot_id(snapshot).send().await {
                Ok(_) => {}
                Err(error) if error.code() == Some("InvalidSnapshot.NotFound") => {}
                Err(error) => return Err(Error::from_sdk(format!("deleting {snapshot}"), error)),
            }
            fault::point("close-build.snapshot-deleted");
        }
        Ok(())
    }

    /// Whether an image is still there. A right that hangs on an image's tags is refused once the image, and so its
    /// tags, are gone: it has to be known before.
    async fn is_there(&self, image: &LeftImage) -> Result<bool> {
        let by_id = Filter::builder().name("image-id").values(image.id.as_str()).build();
        let described = self.client.describe_images().owners("self").filters(by_id).send().await;
        let answer = described.map_err(|error| Error::from_sdk(format!("describing {}", image.id), error))?;
        Ok(!answer.images.unwrap_or_default().is_empty())
    }

    /// Those of an image's snapshots that are still there: as with images, it has to be known before.
    async fn snapshots_left(&self, image: &LeftImage) -> Result<Vec<String>> {
        if image.snapshots.is_empty() {
            return Ok(Vec::new());
        }
        let by_id = Filter::builder().name("snapshot-id").set_values(Some(image.snapshots.clone())).build();
        let described = self.client.describe_snapshots().owner_ids("self").filters(by_id).send().await;
        let answer =
            described.map_err(|error| Error::from_sdk(format!("describing snapshots of {}", image.id), error))?;
        Ok(answer.snapshots.unwrap_or_default().into_iter().filter_map(|snapshot| snapshot.snapshot_id).collect())
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
    };
    let architecture = image.architecture().map(|architecture| architecture.as_str().to_owned());
    usable.then_some(PublicImage { owner: image.owner_id()?.to_owned(), architecture, image: seen })
}

fn deprecated_at(image: &Image) -> Option<Timestamp> {
    image.deprecation_time()?.parse().ok()
}

fn created_at(image: &Image) -> Option<Timestamp> {
    image.creation_date()?.parse().ok()
}

fn built(image: &Image, region: &Region) -> Option<LeftImage> {
    let snapshots = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
    let id = image.image_id()?.parse().ok()?;
    Some(LeftImage { region: region.clone(), id, snapshots: snapshots.map(str::to_owned).collect() })
}
