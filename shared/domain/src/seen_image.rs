//! An image as a look at its source found it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::AmiId;

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
    /// The size of its root volume in GiB, where EC2 tells.
    pub root_volume_gb: Option<u32>,
}

impl SeenImage {
    /// An image of which nothing else is known.
    #[must_use]
    pub fn new(image_id: AmiId, image_name: impl Into<String>) -> Self {
        Self { image_id, image_name: image_name.into(), created_at: None, root_device: None, root_volume_gb: None }
    }
}
