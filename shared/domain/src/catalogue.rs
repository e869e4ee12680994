//! The base images that are watched: data, in `catalogue.json`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::architecture::Architecture;
use crate::id::BaseImageName;

/// A base image of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseImage {
    /// Its name, such as `ubuntu-22.04`.
    pub name: BaseImageName,
    /// Its name for people.
    pub title: String,
    /// The account that publishes it. Only its images are believed: anybody can publish an AMI under
    /// any name.
    pub owner: String,
    /// What else people call it.
    pub aliases: Vec<String>,
    /// The public parameter that names its latest image, by architecture.
    pub parameters: BTreeMap<Architecture, String>,
    /// Where its publisher tells what changed.
    pub changelog: String,
}

static CATALOGUE: LazyLock<Vec<BaseImage>> =
    LazyLock::new(|| serde_json::from_str(include_str!("catalogue.json")).unwrap_or_default());

/// Every base image that is watched.
#[must_use]
pub fn all() -> &'static [BaseImage] {
    &CATALOGUE
}

/// The base image that is called so, by its name or an alias.
#[must_use]
pub fn find(name: &BaseImageName) -> Option<&'static BaseImage> {
    let is_called = |base: &&BaseImage| base.name == *name || base.aliases.iter().any(|alias| alias == name.as_str());
    all().iter().find(is_called)
}

/// The names of all base images, for a sentence.
#[must_use]
pub fn names() -> String {
    all().iter().map(|base| base.name.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_catalogue_can_be_read_and_no_name_means_two_images() {
        assert!(all().len() >= 8);
        let names: Vec<&str> = all()
            .iter()
            .flat_map(|base| std::iter::once(base.name.as_str()).chain(base.aliases.iter().map(String::as_str)))
            .collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(names.iter().all(|name| name.parse::<BaseImageName>().is_ok()));
    }

    #[test]
    fn a_base_image_is_found_by_its_aliases() {
        let found = |name: &str| find(&name.parse().unwrap()).map(|base| base.name.as_str());
        assert_eq!(found("ubuntu"), Some("ubuntu-24.04"));
        assert_eq!(found("jammy"), Some("ubuntu-22.04"));
        assert_eq!(found("plan9"), None);
    }

    #[test]
    fn every_owner_is_an_account_and_every_source_a_public_parameter() {
        for base in all() {
            assert!(base.owner.len() == 12 && base.owner.bytes().all(|b| b.is_ascii_digit()), "{}", base.name);
            assert!(base.parameters.values().all(|name| name.starts_with("/aws/service/")), "{}", base.name);
        }
    }
}
