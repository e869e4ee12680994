//! Gathers what is known of an update, and has it judged. Evidence that could not be asked for is evidence that is
//! not there, for now: the update is judged anew later.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_aws::advisories::FeedState;
use prism_aws::base_images::Dependant;
use prism_aws::error::{Error, Result};
use prism_aws::table::Table;
use prism_aws::{advisories, base_images, inventory, packages};
use prism_domain::advisory::{Advisory, Ecosystem, Installed, Threats};
use prism_domain::assessment::{Assessment, Published, Side, assess};
use prism_domain::catalogue::BaseImage;
use prism_domain::duration::before;
use prism_domain::id::AmiId;
use prism_domain::policy::Policy;
use prism_domain::seen_image::SeenImage;
use prism_domain::update::BaseImageUpdate;
use prism_domain::zone::Zone;

use crate::{Images, Scanned};

/// Of how many templates on a base image what is installed is looked up.
const ASKED: usize = 20;

/// The feed that tells which vulnerabilities are exploited.
const KEV: &str = "kev";

/// What is published, read once for as many updates as there are.
#[derive(Debug)]
pub struct Judge<'a> {
    images: &'a Images,
    table: &'a Table,
    advisories: &'a Table,
    policy: &'a Policy,
    /// What is known of attacks; nothing if that cannot be read.
    threats: Option<Threats>,
    nothing: Threats,
    feeds: Vec<FeedState>,
    known: BTreeMap<Ecosystem, Vec<Advisory>>,
    now: Timestamp,
}

impl<'a> Judge<'a> {
    /// Reads what is known of attacks, and how the feeds stand.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn new(
        images: &'a Images,
        table: &'a Table,
        advisories: &'a Table,
        policy: &'a Policy,
        now: Timestamp,
    ) -> Result<Self> {
        let threats = match advisories::threats(advisories).await {
            Ok(threats) => Some(threats),
            Err(Error::Unreadable(record)) => {
                tracing::error!("{record}");
                None
            }
            Err(error) => return Err(error),
        };
        let feeds = advisories::feeds(advisories).await?.logged();
        let (nothing, known) = (Threats::default(), BTreeMap::new());
        Ok(Self { images, table, advisories, policy, threats, nothing, feeds, known, now })
    }

    /// The judgement of an update.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn update(&mut self, update: &BaseImageUpdate, base: &BaseImage) -> Result<Assessment> {
        let image = &update.id.image;
        let dependants = base_images::dependants(self.table, &image.name, image.architecture).await?.logged();
        // What nothing stands on is judged by what is published: it is not worth a question for each image.
        let (previous_scan, next_scan) = if dependants.is_empty() {
            (None, None)
        } else {
            let both = [update.previous_image_id.clone(), update.image_id.clone()];
            let scanned = self.scanned(&both).await;
            (self.findings(&both[0], &scanned).await, self.findings(&both[1], &scanned).await)
        };
        let installed = self.installed_on(update, &dependants).await?;
        self.read(base).await?;
        let previous = seen(&update.previous_image_id, &update.previous_image_name, update.previous_created_at);
        let next = seen(&update.image_id, &update.image_name, update.image_created_at);
        let previous =
            Side { image: &previous, scan: previous_scan.as_ref().map(Scanned::scan), packages: installed.as_deref() };
        let next = Side { image: &next, scan: next_scan.as_ref().map(Scanned::scan), packages: None };
        Ok(assess(previous, next, &self.published(base), self.now))
    }

    /// When Amazon Inspector scanned images, as far as it has and EC2 could be asked.
    pub async fn scanned(&self, images: &[AmiId]) -> BTreeMap<AmiId, Timestamp> {
        self.images.scanned(images).await.unwrap_or_else(|error| {
            tracing::warn!(error.name = error.name(), "which images Inspector has scanned is not known: {error}");
            BTreeMap::new()
        })
    }

    /// What Amazon Inspector found in an image, if it is one of those that were scanned and EC2 could be asked.
    pub async fn findings(&self, image: &AmiId, scanned: &BTreeMap<AmiId, Timestamp>) -> Option<Scanned> {
        match self.images.findings(image, *scanned.get(image)?).await {
            Ok(scanned) => Some(scanned),
            Err(error) => {
                tracing::warn!(error.name = error.name(), "what Inspector found in {image} is not known: {error}");
                None
            }
        }
    }

    /// Reads what vendors published of a base image, once.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn read(&mut self, base: &BaseImage) -> Result<()> {
        let Some(ecosystem) = &base.ecosystem else { return Ok(()) };
        if !self.known.contains_key(ecosystem) {
            let since = Zone::utc().date(before(self.now, advisories::KEPT));
            let advisories = advisories::issued_since(self.advisories, ecosystem, since).await?;
            self.known.insert(ecosystem.clone(), advisories);
        }
        Ok(())
    }

    /// What vendors published of a base image, as far as it was read.
    #[must_use]
    pub fn published(&self, base: &BaseImage) -> Published<'_> {
        let ecosystem = base.ecosystem.as_ref().and_then(|name| self.known.get_key_value(name));
        let read_at = ecosystem.and_then(|(name, _)| read_at(&self.feeds, name));
        Published {
            ecosystem: ecosystem.map(|(name, _)| name),
            advisories: ecosystem.filter(|(name, _)| is_read(&self.feeds, name)).map(|(_, all)| all.as_slice()),
            read_at,
            threats: self.threats.as_ref().unwrap_or(&self.nothing),
            attacks_read_at: self
                .feeds
                .iter()
                .find(|feed| feed.feed == KEV && self.threats.is_some())
                .and_then(|feed| feed.good_at),
            epss_threshold: self.policy.epss_threshold,
        }
    }

    /// What is installed in the images that stand on the previous image of an update, the oldest version of each
    /// package; nothing if no list is known.
    async fn installed_on(&self, update: &BaseImageUpdate, dependants: &[Dependant]) -> Result<Option<Vec<Installed>>> {
        let mut installed: Option<Vec<Installed>> = None;
        let standing = dependants.iter().filter(|dependant| dependant.may_stand_on(&update.previous_image_id));
        for dependant in standing.take(ASKED) {
            match self.installed_in(dependant, update).await {
                Ok(list) => {
                    if let Some(list) = list {
                        installed.get_or_insert_default().extend(list);
                    }
                }
                // It tells nothing, and the others do.
                Err(Error::Unreadable(record)) => tracing::error!("{record}"),
                Err(error) => return Err(error),
            }
        }
        Ok(installed.map(|mut all| {
            all.sort_unstable();
            all.dedup();
            all
        }))
    }

    /// What is installed in a dependant's image, if that stands on the previous image of an update and is known.
    async fn installed_in(&self, dependant: &Dependant, update: &BaseImageUpdate) -> Result<Option<Vec<Installed>>> {
        match inventory::channel(self.table, &dependant.target).await? {
            Some(channel) if channel.base_image_id == update.previous_image_id => {
                packages::of(self.table, &channel.build).await
            }
            _ => Ok(None),
        }
    }
}

/// The main feeds of an ecosystem.
fn main<'a>(feeds: &'a [FeedState], ecosystem: &'a Ecosystem) -> impl Iterator<Item = &'a FeedState> {
    feeds.iter().filter(move |feed| feed.ecosystems.contains(ecosystem) && !feed.is_hint)
}

/// Whether anything is known that was published of an ecosystem.
fn is_read(feeds: &[FeedState], ecosystem: &Ecosystem) -> bool {
    main(feeds, ecosystem).any(|feed| feed.good_at.is_some())
}

/// Up to when everything is known that was published of an ecosystem: until the oldest reading of its main feeds.
fn read_at(feeds: &[FeedState], ecosystem: &Ecosystem) -> Option<Timestamp> {
    main(feeds, ecosystem).map(|feed| feed.good_at).min()?
}

fn seen(id: &AmiId, name: &str, created_at: Option<Timestamp>) -> SeenImage {
    SeenImage { image_id: id.clone(), image_name: name.to_owned(), created_at, root_device: None, root_volume_gb: None }
}
