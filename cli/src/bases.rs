//! What the base images are on which templates stand.

use std::collections::BTreeMap;

use prism_domain::architecture::Architecture;
use prism_domain::id::BaseImageName;
use prism_domain::trial::Trial;
use prism_domain::update::{BaseImageUpdate, TrackedImage};

/// A base image on an architecture: what it is now, and its newest moves.
#[derive(Debug, Clone, Default)]
pub struct Base {
    /// What it is now.
    pub tracked: Option<TrackedImage>,
    /// Its newest moves, newest first.
    pub updates: Vec<BaseImageUpdate>,
    /// How the first builds on what it is now have gone, if many targets stand on it.
    pub trials: Vec<Trial>,
}

/// Every base image that a template stands on.
pub type Bases = BTreeMap<(BaseImageName, Architecture), Base>;
