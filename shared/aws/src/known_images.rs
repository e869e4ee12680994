//! What the base images of a region are known to be, for a look to compare with. Of a thousand hardly one has moved, so
//! no more is kept of each than tells whether it has, and whether the rest of it is still what it was.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use prism_domain::id::{AmiId, Region, TrackedImageId};
use prism_domain::update::TrackedImage;

use crate::base_images;
use crate::error::Result;
use crate::keys;
use crate::table::{Item, Table};

/// What is known of a region's base images, by the sort keys of their items; nothing of one whose item has not the form
/// of one.
#[derive(Debug, Default)]
pub struct KnownImages(HashMap<String, Option<Version>>);

/// What every write of a base image names as what was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Version {
    image: String,
    sequence: String,
    /// Since when it names what it names, if it is not followed.
    held: Option<String>,
}

/// The rest of what is known of a base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: it was never seen.
    Nothing,
    /// This.
    Unchanged(Box<TrackedImage>),
    /// It has been written since: another look was there.
    Changed,
}

/// What is known of the base images of a region, as of now.
///
/// # Errors
///
/// If AWS fails.
pub async fn of(table: &Table, region: &Region) -> Result<KnownImages> {
    let mut known = HashMap::new();
    let take = |item: Item| {
        if let Some(Ok(sk)) = item.get("sk").map(AttributeValue::as_s) {
            known.insert(sk.clone(), Version::of(&item));
        }
    };
    table.each(&keys::tracked_images(region), take).await?;
    Ok(KnownImages(known))
}

impl KnownImages {
    /// Whether a base image was ever seen.
    #[must_use]
    pub fn has(&self, id: &TrackedImageId) -> bool {
        self.0.contains_key(&keys::tracked_image(id).sk)
    }

    /// Whether a base image is known to be this image, and is not in quarantine: nothing is to be compared.
    #[must_use]
    pub fn is_settled_at(&self, id: &TrackedImageId, image: &AmiId) -> bool {
        let version = self.0.get(&keys::tracked_image(id).sk).and_then(Option::as_ref);
        version.is_some_and(|version| version.image == image.as_str() && version.held.is_none())
    }

    /// Reads the rest of what is known of a base image: if that is not what it was, nothing may be compared with it, for
    /// whoever has changed it may have looked later.
    ///
    /// # Errors
    ///
    /// If AWS fails, or its record cannot be read.
    pub async fn read(&self, table: &Table, id: &TrackedImageId) -> Result<Found> {
        let Some(then) = self.0.get(&keys::tracked_image(id).sk) else { return Ok(Found::Nothing) };
        let now = base_images::tracked(table, id).await?;
        Ok(now
            .filter(|now| *then == Some(Version::from(now)))
            .map_or(Found::Changed, |now| Found::Unchanged(now.into())))
    }
}

impl Version {
    fn of(item: &Item) -> Option<Self> {
        let text = |value: &AttributeValue| value.as_s().ok().cloned();
        let quarantine = item.get("quarantine")?;
        let held = match quarantine.as_m() {
            Ok(quarantine) => Some(text(quarantine.get("seen_since")?)?),
            Err(_) => None,
        };
        Some(Self {
            image: text(item.get("current")?.as_m().ok()?.get("image_id")?)?,
            sequence: item.get("sequence")?.as_n().ok()?.clone(),
            held,
        })
    }
}

impl From<&TrackedImage> for Version {
    fn from(tracked: &TrackedImage) -> Self {
        Self {
            image: tracked.current.image_id.to_string(),
            sequence: tracked.sequence.to_string(),
            held: tracked.quarantine.as_ref().map(|quarantine| quarantine.seen_since.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prism_domain::architecture::Architecture;
    use prism_domain::seen_image::SeenImage;
    use prism_domain::update::Quarantine;

    use super::*;

    fn id() -> TrackedImageId {
        TrackedImageId {
            name: "debian-12".parse().unwrap(),
            architecture: Architecture::Arm64,
            region: "us-east-1".parse().unwrap(),
        }
    }

    fn tracked(in_quarantine: bool) -> TrackedImage {
        let now = Timestamp::UNIX_EPOCH;
        let current = SeenImage {
            image_id: "ami-00000001".parse().unwrap(),
            image_name: "n".to_owned(),
            created_at: None,
            root_device: None,
            root_volume_gb: None,
        };
        let quarantine = in_quarantine.then(|| Quarantine { since: now, seen: current.clone(), seen_since: now });
        TrackedImage { id: id(), current, since: now, sequence: 3, past: Vec::new(), returns: Vec::new(), quarantine }
    }

    fn known(item: &Item) -> KnownImages {
        KnownImages(HashMap::from([("debian-12#arm64".to_owned(), Version::of(item))]))
    }

    #[test]
    fn an_image_is_settled_only_at_what_it_is_and_while_it_is_followed() {
        let [one, other]: [AmiId; 2] = ["ami-00000001", "ami-00000002"].map(|id| id.parse().unwrap());
        let [followed, held] = [false, true].map(|held| known(&serde_dynamo::to_item(tracked(held)).unwrap()));
        assert!(followed.is_settled_at(&id(), &one));
        assert!(!followed.is_settled_at(&id(), &other));
        assert!(!held.is_settled_at(&id(), &one), "it may be calm by now");
        assert!(!known(&Item::new()).is_settled_at(&id(), &one));
        assert!(!KnownImages::default().is_settled_at(&id(), &one));
    }

    #[test]
    fn an_item_and_the_value_that_it_holds_are_of_one_version() {
        for held in [false, true] {
            let item: Item = serde_dynamo::to_item(tracked(held)).unwrap();
            assert_eq!(Version::of(&item), Some(Version::from(&tracked(held))));
        }
        assert_ne!(Version::from(&tracked(false)), Version::from(&tracked(true)));
    }
}
