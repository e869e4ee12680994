//! How large the root volume of an image is.

use std::ops::RangeInclusive;

use crate::seen_image::SeenImage;

/// The sizes that a root volume may have, in GiB: from what common base images come with to what Image Builder takes.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_EbsInstanceBlockDeviceSpecification.html>.
pub const ROOT_VOLUME_GB: RangeInclusive<u32> = 8..=16_000;

/// The root volume that an image is built with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootVolume {
    /// Its size in GiB.
    pub size_gb: u32,
    /// Why that is more than the template asks for, if it is.
    pub raised: Option<String>,
}

impl RootVolume {
    /// The size that a template asks for, or that of the base image's snapshot if that is larger: a volume cannot be
    /// smaller than the snapshot it is made from.
    /// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_EbsBlockDevice.html>.
    ///
    /// # Errors
    ///
    /// If the base image needs more than [`ROOT_VOLUME_GB`] allows, in a sentence.
    pub fn new(asked_gb: u32, base_image: &SeenImage) -> Result<Self, String> {
        let needed_gb = base_image.root_volume_gb.unwrap_or_default();
        let (id, largest) = (&base_image.image_id, ROOT_VOLUME_GB.end());
        if needed_gb > *largest {
            return Err(format!(
                "base image {id} needs a root volume of {needed_gb} GiB; the largest is {largest} GiB"
            ));
        }
        let raised = (needed_gb > asked_gb).then(|| {
            format!("its root volume is raised from {asked_gb} to {needed_gb} GiB, the size of base image {id}")
        });
        Ok(Self { size_gb: asked_gb.max(needed_gb), raised })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base_image(root_volume_gb: Option<u32>) -> SeenImage {
        SeenImage { root_volume_gb, ..SeenImage::new("ami-00000001".parse().unwrap(), "base") }
    }

    #[test]
    fn a_root_volume_is_never_smaller_than_its_base_image() {
        let volume = RootVolume::new(8, &base_image(Some(30))).unwrap();
        assert_eq!(volume.size_gb, 30);
        let told = "its root volume is raised from 8 to 30 GiB, the size of base image ami-00000001";
        assert_eq!(volume.raised.as_deref(), Some(told));
    }

    #[test]
    fn a_root_volume_is_as_large_as_the_template_asks_where_that_is_enough() {
        for known in [None, Some(8), Some(20)] {
            let volume = RootVolume::new(20, &base_image(known)).unwrap();
            assert_eq!(volume, RootVolume { size_gb: 20, raised: None });
        }
    }

    #[test]
    fn a_base_image_that_needs_more_than_the_largest_volume_is_refused() {
        assert!(RootVolume::new(8, &base_image(Some(16_000))).is_ok());
        let told = "base image ami-00000001 needs a root volume of 16001 GiB; the largest is 16000 GiB";
        assert_eq!(RootVolume::new(8, &base_image(Some(16_001))).unwrap_err(), told);
    }
}
