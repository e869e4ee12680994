//! `prism templates auto-ami status`.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use prism_aws::{base_images, journal, ledger};
use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::build::Channel;
use prism_domain::decision::Decision;
use prism_domain::duration::before;
use prism_domain::id::{Region, TemplateName};
use prism_domain::ledger::{BudgetSource, Ledger, Period, periods};
use prism_domain::money::MicroDollars;
use prism_domain::policy::Policy;
use prism_domain::problem::printable;
use prism_domain::remedy::Remedy;
use prism_domain::unreadable::UnreadableRecord;
use prism_domain::update::BaseImageUpdate;
use prism_domain::watch::Trouble;
use serde::Serialize;
use termtree::Tree;

use super::RECENT;
use super::decision_view::{is_detail, told};
use crate::bases::Bases;
use crate::condition::Condition;
use crate::forecasts::done_at;
use crate::look::{BAD, BOLD, Look, WARN, branch, count, paint};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;
use crate::standing::{Everything, Findings, Standing, TargetStanding, gather, readable};
use crate::wrong::Wrong;

/// How many recent things are told.
const TOLD: usize = 8;

/// Of how many templates the journal is read for that.
const JOURNALS: usize = 32;

/// How everything stands.
#[derive(Debug, Serialize)]
pub struct Status {
    at: Timestamp,
    /// What cannot be read, and what mends it.
    unreadable: Vec<Unreadable>,
    templates: Vec<TemplateRow>,
    budgets: Vec<BudgetRow>,
    running: Option<u32>,
    max_concurrent_builds: Option<u32>,
    /// What is wrong with base images that templates stand on.
    troubles: Vec<Wrong>,
    /// What would let builds meet their deadlines that miss them otherwise.
    remedy: Option<Remedy>,
    activity: Vec<Activity>,
    estimated_completion: Option<Timestamp>,
    notes: Vec<String>,
}

/// A record that cannot be read.
#[derive(Debug, Serialize)]
struct Unreadable {
    #[serde(flatten)]
    record: UnreadableRecord,
    remedy: String,
}

#[derive(Debug, Serialize)]
struct TemplateRow {
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
    /// The regions whose launch parameter is not known to name its image.
    unverified: Vec<Region>,
}

#[derive(Debug, Serialize)]
struct BudgetRow {
    period: Period,
    limit: MicroDollars,
    committed: MicroDollars,
    spent: MicroDollars,
}

/// Something that happened.
#[derive(Debug, Serialize)]
struct Activity {
    at: Timestamp,
    text: String,
}

/// What a status is made of.
struct Facts {
    all: Everything,
    decisions: Vec<Decision>,
    ledger: Ledger,
    running: Option<u32>,
    troubles: Vec<Trouble>,
    remedy: Option<Remedy>,
}

/// Reads how everything stands.
pub async fn read(stack: &Stack) -> anyhow::Result<Status> {
    let mut all = gather(stack, None, Findings::NotBuilt).await?;
    let decisions = each(stack, most_recently_changed(&all), |stack, name| async move {
        Ok(journal::newest(&stack.table, &name, TOLD).await?)
    })
    .await?;
    let decisions = decisions.into_iter().flat_map(|one| one.set_aside(&mut all.unreadable)).collect();
    let shown = all.policy.iter().flat_map(|policy| shown_periods(policy, stack.now)).collect::<Vec<_>>();
    let ledger = ledger::read(&stack.table, shown).await?;
    all.unreadable.extend(ledger.unreadable.values().cloned());
    let running = readable(ledger::running(&stack.table).await, &mut all.unreadable)?;
    let troubles = base_images::all_troubles(&stack.table, &stack.region).await?.set_aside(&mut all.unreadable);
    let is_late = all.templates.iter().any(|standing| latest(standing, stack.now).is_some());
    let queue = all.queue.as_ref().zip(all.policy.as_ref()).filter(|_| is_late);
    let remedy = queue.and_then(|(queue, policy)| queue.remedy(policy, stack.now));
    Ok(status(Facts { all, decisions, ledger, running, troubles, remedy }, stack.now))
}

/// The templates that changed last: only their journals are read.
fn most_recently_changed(all: &Everything) -> Vec<TemplateName> {
    let touched = |standing: &Standing| standing.targets.iter().filter_map(TargetStanding::touched).max();
    let mut templates: Vec<&Standing> = all.templates.iter().collect();
    templates.sort_by_key(|standing| Reverse(touched(standing)));
    templates.into_iter().take(JOURNALS).map(|standing| standing.record.name.clone()).collect()
}

fn shown_periods(policy: &Policy, now: Timestamp) -> Vec<Period> {
    let mut shown = periods(BudgetSource::Daily, now, &policy.zone);
    shown.extend(periods(BudgetSource::Emergency, now, &policy.zone));
    shown
}

/// What the facts come to.
fn status(facts: Facts, now: Timestamp) -> Status {
    let Facts { mut all, decisions, ledger, running, troubles, remedy } = facts;
    all.templates.sort_by_key(|standing| Reverse(latest(standing, now)));
    let budgets = all.policy.iter().flat_map(|policy| {
        let known = shown_periods(policy, now).into_iter().filter(|period| !ledger.unreadable.contains_key(period));
        known.map(|period| BudgetRow {
            period,
            limit: period.limit(policy),
            committed: ledger.balance(period).committed,
            spent: ledger.balance(period).spent,
        })
    });
    Status {
        at: now,
        budgets: budgets.collect(),
        running,
        max_concurrent_builds: all.policy.as_ref().map(|policy| policy.max_concurrent_builds),
        troubles: troubled(&all.bases, &troubles),
        remedy,
        activity: activity(&all.bases, &decisions, now),
        estimated_completion: completion(&all),
        notes: all.policy.as_ref().map(|policy| policy.notes(now)).unwrap_or_default(),
        unreadable: all.unreadable.into_iter().map(|record| Unreadable { remedy: record.remedy(), record }).collect(),
        templates: all.templates.into_iter().map(TemplateRow::from).collect(),
    }
}

/// By how much a build of a template misses its deadline, if one does.
fn latest(standing: &Standing, now: Timestamp) -> Option<SignedDuration> {
    standing.targets.iter().filter_map(|target| target.condition.late_by(now)).max()
}

/// What is wrong with base images that templates stand on.
fn troubled(bases: &Bases, troubles: &[Trouble]) -> Vec<Wrong> {
    let tracked = bases.values().filter_map(|base| base.tracked.as_ref());
    let mut all = Wrong::all(tracked, troubles);
    all.retain(|wrong| bases.contains_key(&(wrong.image.name.clone(), wrong.image.architecture)));
    all
}

/// When the last build that waits or runs will be done, if nothing else happens.
fn completion(all: &Everything) -> Option<Timestamp> {
    let targets = all.templates.iter().flat_map(|standing| &standing.targets);
    targets.filter_map(|target| done_at(target.held.as_ref()?, &target.forecast)).max()
}

fn activity(bases: &Bases, decisions: &[Decision], now: Timestamp) -> Vec<Activity> {
    let mut told: Vec<Activity> =
        decisions.iter().filter(|decision| !is_detail(decision)).map(Activity::of_decision).collect();
    told.extend(bases.values().flat_map(|base| &base.updates).map(Activity::of_update));
    let since = before(now, RECENT);
    told.retain(|activity| activity.at >= since);
    told.sort_by(|one, other| (other.at, &other.text).cmp(&(one.at, &one.text)));
    told.truncate(TOLD);
    told
}

/// The builds that miss their deadline, as far as can be foreseen, the latest first.
#[derive(Debug, Serialize)]
pub struct Overdue {
    at: Timestamp,
    templates: Vec<TemplateRow>,
    remedy: Option<Remedy>,
}

impl Status {
    /// What of it is overdue.
    pub fn overdue(mut self) -> Overdue {
        for template in &mut self.templates {
            template.targets.retain(|target| target.condition.late_by(self.at).is_some());
        }
        self.templates.retain(|template| !template.targets.is_empty());
        Overdue { at: self.at, templates: self.templates, remedy: self.remedy }
    }
}

impl Answer for Overdue {
    fn text(&self, look: &Look) -> String {
        if self.templates.is_empty() {
            return "Every build that waits meets its deadline, as far as can be foreseen.".to_owned();
        }
        let lines = self.templates.iter().flat_map(|row| row.lines(look));
        let mut tree = branch(paint(BOLD, "Overdue:"), lines);
        tree.extend(self.remedy.as_ref().map(saves));
        tree.to_string().trim_end().to_owned()
    }
}

impl TargetRow {
    /// What is to be said of its launch parameters; nothing if all are right.
    pub fn of_launches(&self) -> Option<String> {
        let regions: Vec<&str> = self.unverified.iter().map(Region::as_str).collect();
        let told = || format!("(launches in {} do not get it yet)", regions.join(", "));
        (!regions.is_empty()).then(|| format!(" {}", paint(WARN, told())))
    }
}

impl From<TargetStanding> for TargetRow {
    fn from(target: TargetStanding) -> Self {
        let unverified = target.channel.as_ref().map(Channel::unverified).unwrap_or_default();
        Self { architecture: target.architecture, condition: target.condition, unverified }
    }
}

impl From<Standing> for TemplateRow {
    fn from(standing: Standing) -> Self {
        Self {
            name: standing.record.name,
            disabled: standing.record.disabled,
            fault: standing.resolved.err(),
            targets: standing.targets.into_iter().map(TargetRow::from).collect(),
        }
    }
}

impl Activity {
    fn of_update(update: &BaseImageUpdate) -> Self {
        let image = &update.id.image;
        let kind = match update.update_type {
            UpdateType::Security => format!("security: {}", update.security_level),
            other => other.to_string(),
        };
        let text = format!("{} base image updated ({}, {kind})", image.name, image.architecture);
        Self { at: update.updated_at, text }
    }

    fn of_decision(decision: &Decision) -> Self {
        let reasons = decision.reasons.join("; ");
        let (subject, became) = told(decision);
        let text = format!("{subject} {became}: {reasons}");
        Self { at: decision.at, text: printable(text.trim_end_matches(": "), 300) }
    }
}

impl Answer for Status {
    fn text(&self, look: &Look) -> String {
        let mut parts = vec![paint(BOLD, "AUTO-AMI STATUS")];
        if !self.unreadable.is_empty() {
            let line = |one: &Unreadable| {
                branch(paint(BAD, format!("✗ {}", one.record)), [format!("To mend it: {}", one.remedy)])
            };
            let head = paint(BOLD, "Records That Cannot Be Read:");
            parts.push(branch(head, self.unreadable.iter().map(line)).to_string());
        }
        let mut templates = branch(paint(BOLD, "Templates:"), self.templates.iter().flat_map(|row| row.lines(look)));
        if self.templates.is_empty() {
            templates.push("none has been applied yet: prism templates apply FILE".to_owned());
        }
        templates.extend(self.remedy.as_ref().map(saves));
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

/// `15 builds miss their deadline. To save all of them: raise daily_budget by $15.20 in the policy; nobody starts later then`.
fn saves(remedy: &Remedy) -> String {
    let Remedy { change, late, saved, delayed } = remedy;
    let misses = if *late == 1 { "misses its deadline" } else { "miss their deadlines" };
    let whom = match (*late, *saved == *late) {
        (1, _) => "it".to_owned(),
        (_, true) => "all of them".to_owned(),
        (_, false) => format!("{saved} of them"),
    };
    let later = match delayed.as_slice() {
        [] => "nobody starts later then".to_owned(),
        [one] => format!("{one} starts later then"),
        [first, rest @ ..] => format!("{first} and {} more start later then", rest.len()),
    };
    paint(WARN, format!("⚠ {} {misses}. To save {whom}: {change}; {later}", count(*late, "build")))
}

impl Status {
    fn money(&self) -> Tree<String> {
        let number = self.running.map_or_else(|| "not known".to_owned(), |running| running.to_string());
        let most = self.max_concurrent_builds.map(|most| format!(" of {most} at a time")).unwrap_or_default();
        let mut tree = branch(paint(BOLD, "Budgets:"), self.budgets.iter().map(BudgetRow::line));
        if self.max_concurrent_builds.is_none() {
            tree.push("The policy in force cannot be read, and so its limits are not known".to_owned());
        }
        tree.push(format!("Running builds: {number}{most}"));
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
            let fault = paint(BAD, format!("✗ Cannot be built: {}", printable(fault, 300)));
            return vec![format!("{}: {fault}", self.name)];
        }
        let line = |target: &TargetRow| {
            let TargetRow { architecture, condition, .. } = target;
            let (of, only) = if self.targets.len() > 1 {
                (format!(" ({architecture})"), format!(" --architecture {architecture}"))
            } else {
                (String::new(), String::new())
            };
            let never = if *condition == Condition::NeverBuilt {
                format!(": prism templates auto-ami build {}{only}", self.name)
            } else {
                String::new()
            };
            let (launches, disabled) =
                (target.of_launches().unwrap_or_default(), not_rebuilt(self.disabled.as_deref()));
            format!("{}{of}: {}{never}{launches}{disabled}", self.name, condition.line(look))
        };
        self.targets.iter().map(line).collect()
    }
}

/// What is said of a disabled template behind how it stands.
pub fn not_rebuilt(disabled: Option<&str>) -> String {
    let told = |reason| paint(WARN, format!("(not rebuilt by itself: {})", printable(reason, 200)));
    disabled.map(|reason| format!(" {}", told(reason))).unwrap_or_default()
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

#[cfg(test)]
mod tests;
