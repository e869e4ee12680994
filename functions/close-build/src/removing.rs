//! Removing the AMIs and snapshots of an ended build, in every region that gets them: its own, and no others.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use prism_aws::error::Result;
use prism_aws::pace::within;
use prism_aws::parameters::{self, Parameters};
use prism_aws::{builds, fault, image_builder, inventory};
use prism_domain::build::Build;
use prism_domain::id::{AmiId, BuildId, Region, Target};
use prism_domain::provenance::{OwnNames, verify_ami, verify_snapshot};
use prism_domain::removal::{KeptBecause, LaunchParameter, may_remove};
use prism_ec2::Images;

use tokio::time::{Duration, Instant};

use crate::CloseBuild;

/// For how long a region is worked on. It is less than what the function has for tidying.
const WITHIN: Duration = Duration::from_secs(15);

impl CloseBuild {
    /// Removes a build's images in every region, each by itself and all at once. Answers whether there is nothing left to remove.
    pub(crate) async fn remove_images(&self, id: &BuildId) -> Result<bool> {
        let build = builds::get(&self.table, id).await?;
        let own = image_builder::own_names(&self.infrastructure, id)?;
        let regions = build.frozen.iter().flat_map(|frozen| &frozen.regions);
        let removals = join_all(regions.map(async |region| {
            let action = format!("removing the build's images in {region}");
            match within(Instant::now() + WITHIN, &action, self.remove_in(&build, &own, region)).await {
                Ok(done) => done,
                Err(error) => {
                    tracing::warn!(error.name = error.name(), %region, "not everything is removed: {error}");
                    false
                }
            }
        }));
        Ok(removals.await.into_iter().all(|done| done))
    }

    async fn remove_in(&self, build: &Build, own: &OwnNames, region: &Region) -> Result<bool> {
        let images = Images::in_region(&self.config, region);
        let mut done = true;
        let (mut kept, mut removed) = (BTreeSet::new(), BTreeSet::new());
        for ami in images.tagged(&build.id).await? {
            let why = match verify_ami(build, own, &ami) {
                Ok(()) => match self.may_remove(&build.id.target, &ami.id, region).await? {
                    Ok(()) => None,
                    Err(because) => {
                        done &= because.for_good();
                        Some(because.to_string())
                    }
                },
                Err(rejected) => Some(rejected.to_string()),
            };
            if let Some(why) = why {
                tracing::warn!(ami = %ami.id, %region, "it is tagged as the build's AMI and is kept: {why}");
                kept.extend(ami.snapshots);
                continue;
            }
            images.deregister(&ami.id).await?;
            tracing::info!(ami = %ami.id, %region, "removed: its build is not published");
            fault::point("close-build.image-deregistered");
            removed.extend(ami.snapshots);
        }
        for snapshot in images.snapshots(own).await? {
            let is_of_removed = removed.remove(&snapshot.id);
            if kept.contains(&snapshot.id) {
                continue;
            }
            if let Err(why) = verify_snapshot(build, own, &snapshot, is_of_removed) {
                tracing::warn!(snapshot = snapshot.id, %region, "it is tagged as the build's and is kept: {why}");
                continue;
            }
            let gone = images.delete_snapshot(&snapshot.id).await?;
            fault::point("close-build.snapshot-deleted");
            if !gone {
                tracing::warn!(snapshot = snapshot.id, %region, "EC2 says that it is in use: it is deleted later");
            }
            done &= gone;
        }
        for snapshot in removed {
            tracing::warn!(snapshot, %region, "it was of a removed AMI and is kept: it lacks Image Builder's tags");
        }
        Ok(done)
    }

    /// Whether an AMI of a target may be removed, by what table and launch parameter say at this moment.
    async fn may_remove(&self, target: &Target, ami: &AmiId, region: &Region) -> Result<Result<(), KeptBecause>> {
        let channel = inventory::channel(&self.table, target).await?;
        let published = inventory::images(&self.table, target).await?;
        let parameters = Parameters::in_region(&self.config, region);
        let value = parameters.value(&parameters::latest(&self.prefix, target)).await;
        let parameter = match &value {
            Ok(Some(value)) => LaunchParameter::Has(value),
            Ok(None) => LaunchParameter::Absent,
            Err(error) => {
                tracing::warn!(error.name = error.name(), %region, "{error}");
                LaunchParameter::Unknown
            }
        };
        Ok(may_remove(ami, region, channel.as_ref(), &published, parameter))
    }
}
