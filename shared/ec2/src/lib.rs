//! The EC2 calls, in a crate of their own because their SDK dominates build time.

mod findings;
pub mod judge;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Image};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use prism_aws::clearings::LeftImage;
use prism_aws::error::{Error, Result};
use prism_aws::fault;
use prism_domain::id::{AmiId, BuildId, Region};
use prism_domain::update::SeenImage;

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

    /// Describes those of these images that exist and that `owner` owns. Anybody can publish an AMI and
    /// have it look like a vendor's: only the owner's are believed.
    ///
    /// # Errors
    ///
    /// If AWS fails: an image that could not be asked for never reads as absent.
    pub async fn of_owner(&self, owner: &str, ids: &[AmiId]) -> Result<Vec<SeenImage>> {
        // A filter, not the parameter `ImageId.N`, of which one unknown id fails the call for all.
        let by_id = Filter::builder().name("image-id").set_values(Some(ids.iter().map(ToString::to_string).collect()));
        let answer = self
            .client
            .describe_images()
            .owners(owner)
            .filters(by_id.build())
            .send()
            .await
            .map_err(|error| Error::from_sdk("describing base images", error))?;
        Ok(answer.images.unwrap_or_default().iter().filter_map(seen).collect())
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

fn seen(image: &Image) -> Option<SeenImage> {
    Some(SeenImage {
        image_id: image.image_id()?.parse().ok()?,
        image_name: image.name().unwrap_or_default().to_owned(),
        created_at: created_at(image),
        root_device: image.root_device_name().map(str::to_owned),
    })
}

fn created_at(image: &Image) -> Option<Timestamp> {
    image.creation_date()?.parse().ok()
}

fn built(image: &Image, region: &Region) -> Option<LeftImage> {
    let snapshots = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
    let id = image.image_id()?.parse().ok()?;
    Some(LeftImage { region: region.clone(), id, snapshots: snapshots.map(str::to_owned).collect() })
}
