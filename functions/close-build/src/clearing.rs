//! Clearing up: nothing runs on, and no image is left that nobody will use.
//!
//! Image Builder is stopped before a build is closed, so that its money is settled. Images are removed after:
//! until it is written that the build has ended, its image may still be published.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::image_builder::{self, ImageState};
use prism_aws::{builds, clearings, fault, race};
use prism_domain::build::{Build, ImageOutcome, ImageResult, ImageRun};
use prism_domain::id::BuildId;
use prism_domain::provenance::verify_origin;

use crate::{CloseBuild, ending};

impl CloseBuild {
    /// Removes what an ended build left behind, if it is on the list. It stays there until nothing is left: while Image
    /// Builder is still at it, or something could not be removed.
    pub(crate) async fn clear(&self, id: &BuildId, now: Timestamp) -> Result<()> {
        let Some(record) = clearings::find(&self.table, id).await? else { return Ok(()) };
        if record.cleared_at.is_some() {
            return Ok(());
        }
        let mut over = self.settle_late(id, now).await?;
        over &= self.remove_images(id).await?;
        if over {
            clearings::cleared(&self.table, record, now).await?;
        }
        Ok(())
    }

    /// Stops Image Builder if it runs though the build has ended, and books what that cost, once. Answers whether
    /// nothing runs any more.
    async fn settle_late(&self, id: &BuildId, now: Timestamp) -> Result<bool> {
        let action = format!("booking what build {id} cost");
        race::win(&action, async || {
            let mut build = builds::get(&self.table, id).await?;
            let over = self.end(&mut build, now).await?;
            fault::point("close-build.stopped");
            let writes = ending::book_late(&build, now)?;
            if writes.is_empty() {
                return Ok(Some(over));
            }
            let booked = self.table.transact(&action, writes).await?.then(over);
            Ok(booked.inspect(|_| fault::point("close-build.booked-late")))
        })
        .await
    }

    /// Finds out how Image Builder ended, or ends it. Completes `build` with what it found, and answers whether
    /// nothing runs any more. The image is found by its build's number, whether or not its start was stored.
    pub(crate) async fn end(&self, build: &mut Build, now: Timestamp) -> Result<bool> {
        if build.frozen.is_none() {
            return Ok(true);
        }
        let own = image_builder::own_names(&self.infrastructure, &build.id)?;
        let Some(look) = self.image_builder.look(&own.image).await? else { return Ok(true) };
        if verify_origin(build, &own, &look.image).is_err() {
            // It is of another stack's build of the same number, and none of this one's cost.
            return Ok(true);
        }
        let arn = own.image;
        let started_at = look.image.created_at.unwrap_or(now);
        build.run.get_or_insert_with(|| ImageRun { arn: arn.clone(), started_at });
        let (result, ended_at, over) = match look.state {
            ImageState::Ended { result, at } => (result, at.unwrap_or(now).min(now), true),
            ImageState::InProgress => {
                self.image_builder.cancel(&arn, &prism_templates::client_token(&build.id, "cancel")).await?;
                (ImageResult::Cancelled, now, false)
            }
        };
        build.outcome.get_or_insert(ImageOutcome { result, ended_at, arn });
        Ok(over)
    }
}
