//! What Amazon Inspector found in an image.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Image, ImageFinding, SeverityLabel};
use aws_smithy_types::DateTime;
use jiff::Timestamp;
use prism_aws::error::{Error, Result};
use prism_domain::advisory::CveId;
use prism_domain::assessment::{Finding, Scan};
use prism_domain::id::AmiId;
use prism_domain::level::SecurityLevel;

use crate::{DESCRIBED_AT_ONCE, Images};

/// What Amazon Inspector found in an image.
#[derive(Debug, Clone)]
pub struct Scanned {
    /// When it last scanned it.
    pub at: Timestamp,
    /// What it found.
    pub findings: Vec<Finding>,
}

impl Scanned {
    /// The same, to judge by.
    #[must_use]
    pub fn scan(&self) -> Scan<'_> {
        Scan { at: self.at, findings: &self.findings }
    }
}

impl Images {
    /// When Amazon Inspector last scanned each of the images that it has scanned. An image that was scanned and has no
    /// finding is told from one that was not scanned by its scan results.
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Image.html>, `scanResults`.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn scanned(&self, images: &[AmiId]) -> Result<BTreeMap<AmiId, Timestamp>> {
        let mut scanned = BTreeMap::new();
        for batch in images.chunks(DESCRIBED_AT_ONCE) {
            let ids = batch.iter().map(ToString::to_string).collect();
            let by_id = Filter::builder().name("image-id").set_values(Some(ids)).build();
            // One that its vendor has deprecated meanwhile is the one to know about.
            let described = self.client.describe_images().filters(by_id).include_deprecated(true).send().await;
            let answer = described.map_err(|error| Error::from_sdk("describing images that may be scanned", error))?;
            let at = |image: &Image| {
                Some((image.image_id()?.parse().ok()?, instant(image.scan_results()?.finding_scan_date()?)?))
            };
            scanned.extend(answer.images.unwrap_or_default().iter().filter_map(at));
        }
        Ok(scanned)
    }

    /// What Amazon Inspector found in an image that it scanned at that time.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn findings(&self, image: &AmiId, at: Timestamp) -> Result<Scanned> {
        let (mut findings, mut next) = (Vec::new(), None);
        loop {
            let call = self.client.get_image_findings().image_id(image.as_str()).set_next_token(next);
            let page = call.send().await;
            let page = page.map_err(|error| Error::from_sdk(format!("reading the findings of {image}"), error))?;
            findings.extend(page.image_findings.unwrap_or_default().iter().filter_map(finding));
            next = page.next_token;
            if next.is_none() {
                return Ok(Scanned { at, findings });
            }
        }
    }
}

/// A finding, if it is one of a vulnerability: those that are not carry no CVE in their title.
/// Source: <https://docs.aws.amazon.com/inspector/latest/user/findings-understanding.html>.
fn finding(found: &ImageFinding) -> Option<Finding> {
    let severity = match found.severity_label() {
        Some(SeverityLabel::Critical) => Some(SecurityLevel::Critical),
        Some(SeverityLabel::High) => Some(SecurityLevel::High),
        Some(SeverityLabel::Medium) => Some(SecurityLevel::Medium),
        Some(SeverityLabel::Low | SeverityLabel::Informational) => Some(SecurityLevel::Low),
        _ => None,
    };
    Some(Finding {
        cve: cve(found.title()?)?,
        severity,
        fixable: found.fix_available().unwrap_or(false),
        since: found.first_observed_at().and_then(instant),
    })
}

fn instant(at: &DateTime) -> Option<Timestamp> {
    Timestamp::from_second(at.secs()).ok()
}

/// The CVE that a title begins with: `CVE-2024-1086 - kernel`.
fn cve(title: &str) -> Option<CveId> {
    title.split(|c: char| c.is_whitespace() || c == ',' || c == ':').find(|word| !word.is_empty())?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_known_by_the_cve_in_its_title() {
        let found = ImageFinding::builder()
            .title("CVE-2024-1086 - kernel, kernel-tools")
            .severity_label(SeverityLabel::High)
            .fix_available(true)
            .build();
        let known = finding(&found).unwrap();
        assert_eq!(
            (known.cve.as_str(), known.severity, known.fixable),
            ("CVE-2024-1086", Some(SecurityLevel::High), true)
        );
        let other = ImageFinding::builder().title("Port 22 is reachable from an Internet Gateway").build();
        assert_eq!(finding(&other), None);
        assert_eq!(finding(&ImageFinding::builder().build()), None);
    }
}
