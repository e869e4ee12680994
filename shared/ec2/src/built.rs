//! What Image Builder has made for a build: finding it, and removing it.

use std::collections::BTreeMap;

use aws_config::{Region as SdkRegion, SdkConfig};
use aws_sdk_ec2::types::{Filter, Image, Snapshot as SdkSnapshot, Tag};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use jiff::Timestamp;
use prism_aws::error::{Error, Result};
use prism_aws::table::back_off;
use prism_domain::id::{AmiId, BuildId, Region};
use prism_domain::provenance::{Ami, BUILD_TAG, IMAGE_TAG, OwnNames, Snapshot};

use crate::{Images, created_at};

/// How often the deletion of a snapshot is tried that EC2 says is in use.
const TRIES: u32 = 5;

impl Images {
    /// The images of a region, whatever the region of `config`.
    #[must_use]
    pub fn in_region(config: &SdkConfig, region: &Region) -> Self {
        Self::new(&config.to_builder().region(SdkRegion::new(region.to_string())).build())
    }

    /// The AMIs of this account that are tagged as a build's. A tag is a claim: see `verify_ami`.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn tagged(&self, build: &BuildId) -> Result<Vec<Ami>> {
        let by_tag = Filter::builder().name(format!("tag:{BUILD_TAG}")).values(build.to_string()).build();
        let described = self.client.describe_images().owners("self").filters(by_tag).send().await;
        let answer = described.map_err(|error| Error::from_sdk(format!("describing the AMIs of {build}"), error))?;
        Ok(answer.images.unwrap_or_default().iter().filter_map(ami).collect())
    }

    /// The snapshots of this account that are tagged as of a build's AMIs. They are found whether or not the AMI is still
    /// there. A tag is a claim: see `verify_snapshot`.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn snapshots(&self, own: &OwnNames) -> Result<Vec<Snapshot>> {
        let by_tag = Filter::builder().name(format!("tag:{IMAGE_TAG}")).values(&own.image).build();
        let described = self.client.describe_snapshots().owner_ids("self").filters(by_tag).send().await;
        let answer =
            described.map_err(|error| Error::from_sdk(format!("describing the snapshots of {}", own.image), error))?;
        Ok(answer.snapshots.unwrap_or_default().iter().filter_map(snapshot).collect())
    }

    /// Deregisters an AMI. One that is gone is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn deregister(&self, ami: &AmiId) -> Result<()> {
        match self.client.deregister_image().image_id(ami.as_str()).send().await {
            Ok(_) => Ok(()),
            Err(error) if error.code().is_some_and(|code| code.starts_with("InvalidAMIID")) => Ok(()),
            Err(error) => Err(Error::from_sdk(format!("deregistering {ami}"), error)),
        }
    }

    /// Deletes a snapshot; one that is gone is no error. Answers whether it is gone: EC2 may say for a while that it is in
    /// use by an AMI that has just been deregistered.
    /// Sources: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>,
    /// <https://github.com/boto/boto/issues/3019>.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn delete_snapshot(&self, snapshot: &str) -> Result<bool> {
        for attempt in 0..TRIES {
            match self.client.delete_snapshot().snapshot_id(snapshot).send().await {
                Ok(_) => return Ok(true),
                Err(error) if error.code() == Some("InvalidSnapshot.NotFound") => return Ok(true),
                Err(error) if error.code() == Some("InvalidSnapshot.InUse") => back_off(attempt + 3).await,
                Err(error) => return Err(Error::from_sdk(format!("deleting {snapshot}"), error)),
            }
        }
        Ok(false)
    }
}

fn ami(image: &Image) -> Option<Ami> {
    let snapshots = image.block_device_mappings().iter().filter_map(|mapping| mapping.ebs()?.snapshot_id());
    Some(Ami {
        id: image.image_id()?.parse().ok()?,
        name: image.name().unwrap_or_default().to_owned(),
        tags: tags(image.tags()),
        created_at: created_at(image),
        snapshots: snapshots.map(str::to_owned).collect(),
    })
}

fn snapshot(snapshot: &SdkSnapshot) -> Option<Snapshot> {
    let begun = snapshot.start_time().and_then(|at| Timestamp::from_second(at.secs()).ok());
    Some(Snapshot {
        id: snapshot.snapshot_id()?.to_owned(),
        description: snapshot.description().unwrap_or_default().to_owned(),
        tags: tags(snapshot.tags()),
        created_at: begun,
    })
}

fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}
