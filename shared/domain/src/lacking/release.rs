//! Releases of Amazon Linux 2023, to which the repositories of an image are locked, and so up to when its packages are.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::advisory::Ecosystem;
use crate::build::Build;
use crate::seen_image::SeenImage;
use crate::zone::Zone;

/// A release of Amazon Linux 2023, such as `2023.12.20260918`.
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Release {
    quarter: u16,
    day: u32,
}

impl Release {
    /// The release that an image of Amazon Linux 2023 itself is called by: `al2023-ami-2023.12.20260918.0-…`. Images
    /// that are made of it (ECS, EKS) have numbers of their own, which say nothing of it.
    #[must_use]
    pub fn of_image(name: &str) -> Option<Self> {
        let rest = name.strip_prefix("al2023-ami-")?;
        Self::beginning(rest.strip_prefix("minimal-").unwrap_or(rest))
    }

    /// The release that a text begins with.
    #[must_use]
    pub fn beginning(text: &str) -> Option<Self> {
        let mut parts = text.split(['.', '-']);
        let digits = |text: &str, length: std::ops::RangeInclusive<usize>| {
            length.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
        };
        let (major, quarter, day) = (parts.next()?, parts.next()?, parts.next()?);
        let well_formed = major == "2023" && digits(quarter, 1..=3) && digits(day, 8..=8);
        if !well_formed {
            return None;
        }
        Some(Self { quarter: quarter.parse().ok()?, day: day.parse().ok()? })
    }

    /// When its day began, in UTC.
    #[must_use]
    pub fn day(self) -> Option<Timestamp> {
        let date = Date::strptime("%Y%m%d", self.day.to_string()).ok()?;
        Some(Zone::utc().start_of_day(date))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2023.{}.{}", self.quarter, self.day)
    }
}

/// Up to when the packages of a build's image are: it brought them up to date when it began; or, where repositories are
/// locked, they are those of the release that it names, or of the base image that it stands on, `own`.
#[must_use]
pub fn as_of(
    ecosystem: Option<&Ecosystem>,
    build: &Build,
    own: Option<&SeenImage>,
    published_at: Timestamp,
) -> Timestamp {
    let began = build.run.as_ref().map_or(published_at, |run| run.started_at);
    if !ecosystem.is_some_and(is_locked) {
        return began;
    }
    let patch = build.frozen.as_ref().and_then(|frozen| frozen.patch.as_ref());
    let named = patch.and_then(|patch| Release::beginning(patch.release.as_deref()?));
    let release = named.or_else(|| Release::of_image(&own?.image_name));
    release.and_then(Release::day).or_else(|| own?.created_at).unwrap_or(began).min(began)
}

/// Whether the repositories of a system are locked to the release of its image.
/// Source: <https://docs.aws.amazon.com/linux/al2023/ug/deterministic-upgrades.html>.
pub(super) fn is_locked(ecosystem: &Ecosystem) -> bool {
    ecosystem.as_str() == "amazon-linux-2023"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_in_the_image_s_name() {
        let told = |name: &str| Release::of_image(name).map(|release| release.to_string());
        assert_eq!(told("al2023-ami-2023.12.20260918.0-kernel-6.18-x86_64").as_deref(), Some("2023.12.20260918"));
        assert_eq!(told("al2023-ami-minimal-2023.9.20251105.1-kernel-6.1-arm64").as_deref(), Some("2023.9.20251105"));
        for other in
            ["al2023-ami-ecs-hvm-2023.0.20260922-kernel-6.1-x86_64", "amzn2-ami-x", "al2023-ami-2023.x.20260918"]
        {
            assert_eq!(told(other), None, "{other}");
        }
    }

    #[test]
    fn a_release_is_of_a_day() {
        let day = |text: &str| Release::beginning(text).and_then(Release::day).map(|day| day.to_string());
        assert_eq!(day("2023.12.20260918").as_deref(), Some("2026-09-18T00:00:00Z"));
        assert_eq!(day("2023.12.20261318"), None);
    }

    #[test]
    fn a_later_quarter_is_newer_than_an_earlier_one_with_more_digits_or_fewer() {
        let release = |name: &str| Release::of_image(&format!("al2023-ami-{name}.0-kernel-6.1-x86_64")).unwrap();
        assert!(release("2023.12.20260918") > release("2023.9.20251105"));
        assert!(release("2023.9.20251105") > release("2023.9.20251027"));
    }
}
