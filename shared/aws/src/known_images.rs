//! What the base images of a region are known to be, for a look to compare with. Of a thousand hardly one has moved, and
//! to make a value of an item takes much more than to look at it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use prism_domain::id::{AmiId, Region, TrackedImageId};
use prism_domain::update::TrackedImage;

use crate::error::Result;
use crate::keys;
use crate::table::{Item, Table, value};

/// What is known of a region's base images, by the sort keys of their items.
#[derive(Debug, Default)]
pub struct KnownImages(HashMap<String, Item>);

/// What is known of the base images of a region, as of now.
///
/// # Errors
///
/// If AWS fails.
pub async fn of(table: &Table, region: &Region) -> Result<KnownImages> {
    let items = table.items(&keys::tracked_images(region)).await?;
    let named = items.into_iter().filter_map(|item| Some((item.get("sk")?.as_s().ok()?.clone(), item)));
    Ok(KnownImages(named.collect()))
}

impl KnownImages {
    /// Whether a base image is known to be this image, and is not in quarantine: nothing is to be compared.
    #[must_use]
    pub fn is_settled_at(&self, id: &TrackedImageId, image: &AmiId) -> bool {
        self.0.get(&keys::tracked_image(id).sk).is_some_and(|item| is_settled_at(item, image))
    }

    /// What is known of a base image; nothing, if it was never seen.
    ///
    /// # Errors
    ///
    /// If its record cannot be read.
    pub fn get(&self, id: &TrackedImageId) -> Result<Option<TrackedImage>> {
        let key = keys::tracked_image(id);
        self.0.get(&key.sk).map(|item| value(item.clone(), &key)).transpose()
    }
}

fn is_settled_at(item: &Item, image: &AmiId) -> bool {
    let current = item.get("current").and_then(|current| current.as_m().ok());
    let current = current.and_then(|current| current.get("image_id")?.as_s().ok());
    current.is_some_and(|current| current == image.as_str())
        && item.get("quarantine").is_some_and(AttributeValue::is_null)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use prism_domain::architecture::Architecture;
    use prism_domain::update::{Quarantine, SeenImage};

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
        };
        let quarantine = in_quarantine.then(|| Quarantine { since: now, seen: current.clone(), seen_since: now });
        TrackedImage { id: id(), current, since: now, sequence: 3, past: Vec::new(), returns: Vec::new(), quarantine }
    }

    fn known(item: Item) -> KnownImages {
        KnownImages(HashMap::from([("debian-12#arm64".to_owned(), item)]))
    }

    #[test]
    fn an_image_is_settled_only_at_what_it_is_and_while_it_is_followed() {
        let [one, other]: [AmiId; 2] = ["ami-00000001", "ami-00000002"].map(|id| id.parse().unwrap());
        let [followed, held] = [false, true].map(|held| known(serde_dynamo::to_item(tracked(held)).unwrap()));
        assert!(followed.is_settled_at(&id(), &one));
        assert!(!followed.is_settled_at(&id(), &other));
        assert!(!held.is_settled_at(&id(), &one), "it may be calm by now");
        assert!(!known(Item::new()).is_settled_at(&id(), &one));
        assert!(!KnownImages::default().is_settled_at(&id(), &one));
    }

    #[test]
    fn what_was_never_seen_is_told_from_what_cannot_be_read() {
        assert_eq!(known(serde_dynamo::to_item(tracked(true)).unwrap()).get(&id()).unwrap(), Some(tracked(true)));
        assert_eq!(KnownImages::default().get(&id()).unwrap(), None);
        let error = known(Item::new()).get(&id()).unwrap_err().to_string();
        assert!(error.starts_with("the record TRACKED#us-east-1 debian-12#arm64 cannot be read: "), "{error}");
    }
}
