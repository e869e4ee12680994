//! Finding active images that lack fixes, and asking for a rebuild of them on the same base image.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::table::Applied;
use prism_aws::workflow::Started;
use prism_aws::{fault, inventory, packages, patches, requests, settings};
use prism_domain::catalogue::BaseImage;
use prism_domain::id::{Region, Target};
use prism_domain::patch::{Active, Lack, Patch, Release, lack};
use prism_domain::policy::Policy;
use prism_domain::request::RequestInput;
use prism_domain::update::TrackedImage;
use prism_ec2::judge::Judge;

use crate::{AssessUpdates, Output};

/// What is known of the base image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub base: &'a BaseImage,
    pub tracked: &'a TrackedImage,
    pub newest: Option<Release>,
    pub policy: &'a Policy,
}

impl AssessUpdates {
    /// Compares an active image with what is published, and asks for a rebuild if it lacks what cannot wait. One whose
    /// base image has moved is rebuilt for that, and gets the fixes with it.
    pub(crate) async fn compare(
        &self,
        judge: &mut Judge<'_>,
        target: &Target,
        known: Known<'_>,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        let Some(channel) = inventory::channel(&self.table, target).await? else { return Ok(()) };
        if channel.base_image_id != known.tracked.current.image_id {
            return Ok(());
        }
        let installed = packages::of(&self.table, &channel.build).await?;
        let region: Region = settings::parsed("AWS_REGION")?;
        let findings = match channel.amis.get(&region) {
            Some(ami) => judge.findings(ami).await,
            None => None,
        };
        output.compared += 1;
        let active = Active {
            channel: &channel,
            base_image_name: &known.tracked.current.image_name,
            installed: installed.as_deref(),
            findings: findings.as_deref(),
        };
        match lack(active, &judge.published_of(known.base).await?, known.newest, known.policy, now) {
            Lack::Nothing => Ok(()),
            Lack::CanWait { until } => {
                tracing::debug!(%target, %until, "what the image lacks can wait");
                Ok(())
            }
            Lack::NotServed(reason) => {
                tracing::info!(%target, "the image lacks fixes, but {reason}");
                Ok(())
            }
            Lack::Patch(patch) => self.ask_for(target, &patch, output).await,
        }
    }

    /// Keeps what is lacking, and asks for a build, once: the same lack is the same request.
    async fn ask_for(&self, target: &Target, patch: &Patch, output: &mut Output) -> Result<()> {
        let request = requests::of_patch(&patch.id)?;
        if requests::find(&self.table, &request).await?.is_some() {
            return Ok(());
        }
        // Lost: it was found before, and nothing was asked for yet.
        let _: Applied = self.table.transact("recording a patch", vec![patches::insert(patch)?]).await?;
        fault::point("assess-updates.patch-recorded");
        let input = RequestInput::for_patch(target, patch.id.clone());
        if requests::start(&self.table, &self.workflow, &request, &input).await? == Started::Before {
            return Ok(());
        }
        fault::point("assess-updates.patch-asked-for");
        output.patches += 1;
        tracing::info!(%target, patch = %patch.id, level = %patch.level, "a rebuild is asked for");
        Ok(())
    }
}
