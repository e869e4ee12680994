//! A template, as its author wrote it and after every check of a single file.

use std::collections::BTreeMap;

use prism_domain::id::{BaseImageName, TemplateName};
use prism_domain::money::MicroDollars;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A template. A value of this type has passed every check that needs no other template; reading one
/// back (from the table's JSON) checks it again, by the same rules.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct Template {
    /// What people call it.
    pub name: String,
    /// Its identifier.
    pub slug: TemplateName,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The base image, as written. At least one of this and `inherits` is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<BaseImageName>,
    /// The templates that it builds on, the last one winning where they differ.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inherits: Vec<TemplateName>,
    /// The package manager, if its author wants to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package_manager: Option<PackageManager>,
    /// What is installed.
    #[serde(skip_serializing_if = "Packages::is_empty")]
    pub packages: Packages,
    /// Who has an account.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// What starts with the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Shell lines that root runs, in order, in one shell.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub post_install: Vec<String>,
    /// What an instance gets if nobody says otherwise.
    #[serde(skip_serializing_if = "InstanceDefaults::is_empty")]
    pub instance_defaults: InstanceDefaults,
    /// The author's version, `x.y.z`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Tags for the AMI and for what is made on the way to it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// How packages are installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PackageManager {
    /// Debian's.
    Apt,
    /// Fedora's and Amazon Linux's.
    Dnf,
    /// The system's own for `packages.system`; Python packages go where conda's packages go.
    Conda,
    /// The system's own for `packages.system`; Python packages go into a virtual environment.
    Pip,
}

impl PackageManager {
    /// All, by name.
    pub const ALL: [Self; 4] = [Self::Apt, Self::Dnf, Self::Conda, Self::Pip];

    /// `apt`, `dnf`, `conda` or `pip`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Apt => "apt",
            Self::Dnf => "dnf",
            Self::Conda => "conda",
            Self::Pip => "pip",
        }
    }
}

/// Packages by where they come from, each with its version constraint behind its name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Packages {
    /// From the distribution: `git`, `nginx=1.18.0-6ubuntu14`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<String>,
    /// From conda-forge or a named channel: `r-base=4.3`, `bioconda::samtools`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conda: Vec<String>,
    /// From the Python package index: `numpy==1.26.4`, `jupyterlab[all]`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pip: Vec<String>,
}

impl Packages {
    fn is_empty(&self) -> bool {
        self.system.is_empty() && self.conda.is_empty() && self.pip.is_empty()
    }
}

/// An account on the image. It has no password; keys come with the launch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The login name.
    pub name: String,
    /// Groups besides its own; one that is not there is made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// The login shell; `/bin/bash` where none is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Whether it may become root without a password.
    #[serde(default)]
    pub sudo: bool,
}

/// A systemd unit that starts with the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The unit, with or without `.service`.
    pub name: String,
    /// The TCP port on which it answers, if the test is to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether it starts at boot. One that doesn't must only be there.
    #[serde(default = "yes")]
    pub enable: bool,
}

fn yes() -> bool {
    true
}

/// What an instance of the template gets by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct InstanceDefaults {
    /// The EC2 instance type, which also tells the architecture.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// The root volume, in GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_volume_gb: Option<u32>,
    /// What its author expects an instance to cost an hour.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "decimal")]
    pub estimated_cost_per_hour: Option<MicroDollars>,
}

impl InstanceDefaults {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Money as the decimal text that it is read from: `0.0832`, every digit kept, no float between.
#[expect(clippy::ref_option, reason = "the signature that serde calls")]
fn decimal<S: serde::Serializer>(amount: &Option<MicroDollars>, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = amount.unwrap_or_default().0;
    serializer.serialize_str(&format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000))
}
