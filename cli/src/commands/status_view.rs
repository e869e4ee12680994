//! `prism templates auto-ami status`: what it shows.

use jiff::Timestamp;
use prism_domain::architecture::Architecture;
use prism_domain::decision::Decision;
use prism_domain::id::TemplateName;
use prism_domain::ledger::Period;
use prism_domain::money::MicroDollars;
use prism_domain::problem::printable;
use prism_domain::update::{BaseImageUpdate, UpdateType};
use serde::Serialize;
use termtree::Tree;

use super::decision_view::told;
use crate::condition::Condition;
use crate::look::{BAD, BOLD, Look, WARN, branch, paint};
use crate::output::Answer;
use crate::standing::{Standing, TargetStanding};
use crate::wrong::Wrong;

/// How everything stands.
#[derive(Debug, Serialize)]
pub struct Status {
    pub at: Timestamp,
    pub templates: Vec<TemplateRow>,
    pub budgets: Vec<BudgetRow>,
    pub running: u32,
    pub max_concurrent_builds: u32,
    /// What is wrong with base images that templates stand on.
    pub troubles: Vec<Wrong>,
    pub activity: Vec<Activity>,
    pub estimated_completion: Option<Timestamp>,
    pub notes: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct TemplateRow {
    name: TemplateName,
    disabled: Option<String>,
    fault: Option<String>,
    targets: Vec<TargetRow>,
}

/// How a template stands on one architecture.
#[derive(Debug, Serialize)]
pub struct TargetRow {
    pub architecture: Architecture,
    pub condition: Condition,
}

impl From<TargetStanding> for TargetRow {
    fn from(target: TargetStanding) -> Self {
        Self { architecture: target.architecture, condition: target.condition }
    }
}

#[derive(Debug, Serialize)]
pub struct BudgetRow {
    pub period: Period,
    pub limit: MicroDollars,
    pub committed: MicroDollars,
    pub spent: MicroDollars,
}

/// Something that happened.
#[derive(Debug, Serialize)]
pub struct Activity {
    pub at: Timestamp,
    pub text: String,
}

impl From<Standing> for TemplateRow {
    fn from(standing: Standing) -> Self {
        let targets = standing.targets.into_iter();
        Self {
            name: standing.record.name,
            disabled: standing.record.disabled,
            fault: standing.resolved.err(),
            targets: targets.map(TargetRow::from).collect(),
        }
    }
}

impl Activity {
    pub fn of_update(update: &BaseImageUpdate) -> Self {
        let image = &update.id.image;
        let kind = match update.update_type {
            UpdateType::Security => format!("security: {}", update.security_level),
            other => other.to_string(),
        };
        Self {
            at: update.updated_at,
            text: format!("{} base image updated ({}, {kind})", image.name, image.architecture),
        }
    }

    pub fn of_decision(decision: &Decision) -> Self {
        let reasons = decision.reasons.join("; ");
        let (subject, became) = told(decision);
        let text = format!("{subject} {became}: {reasons}");
        Self { at: decision.at, text: printable(text.trim_end_matches(": "), 300) }
    }
}

impl Answer for Status {
    fn text(&self, look: &Look) -> String {
        let mut parts = vec![paint(BOLD, "AUTO-AMI STATUS")];
        let mut templates = branch(paint(BOLD, "Templates:"), self.templates.iter().flat_map(|row| row.lines(look)));
        if self.templates.is_empty() {
            templates.push("none has been applied yet: prism templates apply FILE".to_owned());
        }
        parts.push(templates.to_string());
        if !self.troubles.is_empty() {
            let lines = self.troubles.iter().map(|wrong| paint(WARN, format!("⚠ {}", wrong.line(look))));
            parts.push(branch(paint(BOLD, "Base Images In Trouble:"), lines).to_string());
        }
        parts.push(self.money().to_string());
        parts.push(self.recent(look).to_string());
        if !self.notes.is_empty() {
            parts.push(branch(paint(BOLD, "Notes:"), self.notes.iter().map(|note| paint(WARN, note))).to_string());
        }
        parts.iter().map(|part| part.trim_end()).collect::<Vec<_>>().join("\n\n")
    }
}

impl Status {
    fn money(&self) -> Tree<String> {
        let running = format!("Running builds: {} of {} at a time", self.running, self.max_concurrent_builds);
        let mut tree = branch(paint(BOLD, "Budgets:"), self.budgets.iter().map(BudgetRow::line));
        tree.push(running);
        tree
    }

    fn recent(&self, look: &Look) -> Tree<String> {
        let line = |activity: &Activity| format!("{} ({})", activity.text, look.ago(activity.at));
        let mut tree = branch(paint(BOLD, "Recent Activity:"), self.activity.iter().map(line));
        if self.activity.is_empty() {
            tree.push("nothing within 7 days".to_owned());
        }
        if let Some(done) = self.estimated_completion {
            tree.push(format!("Estimated rebuild completion: {} ({})", look.clock(done), look.ago(done)));
        }
        tree
    }
}

impl TemplateRow {
    fn lines(&self, look: &Look) -> Vec<String> {
        if let Some(fault) = &self.fault {
            return vec![format!(
                "{}: {}",
                self.name,
                paint(BAD, format!("✗ Cannot be built: {}", printable(fault, 300)))
            )];
        }
        let line = |target: &TargetRow| {
            let name = if self.targets.len() > 1 {
                format!("{} ({})", self.name, target.architecture)
            } else {
                self.name.to_string()
            };
            let never = if target.condition == Condition::NeverBuilt {
                let one = if self.targets.len() > 1 {
                    format!(" --architecture {}", target.architecture)
                } else {
                    String::new()
                };
                format!(": prism templates auto-ami build {}{one}", self.name)
            } else {
                String::new()
            };
            let disabled = self.disabled.as_ref().map(|reason| {
                format!(" {}", paint(WARN, format!("(not rebuilt by itself: {})", printable(reason, 200))))
            });
            format!("{name}: {}{never}{}", target.condition.line(look), disabled.unwrap_or_default())
        };
        self.targets.iter().map(line).collect()
    }
}

impl BudgetRow {
    fn line(&self) -> String {
        let name = match self.period {
            Period::Day(day) => format!("Day ({})", day.strftime("%-d %b")),
            Period::Month(month) => format!("Month ({month})"),
            Period::Emergency(month) => format!("Emergency ({month})"),
        };
        let reserved = self.committed - self.spent;
        let left = (self.limit - self.committed).max(MicroDollars::ZERO);
        format!("{name}: {left} of {} left; {} spent, {reserved} reserved", self.limit, self.spent)
    }
}
