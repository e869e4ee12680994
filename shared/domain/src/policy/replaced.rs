//! Base images that a policy takes from their vendor: templates on one are built on what another owner publishes.

use serde::Serialize;

use super::Policy;
use crate::catalogue::{Catalogue, Owner};
use crate::id::BaseImageName;

/// A base image of the catalogue that comes from another owner than its vendor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReplacedBaseImage {
    /// The base image.
    pub base: BaseImageName,
    /// The account of its vendor.
    pub vendor: Owner,
    /// The account whose images count as it.
    pub owner: Owner,
}

/// What `next` takes from a vendor and `current` does not yet, or gives to somebody else.
#[must_use]
pub fn replaced_base_images(current: &Policy, next: &Policy) -> Vec<ReplacedBaseImage> {
    let before = taken(current);
    taken(next).into_iter().filter(|replaced| !before.contains(replaced)).collect()
}

fn taken(policy: &Policy) -> Vec<ReplacedBaseImage> {
    let (built_in, catalogue) = (Catalogue::built_in(), policy.catalogue());
    let mut taken = Vec::new();
    for base in &built_in {
        let vendor = &base.owner;
        let aliases = base.aliases.iter().filter_map(|alias| alias.parse().ok());
        for name in std::iter::once(base.name.clone()).chain(aliases) {
            if let Some(found) = catalogue.find(&name).filter(|found| found.owner != *vendor) {
                let (vendor, owner) = (vendor.clone(), found.owner.clone());
                // An alias of a base image that is replaced says nothing new.
                if name == base.name || found.name != base.name {
                    taken.push(ReplacedBaseImage { base: name, vendor, owner });
                }
            }
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(owner: &str) -> Policy {
        let own = json!([
            {"name": "ubuntu-22.04", "owner": owner, "names": ["lab-*"]},
            {"name": "lab-ubuntu", "owner": "123456789012", "names": ["lab-*"]},
        ]);
        Policy::from_value(&json!({"auto_ami_policy": {"base_images": own}})).unwrap()
    }

    #[test]
    fn an_alias_of_a_vendor_s_base_image_that_another_owner_takes_is_told() {
        let own = json!([
            {"name": "amazon-linux-2023", "owner": "137112412989", "names": ["al2023-ami-2023*"]},
            {"name": "al2023", "owner": "210987654321", "names": ["mine-*"]},
        ]);
        let policy = Policy::from_value(&json!({"auto_ami_policy": {"base_images": own}})).unwrap();
        let [taken] = replaced_base_images(&Policy::default(), &policy).try_into().unwrap();
        assert_eq!((taken.base.as_str(), taken.owner.as_str()), ("al2023", "210987654321"));
    }

    #[test]
    fn a_base_image_of_the_catalogue_that_comes_from_another_owner_is_told() {
        let told = |current: &Policy, next: &Policy| {
            let all = replaced_base_images(current, next);
            all.iter().map(|one| format!("{}: {} to {}", one.base, one.vendor, one.owner)).collect::<Vec<_>>()
        };
        let (none, ours, theirs) = (Policy::default(), policy("123456789012"), policy("210987654321"));
        assert_eq!(told(&none, &ours), ["ubuntu-22.04: 099720109477 to 123456789012"]);
        assert_eq!(told(&ours, &theirs), ["ubuntu-22.04: 099720109477 to 210987654321"], "somebody else's again");
        assert_eq!(told(&ours, &ours), [""; 0], "it is so already");
        assert_eq!(told(&ours, &none), [""; 0], "it goes back to its vendor");
        assert_eq!(told(&none, &policy("099720109477")), [""; 0], "its vendor's, by other names");
    }
}
