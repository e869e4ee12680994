//! Notices: what people are told, as an e-mail reads.
//!
//! Subjects are ASCII and at most 100 characters, as SNS asks of an e-mail's subject. Untrusted text
//! (image names, failure messages) is made printable before it gets here or here.
//! Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.

mod approval;
mod policy;
mod trouble;
mod unreadable;
mod update;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use termtree::Tree;

use crate::advisory::AdvisoryId;
use crate::build::Build;
use crate::duration::humanize;
use crate::id::{AmiId, Region};
use crate::ledger::{BudgetSource, Reservation, ReservationState};
use crate::money::MicroDollars;
use crate::problem::printable;
use crate::slot::{Slot, told};
use crate::text::shown_as_stored;
use crate::zone::Zone;

pub use approval::approval_needed;
pub use policy::base_images_replaced;
pub use trouble::{base_image_failed, base_image_held, base_image_trouble};
pub use unreadable::record_unreadable;
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
    /// A record cannot be read, and what it is about waits.
    RecordUnreadable,
    /// A policy has base images come from another owner than their vendor.
    BaseImagesReplaced,
    /// A build waits for a person's approval.
    ApprovalNeeded,
}

shown_as_stored!(NoticeKind);

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
    if at <= now { "now".to_owned() } else { told(zone, at, now) }
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

/// The first `most` names, and how many more there are.
fn cut(names: impl ExactSizeIterator<Item = String>, most: usize) -> String {
    let more = names.len().saturating_sub(most);
    let first = names.take(most).collect::<Vec<_>>().join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}

/// How many builds, images or records a notice names; it counts the others.
const NAMED: usize = 20;

/// How many advisories are named before the rest is counted.
const ADVISORIES: usize = 10;

/// The advisories whose fixes a build brings on the base image that it has.
fn patched(advisories: &[AdvisoryId]) -> Option<String> {
    let names = cut(advisories.iter().map(ToString::to_string), ADVISORIES);
    (!names.is_empty()).then(|| format!("Brings the fixes of: {names}"))
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

/// A new image is published. `unverified`: the regions whose launch parameter does not name it yet.
#[must_use]
pub fn build_complete(build: &Build, amis: &BTreeMap<Region, AmiId>, unverified: &[Region], now: Timestamp) -> Notice {
    let request = &build.request;
    let mut facts = vec![format!("Template: {}", request.target.template), format!("Trigger: {}", request.trigger)];
    facts.extend(patched_by(build));
    facts.extend(amis.iter().map(|(region, ami)| format!("New AMI: {ami} ({region})")));
    facts.extend(unverified.iter().map(|region| {
        format!(
            "Launches in {region} do not get it yet: the launch parameter there is not updated; tried again every hour"
        )
    }));
    if let Some(frozen) = &build.frozen {
        facts.push(format!("Base image: {} {}", frozen.base, frozen.base_image_id));
    }
    if let Some(ran) = build.ran(now) {
        facts.push(format!("Build time: {}", humanize(ran)));
    }
    facts.extend(build.reservation.as_ref().map(|money| format!("Cost: {}", money_sentence(money))));
    Notice {
        id: format!("build-complete:{}", build.id),
        kind: NoticeKind::BuildComplete,
        subject: subject(&format!("Build complete: {} ({}){}", build.id, request.trigger, except_in(unverified))),
        body: format!("Build complete\n\n{}", branch(format!("Build: {}", build.id), facts)),
        created_at: now,
    }
}

fn except_in(regions: &[Region]) -> String {
    let names: Vec<&str> = regions.iter().map(Region::as_str).collect();
    if names.is_empty() { String::new() } else { format!(", not yet for launches in {}", names.join(", ")) }
}

/// A build failed: what and where, what became of the money, and what to do next. `again`: when it is tried again by
/// itself, to stand behind `Tried again:`.
#[must_use]
pub fn build_failed(
    build: &Build,
    step: Option<&str>,
    message: &str,
    published: Option<&str>,
    again: Option<&str>,
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
    facts.extend(again.map(|again| format!("Tried again: {again}")));
    let mut next = vec![
        format!(
            "Read what the builder did: CloudWatch Logs, group /aws/imagebuilder/<stack>, stream {}",
            stream(build)
        ),
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

/// The stream that a build's log is in: the version of its recipe, and which image of that it is.
fn stream(build: &Build) -> String {
    let image = build.run.as_ref().and_then(|run| run.arn.split_once(":image/")?.1.split_once('/'));
    image.map_or_else(|| format!("1.0.{}/1", build.id.number), |(_, version)| version.to_owned())
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
