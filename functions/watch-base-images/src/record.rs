//! Writing what was seen, if it is news.

use jiff::Timestamp;
use prism_aws::base_images;
use prism_aws::error::{Error, Result};
use prism_aws::fault;
use prism_aws::pace::within;
use prism_aws::table::Applied;
use prism_domain::notice::base_image_held;
use prism_domain::update::{BaseImageUpdate, Observation, TrackedImage};
use prism_ec2::judge::Judge;

use crate::eyes::RegionLook;
use crate::look::Outcome;
use crate::source::unseen;

/// What was seen of an image, where that is news: what is known of it, and what to write.
#[derive(Debug)]
pub struct News<'a> {
    /// Which of the watched images.
    pub place: usize,
    /// What is known of it.
    pub known: Option<&'a TrackedImage>,
    /// What it comes to.
    pub observation: Observation,
}

impl RegionLook<'_> {
    /// Judges the moves before they are written, so that whoever answers them knows how bad it is. One that can't be
    /// judged now counts as high, and is judged later.
    pub async fn judge(&self, news: &mut [News<'_>], now: Timestamp) {
        let moves = news.iter_mut().filter_map(|news| match &mut news.observation {
            Observation::Moved(moved) => Some((news.place, &mut moved.1)),
            _ => None,
        });
        let mut moves = moves.peekable();
        if moves.peek().is_none() {
            return;
        }
        let judging = async {
            let mut judge = Judge::new(&self.eyes.images, self.table, self.advisories, self.policy, now).await?;
            for (place, update) in moves {
                let assessment = judge.update(update, self.watched[place].base).await?;
                *update = update.clone().assessed(assessment, now);
            }
            Ok(())
        };
        if let Err(error) = Box::pin(within(self.budget.looks, "judging moves", judging)).await {
            tracing::warn!(error.name = error.name(), "moves are not judged yet: {error}");
        }
    }

    /// Writes one piece of news. A write that is lost was made by another look, which was faster.
    pub async fn record(&self, news: News<'_>, now: Timestamp) -> (usize, Outcome) {
        let place = news.place;
        let written = within(self.budget.writes, "recording base images", self.write(news, now)).await;
        (place, written.unwrap_or_else(|error| Outcome::Unseen(unseen(&error))))
    }

    async fn write(&self, News { known, observation, .. }: News<'_>, now: Timestamp) -> Result<Outcome> {
        self.count(|calls| calls.writes += 1);
        match (observation, known) {
            (Observation::First(tracked), _) => {
                let _: Applied = base_images::write_first(self.table, &tracked).await?;
                fault::point("watch-base-images.first-seen");
                Ok(Outcome::First)
            }
            (Observation::Moved(moved), Some(known)) => self.write_move(known, &moved.0, &moved.1).await,
            (Observation::Held(tracked), Some(known)) => {
                let begins = known.quarantine.is_none();
                let notice = if begins { base_image_held(&tracked, &self.policy.zone, now) } else { None };
                let _: Applied = base_images::write_quarantine(self.table, known, &tracked, notice.as_ref()).await?;
                fault::point("watch-base-images.held");
                Ok(Outcome::Held)
            }
            (Observation::Calm(tracked), Some(known)) => {
                let _: Applied = base_images::write_quarantine(self.table, known, &tracked, None).await?;
                Ok(Outcome::Same)
            }
            (Observation::StillHeld, _) => Ok(Outcome::Held),
            // Nothing moves, is held or calms down that was not known.
            (Observation::Same | Observation::Moved(_) | Observation::Held(_) | Observation::Calm(_), _) => {
                Ok(Outcome::Same)
            }
        }
    }

    async fn write_move(
        &self,
        known: &TrackedImage,
        tracked: &TrackedImage,
        update: &BaseImageUpdate,
    ) -> Result<Outcome> {
        match base_images::write_move(self.table, known, tracked, update).await? {
            Applied::Written => {
                fault::point("watch-base-images.recorded");
                tracing::info!(
                    update_id = %update.id, level = %update.security_level, direction = ?update.direction,
                    "{} moved from {} to {}", known.id, update.previous_image_id, update.image_id
                );
                Ok(Outcome::Moved(update.id.clone()))
            }
            // The image's own record, which is written first, has changed: another look was faster.
            Applied::Lost(places) if places.contains(&0) => Ok(Outcome::Same),
            Applied::Lost(_) => {
                let taken = format!("{} names another move already; the record of the image is out of step", update.id);
                Err(Error::malformed(format!("the move of {}", known.id), taken))
            }
        }
    }
}
