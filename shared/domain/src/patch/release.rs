//! Releases of Amazon Linux 2023, to which the repositories of an image are locked.

use std::fmt;

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
        let rest = rest.strip_prefix("minimal-").unwrap_or(rest);
        let mut parts = rest.split(['.', '-']);
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
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "2023.{}.{}", self.quarter, self.day)
    }
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
    fn a_later_quarter_is_newer_than_an_earlier_one_with_more_digits_or_fewer() {
        let release = |name: &str| Release::of_image(&format!("al2023-ami-{name}.0-kernel-6.1-x86_64")).unwrap();
        assert!(release("2023.12.20260918") > release("2023.9.20251105"));
        assert!(release("2023.9.20251105") > release("2023.9.20251027"));
    }
}
