//! Finding active images that lack fixes, and asking for a rebuild of them.

use jiff::Timestamp;
use prism_aws::base_images::UpdateRecord;
use prism_aws::error::{Error, Result};
use prism_aws::table::Applied;
use prism_aws::workflow::Started;
use prism_aws::{builds, fault, inventory, packages, patches, requests};
use prism_domain::build::Build;
use prism_domain::catalogue::BaseImage;
use prism_domain::id::{RequestId, Target};
use prism_domain::patch::{Active, Brought, Lack, Patch, Release, as_of, comes_anyway, is_due_again, lack};
use prism_domain::policy::Policy;
use prism_domain::request::RequestInput;
use prism_domain::update::TrackedImage;
use prism_domain::zone::Zone;
use prism_ec2::Scanned;
use prism_ec2::judge::Judge;

use crate::AssessUpdates;

/// What is known of the base image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub base: &'a BaseImage,
    pub tracked: &'a TrackedImage,
    pub newest: Option<Release>,
    /// Its newest moves, newest first.
    pub moves: &'a [UpdateRecord],
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

impl AssessUpdates {
    /// Compares an active image with what is published, and asks for a rebuild if it lacks what cannot wait. One that is
    /// rebuilt on what its base image is now, for a reason that is as bad, gets the fixes with that.
    pub(crate) async fn compare(
        &self,
        judge: &Judge<'_>,
        target: &Target,
        known: Known<'_>,
        now: Timestamp,
    ) -> Result<Compared> {
        let Some(channel) = inventory::channel(&self.table, target).await? else { return Ok(Compared::Passed) };
        let build = builds::get(&self.table, &channel.build).await?;
        let installed = packages::of(&self.table, &channel.build).await?;
        let scanned = match channel.amis.get(&self.region) {
            Some(ami) => judge.findings(ami).await,
            None => None,
        };
        let published = judge.published(known.base);
        let tracked = known.tracked;
        let mut images = std::iter::once(&tracked.current).chain(tracked.past.iter().map(|past| &past.image));
        let own = images.find(|image| image.image_id == channel.base_image_id);
        let active = Active {
            channel: &channel,
            base_image_name: &tracked.current.image_name,
            as_of: as_of(published.ecosystem, &build, own, channel.since),
            installed: installed.as_deref(),
            scan: scanned.as_ref().map(Scanned::scan),
            brought: &self.brought(&build).await?,
        };
        match lack(active, &published, known.newest, known.policy, now) {
            Lack::Nothing => {}
            Lack::CanWait { until } => tracing::debug!(%target, %until, "what the image lacks can wait"),
            Lack::NotServed(reason) => tracing::info!(%target, "the image lacks fixes, but {reason}"),
            Lack::Patch(patch) => {
                let moves = known.moves.iter().map(|record| &record.update);
                if !comes_anyway(patch.level, &channel.base_image_id, moves, known.policy) {
                    return self.ask_for(target, &patch, now).await;
                }
            }
        }
        Ok(Compared::Done)
    }

    /// What a build was to bring.
    async fn brought(&self, build: &Build) -> Result<Brought> {
        let Some(patch) = build.frozen.as_ref().and_then(|frozen| frozen.patch.as_ref()) else {
            return Ok(Brought::default());
        };
        let mut brought = Brought { packages: patch.at_least.iter().cloned().collect(), ..Brought::default() };
        for id in &patch.ids {
            let found = patches::find(&self.table, id).await?;
            brought.cves.extend(found.into_iter().flat_map(|found| found.fixes).map(|fix| fix.cve));
        }
        Ok(brought)
    }

    /// Keeps what is lacking, and asks for a build: once for the same lack, and again each day on which it is still
    /// there and the build has failed.
    async fn ask_for(&self, target: &Target, patch: &Patch, now: Timestamp) -> Result<Compared> {
        let Some(request) = self.unasked(requests::of_patch(&patch.id)?, now).await? else { return Ok(Compared::Done) };
        // Lost: it was found before, and nothing was asked for yet, or that failed.
        let _: Applied = self.table.transact("recording a patch", vec![patches::insert(patch)?]).await?;
        fault::point("assess-updates.patch-recorded");
        let input = RequestInput::for_patch(target, patch.id.clone());
        if requests::start(&self.table, &self.workflow, &request, &input).await? == Started::Before {
            return Ok(Compared::Done);
        }
        fault::point("assess-updates.patch-asked-for");
        tracing::info!(%target, patch = %patch.id, level = %patch.level, "a rebuild is asked for");
        Ok(Compared::AskedFor)
    }

    /// The name under which a request has not been made yet; none if it is being answered, or was answered well.
    async fn unasked(&self, request: RequestId, now: Timestamp) -> Result<Option<RequestId>> {
        let Some(record) = requests::find(&self.table, &request).await? else { return Ok(Some(request)) };
        let ending = builds::get(&self.table, &record.build).await?.ending;
        if !is_due_again(ending.as_ref(), now) {
            return Ok(None);
        }
        let name = format!("{request}-{}", Zone::utc().date(now).strftime("%Y%m%d"));
        let again: RequestId = name.parse().map_err(|error| Error::malformed("a request id", error))?;
        Ok(requests::find(&self.table, &again).await?.is_none().then_some(again))
    }
}
