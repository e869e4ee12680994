//! `prism base-images list`: what it shows.

use comfy_table::{Attribute, Cell, Color};
use jiff::Timestamp;
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::Owner;
use prism_domain::id::{AmiId, BaseImageName, Region};
use prism_domain::problem::printable;
use serde::Serialize;

use crate::look::{DIM, Look, count, paint};
use crate::output::Answer;
use crate::wrong::Wrong;

/// Every base image that is watched.
#[derive(Debug, Serialize)]
pub struct List {
    pub regions: Vec<RegionRow>,
    pub base_images: Vec<Row>,
    /// Whether people want to see also what was never seen.
    #[serde(skip)]
    pub all: bool,
}

/// Where base images are watched.
#[derive(Debug, Serialize)]
pub struct RegionRow {
    pub region: Region,
    /// When all of them were last looked at.
    pub looked_at: Option<Timestamp>,
}

/// A base image on an architecture in a region.
#[derive(Debug, Serialize)]
pub struct Row {
    pub name: BaseImageName,
    pub title: String,
    pub architecture: Architecture,
    pub region: Region,
    pub ami: Option<AmiId>,
    pub image_name: Option<String>,
    pub since: Option<Timestamp>,
    pub moves: u32,
    pub dependants: usize,
    /// Where it is looked up; nothing for what the catalogue no longer has.
    pub source: Option<Source>,
    pub wrong: Vec<Wrong>,
}

/// Where a base image is looked up.
#[derive(Debug, Serialize)]
pub struct Source {
    pub owner: Owner,
    pub parameter: Option<String>,
    pub names: Vec<String>,
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
        let cell = |text: String| {
            let cell = Cell::new(text);
            if self.ami.is_none() { cell.add_attribute(Attribute::Dim) } else { cell }
        };
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
