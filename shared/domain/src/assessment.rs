//! How bad it is to stay on the image that a base image moved from: type, level, confidence, and why.

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::advisory::{Advisory, AdvisoryId, CveId, Ecosystem, Installed, Probability, Threats};
use crate::level::{Confidence, SecurityLevel};
use crate::seen_image::SeenImage;
use crate::text::shown_as_stored;

mod dates;
mod evidence;
mod judgement;
mod missing;
mod packages;
mod rating;
mod reasons;
mod reassessment;
mod windows;

pub use missing::{Missing, missing_fixes};
pub use reassessment::{Change, ChangeKind, reassess};

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

shown_as_stored!(UpdateType);

/// How an update is judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assessment {
    /// Its type.
    pub update_type: UpdateType,
    /// Its level.
    pub level: SecurityLevel,
    /// How sure that is.
    pub confidence: Confidence,
    /// Why, in plain words, the weightiest first.
    pub reasons: Vec<String>,
    /// The vulnerabilities that it fixes, the worst first.
    pub fixes: Vec<FixedCve>,
}

/// A vulnerability that an update fixes, and what its level follows from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedCve {
    /// Which.
    pub cve: CveId,
    /// How bad it is.
    pub level: SecurityLevel,
    /// The vendor's rating, where there is one.
    pub rating: Option<SecurityLevel>,
    /// Since when it is known to be exploited, if it is.
    pub exploited_since: Option<Date>,
    /// How likely it is to be exploited, where that is notable.
    pub likelihood: Option<Probability>,
    /// The advisory that fixes it.
    pub advisory: Option<AdvisoryId>,
    /// The package that has it, and the versions before and after, where that is known.
    pub package: Option<FixedPackage>,
}

/// A package that an update replaces by a fixed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixedPackage {
    /// Its name.
    pub name: String,
    /// The version that is installed, where that is known.
    pub installed: Option<String>,
    /// The first version with the fix.
    pub fixed: String,
}

/// What is known of one of the two images.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// The image.
    pub image: &'a SeenImage,
    /// What Amazon Inspector found in it, if it has scanned it.
    pub scan: Option<Scan<'a>>,
    /// What is installed in it, where somebody tells.
    pub packages: Option<&'a [Installed]>,
}

/// What Amazon Inspector found in an image, and when it looked.
#[derive(Debug, Clone, Copy)]
pub struct Scan<'a> {
    /// When it last scanned it.
    pub at: Timestamp,
    /// What it found.
    pub findings: &'a [Finding],
}

/// A finding of Amazon Inspector.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetImageFindings.html>.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The vulnerability.
    pub cve: CveId,
    /// How severe Inspector says it is, where it says.
    pub severity: Option<SecurityLevel>,
    /// Whether there is a fix.
    pub fixable: bool,
    /// When it was first found, where that is told.
    pub since: Option<Timestamp>,
}

/// What is known of what vendors published.
#[derive(Debug, Clone, Copy)]
pub struct Published<'a> {
    /// The ecosystem of the base image, if anybody publishes advisories for it.
    pub ecosystem: Option<&'a Ecosystem>,
    /// Its advisories of the last year; none where no feed has been read yet.
    pub advisories: Option<&'a [Advisory]>,
    /// When those were last read from their vendor, without a fault; nothing where they never were. What was
    /// published later is not known.
    pub read_at: Option<Timestamp>,
    /// Attacks that are known or likely.
    pub threats: &'a Threats,
    /// When it was last read which vulnerabilities are exploited; nothing where it never was.
    pub attacks_read_at: Option<Timestamp>,
    /// From which probability of exploitation on a vulnerability counts as high at least.
    pub epss_threshold: Probability,
}

/// The judgement of a move from one image to another, by the best evidence there is: Amazon Inspector's findings of
/// both images; what is installed in both, or in the previous one; the advisories between their dates; for Windows, the
/// days on which Microsoft publishes. Without any it counts as high; as high at least counts what is judged by advisories
/// that were last read before the next image was made. Whoever goes back to an older image gains no fix.
#[must_use]
pub fn assess(previous: Side<'_>, next: Side<'_>, published: &Published<'_>, now: Timestamp) -> Assessment {
    if dates::goes_back(previous.image, next.image) {
        return Assessment {
            update_type: UpdateType::Maintenance,
            reasons: vec![
                "goes back to an older image, which fixes nothing; why the newer one was taken back is not known, so it \
                 counts as high"
                    .to_owned(),
            ],
            ..without_evidence()
        };
    }
    match evidence::gather(previous, next, published, now) {
        Some(evidence) => judgement::judge(&evidence, published, now),
        None => without_evidence(),
    }
}

/// The judgement when nothing is known of either image: a security update of level high, as a precaution, since base
/// images are mostly replaced to ship fixes.
#[must_use]
pub fn without_evidence() -> Assessment {
    Assessment {
        update_type: UpdateType::Security,
        level: SecurityLevel::High,
        confidence: Confidence::Unknown,
        reasons: vec!["nothing is known of what changed, so it counts as high until something is".to_owned()],
        fixes: Vec::new(),
    }
}

#[cfg(test)]
mod tests;
