//! Public base images, and what it means when one moves.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AmiId, TrackedImageId, UpdateId};
use crate::level::{Confidence, SecurityLevel};

/// What kind of update a base image brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum UpdateType {
    /// It fixes vulnerabilities, or may.
    Security,
    /// It brings new features.
    Feature,
    /// Neither is known of it.
    Maintenance,
}

impl fmt::Display for UpdateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Security => "security",
            Self::Feature => "feature",
            Self::Maintenance => "maintenance",
        })
    }
}

/// What a look at the source of a base image found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenImage {
    /// The image.
    pub image_id: AmiId,
    /// Its name, as its owner wrote it: untrusted text.
    pub image_name: String,
    /// When its owner made it, where EC2 tells.
    pub created_at: Option<Timestamp>,
    /// The device of its root volume, where EC2 tells.
    pub root_device: Option<String>,
}

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
    /// The image it moved from.
    pub previous_image_id: AmiId,
    /// That image's name: untrusted text.
    pub previous_image_name: String,
    /// Security, feature or maintenance.
    pub update_type: UpdateType,
    /// How bad it is to stay on the previous image.
    pub security_level: SecurityLevel,
    /// How sure that level is.
    pub confidence: Confidence,
    /// The vulnerabilities it fixes, as far as known.
    pub cves: Vec<String>,
    /// Why this type and level, in plain words.
    pub reasons: Vec<String>,
    /// When it was seen.
    pub updated_at: Timestamp,
    /// Where its publisher tells what changed.
    pub changelog_url: Option<String>,
}

/// What a look at one image comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// Never seen before: the point to compare with from now on.
    First(TrackedImage),
    /// What it was.
    Same,
    /// It moved: what it is now, and the update that tells of it.
    Moved(Box<(TrackedImage, BaseImageUpdate)>),
}

/// Compares what was seen with what is known.
#[must_use]
pub fn observe(
    id: &TrackedImageId,
    known: Option<&TrackedImage>,
    seen: &SeenImage,
    changelog_url: Option<&str>,
    now: Timestamp,
) -> Observation {
    let Some(known) = known else {
        return Observation::First(TrackedImage { id: id.clone(), current: seen.clone(), since: now, sequence: 0 });
    };
    if known.current.image_id == seen.image_id {
        return Observation::Same;
    }
    let tracked =
        TrackedImage { id: id.clone(), current: seen.clone(), since: now, sequence: known.sequence.saturating_add(1) };
    let assessment = assess_without_evidence();
    let update = BaseImageUpdate {
        id: UpdateId { image: id.clone(), sequence: tracked.sequence },
        image_id: seen.image_id.clone(),
        image_name: seen.image_name.clone(),
        previous_image_id: known.current.image_id.clone(),
        previous_image_name: known.current.image_name.clone(),
        update_type: assessment.update_type,
        security_level: assessment.level,
        confidence: assessment.confidence,
        cves: Vec::new(),
        reasons: assessment.reasons,
        updated_at: now,
        changelog_url: changelog_url.map(str::to_owned),
    };
    Observation::Moved(Box::new((tracked, update)))
}

/// How an update is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Its type.
    pub update_type: UpdateType,
    /// Its level.
    pub level: SecurityLevel,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in plain words.
    pub reasons: Vec<String>,
}

/// The judgement when nothing is known of either image: a security update of level high, as a
/// precaution, since base images are mostly replaced to ship fixes.
#[must_use]
pub fn assess_without_evidence() -> Assessment {
    Assessment {
        update_type: UpdateType::Security,
        level: SecurityLevel::High,
        confidence: Confidence::Unknown,
        reasons: vec!["nothing is known of what changed, so it counts as high until something is".to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> TrackedImageId {
        TrackedImageId {
            name: "ubuntu-22.04".parse().unwrap(),
            architecture: crate::architecture::Architecture::X86_64,
            region: "us-east-1".parse().unwrap(),
        }
    }

    fn seen(ami: &str) -> SeenImage {
        SeenImage { image_id: ami.parse().unwrap(), image_name: "n".into(), created_at: None, root_device: None }
    }

    #[test]
    fn the_first_look_at_an_image_is_no_update() {
        let now = Timestamp::UNIX_EPOCH;
        let Observation::First(tracked) = observe(&id(), None, &seen("ami-00000001"), None, now) else {
            panic!("expected a first observation");
        };
        assert_eq!(tracked.sequence, 0);
        assert_eq!(observe(&id(), Some(&tracked), &seen("ami-00000001"), None, now), Observation::Same);
    }

    #[test]
    fn an_update_without_evidence_counts_as_high_with_unknown_confidence() {
        let now = Timestamp::UNIX_EPOCH;
        let known = TrackedImage { id: id(), current: seen("ami-00000001"), since: now, sequence: 4 };
        let Observation::Moved(moved) = observe(&id(), Some(&known), &seen("ami-00000002"), None, now) else {
            panic!("expected an update");
        };
        let (tracked, update) = *moved;
        assert_eq!(update.id.to_string(), "ubuntu-22.04/x86_64/us-east-1/5");
        assert_eq!(update.previous_image_id, known.current.image_id);
        assert_eq!((update.security_level, update.confidence), (SecurityLevel::High, Confidence::Unknown));
        assert_eq!(tracked.current.image_id, update.image_id);
    }
}
