//! Public base images, and what it means when one moves.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::advisory::CveId;
use crate::assessment::{Assessment, FixedCve, UpdateType, without_evidence};
use crate::catalogue::Source;
use crate::duration::{after, before};
use crate::id::{AmiId, TrackedImageId, UpdateId};
use crate::level::{Confidence, SecurityLevel};
use crate::seen_image::SeenImage;

/// How many of a base image's past images are remembered, to know one that comes back.
const REMEMBERED: usize = 20;

/// Within how long returns are counted that make a base image one that flaps.
pub(crate) const FLAPPING: SignedDuration = SignedDuration::from_hours(24);

/// For how long a base image that flapped has to name the same image before it is followed again, unless its vendor
/// releases a newer one.
pub const CALM: SignedDuration = SignedDuration::from_hours(6);

/// A public image that is watched, and what it was when it last moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackedImage {
    /// Which image, where.
    pub id: TrackedImageId,
    /// What it is now.
    pub current: SeenImage,
    /// Since when this project has known that.
    pub since: Timestamp,
    /// How often it has moved since it was first seen.
    pub sequence: u32,
    /// What it was before, the newest first.
    #[serde(default)]
    pub past: Vec<PastImage>,
    /// When it went back to what it had been before, within the last day.
    #[serde(default)]
    pub returns: Vec<Timestamp>,
    /// Why it is not followed for now, if it is not.
    pub quarantine: Option<Quarantine>,
}

/// What a base image was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastImage {
    /// The image.
    pub image: SeenImage,
    /// Until when it was that.
    pub until: Timestamp,
}

/// A base image goes back and forth, and is not followed until it has been the same for some hours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Since when.
    pub since: Timestamp,
    /// What its source names now.
    pub seen: SeenImage,
    /// Since when its source has named that.
    pub seen_since: Timestamp,
}

/// Whether a base image went on or back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To an image that is newer, as far as is known.
    #[default]
    Forward,
    /// To an older one: its vendor has withdrawn the newer.
    Back,
}

/// One move of a base image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImageUpdate {
    /// Which move of which image.
    pub id: UpdateId,
    /// The image it moved to.
    pub image_id: AmiId,
    /// That image's name: untrusted text.
    pub image_name: String,
    /// When its owner made that image, where EC2 tells.
    pub image_created_at: Option<Timestamp>,
    /// The image it moved from.
    pub previous_image_id: AmiId,
    /// That image's name: untrusted text.
    pub previous_image_name: String,
    /// When its owner made that one, where EC2 tells.
    pub previous_created_at: Option<Timestamp>,
    /// On or back.
    #[serde(default)]
    pub direction: Direction,
    /// The names of the releases between the two that were never seen, where they are known: untrusted text.
    #[serde(default)]
    pub between: Vec<String>,
    /// Security, feature or maintenance.
    pub update_type: UpdateType,
    /// How bad it is to stay on the previous image.
    pub security_level: SecurityLevel,
    /// How sure that level is.
    pub confidence: Confidence,
    /// The vulnerabilities it fixes, as far as known, the worst first.
    pub cves: Vec<CveId>,
    /// The same, with what the level of each follows from.
    #[serde(default)]
    pub fixes: Vec<FixedCve>,
    /// Why this type and level, in plain words.
    pub reasons: Vec<String>,
    /// When it was seen.
    pub updated_at: Timestamp,
    /// When it was last judged on evidence; nothing until it was.
    pub assessed_at: Option<Timestamp>,
    /// Where its publisher tells what changed.
    pub changelog_url: Option<String>,
}

impl BaseImageUpdate {
    /// The same move, judged so.
    #[must_use]
    pub fn assessed(self, assessment: Assessment, now: Timestamp) -> Self {
        Self {
            update_type: assessment.update_type,
            security_level: assessment.level,
            confidence: assessment.confidence,
            cves: assessment.fixes.iter().map(|fix| fix.cve.clone()).collect(),
            fixes: assessment.fixes,
            reasons: assessment.reasons,
            assessed_at: Some(now),
            ..self
        }
    }
}

/// What a look at one image comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Never seen before: the point to compare with from now on.
    First(Box<TrackedImage>),
    /// What it was.
    Same,
    /// It moved: what it is now, and the update that tells of it.
    Moved(Box<(TrackedImage, BaseImageUpdate)>),
    /// It goes back and forth, and is not followed from now on; or, being in quarantine, it names another image.
    Held(Box<TrackedImage>),
    /// It is in quarantine, and nothing has changed.
    StillHeld,
    /// It is out of quarantine, and what it was before.
    Calm(Box<TrackedImage>),
}

/// What a look found, besides the image.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// From how many returns within a day on the image is not followed.
    pub quarantine_after: u32,
    /// What orders its releases; nothing: their dates.
    pub source: Option<&'a Source>,
    /// The names of the releases between the known and the seen image, where they are known.
    pub between: &'a [String],
    /// Where its publisher tells what changed.
    pub changelog_url: Option<&'a str>,
}

/// Compares what was seen with what is known.
#[must_use]
pub fn observe(
    id: &TrackedImageId,
    known: Option<&TrackedImage>,
    seen: &SeenImage,
    context: Context<'_>,
    now: Timestamp,
) -> Observation {
    let Some(known) = known else {
        return Observation::First(Box::new(TrackedImage {
            id: id.clone(),
            current: seen.clone(),
            since: now,
            sequence: 0,
            past: Vec::new(),
            returns: Vec::new(),
            quarantine: None,
        }));
    };
    if let Some(quarantine) = &known.quarantine {
        return observe_held(known, quarantine, seen, context, now);
    }
    if known.current.image_id == seen.image_id {
        return Observation::Same;
    }
    let mut returns: Vec<Timestamp> = known.returns.iter().copied().filter(|at| *at > before(now, FLAPPING)).collect();
    if known.has_been(seen) {
        returns.push(now);
    }
    if u32::try_from(returns.len()).unwrap_or(u32::MAX) >= context.quarantine_after.max(1) {
        let quarantine = Quarantine { since: now, seen: seen.clone(), seen_since: now };
        return Observation::Held(Box::new(TrackedImage { quarantine: Some(quarantine), returns, ..known.clone() }));
    }
    Observation::Moved(Box::new(moved(&TrackedImage { returns, ..known.clone() }, seen, context, now)))
}

fn observe_held(
    known: &TrackedImage,
    quarantine: &Quarantine,
    seen: &SeenImage,
    context: Context<'_>,
    now: Timestamp,
) -> Observation {
    let calm = TrackedImage { quarantine: None, returns: Vec::new(), ..known.clone() };
    if known.is_outdone_by(seen) {
        return Observation::Moved(Box::new(moved(&calm, seen, context, now)));
    }
    if quarantine.seen.image_id != seen.image_id {
        let quarantine = Quarantine { seen: seen.clone(), seen_since: now, ..quarantine.clone() };
        return Observation::Held(Box::new(TrackedImage { quarantine: Some(quarantine), ..known.clone() }));
    }
    if after(quarantine.seen_since, CALM) > now {
        return Observation::StillHeld;
    }
    if known.current.image_id == seen.image_id {
        Observation::Calm(Box::new(calm))
    } else {
        Observation::Moved(Box::new(moved(&calm, seen, context, now)))
    }
}

fn moved(
    known: &TrackedImage,
    seen: &SeenImage,
    context: Context<'_>,
    now: Timestamp,
) -> (TrackedImage, BaseImageUpdate) {
    let mut past = vec![PastImage { image: known.current.clone(), until: now }];
    past.extend(known.past.iter().filter(|past| past.image.image_id != seen.image_id).cloned());
    past.truncate(REMEMBERED);
    let tracked = TrackedImage {
        current: seen.clone(),
        since: now,
        sequence: known.sequence.saturating_add(1),
        past,
        ..known.clone()
    };
    let Assessment { update_type, level, confidence, reasons, fixes } = without_evidence();
    let update = BaseImageUpdate {
        id: UpdateId { image: known.id.clone(), sequence: tracked.sequence },
        image_id: seen.image_id.clone(),
        image_name: seen.image_name.clone(),
        image_created_at: seen.created_at,
        previous_image_id: known.current.image_id.clone(),
        previous_image_name: known.current.image_name.clone(),
        previous_created_at: known.current.created_at,
        direction: known.direction_to(seen, context.source),
        between: context.between.to_vec(),
        update_type,
        security_level: level,
        confidence,
        cves: Vec::new(),
        fixes,
        reasons,
        updated_at: now,
        assessed_at: None,
        changelog_url: context.changelog_url.map(str::to_owned),
    };
    (tracked, update)
}

impl TrackedImage {
    /// The image of this id, if that is what it is or was, as far as is remembered.
    #[must_use]
    pub fn image(&self, id: &AmiId) -> Option<&SeenImage> {
        let past = self.past.iter().map(|past| &past.image);
        std::iter::once(&self.current).chain(past).find(|image| image.image_id == *id)
    }

    /// The image of this id, or the current one, if no id is given or that is not known.
    #[must_use]
    pub fn image_or_current(&self, id: Option<&AmiId>) -> &SeenImage {
        id.and_then(|id| self.image(id)).unwrap_or(&self.current)
    }

    fn has_been(&self, seen: &SeenImage) -> bool {
        self.past.iter().any(|past| past.image.image_id == seen.image_id)
    }

    /// Whether an image is newer, by its date, than whatever it is and has been: a release of its own, and no return.
    fn is_outdone_by(&self, seen: &SeenImage) -> bool {
        let others = self.past.iter().map(|past| &past.image).chain(self.quarantine.iter().map(|held| &held.seen));
        seen.created_at.is_some_and(|date| {
            others.chain([&self.current]).all(|other| other.created_at.is_some_and(|other| other < date))
        })
    }

    /// By the versions in the names of the two images, where these count, then by their dates; where they do not tell, back
    /// is what it has been before.
    fn direction_to(&self, seen: &SeenImage, source: Option<&Source>) -> Direction {
        let rank = |image: &SeenImage| source.and_then(|source| source.rank(&image.image_name));
        let (current_rank, seen_rank) = (rank(&self.current), rank(seen));
        let back = match (self.current.created_at, seen.created_at) {
            _ if current_rank != seen_rank => seen_rank < current_rank,
            (Some(current), Some(seen)) if current != seen => seen < current,
            _ => self.has_been(seen),
        };
        if back { Direction::Back } else { Direction::Forward }
    }
}

#[cfg(test)]
mod tests;
