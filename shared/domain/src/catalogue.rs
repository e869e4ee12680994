//! The base images that are watched: data, in `catalogue/`, one file a vendor. A policy may add to them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::advisory::Ecosystem;
use crate::architecture::Architecture;
use crate::id::{BaseImageName, Region};
use crate::text::text_id;

text_id!(
    /// An AWS account, by its 12 digits.
    Owner,
    "an AWS account",
    "it has 12 digits",
    is_account
);

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

/// A base image of the catalogue. In `parameter`, `names` and `except`, `{}` stands for the vendor's word for an
/// architecture and `{arch}` for ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BaseImage {
    /// Its name, such as `ubuntu-22.04`.
    pub name: BaseImageName,
    /// Its name for people.
    pub title: String,
    /// What else people call it.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The account that publishes it, in most regions at least ([`BaseImage::owner_in`]). Only its images are
    /// believed: anybody can publish an AMI under any name.
    pub owner: Owner,
    /// The architectures that there are, and the vendor's word for each.
    pub architectures: BTreeMap<Architecture, String>,
    /// The public parameter that names its latest image. Without one, its owner's newest image counts whose name
    /// fits.
    pub parameter: Option<String>,
    /// How its images are called: patterns in which `*` stands for any characters and `?` for one. An image of another
    /// name is not taken for it.
    pub names: Vec<String>,
    /// How images are called that fit `names` and are something else.
    #[serde(default)]
    pub except: Vec<String>,
    /// Whether the greatest version in a name is the latest, whatever its date: its publisher releases older minor
    /// versions anew. Counts where there is no parameter.
    #[serde(default)]
    pub by_version: bool,
    /// Whose advisories tell how dangerous an old one is; none where nobody publishes any.
    pub ecosystem: Option<Ecosystem>,
    /// Where its publisher tells what changed.
    pub changelog: String,
}

/// Where the image of a base image on one architecture is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The architecture that it is for.
    pub architecture: Architecture,
    /// The public parameter that names the latest one, if there is one.
    pub parameter: Option<String>,
    /// How it is called.
    pub names: Vec<String>,
    /// How what fits but is something else is called.
    pub except: Vec<String>,
    /// Whether the greatest version in a name is the latest, whatever its date.
    pub by_version: bool,
}

impl BaseImage {
    /// The account that publishes it in a region: Amazon has others for some, and Bottlerocket one for each.
    #[must_use]
    pub fn owner_in(&self, region: &Region) -> &Owner {
        PUBLISHERS.get(&self.owner).and_then(|regions| regions.get(region)).unwrap_or(&self.owner)
    }

    /// Where its image for an architecture is found, if there is one.
    #[must_use]
    pub fn source(&self, architecture: Architecture) -> Option<Source> {
        let word = self.architectures.get(&architecture)?;
        let filled = |text: &String| text.replace("{}", word).replace("{arch}", architecture.as_str());
        Some(Source {
            architecture,
            parameter: self.parameter.as_ref().map(filled),
            names: self.names.iter().map(filled).collect(),
            except: self.except.iter().map(filled).collect(),
            by_version: self.by_version,
        })
    }

    /// Whether people may call it so.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name.as_str() == name || self.aliases.iter().any(|alias| alias == name)
    }
}

impl Source {
    /// Whether an image of this name is what is looked for.
    #[must_use]
    pub fn admits(&self, name: &str) -> bool {
        let fits = |pattern: &String| matches(pattern, name);
        self.names.iter().any(fits) && !self.except.iter().any(fits)
    }

    /// What comes before the date where the latest of several images is sought, by the name of each: the greater rank
    /// wins, and of equal ranks the later date. The first two numbers with a dot between them, as in `RHEL-9.10.0_HVM`,
    /// whatever else is behind them; or the same for all, where the date alone counts.
    #[must_use]
    pub fn rank(&self, name: &str) -> Option<(u64, u64)> {
        if !self.by_version {
            return None;
        }
        let mut versions = name.split(|c: char| !c.is_ascii_digit() && c != '.');
        versions.find_map(|version| {
            let mut numbers = version.split('.').map(|digits| digits.parse().ok());
            Some((numbers.next()??, numbers.next()??))
        })
    }
}

/// Whether a text is of a pattern's form: `*` stands for any characters, `?` for one. In EC2's filters `?` stands for none,
/// too, and so a listing holds all that fits, and may hold more.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Filtering.html>.
fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where the last star stands, and up to where of the text it reaches.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if pattern.get(p).is_some_and(|c| *c == '?' || *c == text[t]) {
            p += 1;
            t += 1;
        } else if let Some((at, reach)) = star {
            star = Some((at, reach + 1));
            p = at + 1;
            t = reach + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The base images that are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue(Cow<'static, [BaseImage]>);

static BUILT_IN: LazyLock<Vec<BaseImage>> = LazyLock::new(|| {
    let files = [
        include_str!("catalogue/amazon-linux.json"),
        include_str!("catalogue/bottlerocket.json"),
        include_str!("catalogue/debian.json"),
        include_str!("catalogue/deep-learning.json"),
        include_str!("catalogue/ecs.json"),
        include_str!("catalogue/eks.json"),
        include_str!("catalogue/rhel.json"),
        include_str!("catalogue/rocky.json"),
        include_str!("catalogue/sles.json"),
        include_str!("catalogue/ubuntu.json"),
        include_str!("catalogue/windows.json"),
    ];
    files.iter().flat_map(|file| serde_json::from_str::<Vec<BaseImage>>(file).unwrap_or_default()).collect()
});

/// By the account of most regions, the accounts of the others. Sources: `docs/BASE-IMAGES.md`.
static PUBLISHERS: LazyLock<BTreeMap<Owner, BTreeMap<Region, Owner>>> =
    LazyLock::new(|| serde_json::from_str(include_str!("publishers.json")).unwrap_or_default());

impl Catalogue {
    /// Those that the project knows.
    #[must_use]
    pub fn built_in() -> Self {
        Self(Cow::Borrowed(&BUILT_IN))
    }

    /// Those that the project knows, and these: one of the same name takes the other's place.
    #[must_use]
    pub fn with(more: &[BaseImage]) -> Self {
        if more.is_empty() {
            return Self::built_in();
        }
        let kept = BUILT_IN.iter().filter(|base| !more.iter().any(|other| other.name == base.name));
        Self(Cow::Owned(kept.chain(more).cloned().collect()))
    }

    /// Each of them.
    pub fn iter(&self) -> std::slice::Iter<'_, BaseImage> {
        self.0.iter()
    }

    /// Each of them on each of its architectures.
    pub fn on_every_architecture(&self) -> impl Iterator<Item = (&BaseImage, Architecture)> {
        self.iter().flat_map(|base| base.architectures.keys().map(move |architecture| (base, *architecture)))
    }

    /// The base image that is called so, by its name or an alias.
    #[must_use]
    pub fn find(&self, name: &BaseImageName) -> Option<&BaseImage> {
        let named = self.iter().find(|base| base.name == *name);
        named.or_else(|| self.iter().find(|base| base.is_called(name.as_str())))
    }

    /// The names of all base images, for a sentence.
    #[must_use]
    pub fn names(&self) -> String {
        self.iter().map(|base| base.name.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl<'a> IntoIterator for &'a Catalogue {
    type Item = &'a BaseImage;
    type IntoIter = std::slice::Iter<'a, BaseImage>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod real_names;
#[cfg(test)]
mod tests;
