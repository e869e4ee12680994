//! Whether an AMI that an ended build left behind may be removed.

use crate::build::{Channel, Image};
use crate::id::{AmiId, BuildId, Region};

/// What the launch parameter of a region says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaunchParameter<'a> {
    /// It has this value.
    Has(&'a str),
    /// There is none.
    Absent,
    /// It could not be read.
    Unknown,
}

/// Why an AMI is kept.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeptBecause {
    /// The channel names it.
    #[error("the channel names it")]
    InChannel,
    /// A build has published it.
    #[error("build {0} has published it")]
    Published(BuildId),
    /// The launch parameter of its region names it.
    #[error("the launch parameter of its region names it")]
    InParameter,
    /// The launch parameter of its region could not be read, so it may name it.
    #[error("the launch parameter of its region could not be read")]
    ParameterUnknown,
}

impl KeptBecause {
    /// Whether it is kept whatever happens to the launch parameter. If not, the removal is tried again later.
    #[must_use]
    pub const fn for_good(&self) -> bool {
        matches!(self, Self::InChannel | Self::Published(_))
    }
}

/// Decides whether an AMI of a target may be removed: nobody launches it, and nobody has published it. `channel` and
/// `published` are the target's; `parameter` is what the launch parameter says in the AMI's region.
///
/// # Errors
///
/// Why it is kept.
pub fn may_remove(
    ami: &AmiId,
    region: &Region,
    channel: Option<&Channel>,
    published: &[Image],
    parameter: LaunchParameter<'_>,
) -> Result<(), KeptBecause> {
    if channel.is_some_and(|channel| channel.amis.get(region) == Some(ami)) {
        return Err(KeptBecause::InChannel);
    }
    if let Some(image) = published.iter().find(|image| image.amis.get(region) == Some(ami)) {
        return Err(KeptBecause::Published(image.build.clone()));
    }
    match parameter {
        LaunchParameter::Has(value) if value == ami.as_str() => Err(KeptBecause::InParameter),
        LaunchParameter::Unknown => Err(KeptBecause::ParameterUnknown),
        LaunchParameter::Has(_) | LaunchParameter::Absent => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const OTHER: LaunchParameter<'_> = LaunchParameter::Has("ami-00000009");

    fn ami(last: u8) -> AmiId {
        format!("ami-0000000{last}").parse().unwrap()
    }

    fn home() -> Region {
        "us-east-1".parse().unwrap()
    }

    fn image(number: u32, last: u8) -> Image {
        Image {
            build: format!("python-ml-x86_64-{number}").parse().unwrap(),
            amis: [(home(), ami(last))].into(),
            base: "ubuntu-22.04".parse().unwrap(),
            base_image_id: ami(0),
            content_hash: "0123456789ab".to_owned(),
            published_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn channel(number: u32, last: u8) -> Channel {
        let Image { build, amis, base, base_image_id, published_at, .. } = image(number, last);
        Channel {
            build,
            amis,
            base,
            base_image_id,
            built_from: None,
            since: published_at,
            version: 1,
            verified_version: 1,
            verified: [].into(),
        }
    }

    #[test]
    fn an_ami_that_nobody_names_may_be_removed() {
        let (channel, published) = (channel(2, 2), [image(1, 1), image(2, 2)]);
        for parameter in [OTHER, LaunchParameter::Absent] {
            assert_eq!(may_remove(&ami(3), &home(), Some(&channel), &published, parameter), Ok(()));
            assert_eq!(may_remove(&ami(3), &home(), None, &[], parameter), Ok(()));
        }
    }

    #[test]
    fn an_ami_in_the_channel_is_kept_for_good() {
        let kept = may_remove(&ami(2), &home(), Some(&channel(2, 2)), &[], OTHER).unwrap_err();
        assert_eq!(kept, KeptBecause::InChannel);
        assert!(kept.for_good());
    }

    #[test]
    fn an_ami_that_any_build_has_published_is_kept_for_good() {
        let kept = may_remove(&ami(1), &home(), Some(&channel(2, 2)), &[image(2, 2), image(1, 1)], OTHER).unwrap_err();
        assert_eq!(kept, KeptBecause::Published("python-ml-x86_64-1".parse().unwrap()));
        assert!(kept.for_good());
    }

    #[test]
    fn an_ami_that_the_parameter_names_is_kept_until_it_names_another() {
        let kept = may_remove(&ami(3), &home(), None, &[], LaunchParameter::Has("ami-00000003")).unwrap_err();
        assert_eq!(kept, KeptBecause::InParameter);
        assert!(!kept.for_good());
    }

    #[test]
    fn a_parameter_that_could_not_be_read_is_not_absent() {
        let kept = may_remove(&ami(3), &home(), None, &[], LaunchParameter::Unknown).unwrap_err();
        assert_eq!(kept, KeptBecause::ParameterUnknown);
        assert!(!kept.for_good());
    }

    #[test]
    fn only_the_ami_of_its_own_region_counts() {
        let elsewhere = "eu-west-1".parse().unwrap();
        let (channel, published) = (channel(2, 2), [image(2, 2)]);
        assert_eq!(may_remove(&ami(2), &elsewhere, Some(&channel), &published, OTHER), Ok(()));
    }
}
