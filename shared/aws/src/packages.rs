//! What is installed in an image, kept with it: compressed, since an image has some thousand packages.

use std::collections::BTreeMap;

use prism_domain::advisory::Installed;
use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys;
use crate::packed::{pack, unpack};
use crate::table::{Readings, Table, Write};

/// What is installed in the image of a build.
#[derive(Debug, Serialize, Deserialize)]
struct PackagesRecord {
    build: BuildId,
    /// How many there are, for people.
    count: usize,
    /// JSON `[[name, version], …]`, deflated.
    #[serde(with = "serde_bytes")]
    list: Vec<u8>,
}

/// The write that keeps what is installed in the image of a build.
///
/// # Errors
///
/// If it cannot be an item.
pub fn write(build: &BuildId, installed: &[Installed]) -> Result<Write> {
    let record = PackagesRecord { build: build.clone(), count: installed.len(), list: fold(build, installed)? };
    Write::put(&keys::packages(build), &record)
}

/// What is installed in the image of a build. `None`: nobody knows, which is not the same as nothing.
///
/// # Errors
///
/// If AWS fails, or the item cannot be read.
pub async fn of(table: &Table, build: &BuildId) -> Result<Option<Vec<Installed>>> {
    let record: Option<PackagesRecord> = table.get(&keys::packages(build)).await?;
    record.map(|record| unfold(build, &record.list)).transpose()
}

/// The stored package lists of builds' images. A list that cannot be read is left out and logged.
///
/// # Errors
///
/// If AWS fails.
pub async fn of_all(table: &Table, builds: &[BuildId]) -> Result<BTreeMap<BuildId, Vec<Installed>>> {
    let records: Readings<PackagesRecord> =
        table.get_all(&builds.iter().map(keys::packages).collect::<Vec<_>>()).await?;
    let list = |record: PackagesRecord| {
        let list = unfold(&record.build, &record.list).inspect_err(|error| tracing::error!("set aside: {error}"));
        Some((record.build, list.ok()?))
    };
    Ok(records.logged().into_iter().filter_map(list).collect())
}

/// The builds whose package lists are not stored.
///
/// # Errors
///
/// If AWS fails.
pub async fn unknown(table: &Table, builds: &[BuildId]) -> Result<Vec<BuildId>> {
    let there = table.which_are_there(&builds.iter().map(keys::packages).collect::<Vec<_>>()).await?;
    Ok(builds.iter().filter(|build| !there.contains(&keys::packages(build))).cloned().collect())
}

/// Whether it is known what is installed in the image of a build.
///
/// # Errors
///
/// If AWS fails.
pub async fn are_kept(table: &Table, build: &BuildId) -> Result<bool> {
    table.is_there(&keys::packages(build)).await
}

fn fold(build: &BuildId, installed: &[Installed]) -> Result<Vec<u8>> {
    let pairs: Vec<(&str, &str)> = installed.iter().map(|one| (one.package.as_str(), one.version.as_str())).collect();
    pack(&format!("the packages of build {build}"), &pairs)
}

fn unfold(build: &BuildId, list: &[u8]) -> Result<Vec<Installed>> {
    let pairs: Vec<(String, String)> = unpack(&format!("the packages of build {build}"), list)?;
    Ok(pairs.into_iter().map(|(package, version)| Installed { package, version }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build() -> BuildId {
        "python-ml-x86_64-17".parse().unwrap()
    }

    /// Names and versions that are as different as real ones are, or more.
    fn packages(count: u32) -> Vec<Installed> {
        let digest = |n: u32| prism_domain::hash::short(&n.to_string());
        let one = |n: u32| Installed {
            package: format!("lib{}-{}", &digest(n)[..8], ["dev", "common", "data", "bin"][n as usize % 4]),
            version: format!("{}:{}.{}.{}-{}.amzn2023.0.{}", n % 2, n % 9, n % 31, n % 17, n % 13, n % 5),
        };
        (0..count).map(one).collect()
    }

    #[test]
    fn a_list_of_two_thousand_packages_is_far_below_the_limit_of_an_item() {
        let installed = packages(2_000);
        let folded = fold(&build(), &installed).unwrap();
        assert!(folded.len() < 40_000, "{} bytes", folded.len());
        assert_eq!(unfold(&build(), &folded).unwrap(), installed);
    }

    #[test]
    fn a_list_of_nothing_is_one_and_what_is_no_list_is_an_error() {
        assert_eq!(unfold(&build(), &fold(&build(), &[]).unwrap()).unwrap(), []);
        assert!(unfold(&build(), b"no list").is_err());
    }
}
