//! `prism templates auto-ami history`: what was decided about a template, and why.

use jiff::civil::Date;
use prism_aws::journal;
use prism_domain::decision::Decision;
use prism_domain::id::TemplateName;
use prism_domain::problem::printable;
use serde::Serialize;

use super::decision_view::told;
use super::no_such_template;
use super::status::TargetRow;
use crate::fault::warn_of_unreadable;
use crate::look::{BOLD, DIM, Look, branch, paint};
use crate::output::Answer;
use crate::stack::Stack;
use crate::standing::{self, Standing};

/// How many decisions are read to find those of a day.
const READ: usize = 5_000;

/// What was decided about a template.
#[derive(Debug, Serialize)]
pub struct History {
    template: TemplateName,
    /// How it stands now, on each architecture.
    now: Vec<TargetRow>,
    /// Only of this day.
    on: Option<Date>,
    /// Newest first.
    decisions: Vec<Decision>,
}

/// Reads what was decided about a template: so many decisions at most, of a day alone if one is asked for.
pub async fn read(
    stack: &Stack,
    name: &TemplateName,
    day: Option<Date>,
    limit: usize,
    look: &Look,
) -> anyhow::Result<History> {
    let standing = standing::some(stack, &[name.clone()].into()).await?.templates.pop();
    let Some(standing) = standing else { return Err(no_such_template(stack, name).await) };
    let newest = journal::newest(&stack.table, name, if day.is_some() { READ } else { limit }).await?;
    Ok(history(standing, warn_of_unreadable(newest), day, limit, look))
}

fn history(standing: Standing, mut decisions: Vec<Decision>, on: Option<Date>, limit: usize, look: &Look) -> History {
    decisions.retain(|decision| on.is_none_or(|day| look.zone.date(decision.at) == day));
    decisions.truncate(limit);
    let now = standing.targets.into_iter().map(TargetRow::from).collect();
    History { template: standing.record.name, now, on, decisions }
}

impl Answer for History {
    fn text(&self, look: &Look) -> String {
        let mut lines: Vec<String> = self.now.iter().map(|row| self.standing(row, look)).collect();
        let zone = look.zone.name();
        let of = self.on.map(|day| format!(" on {} ({zone})", day.strftime("%a %-d %b %Y"))).unwrap_or_default();
        if self.decisions.is_empty() {
            lines.push(format!("Nothing was decided about {}{of}.", self.template));
            return format!("{}\n{}", paint(BOLD, &self.template), lines.join("\n"));
        }
        lines.push(format!("Decided{of}, newest first, times in {zone}:"));
        let trees: String = self.decisions.iter().map(|decision| tree(decision, look)).collect();
        format!("{}\n{}\n\n{trees}", paint(BOLD, &self.template), lines.join("\n"))
    }
}

impl History {
    fn standing(&self, row: &TargetRow, look: &Look) -> String {
        let of = if self.now.len() > 1 { format!(" ({})", row.architecture) } else { String::new() };
        format!("Now{of}: {}{}", row.condition.line(look), row.of_launches().unwrap_or_default())
    }
}

/// A decision and its reasons.
fn tree(decision: &Decision, look: &Look) -> String {
    let (subject, became) = told(decision);
    let ago = paint(DIM, format!("({})", look.ago(decision.at)));
    let head = format!("{} {} {became} {ago}", look.stamp(decision.at), paint(BOLD, subject));
    branch(head, decision.reasons.iter().map(|reason| printable(reason, 400))).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples;

    fn python() -> Standing {
        samples::everything().templates.remove(1)
    }

    #[test]
    fn a_history_tells_every_decision_with_its_reasons() {
        let history = history(python(), samples::decisions(), None, 20, &look());
        insta::assert_snapshot!(plain(&history.text(&look())));
        insta::assert_json_snapshot!(history);
    }

    #[test]
    fn a_history_of_a_day_has_that_day_alone() {
        let told = history(python(), samples::decisions(), Some("2026-11-22".parse().unwrap()), 20, &look());
        assert!(told.decisions.iter().all(|decision| look().zone.date(decision.at).day() == 22));
        let none = history(python(), Vec::new(), Some("2026-11-24".parse().unwrap()), 20, &look());
        insta::assert_snapshot!(plain(&none.text(&look())));
    }
}
