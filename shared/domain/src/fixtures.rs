//! What the tests of several modules begin with.

mod queue;

use jiff::Timestamp;
use serde_json::json;

use crate::advisory::{Advisory, AdvisoryKind, Ecosystem, Fix, Installed, Probability, Threats};
use crate::assessment::Published;
use crate::build::Build;
use crate::id::BuildId;
use crate::patch::Patch;
use crate::policy::Policy;
use crate::request::{RequestInput, compile_request};
use crate::seen_image::SeenImage;
use crate::update::BaseImageUpdate;

pub(crate) use queue::{NOW, cents, demand, held, now, patch, queued, target};

/// An instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// An image of this name.
pub(crate) fn image(name: &str, created_at: Option<&str>) -> SeenImage {
    SeenImage { created_at: created_at.map(at), ..SeenImage::new("ami-00000001".parse().unwrap(), name) }
}

/// The first move of the image of Ubuntu 22.04, of which nothing is known.
pub(crate) fn update() -> BaseImageUpdate {
    let json = json!({
        "id": "ubuntu-22.04/x86_64/us-east-1/1", "image_id": "ami-00000002", "image_name": "next",
        "previous_image_id": "ami-00000001", "previous_image_name": "previous", "direction": "forward",
        "update_type": "security", "security_level": "high", "confidence": "unknown", "cves": [], "reasons": [],
        "updated_at": "2026-11-23T17:00:00Z", "changelog_url": null,
    });
    serde_json::from_value(json).unwrap()
}

/// A build that brings these patches.
pub(crate) fn build(id: BuildId, patches: &[Patch], requested_at: Timestamp) -> Build {
    let input = RequestInput::only_if_due(&id.target);
    let request = compile_request(&input, &id.target, &[], patches, &Policy::default(), requested_at);
    Build::new(id, "a".parse().unwrap(), "arn".into(), request)
}

/// A security advisory without a rating, that fixes these packages.
pub(crate) fn advisory(id: &str, ecosystem: &str, issued: Timestamp, fixed: &[(&str, &str)]) -> Advisory {
    Advisory {
        id: id.parse().unwrap(),
        ecosystem: ecosystem.parse().unwrap(),
        kind: AdvisoryKind::Security,
        severity: None,
        title: String::new(),
        cves: Vec::new(),
        fixed: fixed.iter().map(|(package, version)| fix(package, version)).collect(),
        issued,
        updated: issued,
    }
}

/// The version of a package that has a fix.
pub(crate) fn fix(package: &str, version: &str) -> Fix {
    Fix { package: package.into(), version: version.into() }
}

/// Packages and their versions.
pub(crate) fn installed(packages: &[(&str, &str)]) -> Vec<Installed> {
    let of = |(package, version): &(&str, &str)| Installed { package: (*package).into(), version: (*version).into() };
    packages.iter().map(of).collect()
}

/// What vendors published of an ecosystem, all of it read at a moment.
pub(crate) fn published<'a>(
    ecosystem: &'a Ecosystem,
    advisories: &'a [Advisory],
    threats: &'a Threats,
    read_at: Timestamp,
) -> Published<'a> {
    Published {
        ecosystem: Some(ecosystem),
        advisories: Some(advisories),
        read_at: Some(read_at),
        threats,
        attacks_read_at: Some(read_at),
        epss_threshold: Probability::TENTH,
    }
}
