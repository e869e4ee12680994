//! What a base image's name tells of its system.

use prism_domain::catalogue::Catalogue;
use prism_domain::id::BaseImageName;
use serde::{Deserialize, Serialize};

/// The package manager that the system itself comes with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SystemManager {
    /// Debian and what descends from it.
    Apt,
    /// Amazon Linux, Fedora and what descends from it. Amazon Linux 2 has only its predecessor `yum`.
    Dnf,
}

impl SystemManager {
    /// `apt` or `dnf`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
        }
    }
}

/// A family of systems whose images are handled alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    AmazonLinux,
    Debian,
    RedHat,
    Ubuntu,
    /// A system on which no template can be built.
    Unsupported,
}

/// What a name contains, and the family that it then belongs to. Names of special images carry their
/// system's (`ecs-amazon-linux-2023`), so that it is looked for anywhere, what can't be built on first.
const MARKS: [(&str, Family); 18] = [
    ("windows", Family::Unsupported),
    ("bottlerocket", Family::Unsupported),
    ("suse", Family::Unsupported),
    ("sles", Family::Unsupported),
    ("flatcar", Family::Unsupported),
    ("ubuntu", Family::Ubuntu),
    ("debian", Family::Debian),
    ("amazon-linux", Family::AmazonLinux),
    ("amazonlinux", Family::AmazonLinux),
    ("al2023", Family::AmazonLinux),
    ("al2", Family::AmazonLinux),
    ("amzn", Family::AmazonLinux),
    ("rocky", Family::RedHat),
    ("rhel", Family::RedHat),
    ("alma", Family::RedHat),
    ("centos", Family::RedHat),
    ("oracle-linux", Family::RedHat),
    ("fedora", Family::RedHat),
];

impl Family {
    /// The family of a base image, by its name or an alias, if its name tells.
    pub(crate) fn of(base: &BaseImageName) -> Option<Self> {
        let catalogue = Catalogue::built_in();
        let name = catalogue.find(base).map_or(base, |found| &found.name);
        MARKS.iter().find(|(mark, _)| name.as_str().contains(mark)).map(|(_, family)| *family)
    }

    /// The package manager that comes with it.
    pub(crate) const fn manager(self) -> Option<SystemManager> {
        match self {
            Self::Ubuntu | Self::Debian => Some(SystemManager::Apt),
            Self::AmazonLinux | Self::RedHat => Some(SystemManager::Dnf),
            Self::Unsupported => None,
        }
    }
}

/// The root device under which the base's AMIs are registered: EC2 reserves `/dev/sda1` and `/dev/xvda`
/// for it, and each publisher picked one. A mapping of the other name would attach a second, empty volume.
/// Sources: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html>, and `docs/BASE-IMAGES.md` for what
/// each publisher picked.
pub(crate) fn root_device(base: &BaseImageName) -> &'static str {
    match Family::of(base) {
        Some(Family::AmazonLinux | Family::Debian) => "/dev/xvda",
        Some(Family::RedHat | Family::Ubuntu | Family::Unsupported) | None => "/dev/sda1",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_base_image_of_the_catalogue_and_every_alias_is_known() {
        for base in &Catalogue::built_in() {
            let name = base.name.as_str();
            let is_of = |vendors: &[&str]| vendors.iter().any(|vendor| name.starts_with(vendor));
            let (manager, root) = if is_of(&["windows-", "bottlerocket-", "sles-"]) {
                (None, None)
            } else if name.contains("ubuntu-") {
                (Some(SystemManager::Apt), Some("/dev/sda1"))
            } else if is_of(&["debian-"]) {
                (Some(SystemManager::Apt), Some("/dev/xvda"))
            } else if is_of(&["rocky-", "rhel-"]) {
                (Some(SystemManager::Dnf), Some("/dev/sda1"))
            } else {
                (Some(SystemManager::Dnf), Some("/dev/xvda"))
            };
            for called in base.aliases.iter().map(String::as_str).chain([name]) {
                let called: BaseImageName = called.parse().unwrap();
                let family = Family::of(&called).unwrap_or_else(|| panic!("{called} is of no family"));
                assert_eq!(family.manager(), manager, "{called}");
                assert_eq!(family == Family::Unsupported, manager.is_none(), "{called}");
                assert!(root.is_none_or(|root| root_device(&called) == root), "{called}");
            }
        }
    }
}
