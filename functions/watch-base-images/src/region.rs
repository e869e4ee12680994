//! A look at everything that is watched, in one region.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_config::SdkConfig;
use futures_util::stream::{self, StreamExt as _};
use jiff::Timestamp;
use prism_aws::base_images::{self, Calls, WatchRun};
use prism_aws::clock;
use prism_aws::error::Error;
use prism_aws::known_images::{self, Found, KnownImages};
use prism_aws::pace::{Pacer, within};
use prism_aws::parameters::Parameters;
use prism_aws::table::Table;
use prism_domain::catalogue::Owner;
use prism_domain::id::{AmiId, Region, TrackedImageId};
use prism_domain::policy::Policy;
use prism_domain::sight::{self, PublicImage, Unseen};
use prism_domain::update::{Context, Observation, SeenImage, TrackedImage, observe};
use prism_domain::watch::{Trouble, TroubleKind};
use prism_ec2::Images;
use tokio::time::{Duration, Instant};

use crate::look::{self, Outcome, Watched};
use crate::record::News;
use crate::source::unseen;

/// How often a second parameters are asked for in a region. An account may ask 40 times; others need to as well.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/ssm.html>.
const ASKED_A_SECOND: u32 = 30;

/// How many writes are under way at a time for a region.
pub const WRITES_AT_ONCE: usize = 16;

/// Until when a run may read, ask and write. The function has 120 seconds, of which some are left for the summaries.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Until when it may read what is known.
    pub reads: Instant,
    /// Until when it may look.
    pub looks: Instant,
    /// Until when it may write.
    pub writes: Instant,
}

impl Budget {
    /// That of a run which begins now.
    pub fn from_now() -> Self {
        let now = Instant::now();
        let reads = now + Duration::from_secs(20);
        Self { reads, looks: now + Duration::from_secs(75), writes: now + Duration::from_secs(100) }
    }
}

/// What sees into a region.
#[derive(Debug)]
pub struct Eyes {
    /// Which region.
    pub region: Region,
    /// Its parameters.
    pub parameters: Parameters,
    /// Its images.
    pub images: Images,
    /// How often its parameters may be asked for.
    pub pacer: Pacer,
}

impl Eyes {
    /// The region of `config`.
    pub fn new(region: &Region, config: &SdkConfig) -> Self {
        Self {
            region: region.clone(),
            parameters: Parameters::new(config),
            images: Images::new(config),
            pacer: Pacer::per_second(ASKED_A_SECOND),
        }
    }
}

/// One look at a region.
#[derive(Debug)]
pub struct RegionLook<'a> {
    pub eyes: &'a Eyes,
    pub table: &'a Table,
    pub advisories: &'a Table,
    pub watched: &'a [Watched<'a>],
    pub policy: &'a Policy,
    pub budget: Budget,
    calls: Cell<Calls>,
    /// Whether a source was too busy to answer.
    pub throttled: Cell<bool>,
}

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

impl<'a> RegionLook<'a> {
    /// A look with these eyes, and the tables of the state and of advisories.
    pub fn new(
        eyes: &'a Eyes,
        (table, advisories): (&'a Table, &'a Table),
        watched: &'a [Watched<'a>],
        policy: &'a Policy,
        budget: Budget,
    ) -> Self {
        Self { eyes, table, advisories, watched, policy, budget, calls: Cell::default(), throttled: Cell::default() }
    }

    /// Looks at everything, writes what is news, and leaves a summary.
    pub async fn run(&self) -> RegionRun {
        let (begun, looked_at) = (Instant::now(), clock::now());
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

    /// Counts a call.
    pub fn count(&self, call: impl FnOnce(&mut Calls)) {
        let mut calls = self.calls.get();
        call(&mut calls);
        self.calls.set(calls);
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
        let mut others = Vec::new();
        for (place, one) in self.watched.iter().enumerate() {
            let id = one.id(&self.eyes.region);
            match sight(one, &self.eyes.region, None, &answers, &listings) {
                Sight::Unseen(unseen) => outcomes[place] = Outcome::Unseen(unseen),
                Sight::Gone => outcomes[place] = Outcome::Unseen(gone(known.has(&id))),
                Sight::Named(image) | Sight::Seen(SeenImage { image_id: image, .. }, _) => {
                    if !known.is_settled_at(&id, &image) {
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
            Ok(troubles) => self.keep(&troubles, &outcomes, now).await,
            Err(error) => tracing::error!(region = %self.eyes.region, "troubles are the next look's to keep: {error}"),
        }
        outcomes
    }

    async fn known(&self) -> Result<KnownImages, Unseen> {
        self.count(|calls| calls.reads += 1);
        let known = known_images::of(self.table, &self.eyes.region);
        within(self.budget.reads, "reading what is known", known).await.map_err(|error| unseen(&error))
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
        within(self.budget.reads, "reading what is wrong", troubles).await
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
