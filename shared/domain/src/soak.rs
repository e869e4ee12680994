//! How long a base image has to be out before templates are rebuilt on it.

use std::cmp::Ordering;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::duration::{after, humanize};
use crate::id::UpdateId;
use crate::policy::Policy;
use crate::update::{BaseImageUpdate, Direction};

/// A base image has to be out for so long before templates are rebuilt on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Soak {
    /// Until when a build waits for that.
    pub until: Timestamp,
    /// Which: the move that brought it.
    pub update: UpdateId,
    /// For how long it then has been out.
    #[serde(with = "crate::duration::text")]
    pub age: SignedDuration,
}

impl Soak {
    /// What an update has to wait for by the policy, if anything. Its image is out since it was seen: vendors publish
    /// what they made hours or days before, and until then nobody has met it. One that goes back leads to an older image.
    #[must_use]
    pub fn of(update: &BaseImageUpdate, policy: &Policy) -> Option<Self> {
        if update.direction == Direction::Back {
            return None;
        }
        let age = policy.minimum_age(&update.id.image.name, update.security_level);
        let until = after(update.updated_at, age);
        (age > SignedDuration::ZERO).then(|| Self { until, update: update.id.clone(), age })
    }

    /// What a build waits for whose base image may be brought by any of these updates, if all of them have to wait: the first
    /// of them that has been out long enough.
    #[must_use]
    pub fn of_all(updates: &[BaseImageUpdate], policy: &Policy) -> Option<Self> {
        let soaks: Option<Vec<Self>> = updates.iter().map(|update| Self::of(update, policy)).collect();
        soaks?.into_iter().min_by(Self::order)
    }

    /// What a build waits for that answers two requests: the shorter wait, since it stands on the newest base image that has
    /// been out long enough, and what is newer is brought by the next build.
    #[must_use]
    pub fn of_both(one: Option<&Self>, other: Option<&Self>) -> Option<Self> {
        let (one, other) = (one?, other?);
        Some(std::cmp::min_by(one, other, |one, other| one.order(other)).clone())
    }

    fn order(&self, other: &Self) -> Ordering {
        (self.until, &self.update).cmp(&(other.until, &other.update))
    }

    /// To stand behind `waits`.
    pub(crate) fn sentence(&self) -> String {
        format!("until {} has been out for {}", self.update.image.name, humanize(self.age))
    }
}
