//! Which advisories an image lacks, by what is installed in it.

use std::borrow::Cow;
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;

use super::FixedPackage;
use crate::advisory::{Advisory, Ecosystem, Fix, Installed, VersionOrder};
use crate::version::{compare, compare_installed, has_release};

mod names;

/// What is installed in an image. Of a package of which several versions are, as of kernels, the newest counts: it is
/// the one that runs.
pub(super) struct Inventory<'a> {
    order: VersionOrder,
    /// Whether the packages that advisories name may be here under other names.
    has_other_names: bool,
    /// By the names under which advisories may tell of them.
    newest: BTreeMap<Cow<'a, str>, &'a str>,
}

impl<'a> Inventory<'a> {
    pub(super) fn new(ecosystem: &Ecosystem, installed: &'a [Installed]) -> Self {
        let order = ecosystem.order();
        let mut newest: BTreeMap<Cow<'a, str>, &str> = BTreeMap::new();
        for Installed { package, version } in installed {
            for name in std::iter::once(names::without_build(package)).chain(names::source(ecosystem, package)) {
                let known = newest.entry(name).or_insert(version);
                if compare(order, known, version) == Some(Ordering::Less) {
                    *known = version;
                }
            }
        }
        Self { order, has_other_names: ecosystem.names_sources(), newest }
    }

    fn version(&self, package: &str) -> Option<&'a str> {
        self.newest.get(&*names::without_build(package)).copied()
    }

    /// The packages that an advisory fixes and that are installed without the fix.
    pub(super) fn lacks(&self, advisory: &Advisory) -> Vec<FixedPackage> {
        let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for Fix { package, version } in advisory.fixed.iter().filter(|fix| !fix.version.is_empty()) {
            versions.entry(package).or_default().push(version);
        }
        let lacked = versions.into_iter().filter_map(|(package, versions)| {
            let installed = self.version(package)?;
            let needed = self.needed(package, installed, &versions)?;
            Some(FixedPackage {
                name: package.to_owned(),
                installed: Some(installed.to_owned()),
                fixed: needed.to_owned(),
            })
        });
        lacked.collect()
    }

    /// The packages of which the list does not tell whether they have an advisory's fix: of the installed version the
    /// release is not known, and it matters; or the package may be here under another name.
    pub(super) fn may_lack(&self, advisory: &Advisory) -> Vec<FixedPackage> {
        let open =
            advisory.fixed.iter().filter(|fix| !fix.version.is_empty()).filter_map(|Fix { package, version }| {
                let installed = self.version(package);
                let is_open = match installed {
                    Some(installed) => {
                        are_of_one_stream(package, installed, version)
                            && compare_installed(self.order, installed, version).is_none()
                    }
                    None => self.has_other_names,
                };
                let installed = installed.map(str::to_owned);
                is_open.then(|| FixedPackage { name: package.clone(), installed, fixed: version.clone() })
            });
        open.collect()
    }

    /// The version that an installed package has to have, of those in which an advisory fixes it; nothing if it has
    /// one of them, or if they are of other streams. If some are of its own major version, the others are not meant:
    /// the least of what is left is enough.
    fn needed<'v>(&self, package: &str, installed: &str, fixes: &[&'v str]) -> Option<&'v str> {
        let mut fixes: Vec<&str> =
            fixes.iter().copied().filter(|fixed| are_of_one_stream(package, installed, fixed)).collect();
        if fixes.iter().any(|fixed| numbers(fixed, 1) == numbers(installed, 1)) {
            fixes.retain(|fixed| numbers(fixed, 1) == numbers(installed, 1));
        }
        let lacks = |fixed: &str| compare_installed(self.order, installed, fixed) == Some(Ordering::Less);
        if !fixes.iter().all(|fixed| lacks(fixed)) {
            return None;
        }
        fixes.into_iter().min_by(|one, other| compare(self.order, one, other).unwrap_or(Ordering::Equal))
    }

    /// Whether an image has no more of what was wrong with a package: it has the fix, or does not have the package. If
    /// that cannot be told it counts as rid of it, for a move that fixes too much is only made too early.
    pub(super) fn is_rid_of(&self, lacked: &FixedPackage) -> bool {
        self.version(&lacked.name).is_none_or(|installed| {
            compare_installed(self.order, installed, &lacked.fixed).is_none_or(|ordering| ordering.is_ge())
        })
    }
}

/// Whether a fix is meant for what is installed. A module's packages are fixed by the same module's of the same major
/// version (<https://docs.fedoraproject.org/en-US/modularity/>), a kernel by one of the same first two numbers: vendors
/// fix several lines of them side by side, under one name. That a package is a module's stands in its release.
fn are_of_one_stream(package: &str, installed: &str, fixed: &str) -> bool {
    let is_modular = |version: &str| version.contains(".module");
    let is_kernel = ["kernel", "linux-"].iter().any(|begins| package.starts_with(begins))
        || ["linux", "perf"].contains(&package)
        || package.ends_with("-perf");
    let alike = match (is_modular(fixed), is_kernel) {
        (true, _) => 1,
        (false, true) => 2,
        (false, false) => 0,
    };
    let may_be_alike = !has_release(installed) || is_modular(installed) == is_modular(fixed);
    may_be_alike && numbers(installed, alike) == numbers(fixed, alike)
}

/// The first numbers of a version, without its epoch.
fn numbers(version: &str, count: usize) -> Vec<&str> {
    let version = version.split_once(':').map_or(version, |(_, version)| version);
    version.split(|c: char| !c.is_ascii_digit()).take(count).collect()
}

/// The package that an advisory is about, as far as names tell: the one whose name most of the others begin with.
pub(super) fn main_package(packages: &[FixedPackage]) -> Option<FixedPackage> {
    let rank = |package: &FixedPackage| {
        let name = package.name.as_str();
        packages.iter().filter(|other| other.name.starts_with(name)).count()
    };
    packages.iter().max_by_key(|package| (rank(package), Reverse((&package.name, &package.fixed)))).cloned()
}

#[cfg(test)]
mod tests;
