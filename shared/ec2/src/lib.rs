//! The EC2 calls, in a crate of their own because their SDK dominates build time.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Image};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
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

    /// The AMIs of this account, in `region` as the client is, that carry a build's tag.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn of_build(&self, build: &BuildId, region: &Region) -> Result<Vec<LeftImage>> {
        let answer = self
            .client
            .describe_images()
            .owners("self")
            .filters(Filter::builder().name("tag:prism:build-id").values(build.to_string()).build())
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("describing the images of build {build}"), error))?;
        Ok(answer.images.unwrap_or_default().iter().filter_map(|image| built(image, region)).collect())
    }

    /// Deregisters an image and deletes its snapshots. What is gone already is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn remove(&self, image: &LeftImage) -> Result<()> {
        match self.client.deregister_image().image_id(image.id.as_str()).send().await {
            Ok(_) => {}
            Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => {}
            Err(error) => return Err(Error::from_sdk(format!("deregistering {}", image.id), error)),
        }
        fault::point("close-build.image-deregistered");
        for snapshot in &image.snapshots {
            match self.client.delete_snapshot().snapshot_id(snapshot).send().await {
                Ok(_) => {}
                Err(error) if error.code() == Some("InvalidSnapshot.NotFound") => {}
                Err(error) => return Err(Error::from_sdk(format!("deleting {snapshot}"), error)),
            }
            fault::point("close-build.snapshot-deleted");
        }
        Ok(())
    }
}

fn seen(image: &Image) -> Option<SeenImage> {
    Some(SeenImage {
        image_id: image.image_id()?.parse().ok()?,
        image_name: image.name().unwrap_or_default().to_owned(),
        created_at: image.creation_date().and_then(|date| date.parse().ok()),
        root_device: image.root_device_name().map(str::to_owned),
    })
}

fn built(image: &Image, region: &Region) -> Option<LeftImage> {
    let snapshots = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
    let id = image.image_id()?.parse().ok()?;
    Some(LeftImage { region: region.clone(), id, snapshots: snapshots.map(str::to_owned).collect() })
}
