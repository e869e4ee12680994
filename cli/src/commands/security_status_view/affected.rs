//! The targets that lack something, and when they are rebuilt.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_domain::architecture::Architecture;
use prism_domain::assessment::FixedCve;
use prism_domain::id::{BuildId, TemplateName};
use prism_domain::problem::printable;
use serde::Serialize;

use crate::look::{Look, some};

/// How many names are told in a line.
pub const TOLD: usize = 12;

/// A target that lacks something.
#[derive(Debug, Serialize)]
pub struct Affected {
    pub template: TemplateName,
    pub architecture: Architecture,
    #[serde(flatten)]
    pub plan: Plan,
}

/// When a target is rebuilt by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "rebuild", rename_all = "snake_case")]
pub enum Plan {
    /// That is happening.
    Running { build: BuildId },
    /// Then.
    Scheduled { build: BuildId, at: Timestamp },
    /// Its time has come, and something keeps it from starting.
    Waiting { build: BuildId, reason: String },
    /// It is not.
    NotPlanned { reason: String },
}

pub fn headline(fix: &FixedCve) -> String {
    let mut facts = Vec::new();
    facts.extend(fix.package.as_ref().map(|package| format!("{} vulnerability", printable(&package.name, 60))));
    facts.extend(fix.exploited_since.map(|_| "known to be exploited".to_owned()));
    if facts.is_empty() { fix.cve.to_string() } else { format!("{} ({})", fix.cve, facts.join(", ")) }
}

/// When targets are rebuilt by themselves: a line for those that are, and one for each reason why others wait or are not.
pub fn plans(affected: &[Affected], look: &Look) -> Vec<String> {
    let mut lines = Vec::new();
    let mut starts = Vec::new();
    let mut running = Vec::new();
    let mut others: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for one in affected {
        let mut other = |what, why| others.entry((what, why)).or_default().push(one.template.to_string());
        match &one.plan {
            Plan::Running { build } => running.push(build.to_string()),
            Plan::Scheduled { at, .. } => starts.push(*at),
            Plan::Waiting { reason, .. } => other("Auto-rebuild waiting", format!("it {reason}")),
            Plan::NotPlanned { reason } => other("Auto-rebuild: not planned", reason.clone()),
        }
    }
    if !running.is_empty() {
        lines.push(format!("Auto-rebuild: running ({})", some(running, TOLD)));
    }
    if let Some(first) = starts.iter().min().copied() {
        let later = || format!("{} ({})", look.span(first), look.clock(first));
        let when = if look.is_now(first) { "now".to_owned() } else { later() };
        let of = if starts.len() > 1 { format!(", the first of {}", starts.len()) } else { String::new() };
        lines.push(format!("Auto-rebuild scheduled: {when}{of}"));
    }
    let all = lines.is_empty() && others.len() == 1;
    for ((what, why), mut names) in others {
        names.dedup();
        let of = if all { String::new() } else { format!(" for {}", some(names, TOLD)) };
        lines.push(format!("{what}{of}: {why}"));
    }
    lines
}
