//! Notices: what people are told, as an e-mail reads.
//!
//! Subjects are ASCII and at most 100 characters, as SNS asks of an e-mail's subject. Untrusted text
//! (image names, failure messages) is made printable before it gets here or here.
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

mod trouble;
mod update;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use termtree::Tree;

use crate::advisory::AdvisoryId;
use crate::build::Build;
use crate::duration::{humanize, relative};
use crate::id::{AmiId, Region};
use crate::ledger::{BudgetSource, Reservation, ReservationState};
use crate::money::MicroDollars;
use crate::problem::printable;
use crate::slot::Slot;
use crate::zone::Zone;

pub use trouble::{base_image_held, base_image_trouble};
pub use update::{update_available, update_withdrawn};

/// What a notice tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// A base image moved, and templates that stand on it will be rebuilt.
    UpdateAvailable,
    /// A build waits for its slot.
    BuildScheduled,
    /// A new image is published.
    BuildComplete,
    /// A build failed.
    BuildFailed,
    /// A base image went back to an older one: what its vendor withdrew is no longer to be trusted.
    UpdateWithdrawn,
    /// An update turns out to be worse or better than it was thought to be.
    UpdateReassessed,
    /// A base image could not be looked at, or what its source names is not there, for too long.
    BaseImageTrouble,
    /// A base image goes back and forth and is not followed for now.
    BaseImageHeld,
}

impl NoticeKind {
    /// As a message attribute has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpdateAvailable => "update-available",
            Self::BuildScheduled => "build-scheduled",
            Self::BuildComplete => "build-complete",
            Self::BuildFailed => "build-failed",
            Self::UpdateWithdrawn => "update-withdrawn",
            Self::UpdateReassessed => "update-reassessed",
            Self::BaseImageTrouble => "base-image-trouble",
            Self::BaseImageHeld => "base-image-held",
        }
    }
}

/// A notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// The same for the same event, so that a double can be told.
    pub id: String,
    /// What it tells of.
    pub kind: NoticeKind,
    /// One line of ASCII.
    pub subject: String,
    /// The text.
    pub body: String,
    /// When it was written.
    pub created_at: Timestamp,
}

/// The longest subject that SNS takes, in characters.
const SUBJECT_LIMIT: usize = 100;

fn subject(text: &str) -> String {
    let ascii: String = text.chars().map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    if ascii.len() <= SUBJECT_LIMIT { ascii } else { format!("{}...", &ascii[..SUBJECT_LIMIT - 3]) }
}

/// A line, and what stands below it.
fn branch(line: impl Into<String>, below: impl IntoIterator<Item = String>) -> Tree<String> {
    Tree::new(line.into()).with_leaves(below)
}

/// When, by the clock of `zone` and from `now`: `Tue 24 Nov 02:00 UTC (in 9 hours)`.
fn when(at: Timestamp, now: Timestamp, zone: &Zone) -> String {
    if at <= now { "now".to_owned() } else { format!("{} ({})", zone.clock(at, now), relative(at, now)) }
}

/// Which budget, in words.
#[must_use]
pub const fn budget(source: BudgetSource) -> &'static str {
    match source {
        BudgetSource::Daily => "the daily budget",
        BudgetSource::Monthly => "the monthly budget",
        BudgetSource::Emergency => "the emergency budget",
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// How many advisories are named before the rest is counted.
const NAMED: usize = 10;

/// The advisories whose fixes a build brings on the base image that it has.
fn patched(advisories: &[AdvisoryId]) -> Option<String> {
    let names: Vec<&str> = advisories.iter().take(NAMED).map(AdvisoryId::as_str).collect();
    let more = advisories.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!names.is_empty()).then(|| format!("Brings the fixes of: {}{more}", names.join(", ")))
}

/// The same, of a build that has frozen what it brings.
fn patched_by(build: &Build) -> Option<String> {
    patched(&build.frozen.as_ref()?.patch.as_ref()?.advisories)
}

/// A build waits for its slot. `advisories`: those whose fixes it brings on the base image that it has.
#[must_use]
pub fn build_scheduled(
    build: &Build,
    advisories: &[AdvisoryId],
    slot: &Slot,
    estimate: MicroDollars,
    zone: &Zone,
    now: Timestamp,
) -> Notice {
    let request = &build.request;
    let mut facts = vec![format!("Trigger: {}", request.trigger)];
    facts.extend(patched(advisories));
    facts.extend([
        format!("Planned for: {}", when(slot.at, now, zone)),
        format!("Why then: it {}", slot.reason),
        format!("Estimated cost: {estimate}, from {}", budget(slot.source)),
    ]);
    facts.extend(request.reason.iter().map(|reason| format!("Reason given: {reason}")));
    let name = &request.target.template;
    let tree = branch(format!("Build: {}", build.id), facts);
    Notice {
        id: format!("build-scheduled:{}", build.id),
        kind: NoticeKind::BuildScheduled,
        subject: subject(&format!("Build scheduled: {}, {}", build.id, when(slot.at, now, zone))),
        body: format!(
            "Build scheduled\n\n{tree}\nTo build it sooner: prism templates auto-ami build {name} --urgent\n"
        ),
        created_at: now,
    }
}

/// A new image is published. `faster`: how long a launch took before and takes now, if both were
/// measured.
#[must_use]
pub fn build_complete(
    build: &Build,
    amis: &BTreeMap<Region, AmiId>,
    faster: Option<(SignedDuration, SignedDuration)>,
    now: Timestamp,
) -> Notice {
    let request = &build.request;
    let mut facts = vec![format!("Template: {}", request.target.template), format!("Trigger: {}", request.trigger)];
    facts.extend(patched_by(build));
    facts.extend(amis.iter().map(|(region, ami)| format!("New AMI: {ami} ({region})")));
    if let Some(frozen) = &build.frozen {
        facts.push(format!("Base image: {} {}", frozen.base, frozen.base_image_id));
    }
    if let Some(ran) = build.ran(now) {
        facts.push(format!("Build time: {}", humanize(ran)));
    }
    facts.extend(build.reservation.as_ref().map(|money| format!("Cost: {}", money_sentence(money))));
    if let Some((before, after)) = faster {
        facts.push(format!("Launch time improvement: {} to {}", humanize(before), humanize(after)));
    }
    Notice {
        id: format!("build-complete:{}", build.id),
        kind: NoticeKind::BuildComplete,
        subject: subject(&format!("Build complete: {} ({})", build.id, request.trigger)),
        body: format!("Build complete\n\n{}", branch(format!("Build: {}", build.id), facts)),
        created_at: now,
    }
}

/// A build failed: what and where, what became of the money, and what to do next.
#[must_use]
pub fn build_failed(
    build: &Build,
    step: Option<&str>,
    message: &str,
    published: Option<&str>,
    now: Timestamp,
) -> Notice {
    let request = &build.request;
    let name = &request.target.template;
    let mut facts = vec![format!("Template: {name}"), format!("Trigger: {}", request.trigger)];
    facts.extend(patched_by(build));
    facts.extend([
        format!("Failing step: {}", step.map_or_else(|| "not known".to_owned(), |step| printable(step, 128))),
        format!("Message: {}", printable(message, 600)),
    ]);
    let money = build.reservation.as_ref().map_or_else(|| "none was reserved".to_owned(), money_sentence);
    facts.push(format!("Money: {money}"));
    facts.push(match published {
        Some(ami) => format!("Still published: {ami}, the image of the build before"),
        None => "Still published: nothing; this template has no image yet".to_owned(),
    });
    let mut next = vec![
        "Read the build's log group /aws/imagebuilder in CloudWatch Logs, under the recipe's name".to_owned(),
        format!("Mend the template and apply it: prism templates apply {name}.yaml"),
        format!("Build it again: prism templates auto-ami build {name}"),
    ];
    if step.is_none() {
        next.insert(0, format!("Open the execution in the Step Functions console: {}", build.execution));
    }
    let tree = branch(format!("Build: {}", build.id), facts);
    Notice {
        id: format!("build-failed:{}", build.id),
        kind: NoticeKind::BuildFailed,
        subject: subject(&format!("Build FAILED: {}", build.id)),
        body: format!("Build failed\n\n{tree}\n{}", branch("What to do next", next)),
        created_at: now,
    }
}

/// What became of the money of a build.
#[must_use]
pub fn money_sentence(money: &Reservation) -> String {
    let pot = budget(money.source);
    match money.state {
        ReservationState::Open => format!("{} of {pot} is reserved", money.amount),
        ReservationState::Released => format!("{} reserved from {pot} was given back; nothing was spent", money.amount),
        ReservationState::Settled { amount } => {
            format!("an estimated {amount} spent from {pot}, of {} reserved", money.amount)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_fits_what_sns_allows() {
        let long = subject(&"Build FAILED: sémantique\n".repeat(9));
        assert!(long.len() <= SUBJECT_LIMIT && long.is_ascii() && !long.contains('\n'));
        assert!(long.ends_with("..."));
    }
}
