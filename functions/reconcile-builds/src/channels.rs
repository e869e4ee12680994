//! Launch parameters that are not what their channel says, in every region, and new images whose packages are not kept.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use prism_aws::error::{Error, Result};
use prism_aws::parameters::{self, Parameters};
use prism_aws::{builds, inventory, packages, templates};
use prism_domain::build::Channel;
use prism_domain::duration::before;
use prism_domain::id::{BuildId, Region, TemplateName};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::building::first;
use crate::finds::{count, is_late};
use crate::{Output, ReconcileBuilds};

/// For how long after its publication an image's packages are asked for again. What Image Builder does not tell
/// within a day, it does not know.
const PACKAGES_ASKED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many regions are looked at at a time.
const REGIONS: usize = 8;

/// How long after a region's look has begun no further parameters are asked for there: one whose SSM is down takes its time
/// for every call.
const TIME: Duration = Duration::from_mins(1);

impl ReconcileBuilds {
    /// Has publish-image repair what is not right, and finish-image list what is not listed.
    pub(crate) async fn channels(&self, now: Timestamp, output: &mut Output) -> Result<()> {
        let templates = templates::all(&self.table).await?;
        // One that cannot be read has channels all the same: its key is its name.
        let unreadable = templates.unreadable.iter().filter_map(|record| record.sk.parse().ok());
        let mut names: Vec<TemplateName> = unreadable.collect();
        names.extend(output.readable(templates).into_iter().map(|record| record.name));
        let channels = output.readable(inventory::channels_of_templates(&self.table, names).await?);
        for build in self.wrong(&channels, now, output).await {
            output.unpublished += 1;
            count(self.functions.poke(&self.menders.publish_image, &json!({ "build_id": build })).await, output);
        }
        let is_asked =
            |channel: &&Channel| before(now, PACKAGES_ASKED_FOR) < channel.since && is_late(channel.since, now);
        let asked: Vec<BuildId> = channels.iter().filter(is_asked).map(|channel| channel.build.clone()).collect();
        for build in packages::unknown(&self.table, &asked).await? {
            count(self.packages(&build, output).await, output);
        }
        Ok(())
    }

    /// The builds in whose channel a region's parameter is not right.
    async fn wrong(&self, channels: &[Channel], now: Timestamp, output: &mut Output) -> BTreeSet<BuildId> {
        let regions: BTreeSet<&Region> = channels.iter().flat_map(|channel| channel.amis.keys()).collect();
        let mut wrong = BTreeSet::new();
        let mut looks =
            stream::iter(regions).map(|region| self.wrong_in(region, channels, now)).buffer_unordered(REGIONS);
        while let Some((found, failures)) = looks.next().await {
            wrong.extend(found);
            for failure in failures {
                count(Err(failure), output);
            }
        }
        wrong
    }

    /// The same of one region, with the looks that have failed there. It begins with others every hour, since a region that
    /// is far away or slow may leave no time for all.
    async fn wrong_in(&self, region: &Region, channels: &[Channel], now: Timestamp) -> (Vec<BuildId>, Vec<Error>) {
        let parameters = Parameters::in_region(&self.config, region);
        let name = |channel: &Channel| parameters::latest(&self.prefix, &channel.build.target);
        let began = Instant::now();
        let (mut wrong, mut failures) = (Vec::new(), Vec::new());
        let mut there: Vec<&Channel> = channels.iter().filter(|channel| channel.amis.contains_key(region)).collect();
        let first = first(there.len(), now);
        there.rotate_left(first);
        for batch in there.chunks(parameters::BATCH) {
            if began.elapsed() > TIME {
                failures.push(Error::OutOfTime { action: format!("reading the launch parameters of {region}") });
                break;
            }
            let names: Vec<String> = batch.iter().map(|channel| name(channel)).collect();
            let values = match parameters.values(&names).await {
                Ok(values) => values,
                Err(error) => {
                    failures.push(error);
                    continue;
                }
            };
            for channel in batch {
                let right =
                    values.get(&name(channel)).map(String::as_str) == channel.amis.get(region).map(|ami| ami.as_str());
                if !right || channel.unverified().contains(region) {
                    wrong.push(channel.build.clone());
                }
            }
        }
        (wrong, failures)
    }

    async fn packages(&self, build: &BuildId, output: &mut Output) -> Result<()> {
        let Some(run) = builds::get(&self.table, build).await?.run else { return Ok(()) };
        output.unlisted += 1;
        self.functions.poke(&self.menders.finish_image, &json!({ "resources": [run.arn] })).await
    }
}
