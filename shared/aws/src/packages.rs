//! What is installed in an image, kept with it: compressed, since an image has some thousand packages and an item at
//! most 400 KB.
//! Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use prism_domain::advisory::Installed;
use prism_domain::id::BuildId;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Table, Write};

/// The most bytes that a list may unfold to.
const UNFOLDED: u64 = 8 << 20;

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

/// Whether it is known what is installed in the image of a build.
///
/// # Errors
///
/// If AWS fails.
pub async fn are_kept(table: &Table, build: &BuildId) -> Result<bool> {
    table.is_there(&keys::packages(build)).await
}

fn fold(build: &BuildId, installed: &[Installed]) -> Result<Vec<u8>> {
    let unwritable = |error: &dyn std::fmt::Display| Error::malformed(format!("the packages of build {build}"), error);
    let pairs: Vec<(&str, &str)> = installed.iter().map(|one| (one.package.as_str(), one.version.as_str())).collect();
    let json = serde_json::to_vec(&pairs).map_err(|error| unwritable(&error))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&json).map_err(|error| unwritable(&error))?;
    encoder.finish().map_err(|error| unwritable(&error))
}

fn unfold(build: &BuildId, list: &[u8]) -> Result<Vec<Installed>> {
    let unreadable = |error: &dyn std::fmt::Display| Error::malformed(format!("the packages of build {build}"), error);
    let mut json = Vec::new();
    DeflateDecoder::new(list).take(UNFOLDED).read_to_end(&mut json).map_err(|error| unreadable(&error))?;
    let pairs: Vec<(String, String)> = serde_json::from_slice(&json).map_err(|error| unreadable(&error))?;
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
    fn what_is_no_list_is_an_error_and_not_an_empty_one() {
        for list in [b"".as_slice(), b"no list", &fold(&build(), &packages(9)).unwrap()[..20]] {
            assert!(unfold(&build(), list).is_err());
        }
        assert_eq!(unfold(&build(), &fold(&build(), &[]).unwrap()).unwrap(), []);
    }

    #[test]
    fn a_list_that_unfolds_without_end_is_an_error() {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(b"[[\"").unwrap();
        for _ in 0..20 {
            encoder.write_all(&vec![b'a'; 1 << 20]).unwrap();
        }
        encoder.write_all(b"\",\"1\"]]").unwrap();
        assert!(unfold(&build(), &encoder.finish().unwrap()).is_err());
    }
}
