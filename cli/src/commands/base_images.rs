//! What the commands about base images share: which one somebody means, and where it is watched.

use std::collections::BTreeSet;

use anyhow::{anyhow, bail};
use prism_aws::base_images;
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::Catalogue;
use prism_domain::id::{BaseImageName, Region, TrackedImageId};
use prism_domain::policy::Policy;

use crate::args::WatchedIn;
use crate::fault::warn_of_unreadable;
use crate::near;
use crate::stack::Stack;

/// A base image that somebody means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meant {
    /// Its name.
    pub name: BaseImageName,
    /// Its name for people.
    pub title: String,
    /// The architectures that there are.
    pub architectures: BTreeSet<Architecture>,
}

impl Meant {
    /// Each of its images in a region; of one architecture alone, if that is asked for.
    pub fn images(&self, only: Option<Architecture>, region: &Region) -> Vec<TrackedImageId> {
        let wanted = self.architectures.iter().filter(|architecture| only.is_none_or(|only| only == **architecture));
        wanted
            .map(|architecture| TrackedImageId {
                name: self.name.clone(),
                architecture: *architecture,
                region: region.clone(),
            })
            .collect()
    }
}

/// The base image that is called so: of the catalogue, or one that was watched before.
pub async fn meant(stack: &Stack, region: &Region, typed: &str) -> anyhow::Result<Meant> {
    let catalogue = stack.policy().await?.catalogue();
    if let Some(found) = in_catalogue(&catalogue, typed) {
        return Ok(found);
    }
    if let Ok(name) = typed.parse::<BaseImageName>() {
        let seen = base_images::all_tracked(&stack.table, region).await?;
        let seen = warn_of_unreadable(seen).into_iter().filter(|it| it.id.name == name);
        let architectures: BTreeSet<Architecture> = seen.map(|tracked| tracked.id.architecture).collect();
        if !architectures.is_empty() {
            return Ok(Meant { title: name.to_string(), name, architectures });
        }
    }
    Err(unknown(&catalogue, typed))
}

fn in_catalogue(catalogue: &Catalogue, typed: &str) -> Option<Meant> {
    let base = catalogue.find(&typed.trim().to_lowercase().parse().ok()?)?;
    let architectures = base.architectures.keys().copied().collect();
    Some(Meant { name: base.name.clone(), title: base.title.clone(), architectures })
}

fn unknown(catalogue: &Catalogue, typed: &str) -> anyhow::Error {
    anyhow!("there is no base image {typed}; {}", near::base_image(&typed.trim().to_lowercase(), catalogue))
}

/// The regions that are asked for, each once; without any, the home region.
pub fn regions(home: &Region, policy: &Policy, asked: &[WatchedIn]) -> anyhow::Result<Vec<Region>> {
    let more = policy.watch_regions.iter().filter(|region| *region != home);
    let watched: Vec<Region> = std::iter::once(home).chain(more).cloned().collect();
    let mut wanted = BTreeSet::new();
    for one in asked {
        match one {
            WatchedIn::All => return Ok(watched),
            WatchedIn::Region(region) if watched.contains(region) => {
                wanted.insert(region.clone());
            }
            WatchedIn::Region(region) => {
                let names: Vec<&str> = watched.iter().map(Region::as_str).collect();
                let names = names.join(", ");
                bail!(
                    "base images are not watched in {region}, only in {names}; watch_regions of the policy says where"
                );
            }
        }
    }
    Ok(if wanted.is_empty() { vec![home.clone()] } else { wanted.into_iter().collect() })
}

/// The region that is asked for; without one, the home region.
pub async fn region(stack: &Stack, asked: Option<&Region>) -> anyhow::Result<Region> {
    let Some(asked) = asked else { return Ok(stack.region.clone()) };
    let policy = stack.policy().await?;
    regions(&stack.region, &policy, &[WatchedIn::Region(asked.clone())])?;
    Ok(asked.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_image_is_found_by_what_people_call_it_and_a_misspelt_one_is_hinted_at() {
        let found = |typed| in_catalogue(&Catalogue::built_in(), typed).map(|found| found.name.to_string());
        assert_eq!(found("Ubuntu-22.04"), Some("ubuntu-22.04".into()));
        assert_eq!(found("ubuntu-22.04-server-lts"), Some("ubuntu-22.04".into()));
        assert_eq!(found("ubunto-22.04"), None);
        let told = unknown(&Catalogue::built_in(), "ubunto-22.04").to_string();
        assert!(told.starts_with("there is no base image ubunto-22.04; did you mean ubuntu-22.04"), "{told}");
    }

    #[test]
    fn only_regions_that_are_watched_can_be_asked_for() {
        let region = |text: &str| text.parse::<Region>().unwrap();
        let home = region("us-east-1");
        let policy = Policy { watch_regions: vec![region("eu-west-1"), home.clone()], ..Policy::default() };
        let asked = |names: &[&str]| {
            let asked: Vec<WatchedIn> = names.iter().map(|name| WatchedIn::Region(region(name))).collect();
            regions(&home, &policy, &asked).map_err(|error| error.to_string())
        };
        assert_eq!(asked(&[]), Ok(vec![home.clone()]));
        assert_eq!(asked(&["eu-west-1", "eu-west-1"]), Ok(vec![region("eu-west-1")]));
        assert_eq!(regions(&home, &policy, &[WatchedIn::All]).unwrap(), [home.clone(), region("eu-west-1")]);
        insta::assert_snapshot!(asked(&["eu-west-3"]).unwrap_err(), @"base images are not watched in eu-west-3, only in us-east-1, eu-west-1; watch_regions of the policy says where");
    }
}
