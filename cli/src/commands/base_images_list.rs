//! `prism base-images list`: reading what it shows.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::{base_images, policies};
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::BaseImage;
use prism_domain::id::{BaseImageName, Region, TrackedImageId};
use prism_domain::update::TrackedImage;
use prism_domain::watch::Trouble;

use super::On;
use super::base_images::regions;
use super::base_images_list_view::{List, RegionRow, Row, Source};
use crate::args::BaseImagesList as Args;
use crate::progress::{during, each};
use crate::stack::Stack;
use crate::wrong::Wrong;

/// How many images stand on a base image.
type Dependants = BTreeMap<(BaseImageName, Architecture), usize>;

/// What is known of a region.
struct Known {
    region: Region,
    tracked: Vec<TrackedImage>,
    troubles: Vec<Trouble>,
    looked_at: Option<Timestamp>,
}

/// Reads and answers.
pub async fn run(on: &On, args: &Args) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    on.output.give(&during("reading base images", read(&stack, args)).await?)
}

async fn read(stack: &Stack, args: &Args) -> anyhow::Result<List> {
    let policy = policies::current(&stack.table).await?;
    let regions = regions(&stack.region, &policy, &args.watched_in)?;
    let elsewhere = !regions.contains(&stack.region);
    let known = each(regions, |region| {
        let table = stack.table.clone();
        async move {
            let tracked = base_images::all_tracked(&table, &region).await?;
            let troubles = base_images::all_troubles(&table, &region).await?;
            let looked_at = base_images::last_run(&table, &region).await?.map(|run| run.looked_at);
            Ok(Known { region, tracked, troubles, looked_at })
        }
    })
    .await?;
    // Images stand on what is seen at home, whatever region is asked for.
    let home = if elsewhere { base_images::all_tracked(&stack.table, &stack.region).await? } else { Vec::new() };
    let seen = known.iter().flat_map(|known| &known.tracked).chain(&home);
    let seen: BTreeSet<_> = seen.map(|tracked| (tracked.id.name.clone(), tracked.id.architecture)).collect();
    let dependants = each(seen.into_iter().collect(), |(name, architecture)| {
        let table = stack.table.clone();
        async move {
            let count = base_images::dependants(&table, &name, architecture).await?.len();
            Ok(((name, architecture), count))
        }
    });
    let dependants = dependants.await?.into_iter().collect();
    let catalogue = policy.catalogue();
    Ok(list(known, &catalogue.iter().collect::<Vec<_>>(), &dependants, args.all))
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
    let mut images: Vec<(TrackedImageId, Option<&BaseImage>)> = catalogue
        .iter()
        .flat_map(|base| base.architectures.keys().map(|architecture| (*base, *architecture)))
        .map(|(base, architecture)| {
            (TrackedImageId { name: base.name.clone(), architecture, region: known.region.clone() }, Some(base))
        })
        .collect();
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

#[cfg(test)]
mod tests {
    use prism_domain::watch::TroubleKind;

    use super::*;
    use crate::condition::tests as samples;
    use crate::look::tests::{look, plain};
    use crate::output::Answer as _;
    use crate::samples::{at, flapping, trouble};

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
