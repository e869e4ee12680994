//! `prism base-images list`.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use prism_aws::base_images;
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::{BaseImage, Owner};
use prism_domain::id::{AmiId, BaseImageName, Region, TrackedImageId};
use prism_domain::problem::printable;
use prism_domain::update::TrackedImage;
use prism_domain::watch::Trouble;
use serde::Serialize;

use super::base_images::regions;
use crate::args::WatchedIn;
use crate::fault::warn_of_unreadable;
use crate::look::{DIM, Look, cell, count, paint};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;
use crate::wrong::Wrong;

/// Every base image that is watched.
#[derive(Debug, Serialize)]
pub struct List {
    regions: Vec<RegionRow>,
    base_images: Vec<Row>,
    /// Whether people want to see also what was never seen.
    #[serde(skip)]
    all: bool,
}

/// Where base images are watched.
#[derive(Debug, Serialize)]
struct RegionRow {
    region: Region,
    /// When all of them were last looked at.
    looked_at: Option<Timestamp>,
}

/// A base image on an architecture in a region.
#[derive(Debug, Serialize)]
struct Row {
    name: BaseImageName,
    title: String,
    architecture: Architecture,
    region: Region,
    ami: Option<AmiId>,
    image_name: Option<String>,
    since: Option<Timestamp>,
    moves: u32,
    dependants: usize,
    /// Where it is looked up; nothing for what the catalogue no longer has.
    source: Option<Source>,
    wrong: Vec<Wrong>,
}

/// Where a base image is looked up.
#[derive(Debug, Serialize)]
struct Source {
    owner: Owner,
    parameter: Option<String>,
    names: Vec<String>,
}

/// How many images stand on a base image.
type Dependants = BTreeMap<(BaseImageName, Architecture), usize>;

/// What is known of a region.
struct Known {
    region: Region,
    tracked: Vec<TrackedImage>,
    troubles: Vec<Trouble>,
    looked_at: Option<Timestamp>,
}

/// Reads every base image, as it is watched in the regions that are asked for.
pub async fn read(stack: &Stack, asked: &[WatchedIn], all: bool) -> anyhow::Result<List> {
    let policy = stack.policy().await?;
    let regions = regions(&stack.region, &policy, asked)?;
    let elsewhere = !regions.contains(&stack.region);
    let known = each(stack, regions, |stack, region| async move {
        let tracked = warn_of_unreadable(base_images::all_tracked(&stack.table, &region).await?);
        let troubles = warn_of_unreadable(base_images::all_troubles(&stack.table, &region).await?);
        let looked_at = base_images::last_run(&stack.table, &region).await?.map(|run| run.looked_at);
        Ok(Known { region, tracked, troubles, looked_at })
    })
    .await?;
    // Images stand on what is seen at home, whatever region is asked for.
    let home = if elsewhere {
        warn_of_unreadable(base_images::all_tracked(&stack.table, &stack.region).await?)
    } else {
        Vec::new()
    };
    let seen = known.iter().flat_map(|known| &known.tracked).chain(&home);
    let seen: BTreeSet<_> = seen.map(|tracked| (tracked.id.name.clone(), tracked.id.architecture)).collect();
    let dependants = each(stack, seen.into_iter().collect(), |stack, (name, architecture)| async move {
        let found = warn_of_unreadable(base_images::dependants(&stack.table, &name, architecture).await?);
        Ok(((name, architecture), found.len()))
    });
    let dependants = dependants.await?.into_iter().collect();
    let catalogue = policy.catalogue();
    Ok(list(known, &catalogue.iter().collect::<Vec<_>>(), &dependants, all))
}

fn list(known: Vec<Known>, catalogue: &[&BaseImage], dependants: &Dependants, all: bool) -> List {
    let regions = known.iter().map(|known| RegionRow { region: known.region.clone(), looked_at: known.looked_at });
    let regions = regions.collect();
    let base_images = known.into_iter().flat_map(|known| rows(known, catalogue, dependants)).collect();
    List { regions, base_images, all }
}

fn rows(known: Known, catalogue: &[&BaseImage], dependants: &Dependants) -> Vec<Row> {
    let wrong = Wrong::all(&known.tracked, &known.troubles);
    let mut tracked: BTreeMap<TrackedImageId, TrackedImage> =
        known.tracked.into_iter().map(|tracked| (tracked.id.clone(), tracked)).collect();
    let mut images: Vec<(TrackedImageId, Option<&BaseImage>)> = Vec::new();
    for base in catalogue {
        for architecture in base.architectures.keys().copied() {
            let id = TrackedImageId { name: base.name.clone(), architecture, region: known.region.clone() };
            images.push((id, Some(*base)));
        }
    }
    // What the catalogue no longer has is still what templates may stand on.
    let gone = tracked.keys().filter(|id| !images.iter().any(|(image, _)| image == *id)).cloned().collect::<Vec<_>>();
    images.extend(gone.into_iter().map(|id| (id, None)));
    let row = |(id, base): (TrackedImageId, Option<&BaseImage>)| {
        let tracked = tracked.remove(&id);
        let source = base.and_then(|base| {
            let found = base.source(id.architecture)?;
            Some(Source { owner: base.owner.clone(), parameter: found.parameter, names: found.names })
        });
        let (since, moves) = tracked.as_ref().map_or((None, 0), |tracked| (Some(tracked.since), tracked.sequence));
        let current = tracked.map(|tracked| tracked.current);
        Row {
            title: base.map_or_else(|| id.name.to_string(), |base| base.title.clone()),
            ami: current.as_ref().map(|current| current.image_id.clone()),
            image_name: current.map(|current| current.image_name),
            since,
            moves,
            dependants: dependants.get(&(id.name.clone(), id.architecture)).copied().unwrap_or(0),
            source,
            wrong: wrong.iter().filter(|wrong| wrong.image == id).cloned().collect(),
            name: id.name,
            architecture: id.architecture,
            region: id.region,
        }
    };
    images.into_iter().map(row).collect()
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        let (shown, folded): (Vec<&Row>, Vec<&Row>) =
            self.base_images.iter().partition(|row| self.all || !row.says_nothing());
        let several = self.regions.len() > 1;
        let mut head = vec!["BASE IMAGE", "ARCHITECTURE", "AMI", "SINCE", "MOVES", "TEMPLATES", "IMAGE AND SOURCE"];
        if several {
            head.insert(2, "REGION");
        }
        let rows = shown.into_iter().map(|row| row.cells(several, look)).collect();
        let mut lines = vec![look.table(&head, rows, head.len() - 1), String::new()];
        if !folded.is_empty() {
            let them = count(folded.len(), "more base image");
            lines.push(paint(DIM, format!("{them}, never seen and with nobody on them: prism base-images list --all")));
        }
        lines.extend(self.regions.iter().map(|row| row.line(look)));
        lines.join("\n")
    }
}

impl RegionRow {
    fn line(&self, look: &Look) -> String {
        match self.looked_at {
            Some(at) => paint(DIM, format!("{} was last looked at {}", self.region, look.instant(at))),
            None => paint(DIM, format!("{} has not been looked at yet", self.region)),
        }
    }
}

impl Row {
    /// Never seen, nobody stands on it, and nothing is wrong but that the region does not have it.
    fn says_nothing(&self) -> bool {
        self.ami.is_none() && self.dependants == 0 && self.wrong.iter().all(Wrong::is_missing)
    }

    fn cells(&self, several: bool, look: &Look) -> Vec<Cell> {
        let cell = |text: String| cell(text, self.ami.is_none());
        let mut cells = vec![
            cell(self.name.to_string()),
            cell(self.architecture.to_string()),
            cell(self.ami.as_ref().map_or_else(|| "not seen yet".to_owned(), ToString::to_string)),
            cell(self.since.map_or_else(|| "-".to_owned(), |since| look.ago(since))),
            cell(self.moves.to_string()),
            cell(self.dependants.to_string()),
        ];
        if several {
            cells.insert(2, cell(self.region.to_string()));
        }
        let last = cell(self.about(look));
        let harmless = self.wrong.iter().all(Wrong::is_missing);
        cells.push(if harmless { last } else { last.fg(Color::Yellow) });
        cells
    }

    /// The image's name, its source, and what is wrong: a line each.
    fn about(&self, look: &Look) -> String {
        let mut lines: Vec<String> = self.image_name.iter().map(|name| printable(name, 128)).collect();
        lines.push(match &self.source {
            None => "from a source that the catalogue no longer has".to_owned(),
            Some(Source { parameter: Some(parameter), .. }) => format!("from {}", printable(parameter, 200)),
            Some(Source { owner, names, .. }) => {
                format!("from the account {owner}, named {}", printable(&names.join(" or "), 200))
            }
        });
        lines.extend(self.wrong.iter().map(|wrong| format!("⚠ {}", wrong.words(look))));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use prism_domain::watch::TroubleKind;

    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples::{self, at, flapping, trouble};

    fn catalogue() -> Vec<BaseImage> {
        let base = |name: &str, parameter: Option<&str>, names: &str| {
            serde_json::from_value(serde_json::json!({
                "name": name, "title": name, "owner": "099720109477", "architectures": {"x86_64": "amd64"},
                "parameter": parameter, "names": [names], "changelog": "https://example.com/changes",
            }))
            .unwrap()
        };
        vec![
            base("debian-12", None, "debian-12-{}-*"),
            base("rocky-9", None, "Rocky-9-EC2-Base-9.*"),
            base(
                "ubuntu-22.04",
                Some("/aws/service/canonical/ubuntu/server/22.04/stable/current/{}/hvm/ebs-gp2/ami-id"),
                "ubuntu-jammy-*",
            ),
            base(
                "ubuntu-24.04",
                Some("/aws/service/canonical/ubuntu/server/24.04/stable/current/{}/hvm/ebs-gp3/ami-id"),
                "ubuntu-noble-*",
            ),
        ]
    }

    fn known(region: &str) -> Known {
        let here = |mut tracked: TrackedImage| {
            tracked.id.region = region.parse().unwrap();
            tracked
        };
        let ubuntu = here(samples::tracked("ubuntu-22.04", "ami-00000002"));
        let newer = here(flapping(samples::tracked("ubuntu-24.04", "ami-00000003")));
        let gone = here(samples::tracked("centos-7", "ami-00000004"));
        let missing = TrackedImageId { name: "rocky-9".parse().unwrap(), ..ubuntu.id.clone() };
        let troubles = vec![
            trouble(&ubuntu.id, TroubleKind::Absent, "names ami-00000009, which does not exist"),
            trouble(&missing, TroubleKind::Missing, "is not in this region"),
        ];
        let looked_at = Some(at("2026-11-23T16:50:00Z"));
        Known { region: region.parse().unwrap(), tracked: vec![ubuntu, newer, gone], troubles, looked_at }
    }

    fn told(known: Vec<Known>, all: bool) -> List {
        let dependants = [(("ubuntu-22.04".parse().unwrap(), Architecture::X86_64), 3)].into();
        list(known, &catalogue().iter().collect::<Vec<_>>(), &dependants, all)
    }

    #[test]
    fn base_images_are_listed_with_their_source_and_with_what_is_wrong() {
        let list = told(vec![known("us-east-1")], false);
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }

    #[test]
    fn what_was_never_seen_is_listed_where_all_is_asked_for_and_regions_are_told_apart() {
        let nothing = Known { tracked: Vec::new(), troubles: Vec::new(), looked_at: None, ..known("eu-west-1") };
        insta::assert_snapshot!(plain(&told(vec![known("us-east-1"), nothing], true).text(&look())));
    }
}
