//! A template with everything that it inherits.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use prism_domain::architecture::Architecture;
use prism_domain::id::{BaseImageName, TemplateName};
use prism_domain::money::MicroDollars;
use prism_domain::problem::{Problem, Problems};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::{Family, SystemManager};
use crate::lineage::lineage;
use crate::package;
use crate::read::MAX_TAGS;
use crate::template::{PackageManager, Packages, Service, Template, User};

/// The instance type where no template names one.
const INSTANCE_TYPE: &str = "t3.large";

/// The root volume where no template names one, in GiB. It can't be smaller than the base's snapshot: 8 on
/// the common ones, 10 on Red Hat's family, 30 on those made for containers.
const ROOT_VOLUME_GB: u32 = 30;

/// A template that stands for itself: what is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedTemplate {
    /// The template's identifier.
    pub name: TemplateName,
    /// What it is for. Never inherited.
    pub description: Option<String>,
    /// The base image as written, which may be an alias in the catalogue.
    pub base: BaseImageName,
    /// The package manager, given or known from the base.
    pub package_manager: PackageManager,
    /// What is installed.
    pub packages: Packages,
    /// Who has an account.
    pub users: Vec<User>,
    /// What starts with the machine.
    pub services: Vec<Service>,
    /// Shell texts that root runs, in order: one for each template of the chain that has one.
    pub post_install: Vec<String>,
    /// The template of each text.
    pub post_install_of: Vec<TemplateName>,
    /// The EC2 instance type.
    pub instance_type: String,
    /// The root volume, in GiB.
    pub root_volume_gb: u32,
    /// What an instance is expected to cost an hour, in micro-dollars, if a template says.
    pub estimated_cost_per_hour: Option<MicroDollars>,
    /// The author's version; `1.0.0` where none is given. Never inherited.
    pub version: String,
    /// Tags for the AMI.
    pub tags: BTreeMap<String, String>,
}

impl ResolvedTemplate {
    /// The architecture that its instance type asks for.
    #[must_use]
    pub fn architecture(&self) -> Architecture {
        Architecture::of_instance_type(&self.instance_type)
    }

    /// The manager that installs `packages.system`.
    #[must_use]
    pub fn system_manager(&self) -> SystemManager {
        match self.package_manager {
            PackageManager::Apt => SystemManager::Apt,
            PackageManager::Dnf => SystemManager::Dnf,
            // `resolve` lets these two pass only where the base tells the system's own.
            PackageManager::Conda | PackageManager::Pip => {
                Family::of(&self.base).and_then(Family::manager).unwrap_or(SystemManager::Apt)
            }
        }
    }

    /// The `post_install` texts in order, each with the template that it is of.
    #[must_use]
    pub fn post_install(&self) -> Vec<(&TemplateName, &str)> {
        self.post_install_of.iter().zip(self.post_install.iter().map(String::as_str)).collect()
    }
}

/// The version of [`ResolvedTemplate::source_hash`]. It goes up whenever the hash of an unchanged template would become
/// another: two versions tell nothing of each other.
const SOURCE_VERSION: u32 = 1;

/// What the authors of a template wrote, of that which an image of it depends on.
#[derive(Serialize)]
struct Written<'a> {
    base: &'a BaseImageName,
    package_manager: PackageManager,
    packages: &'a Packages,
    users: &'a [User],
    services: &'a [Service],
    post_install: Vec<(&'a TemplateName, &'a str)>,
    root_volume_gb: u32,
    tags: &'a BTreeMap<String, String>,
}

impl ResolvedTemplate {
    /// A version and 12 hexadecimal digits that change when the authors of the template, or of one that it inherits from,
    /// change what an image of it depends on. How this version of the project compiles templates does not count.
    #[must_use]
    pub fn source_hash(&self) -> String {
        let written = Written {
            base: &self.base,
            package_manager: self.package_manager,
            packages: &self.packages,
            users: &self.users,
            services: &self.services,
            post_install: self.post_install(),
            root_volume_gb: self.root_volume_gb,
            tags: &self.tags,
        };
        // These are texts, numbers and lists of them.
        let text = serde_json::to_vec(&written).unwrap_or_default();
        format!("{SOURCE_VERSION}-{}", hex(&Sha256::digest(text)[..6]))
    }
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Joins a template with all that it inherits: parents first, an entry of the same name replaced where
/// it stands, single values and tags the child's. The description and the version are the template's own.
///
/// # Errors
/// Every fault at once: a template that is not known, a circle, more than 8 templates above each other, a
/// base on which nothing can be built, a package manager that it doesn't have, too many tags.
pub fn resolve(name: &TemplateName, all: &BTreeMap<TemplateName, Template>) -> Result<ResolvedTemplate, Problems> {
    let lineage = lineage(name, all)?;
    let mut problems = Vec::new();
    let base = last(&lineage, |template| template.base.clone());
    let manager = base.as_ref().map(|base| manager(base, last(&lineage, |template| template.package_manager)));
    let mut tags = BTreeMap::new();
    for template in &lineage {
        tags.extend(template.tags.clone());
    }
    if tags.len() > MAX_TAGS {
        let count = tags.len();
        problems.push(Problem::new("tags", format!("are {count} with the inherited ones; allowed are {MAX_TAGS}")));
    }
    let manager = match manager {
        Some(Ok(manager)) => Some(manager),
        Some(Err(problem)) => {
            problems.push(problem);
            None
        }
        None => {
            problems.push(Problem::new("base", "is missing, here and in every template that is inherited from"));
            None
        }
    };
    let (Some(base), Some(package_manager), true) = (base, manager, problems.is_empty()) else {
        return Err(Problems(problems));
    };
    let own = lineage.last();
    // Whole, since a line may rightly stand twice; an ancestor that is reached twice counts once anyway.
    let scripted = || lineage.iter().filter(|template| !template.post_install.is_empty());
    Ok(ResolvedTemplate {
        name: name.clone(),
        description: own.and_then(|template| template.description.clone()),
        base,
        package_manager,
        packages: Packages {
            system: joined(&lineage, |t| &t.packages.system, |spec| package::system_name(spec)),
            conda: joined(&lineage, |t| &t.packages.conda, |spec| package::conda_name(spec)),
            pip: joined(&lineage, |t| &t.packages.pip, |spec| package::pip_name(spec)),
        },
        users: joined(&lineage, |t| &t.users, |user| user.name.clone()),
        services: joined(&lineage, |t| &t.services, |service| service.name.trim_end_matches(".service").to_owned()),
        post_install: scripted().map(|template| template.post_install.join("\n")).collect(),
        post_install_of: scripted().map(|template| template.slug.clone()).collect(),
        instance_type: last(&lineage, |t| t.instance_defaults.instance_type.clone())
            .unwrap_or_else(|| INSTANCE_TYPE.to_owned()),
        root_volume_gb: last(&lineage, |t| t.instance_defaults.root_volume_gb).unwrap_or(ROOT_VOLUME_GB),
        estimated_cost_per_hour: last(&lineage, |t| t.instance_defaults.estimated_cost_per_hour),
        version: own.and_then(|template| template.version.clone()).unwrap_or_else(|| "1.0.0".to_owned()),
        tags,
    })
}

/// The value nearest to the child that is given.
fn last<T>(lineage: &[&Template], value: impl Fn(&Template) -> Option<T>) -> Option<T> {
    lineage.iter().rev().find_map(|template| value(template))
}

/// All entries, each at the place where its key first came and with what was last said of it.
fn joined<T: Clone>(
    lineage: &[&Template],
    entries: impl Fn(&Template) -> &Vec<T>,
    key: impl Fn(&T) -> String,
) -> Vec<T> {
    let mut joined: Vec<T> = Vec::new();
    let mut places = BTreeMap::new();
    for entry in lineage.iter().flat_map(|template| entries(template)) {
        let place = *places.entry(key(entry)).or_insert(joined.len());
        if let Some(earlier) = joined.get_mut(place) {
            *earlier = entry.clone();
        } else {
            joined.push(entry.clone());
        }
    }
    joined
}

/// The package manager for a base.
fn manager(base: &BaseImageName, wanted: Option<PackageManager>) -> Result<PackageManager, Problem> {
    let family = Family::of(base);
    if family == Some(Family::Unsupported) {
        let message =
            format!("is {base}, on which templates can't be built; allowed are Linux systems with apt or dnf");
        return Err(Problem::new("base", message));
    }
    let own = family.and_then(Family::manager);
    match (wanted, own) {
        (Some(PackageManager::Apt), Some(SystemManager::Dnf))
        | (Some(PackageManager::Dnf), Some(SystemManager::Apt)) => {
            let (wanted, own) = (wanted.map_or("", PackageManager::as_str), own.map_or("", SystemManager::as_str));
            Err(Problem::new(
                "package_manager",
                format!("is {wanted}, but {base} has {own}; write {own} or leave it away"),
            ))
        }
        (Some(PackageManager::Conda | PackageManager::Pip) | None, None) => Err(Problem::new(
            "package_manager",
            format!("must be apt or dnf here, since the name {base} doesn't tell which of them it has"),
        )),
        (Some(wanted), _) => Ok(wanted),
        (None, Some(SystemManager::Apt)) => Ok(PackageManager::Apt),
        (None, Some(SystemManager::Dnf)) => Ok(PackageManager::Dnf),
    }
}
