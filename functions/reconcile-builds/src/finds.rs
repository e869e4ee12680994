//! What is looked at, and to whom it is handed. One look that fails does not keep the others from being
//! made.

use std::collections::BTreeSet;

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use prism_aws::error::{Error, Result};
use prism_aws::stream::StreamEvent;
use prism_aws::{base_images, clearings, keys, notices, policies};
use prism_domain::duration::before;
use prism_domain::id::{Target, TrackedImageId};
use prism_domain::pacing::room_at_night;
use prism_domain::policy::Policy;
use prism_domain::zone::Zone;
use serde_json::json;

use crate::{Output, ReconcileBuilds};

/// What is younger than this may still be on its way.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(5);

/// How many of an image's last moves are looked at.
const MOVES: usize = 5;

impl ReconcileBuilds {
    /// Ended builds that may have left something behind.
    pub(crate) async fn clearings(&self, now: Timestamp, output: &mut Output) -> Result<()> {
        let open = clearings::all_open(&self.table).await?;
        for record in output.readable(open) {
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

    /// Notices of the last days that were not sent.
    pub(crate) async fn notices(&self, now: Timestamp, output: &mut Output) {
        for days in 0..3 {
            let day = Zone::utc().date(before(now, SignedDuration::from_hours(24 * days)));
            count(self.notices_of(day, now, output).await, output);
        }
    }

    async fn notices_of(&self, day: Date, now: Timestamp, output: &mut Output) -> Result<()> {
        let notices = notices::of_day(&self.table, day).await?;
        for record in output.readable(notices) {
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
    pub(crate) async fn updates(&self, now: Timestamp, output: &mut Output) -> Result<()> {
        let policy = policies::current(&self.table).await?;
        let catalogue = policy.catalogue();
        let (busy, waiting) = self.busy(output).await?;
        for (base, architecture) in catalogue.on_every_architecture() {
            let id = TrackedImageId { name: base.name.clone(), architecture, region: self.region.clone() };
            count(self.updates_of(&id, &busy, &policy, now, output).await, output);
        }
        let room = room_at_night(&waiting, &policy, now);
        self.look_at_changed(room, &busy, &policy, now, output).await
    }

    async fn updates_of(
        &self,
        id: &TrackedImageId,
        busy: &BTreeSet<Target>,
        policy: &Policy,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        let records = base_images::newest_updates(&self.table, id, MOVES).await?;
        let newest_unreadable = records.unreadable.first().map(|record| record.sk.clone());
        let records = output.readable(records);
        for record in &records {
            if record.responded_at.is_none() && is_late(record.since(), now) {
                let event = StreamEvent::naming(&keys::update(&record.update.id));
                output.unanswered += 1;
                count(self.functions.poke(&self.menders.respond_to_update, &event).await, output);
            }
        }
        match records.first() {
            // After a move that cannot be read, nobody knows what is still wanted of those before.
            Some(newest) if newest_unreadable.is_none_or(|sk| sk < keys::update(&newest.update.id).sk) => {
                self.look_at_those_behind(newest, busy, policy, now, output).await
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn is_late(at: Timestamp, now: Timestamp) -> bool {
    at < before(now, ON_ITS_WAY)
}

/// One look that fails does not keep the others from being made.
pub(crate) fn count(looked: Result<()>, output: &mut Output) {
    if let Err(Error::Unreadable(record)) = looked {
        output.unreadable.insert(*record);
    } else if let Err(error) = looked {
        tracing::error!(error.name = error.name(), "a look failed: {error}");
        output.failed += 1;
    }
}
