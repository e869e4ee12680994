//! Finding active images that lack fixes, and asking for a rebuild of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::table::Applied;
use prism_aws::{builds, fault, inventory, looks, packages, patches, standing};
use prism_domain::advisory::Installed;
use prism_domain::build::{Build, Channel};
use prism_domain::catalogue::BaseImage;
use prism_domain::due::{Due, due};
use prism_domain::id::{AmiId, BuildId, Target};
use prism_domain::lacking::{Active, Brought, Lack, Release, as_of, lack};
use prism_domain::patch::{FrozenPatch, Patch, PatchId};
use prism_domain::policy::Policy;
use prism_domain::update::TrackedImage;
use prism_ec2::Scanned;
use prism_ec2::judge::Judge;

use crate::AssessUpdates;

/// What is known of the base image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub base: &'a BaseImage,
    pub tracked: &'a TrackedImage,
    pub newest: Option<Release>,
    pub policy: &'a Policy,
}

/// What comparing an image came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// There is no image.
    Passed,
    /// Nothing is to be done.
    Done,
    /// A rebuild was asked for.
    AskedFor,
}

/// What is known of the active images of some targets.
#[derive(Debug)]
pub(crate) struct ActiveImages {
    channels: BTreeMap<Target, Channel>,
    builds: BTreeMap<BuildId, Build>,
    packages: BTreeMap<BuildId, Vec<Installed>>,
    patches: BTreeMap<PatchId, Patch>,
    scanned: BTreeMap<AmiId, Timestamp>,
}

impl ActiveImages {
    fn of(&self, target: &Target) -> Option<(&Channel, &Build)> {
        let channel = self.channels.get(target)?;
        Some((channel, self.builds.get(&channel.build)?))
    }

    /// What a build was to bring.
    fn brought(&self, build: &Build) -> Brought {
        let Some(patch) = carried(build) else { return Brought::default() };
        let found = patch.ids.iter().filter_map(|id| self.patches.get(id));
        Brought {
            cves: found.flat_map(|found| &found.fixes).map(|fix| fix.cve.clone()).collect(),
            packages: patch.at_least.iter().cloned().collect(),
        }
    }
}

fn carried(build: &Build) -> Option<&FrozenPatch> {
    build.frozen.as_ref()?.patch.as_ref()
}

impl AssessUpdates {
    /// Compares an active image with what is published, and asks for a rebuild if it lacks what cannot wait.
    pub(crate) async fn compare(
        &self,
        judge: &Judge<'_>,
        images: &ActiveImages,
        target: &Target,
        known: Known<'_>,
        now: Timestamp,
    ) -> Result<Compared> {
        let Some((channel, build)) = images.of(target) else { return Ok(Compared::Passed) };
        let installed = images.packages.get(&channel.build);
        let scanned = match channel.amis.get(&self.region) {
            Some(ami) => judge.findings(ami, &images.scanned).await,
            None => None,
        };
        let published = judge.published(known.base);
        let tracked = known.tracked;
        let mut were = std::iter::once(&tracked.current).chain(tracked.past.iter().map(|past| &past.image));
        let own = were.find(|image| image.image_id == channel.base_image_id);
        let active = Active {
            channel,
            base_image_name: &tracked.current.image_name,
            as_of: as_of(published.ecosystem, build, own, channel.since),
            installed: installed.map(Vec::as_slice),
            scan: scanned.as_ref().map(Scanned::scan),
            brought: &images.brought(build),
        };
        match lack(active, &published, known.newest, known.policy, now) {
            Lack::Nothing => {}
            Lack::CanWait { until } => tracing::debug!(%target, %until, "what the image lacks can wait"),
            Lack::NotServed(reason) => tracing::info!(%target, "the image lacks fixes, but {reason}"),
            Lack::Patch(patch) => return self.ask_for(target, &patch, known.policy, now).await,
        }
        Ok(Compared::Done)
    }

    /// Reads the active images of targets, all of each kind together.
    pub(crate) async fn active_images(&self, judge: &Judge<'_>, targets: &[Target]) -> Result<ActiveImages> {
        let channels = inventory::channels_of(&self.table, targets).await?.logged();
        let ids: Vec<BuildId> = channels.iter().map(|channel| channel.build.clone()).collect();
        let builds = builds::find_all(&self.table, &ids).await?.logged();
        let packages = packages::of_all(&self.table, &ids).await?;
        let brought: Vec<PatchId> = builds.iter().filter_map(carried).flat_map(|patch| patch.ids.clone()).collect();
        let patches = patches::find_all(&self.table, &brought).await?.logged();
        let amis: Vec<AmiId> = channels.iter().filter_map(|channel| channel.amis.get(&self.region)).cloned().collect();
        Ok(ActiveImages {
            channels: channels.into_iter().map(|channel| (channel.build.target.clone(), channel)).collect(),
            builds: builds.into_iter().map(|build| (build.id.clone(), build)).collect(),
            packages,
            patches: patches.into_iter().map(|patch| (patch.id.clone(), patch)).collect(),
            scanned: judge.scanned(&amis).await,
        })
    }

    /// Keeps what is lacking, and has somebody look what the target is due, unless it is known and being seen to.
    async fn ask_for(&self, target: &Target, patch: &Patch, policy: &Policy, now: Timestamp) -> Result<Compared> {
        let recorded = self.table.transact("recording a patch", vec![patches::insert(patch)?]).await?;
        fault::point("assess-updates.patch-recorded");
        let standing = standing::of(&self.table, target).await?;
        let is_known =
            recorded != Applied::Written && (standing.claim.held.is_some() || standing.claim.wanted.is_some());
        if is_known {
            return Ok(Compared::Done);
        }
        let Due::Rebuild(rebuild) = due(&standing, policy, now) else { return Ok(Compared::Done) };
        if let Some(held_back) = rebuild.held_back {
            tracing::info!(%target, "the image lacks fixes, and {}", held_back.reason);
            return Ok(Compared::Done);
        }
        looks::start(&self.table, &self.workflow, target, now).await?;
        fault::point("assess-updates.patch-asked-for");
        tracing::info!(%target, patch = %patch.id, level = %patch.level, "a rebuild is asked for");
        Ok(Compared::AskedFor)
    }
}
