//! `prism templates auto-ami build --security-update`: what it shows.

use comfy_table::Cell;
use prism_domain::architecture::Architecture;
use prism_domain::id::{BaseImageName, Target, TemplateName};
use prism_domain::level::SecurityLevel;
use prism_domain::problem::printable;
use serde::Serialize;

use super::build_view::{AnsweredBy, Request};
use super::security_status_view::what;
use crate::condition::Condition;
use crate::look::{BAD, DIM, Look, cell, count, paint};
use crate::output::Answer;
use crate::pending::Gist;

/// What lacks a security update, and the builds that were asked for.
#[derive(Debug, Serialize)]
pub struct SecurityBuild {
    /// Updates of this level or worse count.
    pub level: SecurityLevel,
    /// Only this template.
    pub template: Option<TemplateName>,
    pub dry_run: bool,
    pub reason: String,
    pub plan: Vec<PlanRow>,
    /// Nothing before anything is asked for.
    pub requests: Option<Vec<Outcome>>,
}

/// A target that lacks a security update.
#[derive(Debug, Serialize)]
pub struct PlanRow {
    pub template: TemplateName,
    pub architecture: Architecture,
    pub base: BaseImageName,
    #[serde(flatten)]
    pub gist: Gist,
    /// How it stands before.
    pub condition: Condition,
    /// Why it is not built, if it is not.
    pub skipped: Option<String>,
}

/// What became of a request.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Outcome {
    /// It was made.
    Asked(Box<Request>),
    /// It was not, or did not go through.
    Failed { target: Target, failure: String },
}

impl Outcome {
    /// What went wrong, in a sentence.
    pub fn failed(target: Target, error: &anyhow::Error) -> Self {
        Self::Failed { target, failure: printable(&format!("{error:#}"), 600) }
    }

    /// Whether its build is still to start, later than now.
    fn waits(&self, look: &Look) -> bool {
        let Self::Asked(request) = self else { return false };
        let starts_at = request.planned.as_ref().and_then(|planned| planned.starts_at);
        request.ending.is_none() && starts_at.is_some_and(|at| !look.is_now(at))
    }

    /// Whether it went through, and, if it was waited for, has its image.
    pub fn went_well(&self) -> bool {
        match self {
            Self::Asked(request) => request.went_well(),
            Self::Failed { .. } => false,
        }
    }
}

impl SecurityBuild {
    /// What is built.
    pub fn wanted(&self) -> impl Iterator<Item = &PlanRow> {
        self.plan.iter().filter(|row| row.skipped.is_none())
    }

    fn planned(&self, look: &Look) -> String {
        if self.plan.is_empty() {
            let who = match &self.template {
                None => "No template lacks a".to_owned(),
                Some(name) => format!("{name} is up to date: it lacks no"),
            };
            return format!("{who} security update of level {} or worse.", self.level);
        }
        let rows = self.plan.iter().map(|row| row.cells(look)).collect();
        let table = look.table(&["TEMPLATE", "ARCHITECTURE", "BASE IMAGE", "LEVEL", "FIXES", "NOW"], rows, 4);
        let number = count(self.wanted().count(), "build");
        let last = if self.dry_run {
            format!("Would ask for {number}. Nothing was started (--dry-run).")
        } else {
            format!("Asking for {number}, for the reason \"{}\".", printable(&self.reason, 200))
        };
        format!("{table}\n\n{last}")
    }
}

impl Answer for SecurityBuild {
    fn text(&self, look: &Look) -> String {
        match &self.requests {
            Some(requests) => outcomes(requests, look),
            None => self.planned(look),
        }
    }
}

impl PlanRow {
    fn cells(&self, look: &Look) -> Vec<Cell> {
        let now = match &self.skipped {
            Some(reason) => format!("passed over: {reason}"),
            None => self.condition.words(look),
        };
        let cell = |text: String| cell(text, self.skipped.is_some());
        vec![
            cell(self.template.to_string()),
            cell(self.architecture.to_string()),
            cell(self.base.to_string()),
            cell(self.gist.level.to_string()),
            cell(what(&self.gist)),
            cell(now),
        ]
    }
}

fn outcomes(outcomes: &[Outcome], look: &Look) -> String {
    let rows: Vec<Vec<Cell>> = outcomes.iter().filter_map(|outcome| cells(outcome, look)).collect();
    let asked = rows.len();
    let mut lines = Vec::new();
    if !rows.is_empty() {
        lines.push(look.table(&["BUILD", "STARTS", "ESTIMATE", "STATE"], rows, 3));
        lines.push(String::new());
    }
    for outcome in outcomes {
        if let Outcome::Failed { target, failure } = outcome {
            lines.push(paint(BAD, format!("✗ {target}: {failure}")));
        }
    }
    let failed = outcomes.len() - asked;
    let failed = if failed > 0 { format!(", {failed} failed") } else { String::new() };
    let ended = outcomes.iter().all(|outcome| !matches!(outcome, Outcome::Asked(request) if request.ending.is_none()));
    let follow = if ended { String::new() } else { format!(" {}", paint(DIM, "To follow them: prism builds list")) };
    lines.push(format!("{} asked for{failed}.{follow}", count(asked, "build")));
    if outcomes.iter().any(|outcome| outcome.waits(look)) {
        lines.push(paint(DIM, "To start at once what waits, on emergency money: the same with --urgent"));
    }
    lines.join("\n")
}

fn cells(outcome: &Outcome, look: &Look) -> Option<Vec<Cell>> {
    let Outcome::Asked(request) = outcome else { return None };
    let dash = || "-".to_owned();
    let Some(planned) = &request.planned else {
        return Some(vec![
            Cell::new(&request.target),
            Cell::new(dash()),
            Cell::new(dash()),
            Cell::new(format!("still being planned, as {}", request.id)),
        ]);
    };
    let state = match (&request.ending, planned.answer) {
        (Some(ended), _) => ended.text(look),
        (None, AnsweredBy::Own) => "asked for".to_owned(),
        (None, AnsweredBy::Joined) => "was on its way already".to_owned(),
        (None, AnsweredBy::Next) => format!("follows {}, which runs with older content", planned.build),
    };
    let build = if planned.answer == AnsweredBy::Next { request.target.to_string() } else { planned.build.to_string() };
    Some(vec![
        Cell::new(build),
        Cell::new(planned.starts_at.map_or_else(dash, |at| look.when(at))),
        Cell::new(planned.estimate.map_or_else(dash, |estimate| estimate.to_string())),
        Cell::new(state),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::build_view::tests::{claim, foreseen, request};
    use crate::look::tests::{look, plain};
    use crate::pending::gist;
    use crate::samples::{self, cve, judged, kernel, update};

    fn build(requests: Option<Vec<Outcome>>, dry_run: bool) -> SecurityBuild {
        let critical =
            judged(update(1, 1, 2), SecurityLevel::Critical, vec![kernel(), cve("CVE-2024-0001", SecurityLevel::Low)]);
        let row = |name: &str, gist: Option<Gist>, condition, skipped: Option<&str>| PlanRow {
            template: name.parse().unwrap(),
            architecture: Architecture::X86_64,
            base: "ubuntu-22.04".parse().unwrap(),
            gist: gist.unwrap(),
            condition,
            skipped: skipped.map(str::to_owned),
        };
        let everything = samples::everything();
        let condition = |place: usize| everything.templates[place].targets[0].condition.clone();
        let plan = vec![
            row("python-ml", gist([&critical]), condition(1), None),
            row("genomics", gist([&update(1, 1, 2)]), condition(2), None),
            row("legacy", gist([&critical]), condition(2), Some("template is disabled: frozen for a paper")),
        ];
        SecurityBuild {
            level: SecurityLevel::High,
            template: None,
            dry_run,
            reason: "security update".into(),
            plan,
            requests,
        }
    }

    fn outcomes() -> Vec<Outcome> {
        let waiting = samples::builds().remove(2);
        let planned = foreseen(false, &claim());
        let execution = "arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-build-image:5f0c3a52".into();
        let request = Request { execution, ..request(Some(planned), None) };
        let failed = Target { template: "genomics".parse().unwrap(), ..waiting.id.target };
        vec![
            Outcome::Asked(Box::new(request)),
            Outcome::failed(failed, &anyhow::anyhow!("starting an execution: ThrottlingException")),
        ]
    }

    #[test]
    fn the_plan_is_told_before_anything_is_started() {
        insta::assert_snapshot!(plain(&build(None, false).text(&look())));
        let dry = plain(&build(None, true).text(&look()));
        assert!(dry.ends_with("Would ask for 2 builds. Nothing was started (--dry-run)."));
    }

    #[test]
    fn what_became_of_every_request_is_told_and_a_failure_is_no_success() {
        let done = build(Some(outcomes()), false);
        insta::assert_snapshot!(plain(&done.text(&look())));
        insta::assert_json_snapshot!(done);
        let well: Vec<bool> = outcomes().iter().map(Outcome::went_well).collect();
        assert_eq!(well, [true, false]);
    }

    #[test]
    fn where_nothing_is_lacked_that_is_said() {
        let mut none = SecurityBuild { plan: Vec::new(), ..build(None, false) };
        assert_eq!(none.text(&look()), "No template lacks a security update of level high or worse.");
        none.template = Some("python-ml".parse().unwrap());
        assert_eq!(none.text(&look()), "python-ml is up to date: it lacks no security update of level high or worse.");
    }
}
