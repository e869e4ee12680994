//! Base images, their moves and troubles as the table has them, for the tests.

use jiff::Timestamp;
use prism_domain::advisory::Probability;
use prism_domain::assessment::{Assessment, FixedCve, FixedPackage};
use prism_domain::id::{AmiId, TrackedImageId};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::update::{BaseImageUpdate, Direction, Quarantine, TrackedImage, UpdateType};
use prism_domain::watch::{Trouble, TroubleKind};

use crate::condition::tests as other;
use crate::standing::Base;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The n-th image of a base image.
pub fn ami(n: u32) -> AmiId {
    format!("ami-{n:08}").parse().unwrap()
}

/// The n-th move of `ubuntu-22.04`, a day after the one before it, between two of its images: nothing is known of it.
pub fn update(n: u32, from: u32, to: u32) -> BaseImageUpdate {
    let mut update = other::update();
    update.id.sequence = n;
    update.updated_at = at(&format!("2026-11-{:02}T15:00:00Z", 18 + n));
    (update.previous_image_id, update.image_id) = (ami(from), ami(to));
    update.previous_image_name = name(from);
    update.image_name = name(to);
    update
}

fn name(n: u32) -> String {
    format!("ubuntu/images/hvm-ssd/ubuntu-jammy-22.04-amd64-server-202611{:02}", 17 + n)
}

/// The same, to an older image.
pub fn back(n: u32, from: u32, to: u32) -> BaseImageUpdate {
    BaseImageUpdate { direction: Direction::Back, ..update(n, from, to) }
}

/// A move that was judged, on what is installed in both images.
pub fn judged(update: BaseImageUpdate, level: SecurityLevel, fixes: Vec<FixedCve>) -> BaseImageUpdate {
    let update_type = if fixes.is_empty() { UpdateType::Maintenance } else { UpdateType::Security };
    let reasons = vec![format!("it fixes {} vulnerabilities, the worst of level {level}", fixes.len())];
    let now = update.updated_at;
    let assessment = Assessment { update_type, level, confidence: Confidence::Certain, reasons, fixes };
    BaseImageUpdate { ..update.assessed(assessment, now) }
}

/// A vulnerability of which no more is known.
pub fn cve(id: &str, level: SecurityLevel) -> FixedCve {
    FixedCve {
        cve: id.parse().unwrap(),
        level,
        rating: Some(level),
        exploited_since: None,
        likelihood: None,
        advisory: None,
        package: None,
    }
}

/// One of the kernel that is exploited, and of which everything is known.
pub fn kernel() -> FixedCve {
    FixedCve {
        rating: Some(SecurityLevel::High),
        exploited_since: Some("2024-05-30".parse().unwrap()),
        likelihood: Probability::new(97_312),
        advisory: Some("USN-7095-1".parse().unwrap()),
        package: Some(FixedPackage {
            name: "kernel".into(),
            installed: Some("5.15.0-119.129".into()),
            fixed: "5.15.0-124.134".into(),
        }),
        ..cve("CVE-2024-1234", SecurityLevel::Critical)
    }
}

/// A base image that its moves have led to where it is.
pub fn base(updates: Vec<BaseImageUpdate>) -> Base {
    let newest = updates.first().unwrap();
    let mut tracked = other::tracked("ubuntu-22.04", newest.image_id.as_str());
    tracked.current.image_name.clone_from(&newest.image_name);
    tracked.since = newest.updated_at;
    Base { tracked: Some(tracked), updates }
}

pub fn trouble(id: &TrackedImageId, kind: TroubleKind, detail: &str) -> Trouble {
    Trouble { id: id.clone(), kind, detail: detail.into(), since: at("2026-11-23T12:00:00Z"), told_at: None }
}

/// The same base image, going back and forth.
pub fn flapping(tracked: TrackedImage) -> TrackedImage {
    let seen = prism_domain::update::SeenImage { image_id: ami(7), ..tracked.current.clone() };
    let (since, seen_since) = (at("2026-11-23T11:00:00Z"), at("2026-11-23T16:00:00Z"));
    TrackedImage { quarantine: Some(Quarantine { since, seen, seen_since }), ..tracked }
}
