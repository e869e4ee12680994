//! What is wrong with base images.

use jiff::Timestamp;
use prism_domain::id::TrackedImageId;
use prism_domain::problem::printable;
use prism_domain::update::TrackedImage;
use prism_domain::watch::{Trouble, TroubleKind};
use serde::Serialize;

use crate::look::Look;

/// What is wrong with a base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wrong {
    /// Which image, where.
    #[serde(flatten)]
    pub image: TrackedImageId,
    /// In one word: a kind of trouble, or `quarantined`.
    pub kind: String,
    /// In a sentence, to stand behind the image's name.
    pub detail: String,
    /// Since when.
    pub since: Timestamp,
    /// When people were told, if they were.
    pub told_at: Option<Timestamp>,
}

impl From<&Trouble> for Wrong {
    fn from(trouble: &Trouble) -> Self {
        Self {
            image: trouble.id.clone(),
            kind: trouble.kind.to_string(),
            detail: printable(&trouble.detail, 300),
            since: trouble.since,
            told_at: trouble.told_at,
        }
    }
}

impl Wrong {
    /// That an image is not followed for now, if it is not.
    pub fn of_tracked(tracked: &TrackedImage) -> Option<Self> {
        let quarantine = tracked.quarantine.as_ref()?;
        let detail = format!(
            "went back and forth, and is not followed until that is over: its source names {} now, and what counts is {}",
            quarantine.seen.image_id, tracked.current.image_id
        );
        let image = tracked.id.clone();
        Some(Self { image, kind: "quarantined".to_owned(), detail, since: quarantine.since, told_at: None })
    }

    /// Everything that is wrong with these images, in the order of their names.
    pub fn all<'a>(tracked: impl IntoIterator<Item = &'a TrackedImage>, troubles: &[Trouble]) -> Vec<Self> {
        let mut all: Vec<Self> = troubles.iter().map(Self::from).collect();
        all.extend(tracked.into_iter().filter_map(Self::of_tracked));
        all.sort_by(|one, other| (&one.image, one.since).cmp(&(&other.image, other.since)));
        all
    }

    /// Whether that is no more than a region's not having an image.
    pub fn is_missing(&self) -> bool {
        self.kind == TroubleKind::Missing.to_string()
    }

    /// Behind the image's name.
    pub fn words(&self, look: &Look) -> String {
        format!("{} ({} for {})", self.detail, self.kind, look.span(self.since))
    }

    /// With the image's name.
    pub fn line(&self, look: &Look) -> String {
        format!("{} ({}) {}", self.image.name, self.image.architecture, self.words(look))
    }
}
