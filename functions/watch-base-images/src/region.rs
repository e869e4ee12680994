//! A look at everything that is watched, in one region.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use prism_aws::base_images::{self, WatchRun};
use prism_aws::error::Error;
use prism_aws::known_images::{self, Found, KnownImages};
use prism_aws::pace::within;
use prism_aws::table::Readings;
use prism_domain::catalogue::Owner;
use prism_domain::id::{AmiId, Region, TrackedImageId};
use prism_domain::seen_image::SeenImage;
use prism_domain::sight::{self, PublicImage, Unseen};
use prism_domain::update::{Context, Observation, TrackedImage, observe};
use prism_domain::watch::{Trouble, TroubleKind, is_described_again};
use tokio::time::Instant;

use crate::eyes::{RegionLook, WRITES_AT_ONCE};
use crate::look::{self, Outcome, Watched};
use crate::record::News;
use crate::source::unseen;

/// What a look at a region came to.
#[derive(Debug)]
pub struct RegionRun {
    /// What it tells.
    pub run: WatchRun,
    /// Why it failed, if every single look did or it could not be recorded.
    pub failure: Option<String>,
}

/// What a source says of an image.
enum Sight {
    /// There is none.
    Gone,
    /// Nothing to go by.
    Unseen(Unseen),
    /// This one, which has to be looked at.
    Named(AmiId),
    /// This one, after these that were never seen.
    Seen(SeenImage, Vec<String>),
}

/// A watched image that is not what it was, or of which more has to be known.
struct Unsettled {
    /// Which of the watched images.
    place: usize,
    /// What is known of it.
    known: Option<TrackedImage>,
}

type Answers = HashMap<String, Result<Option<String>, Unseen>>;
type Listings = BTreeMap<Owner, Result<Vec<PublicImage>, Unseen>>;

impl RegionLook<'_> {
    /// Looks at everything, writes what is news, and leaves a summary.
    pub async fn run(&self, looked_at: Timestamp) -> RegionRun {
        let begun = Instant::now();
        let outcomes = Box::pin(self.look(looked_at)).await;
        let took_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.count(|calls| calls.writes += 1);
        let run = look::summary(&self.eyes.region, looked_at, &outcomes, self.calls.get(), took_ms);
        let failure = look::failure(&outcomes);
        let unrecorded = base_images::write_run(self.table, &run).await.err().map(|error| error.to_string());
        tracing::info!(
            region = %run.region, watched = run.watched, same = run.same, moved = run.moved.len(), first = run.first,
            held = run.held, troubles = ?run.troubles, calls = ?run.calls, took_ms, unrecorded, "looked"
        );
        RegionRun { run, failure: failure.or(unrecorded) }
    }

    async fn look(&self, now: Timestamp) -> Vec<Outcome> {
        // Before the sources are asked: what others write from here on makes void what this look would write.
        let (known, troubles) = tokio::join!(self.known(), self.troubles());
        let known = match known {
            Ok(known) => known,
            // What is seen couldn't be compared with anything, so nothing may be written.
            Err(unseen) => return vec![Outcome::Unseen(unseen); self.watched.len()],
        };
        let (answers, listings) = tokio::join!(self.ask(), self.list(now));
        let mut outcomes = vec![Outcome::Same; self.watched.len()];
        let (mut others, mut settled) = (Vec::new(), Vec::new());
        for (place, one) in self.watched.iter().enumerate() {
            let id = one.id(&self.eyes.region);
            match sight(one, &self.eyes.region, None, &answers, &listings) {
                Sight::Unseen(unseen) => outcomes[place] = Outcome::Unseen(unseen),
                Sight::Gone => outcomes[place] = Outcome::Unseen(gone(known.has(&id))),
                Sight::Named(image) | Sight::Seen(SeenImage { image_id: image, .. }, _) => {
                    if known.is_settled_at(&id, &image) {
                        settled.push((place, id, image));
                    } else {
                        others.push((place, id));
                    }
                }
            }
        }
        let mut unsettled = Vec::with_capacity(others.len());
        for (place, found) in self.read(&known, others).await {
            match found {
                Ok(Found::Nothing) => unsettled.push(Unsettled { place, known: None }),
                Ok(Found::Unchanged(known)) => unsettled.push(Unsettled { place, known: Some(*known) }),
                // Whoever was there has seen what there is to see.
                Ok(Found::Changed) => {}
                Err(error) => {
                    tracing::error!("{error}");
                    outcomes[place] = Outcome::Unseen(unseen(&error));
                }
            }
        }
        for (place, outcome) in self.compare(&unsettled, &answers, &listings, now).await {
            outcomes[place] = outcome;
        }
        match troubles {
            Ok(troubles) => {
                for (place, image) in self.vanished(&settled, &troubles, now).await {
                    outcomes[place] = Outcome::Vanished(image);
                }
                self.keep(&troubles, &outcomes, now).await;
            }
            Err(error) => tracing::error!(region = %self.eyes.region, "troubles are the next look's to keep: {error}"),
        }
        outcomes
    }

    async fn known(&self) -> Result<KnownImages, Unseen> {
        self.count(|calls| calls.reads += 1);
        let known = known_images::of(self.table, &self.eyes.region);
        within(self.budget.reads, "reading what is known", known).await.map_err(|error| unseen(&error))
    }

    /// Which of the images that their parameters still name do not exist any more, of those whose turn it is and those that
    /// did not at the last look.
    async fn vanished(
        &self,
        settled: &[(usize, TrackedImageId, AmiId)],
        troubles: &[Trouble],
        now: Timestamp,
    ) -> Vec<(usize, AmiId)> {
        let was_gone = |id: &TrackedImageId, image: &AmiId| {
            troubles.iter().any(|trouble| trouble.id == *id && trouble.gone.as_ref() == Some(image))
        };
        let named = settled.iter().filter(|(place, ..)| self.watched[*place].source.parameter.is_some());
        let asked: Vec<_> =
            named.filter(|(place, id, image)| is_described_again(*place, now) || was_gone(id, image)).collect();
        let described = self.describe(&asked.iter().map(|(.., image)| image.clone()).collect()).await;
        let is_gone = |id: &TrackedImageId, image: &AmiId| match described.get(image) {
            Some(Ok(found)) => found.is_none(),
            // Whoever could not be asked has not said that it is back.
            Some(Err(_)) | None => was_gone(id, image),
        };
        let gone = asked.into_iter().filter(|(_, id, image)| is_gone(id, image));
        gone.map(|(place, _, image)| (*place, image.clone())).collect()
    }

    /// What is known of those that are not what they were.
    async fn read(
        &self,
        known: &KnownImages,
        those: Vec<(usize, TrackedImageId)>,
    ) -> Vec<(usize, Result<Found, Error>)> {
        let reads = stream::iter(those).map(|(place, id)| async move {
            if known.has(&id) {
                self.count(|calls| calls.reads += 1);
            }
            let read = known.read(self.table, &id);
            (place, within(self.budget.looks, "reading what is known", read).await)
        });
        reads.buffered(WRITES_AT_ONCE).collect().await
    }

    async fn troubles(&self) -> Result<Vec<Trouble>, Error> {
        self.count(|calls| calls.reads += 1);
        let troubles = base_images::all_troubles(self.table, &self.eyes.region);
        within(self.budget.reads, "reading what is wrong", troubles).await.map(Readings::logged)
    }

    /// What the looks at these come to, once their news is written.
    async fn compare(
        &self,
        unsettled: &[Unsettled],
        answers: &Answers,
        listings: &Listings,
        now: Timestamp,
    ) -> Vec<(usize, Outcome)> {
        let region = &self.eyes.region;
        let sights: Vec<Sight> = unsettled
            .iter()
            .map(|one| sight(&self.watched[one.place], region, one.known.as_ref(), answers, listings))
            .collect();
        let named =
            sights.iter().filter_map(|sight| if let Sight::Named(id) = sight { Some(id.clone()) } else { None });
        let described = self.describe(&named.collect::<BTreeSet<AmiId>>()).await;
        let mut outcomes = Vec::with_capacity(sights.len());
        let mut news = Vec::new();
        for (Unsettled { place, known }, sight) in unsettled.iter().zip(sights) {
            let one = &self.watched[*place];
            let seen = match sight {
                Sight::Unseen(unseen) => Err(unseen),
                Sight::Gone => Err(gone(known.is_some())),
                Sight::Seen(image, between) => Ok((image, between)),
                Sight::Named(id) => match described.get(&id) {
                    Some(Ok(found)) => sight::believed(one.base.owner_in(region), &one.source, &id, found.as_ref())
                        .map(|it| (it, vec![])),
                    Some(Err(unseen)) => Err(unseen.clone()),
                    None => Err((TroubleKind::Unreachable, format!("{id} was not described"))),
                },
            };
            let outcome = match seen {
                Err(unseen) => Outcome::Unseen(unseen),
                Ok((image, between)) => match self.observe(one, known.as_ref(), &image, &between, now) {
                    Observation::Same => Outcome::Same,
                    Observation::StillHeld => Outcome::Held,
                    observation => {
                        news.push(News { place: *place, known: known.as_ref(), observation });
                        continue;
                    }
                },
            };
            outcomes.push((*place, outcome));
        }
        self.judge(&mut news, now).await;
        let written = stream::iter(news).map(|news| self.record(news, now)).buffer_unordered(WRITES_AT_ONCE);
        outcomes.extend(written.collect::<Vec<_>>().await);
        outcomes
    }

    fn observe(
        &self,
        one: &Watched<'_>,
        known: Option<&TrackedImage>,
        seen: &SeenImage,
        between: &[String],
        now: Timestamp,
    ) -> Observation {
        let changelog_url = Some(one.base.changelog.as_str());
        let quarantine_after = self.policy.quarantine_after;
        let context = Context { quarantine_after, source: Some(&one.source), between, changelog_url };
        observe(&one.id(&self.eyes.region), known, seen, context, now)
    }
}

/// What the source of an image says of it.
fn sight(
    one: &Watched<'_>,
    region: &Region,
    known: Option<&TrackedImage>,
    answers: &Answers,
    listings: &Listings,
) -> Sight {
    let unasked = || Sight::Unseen((TroubleKind::Unreachable, "its source was not asked".to_owned()));
    let owner = one.base.owner_in(region);
    let Some(parameter) = &one.source.parameter else {
        return match listings.get(owner) {
            Some(Ok(images)) => match sight::newest(owner, &one.source, images) {
                Some(seen) => {
                    let between =
                        known.map(|known| sight::between(owner, &one.source, known, seen, images)).unwrap_or_default();
                    Sight::Seen(seen.clone(), between)
                }
                None => Sight::Gone,
            },
            Some(Err(unseen)) => Sight::Unseen(unseen.clone()),
            None => unasked(),
        };
    };
    match answers.get(parameter) {
        Some(Ok(None)) => Sight::Gone,
        Some(Ok(Some(value))) => match sight::named(value) {
            // What it is was looked up when it became that.
            Ok(id) => match known.and_then(|known| recognised(known, &id)) {
                Some(seen) => Sight::Seen(seen.clone(), Vec::new()),
                None => Sight::Named(id),
            },
            Err(unseen) => Sight::Unseen(unseen),
        },
        Some(Err(unseen)) => Sight::Unseen(unseen.clone()),
        None => unasked(),
    }
}

/// What it means that there is no image.
fn gone(is_known: bool) -> Unseen {
    if is_known {
        (TroubleKind::Withdrawn, "its vendor has taken it back".to_owned())
    } else {
        (TroubleKind::Missing, "the region does not have it".to_owned())
    }
}

/// The image of this id, if it is what a base image was at the last look.
fn recognised<'a>(known: &'a TrackedImage, id: &AmiId) -> Option<&'a SeenImage> {
    let last = known.quarantine.as_ref().map_or(&known.current, |quarantine| &quarantine.seen);
    (last.image_id == *id).then_some(last)
}
