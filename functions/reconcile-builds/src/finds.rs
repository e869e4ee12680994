//! What is looked at, and to whom it is handed. One look that fails does not keep the others from being
//! made.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_aws::error::Result;
use prism_aws::stream::StreamEvent;
use prism_aws::{
    base_images, builds, clearings, clock, inventory, keys, notices, packages, parameters, policies, templates,
};
use prism_domain::build::Channel;
use prism_domain::duration::before;
use prism_domain::id::{Target, TrackedImageId};
use prism_domain::zone::Zone;
use serde_json::json;

use crate::{Output, ReconcileBuilds};

/// What is younger than this may still be on its way.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// For how long after its publication an image's packages are asked for again. What Image Builder does not tell
/// within a day, it does not know.
const PACKAGES_ASKED_FOR: SignedDuration = SignedDuration::from_hours(24);

/// How many of an image's last moves are looked at.
const MOVES: usize = 5;

impl ReconcileBuilds {
    /// Ended builds that may have left something behind.
    pub(crate) async fn clearings(&self, output: &mut Output) -> Result<()> {
        let now = clock::now();
        for record in clearings::all_open(&self.table).await? {
            if is_late(record.since, now) {
                output.uncleared += 1;
                count(self.close(&record.execution).await, output);
            }
        }
        Ok(())
    }

    pub(crate) async fn close(&self, execution: &str) -> Result<()> {
        let change = json!({ "detail": { "executionArn": execution, "status": "FAILED" } });
        self.functions.poke(&self.menders.close_build, &change).await
    }

    /// Channels whose parameter in this region is not what they say, and new images whose packages are not kept.
    pub(crate) async fn channels(&self, output: &mut Output) -> Result<()> {
        let mut channels: Vec<Channel> = Vec::new();
        for record in templates::all(&self.table).await? {
            channels.extend(inventory::channels(&self.table, &record.name).await?);
        }
        for batch in channels.chunks(parameters::BATCH) {
            let looked = self.channel_batch(batch, output).await;
            count(looked, output);
        }
        let now = clock::now();
        for channel in channels.iter().filter(|channel| before(now, PACKAGES_ASKED_FOR) < channel.since) {
            if is_late(channel.since, now) {
                count(self.packages(channel, output).await, output);
            }
        }
        Ok(())
    }

    async fn packages(&self, channel: &Channel, output: &mut Output) -> Result<()> {
        if packages::are_kept(&self.table, &channel.build).await? {
            return Ok(());
        }
        let Some(run) = builds::get(&self.table, &channel.build).await?.run else { return Ok(()) };
        output.unlisted += 1;
        self.functions.poke(&self.menders.finish_image, &json!({ "resources": [run.arn] })).await
    }

    async fn channel_batch(&self, batch: &[Channel], output: &mut Output) -> Result<()> {
        let name = |channel: &Channel| parameters::latest(&self.prefix, &channel.build.target);
        let values = self.parameters.values(&batch.iter().map(name).collect::<Vec<_>>()).await?;
        for channel in batch {
            let value = values.get(&name(channel)).map(String::as_str);
            let right = channel.amis.get(&self.region).is_none_or(|ami| Some(ami.as_str()) == value);
            if !right || channel.verified_version != channel.version {
                output.unpublished += 1;
                self.functions.poke(&self.menders.publish_image, &json!({ "build_id": channel.build })).await?;
            }
        }
        Ok(())
    }

    /// Notices of the last days that were not sent.
    pub(crate) async fn notices(&self, output: &mut Output) {
        let now = clock::now();
        for days in 0..3 {
            let day = Zone::utc().date(before(now, SignedDuration::from_hours(24 * days)));
            let looked = self.notices_of(day, now, output).await;
            count(looked, output);
        }
    }

    async fn notices_of(&self, day: Date, now: Timestamp, output: &mut Output) -> Result<()> {
        for record in notices::of_day(&self.table, day).await? {
            let notice = &record.notice;
            if record.sent_at.is_none() && is_late(notice.created_at, now) {
                let event = StreamEvent::naming(&keys::notice(notice.created_at, &notice.id));
                output.unsent += 1;
                count(self.functions.poke(&self.menders.notify, &event).await, output);
            }
        }
        Ok(())
    }

    /// The last moves of every base image that were not responded to, and what was lost of the response to the newest.
    pub(crate) async fn updates(&self, output: &mut Output) -> Result<()> {
        let now = clock::now();
        let catalogue = policies::current(&self.table).await?.catalogue();
        let busy = self.busy().await?;
        for (base, architecture) in catalogue.on_every_architecture() {
            let id = TrackedImageId { name: base.name.clone(), architecture, region: self.region.clone() };
            let looked = self.updates_of(&id, &busy, now, output).await;
            count(looked, output);
        }
        Ok(())
    }

    async fn updates_of(
        &self,
        id: &TrackedImageId,
        busy: &BTreeSet<Target>,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        let records = base_images::newest_updates(&self.table, id, MOVES).await?;
        for record in &records {
            if record.responded_at.is_none() && is_late(record.since(), now) {
                let event = StreamEvent::naming(&keys::update(&record.update.id));
                output.unanswered += 1;
                count(self.functions.poke(&self.menders.respond_to_update, &event).await, output);
            }
        }
        match records.first() {
            Some(newest) => self.ask_again(newest, busy, now, output).await,
            None => Ok(()),
        }
    }
}

pub(crate) fn is_late(at: Timestamp, now: Timestamp) -> bool {
    at < before(now, ON_ITS_WAY)
}

/// One look that fails does not keep the others from being made.
pub(crate) fn count(looked: Result<()>, output: &mut Output) {
    if let Err(error) = looked {
        tracing::error!(error.name = error.name(), "a look failed: {error}");
        output.failed += 1;
    }
}
