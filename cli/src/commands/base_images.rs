//! `prism base-images list`.

use comfy_table::{Attribute, Cell};
use jiff::Timestamp;
use prism_aws::{base_images, policies};
use prism_domain::architecture::Architecture;
use prism_domain::id::{AmiId, BaseImageName, TrackedImageId};
use prism_domain::problem::printable;
use prism_domain::update::TrackedImage;
use serde::Serialize;

use super::On;
use crate::look::Look;
use crate::output::Answer;
use crate::progress::{during, each};

/// Every base image that is watched.
#[derive(Debug, Serialize)]
pub struct List {
    base_images: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: BaseImageName,
    title: String,
    architecture: Architecture,
    ami: Option<AmiId>,
    image_name: Option<String>,
    since: Option<Timestamp>,
    moves: u32,
    dependants: usize,
}

/// Reads and answers.
pub async fn run(on: &On) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    let catalogue = policies::current(&stack.table).await?.catalogue();
    let watched = catalogue.on_every_architecture().map(|(base, on)| (base.clone(), on)).collect();
    let rows = each(watched, |(base, architecture)| {
        let (table, region) = (stack.table.clone(), stack.region.clone());
        async move {
            let id = TrackedImageId { name: base.name.clone(), architecture, region };
            let tracked = base_images::tracked(&table, &id).await?;
            let dependants = base_images::dependants(&table, &base.name, architecture).await?.len();
            Ok(row(id, &base.title, tracked, dependants))
        }
    });
    on.output.give(&List { base_images: during("reading base images", rows).await? })
}

fn row(id: TrackedImageId, title: &str, tracked: Option<TrackedImage>, dependants: usize) -> Row {
    let (since, moves) = tracked.as_ref().map_or((None, 0), |tracked| (Some(tracked.since), tracked.sequence));
    let current = tracked.map(|tracked| tracked.current);
    Row {
        name: id.name,
        title: title.to_owned(),
        architecture: id.architecture,
        ami: current.as_ref().map(|current| current.image_id.clone()),
        image_name: current.map(|current| current.image_name),
        since,
        moves,
        dependants,
    }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        let cells = |row: &Row| {
            let cell = |text: String| {
                let cell = Cell::new(text);
                if row.ami.is_none() { cell.add_attribute(Attribute::Dim) } else { cell }
            };
            let dash = || "-".to_owned();
            vec![
                cell(row.name.to_string()),
                cell(row.architecture.to_string()),
                cell(row.ami.as_ref().map_or_else(|| "not seen yet".to_owned(), ToString::to_string)),
                cell(row.since.map_or_else(dash, |since| look.ago(since))),
                cell(row.moves.to_string()),
                cell(row.dependants.to_string()),
                cell(row.image_name.as_ref().map_or_else(dash, |name| printable(name, 128))),
            ]
        };
        let rows = self.base_images.iter().map(cells).collect();
        look.table(&["BASE IMAGE", "ARCHITECTURE", "AMI", "SINCE", "MOVES", "TEMPLATES", "IMAGE"], rows, 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::tests as samples;
    use crate::look::tests::{look, plain};

    #[test]
    fn a_base_image_that_was_not_seen_yet_is_listed_too() {
        let seen = samples::tracked("ubuntu-22.04", "ami-00000002");
        let unseen = TrackedImageId { name: "debian-12".parse().unwrap(), ..seen.id.clone() };
        let rows = vec![row(seen.id.clone(), "Ubuntu 22.04 LTS", Some(seen), 3), row(unseen, "Debian 12", None, 0)];
        let list = List { base_images: rows };
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }
}
