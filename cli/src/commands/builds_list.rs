//! `prism builds list`.

use comfy_table::{Cell, Color};
use jiff::Timestamp;
use prism_aws::{builds, templates};
use prism_domain::architecture::Architecture;
use prism_domain::build::{Build, BuildState, EndingKind};
use prism_domain::id::{BuildId, Target, TemplateName};
use prism_domain::ledger::ReservationState;
use prism_domain::money::MicroDollars;
use prism_domain::problem::printable;
use prism_domain::request::BuildTrigger;
use serde::Serialize;

use super::no_such_template;
use crate::fault::warn_of_unreadable;
use crate::look::{Look, length};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;

/// The newest builds.
#[derive(Debug, Serialize)]
pub struct List {
    template: Option<TemplateName>,
    /// Newest first.
    builds: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    id: BuildId,
    state: String,
    trigger: BuildTrigger,
    requested_at: Timestamp,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    reserved: Option<MicroDollars>,
    cost: Option<MicroDollars>,
    message: Option<String>,
    #[serde(skip)]
    took: Option<String>,
    #[serde(skip)]
    kind: BuildState,
}

/// Reads the newest builds, of one template or of all.
pub async fn read(stack: &Stack, template: Option<TemplateName>, limit: usize) -> anyhow::Result<List> {
    let names = match &template {
        None => {
            let all = warn_of_unreadable(templates::all(&stack.table).await?);
            all.into_iter().map(|record| record.name).collect()
        }
        Some(name) if templates::find(&stack.table, name).await?.is_some() => vec![name.clone()],
        Some(name) => return Err(no_such_template(stack, name).await),
    };
    let targets = names
        .into_iter()
        .flat_map(|template| Architecture::ALL.map(|architecture| Target { template: template.clone(), architecture }));
    let builds = each(stack, targets.collect(), |stack, target| async move {
        Ok(warn_of_unreadable(builds::newest(&stack.table, &target, limit).await?))
    });
    Ok(list(template, builds.await?.into_iter().flatten().collect(), limit, stack.now))
}

fn list(template: Option<TemplateName>, mut builds: Vec<Build>, limit: usize, now: Timestamp) -> List {
    builds.sort_by(|one, other| (other.request.requested_at, &other.id).cmp(&(one.request.requested_at, &one.id)));
    builds.truncate(limit);
    List { template, builds: builds.iter().map(|build| row(build, now)).collect() }
}

fn row(build: &Build, now: Timestamp) -> Row {
    let reservation = build.reservation.as_ref();
    let cost = reservation.and_then(|reservation| match reservation.state {
        ReservationState::Open => None,
        ReservationState::Settled { amount } => Some(amount),
        ReservationState::Released => Some(MicroDollars::ZERO),
    });
    Row {
        id: build.id.clone(),
        state: build.state().to_string(),
        trigger: build.request.trigger,
        requested_at: build.request.requested_at,
        started_at: build.run.as_ref().map(|run| run.started_at),
        ended_at: build.ending.as_ref().map(|ending| ending.at),
        reserved: reservation.map(|reservation| reservation.amount),
        cost,
        message: build.ending.as_ref().map(|ending| printable(&ending.message, 600)),
        took: build.ran(now).map(length),
        kind: build.state(),
    }
}

/// The colour of a state, in a table.
fn color(state: BuildState) -> Color {
    match state {
        BuildState::Ended(EndingKind::Complete) => Color::Green,
        BuildState::Ended(EndingKind::Failed) => Color::Red,
        BuildState::Ended(_) => Color::Yellow,
        BuildState::Queued | BuildState::Starting | BuildState::Building | BuildState::Finishing => Color::Cyan,
    }
}

impl Answer for List {
    fn text(&self, look: &Look) -> String {
        if self.builds.is_empty() {
            let of = self.template.as_ref().map(|name| format!(" of {name}")).unwrap_or_default();
            return format!("There is no build{of} yet. Start one: prism templates auto-ami build NAME");
        }
        let cells = |row: &Row| {
            let money = match (row.cost, row.reserved) {
                (Some(cost), _) => cost.to_string(),
                (None, Some(reserved)) => format!("{reserved} reserved"),
                (None, None) => "-".to_owned(),
            };
            vec![
                Cell::new(&row.id),
                Cell::new(&row.state).fg(color(row.kind)),
                Cell::new(row.trigger),
                Cell::new(look.ago(row.requested_at)),
                Cell::new(row.took.as_deref().unwrap_or("-")),
                Cell::new(money),
                Cell::new(row.message.as_deref().unwrap_or("")),
            ]
        };
        let rows = self.builds.iter().map(cells).collect();
        look.table(&["BUILD", "STATE", "TRIGGER", "REQUESTED", "RAN", "COST", "OUTCOME"], rows, 6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples;

    #[test]
    fn builds_are_listed_newest_first() {
        let list = list(None, samples::builds(), 20, look().now);
        insta::assert_snapshot!(plain(&list.text(&look())));
        insta::assert_json_snapshot!(list);
    }

    #[test]
    fn no_build_is_said() {
        let none = list(Some("python-ml".parse().unwrap()), Vec::new(), 20, look().now);
        assert!(none.text(&look()).starts_with("There is no build of python-ml yet."));
    }
}
