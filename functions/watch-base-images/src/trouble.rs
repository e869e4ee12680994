//! Keeping what is wrong with images, and having people told of it when it has lasted too long.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use prism_aws::base_images::{self, TOLD_AT_ONCE};
use prism_aws::error::Result;
use prism_aws::fault;
use prism_aws::pace::within;
use prism_aws::table::Applied;
use prism_domain::notice::base_image_trouble;
use prism_domain::watch::{Trouble, TroubleChange, TroubleKind, trouble};

use crate::eyes::{RegionLook, WRITES_AT_ONCE};
use crate::look::Outcome;

/// A change of one image's trouble that is to be written.
enum Change<'a> {
    Begins(Option<&'a Trouble>, Trouble),
    Ends(&'a Trouble),
}

impl RegionLook<'_> {
    /// Writes what has changed about the troubles of the region. What can't be written now is the next run's.
    pub async fn keep(&self, known: &[Trouble], outcomes: &[Outcome], now: Timestamp) {
        let mut before: BTreeMap<_, &Trouble> = known.iter().map(|one| (&one.id, one)).collect();
        let mut changes = Vec::new();
        let mut due: BTreeMap<TroubleKind, Vec<Trouble>> = BTreeMap::new();
        for (watched, outcome) in self.watched.iter().zip(outcomes) {
            let id = watched.id(&self.eyes.region);
            let known = before.remove(&id);
            let (found, gone) = match outcome {
                Outcome::Unseen(unseen) => (Some(unseen.clone()), None),
                Outcome::Vanished(image) => {
                    let detail = format!("names {image}, which does not exist any more");
                    (Some((TroubleKind::Absent, detail)), Some(image.clone()))
                }
                _ => (None, None),
            };
            if known.is_none() && found.is_none() {
                continue;
            }
            match (trouble(&id, known, found, now), known) {
                (TroubleChange::None, _) | (TroubleChange::Ends, None) => {}
                (TroubleChange::Begins(trouble), known) => {
                    changes.push(Change::Begins(known, Trouble { gone, ..trouble }));
                }
                (TroubleChange::Tell(trouble), _) => due.entry(trouble.kind).or_default().push(trouble),
                (TroubleChange::Ends, Some(known)) => changes.push(Change::Ends(known)),
            }
        }
        // Those that nobody watches any more.
        changes.extend(before.into_values().map(Change::Ends));
        let writes = stream::iter(changes).map(|change| self.change(change));
        let mut results: Vec<Result<Applied>> = writes.buffer_unordered(WRITES_AT_ONCE).collect().await;
        for (kind, troubles) in due {
            for together in troubles.chunks(TOLD_AT_ONCE) {
                results.push(self.tell(kind, together, now).await);
            }
        }
        for error in results.into_iter().filter_map(Result::err) {
            tracing::error!(region = %self.eyes.region, "the next look has to write it: {error}");
        }
    }

    async fn change(&self, change: Change<'_>) -> Result<Applied> {
        self.count(|calls| calls.writes += 1);
        within(self.budget.writes, "recording troubles", async {
            match change {
                Change::Begins(known, trouble) => {
                    tracing::warn!(kind = %trouble.kind, "{}: {}", trouble.id, trouble.detail);
                    base_images::begin_trouble(self.table, known, &trouble).await
                }
                Change::Ends(known) => {
                    tracing::info!(kind = %known.kind, "{}: over", known.id);
                    base_images::end_trouble(self.table, known).await
                }
            }
        })
        .await
    }

    async fn tell(&self, kind: TroubleKind, troubles: &[Trouble], now: Timestamp) -> Result<Applied> {
        let Some(notice) = base_image_trouble(&self.eyes.region, kind, troubles, &self.policy.zone, now) else {
            return Ok(Applied::Written);
        };
        self.count(|calls| calls.writes += 1);
        let told = base_images::tell_troubles(self.table, troubles, &notice);
        let applied = within(self.budget.writes, "telling of troubles", told).await?;
        fault::point("watch-base-images.trouble-told");
        Ok(applied)
    }
}
