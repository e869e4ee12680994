//! What a base image's name tells of its system.

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
    /// The family of a base image, if its name tells.
    pub(crate) fn of(base: &BaseImageName) -> Option<Self> {
        MARKS.iter().find(|(mark, _)| base.as_str().contains(mark)).map(|(_, family)| *family)
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
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html>.
pub(crate) fn root_device(base: &BaseImageName) -> &'static str {
    match Family::of(base) {
        Some(Family::AmazonLinux | Family::Debian) => "/dev/xvda",
        Some(Family::RedHat | Family::Ubuntu | Family::Unsupported) | None => "/dev/sda1",
    }
}
