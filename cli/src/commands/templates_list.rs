//! `prism templates list`.

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use prism_domain::architecture::Architecture;
use prism_domain::id::{AmiId, BuildId, Region, TemplateName};
use serde::Serialize;

use crate::condition::Condition;
use crate::look::Look;
use crate::output::Answer;
use crate::stack::Stack;
use crate::standing::{Everything, Standing, TargetStanding, everything};

/// Every template.
#[derive(Debug, Serialize)]
pub struct List {
    templates: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    name: TemplateName,
    base: Option<String>,
    revision: u64,
    applied_at: Timestamp,
    disabled: Option<String>,
    fault: Option<String>,
    images: Vec<ImageRow>,
}

#[derive(Debug, Serialize)]
struct ImageRow {
    architecture: Architecture,
    ami: Option<AmiId>,
    build: Option<BuildId>,
    since: Option<Timestamp>,
    condition: Condition,
}

/// Reads every template.
pub async fn read(stack: &Stack) -> anyhow::Result<List> {
    Ok(list(everything(stack).await?, &stack.region))
}

fn list(all: Everything, region: &Region) -> List {
    List { templates: all.templates.into_iter().map(|standing| row(standing, region)).collect() }
}

fn row(standing: Standing, region: &Region) -> Row {
    let Standing { record, resolved, targets } = standing;
    let image = |target: TargetStanding| {
        let channel = target.channel;
        ImageRow {
            architecture: target.architecture,
            ami: channel.as_ref().and_then(|channel| channel.amis.get(region).cloned()),
            build: channel.as_ref().map(|channel| channel.build.clone()),
            since: channel.map(|channel| channel.since),
            condition: target.condition,
        }
    };
    Row {
        name: record.name,
        base: resolved.as_ref().ok().map(|resolved| resolved.base.to_string()),
        revision: record.revision,
        applied_at: record.applied_at,
        disabled: record.disabled,
        fault: resolved.err(),
        images: targets.into_iter().map(image).collect(),
    }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        if self.templates.is_empty() {
            return "No template has been applied yet. Apply one: prism templates apply FILE".to_owned();
        }
        let rows = self.templates.iter().flat_map(|row| row.cells(look)).collect();
        look.table(&["TEMPLATE", "BASE", "REVISION", "ARCHITECTURE", "IMAGE", "AGE", "STATE"], rows, 6)
    }
}

impl Row {
    fn cells(&self, look: &Look) -> Vec<Vec<Cell>> {
        let mut rows: Vec<Vec<Cell>> = self.images.iter().map(|image| self.cells_of(Some(image), look)).collect();
        if rows.is_empty() {
            rows.push(self.cells_of(None, look));
        }
        rows
    }

    fn cells_of(&self, image: Option<&ImageRow>, look: &Look) -> Vec<Cell> {
        let dash = || "-".to_owned();
        let age = image.and_then(|image| image.since).map(|since| look.ago(since));
        vec![
            Cell::new(&self.name),
            Cell::new(self.base.as_deref().unwrap_or("-")),
            Cell::new(self.revision),
            Cell::new(image.map_or_else(dash, |image| image.architecture.to_string())),
            Cell::new(image.and_then(|image| image.ami.as_ref()).map_or_else(dash, ToString::to_string)),
            Cell::new(age.unwrap_or_else(dash)),
            self.state(image, look),
        ]
    }

    fn state(&self, image: Option<&ImageRow>, look: &Look) -> Cell {
        if let Some(fault) = &self.fault {
            return Cell::new(format!("cannot be built: {fault}")).fg(Color::Red);
        }
        let words = image.map_or_else(|| "never built".to_owned(), |image| image.condition.words(look));
        if let Some(reason) = &self.disabled {
            return Cell::new(format!("{words}; disabled: {reason}")).fg(Color::Yellow);
        }
        let cell = Cell::new(words);
        match image.map(|image| &image.condition) {
            Some(Condition::Compiled { .. }) => cell.fg(Color::Green),
            Some(Condition::Failed { .. }) => cell.fg(Color::Red),
            Some(Condition::Behind { .. } | Condition::Lacking { .. } | Condition::Changed { .. }) => {
                cell.fg(Color::Yellow)
            }
            Some(Condition::Queued { .. } | Condition::Building { .. }) => cell.fg(Color::Cyan),
            Some(Condition::LeftBehind { .. } | Condition::NeverBuilt) | None => cell,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples;

    #[test]
    fn a_list_shows_the_image_of_every_architecture() {
        let list = list(samples::everything(), &samples::region());
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }

    #[test]
    fn an_empty_list_says_what_to_do() {
        assert!(List { templates: Vec::new() }.text(&look()).contains("prism templates apply"));
    }
}
