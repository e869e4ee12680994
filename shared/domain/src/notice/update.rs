//! Notices of a base image that moved: one for each move, however many templates stand on the image.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use termtree::Tree;

use super::{Notice, NoticeKind, branch, budget, count, cut, subject, when};
use crate::approval::ApprovalFor;
use crate::assessment::FixedCve;
use crate::assessment::UpdateType;
use crate::id::Target;
use crate::problem::printable;
use crate::response::{Planned, Response};
use crate::update::BaseImageUpdate;
use crate::zone::Zone;

/// Up to so many templates have a line each; more are told by the time at which they are rebuilt, or counted.
const LINES: usize = 20;

/// How many vulnerabilities are named.
const CVES: usize = 20;

/// Of how many of them it is told what makes them bad.
const WORST: usize = 3;

/// How many reasons, and releases that were passed over, are told.
const FEW: usize = 5;

/// The longest text, in bytes. SNS takes messages of 256 KiB, and hands them to a queue in an envelope of the same size.
/// Source: <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html>.
const LONGEST: usize = 240_000;

/// Where a line of names is broken, in characters.
const WIDTH: usize = 100;

/// A base image moved: what it is about, when each template on it will be rebuilt, and why others are not. `round` counts how often the
/// move has been judged anew since it was first told of.
#[must_use]
pub fn update_available(
    update: &BaseImageUpdate,
    round: u32,
    response: &Response,
    zone: &Zone,
    now: Timestamp,
) -> Notice {
    let Response { plans, hindered, .. } = response;
    let level = update.security_level.as_str().to_uppercase();
    let what = if update.update_type == UpdateType::Security { "Security update" } else { "Base image update" };
    let (kind, title, id) = match round {
        0 => (NoticeKind::UpdateAvailable, format!("{what} available"), format!("update-available:{}", update.id)),
        _ => (
            NoticeKind::UpdateReassessed,
            format!("{what} reassessed"),
            format!("update-reassessed:{}:{round}", update.id),
        ),
    };
    let mut facts = vec![
        format!("Security level: {level} (confidence: {})", update.confidence),
        format!("New image: {} {}", update.image_id, printable(&update.image_name, 128)),
        format!("Replaces: {} {}", update.previous_image_id, printable(&update.previous_image_name, 128)),
    ];
    if !update.between.is_empty() {
        facts.push(format!("Passed over: {}", cut(update.between.iter().map(|name| printable(name, 128)), FEW)));
    }
    facts.extend(update.reasons.iter().take(FEW).map(|reason| format!("Why: {}", printable(reason, 200))));
    facts.extend(update.fixes.iter().take(WORST).map(|fix| format!("Worst: {}", worst(fix))));
    if !update.cves.is_empty() {
        facts.push(format!("Fixes: {}", cut(update.cves.iter().map(ToString::to_string), CVES)));
    }
    facts.extend(changelog(update));
    let mut tree = about(update, facts);
    let named = planned(&mut tree, plans, zone, now);
    if !hindered.is_empty() {
        tree.push(not_rebuilt(hindered));
    }
    Notice {
        id,
        kind,
        subject: subject(&format!("{title}: {} ({level}), {}", update.id.image.name, outcome(response))),
        body: body(&title, &tree, &named, &ways(plans)),
        created_at: now,
    }
}

/// What it comes to, in a few words.
fn outcome(response: &Response) -> String {
    let Response { plans, hindered, .. } = response;
    if plans.is_empty() {
        format!("{} not rebuilt", count(hindered.len(), "template"))
    } else if plans.iter().all(|planned| planned.approval.is_some()) {
        format!("{} to approve", count(plans.len(), "template"))
    } else {
        format!("{} to rebuild", count(plans.len(), "template"))
    }
}

/// How to approve a rebuild that waits for that, and how to have another one sooner.
fn ways(plans: &[Planned]) -> String {
    let mut ways = String::new();
    let waits_for = |what| plans.iter().find(|planned| planned.approval == Some(what));
    if let Some(Planned { target, .. }) = waits_for(ApprovalFor::LowUpdate) {
        let _ = write!(ways, "\nTo approve one: prism templates auto-ami build {}\n", target.template);
    }
    if waits_for(ApprovalFor::EmergencyMoney).is_some() {
        ways.push_str("\nTo see what waits for approval, and how to approve it: prism approvals list\n");
    }
    if let Some(Planned { target, .. }) = plans.iter().find(|planned| planned.approval.is_none()) {
        let _ = write!(ways, "\nTo rebuild one sooner: prism templates auto-ami build {} --urgent\n", target.template);
    }
    ways
}

/// Who should be rebuilt and cannot.
fn not_rebuilt(hindered: &[(Target, String)]) -> Tree<String> {
    let line = |(target, reason): &(Target, String)| format!("{target}: {}", printable(reason, 200));
    let more = hindered.len().saturating_sub(LINES);
    let more = (more > 0).then(|| format!("and {more} more"));
    branch(format!("Not rebuilt: {}", hindered.len()), hindered.iter().take(LINES).map(line).chain(more))
}

/// A base image went back to an older one: who stands on the withdrawn one and is not rebuilt, and who is rebuilt on the
/// older one.
#[must_use]
pub fn update_withdrawn(
    update: &BaseImageUpdate,
    round: u32,
    response: &Response,
    zone: &Zone,
    now: Timestamp,
) -> Notice {
    let Response { kept, plans, .. } = response;
    let name = &update.id.image.name;
    let mut facts = vec![
        format!("Withdrawn: {} {}", update.previous_image_id, printable(&update.previous_image_name, 128)),
        format!("It went back to: {} {}", update.image_id, printable(&update.image_name, 128)),
        "Launches still get the images that were built on the withdrawn one".to_owned(),
    ];
    facts.extend(changelog(update));
    let mut tree = about(update, facts);
    let mut named = Vec::new();
    if !kept.is_empty() {
        let line = format!("On the withdrawn image, and not rebuilt: {}", kept.len());
        if kept.len() <= LINES {
            tree.push(branch(line, kept.iter().map(ToString::to_string)));
        } else {
            named.push((line.clone(), kept.iter().map(|target| target.template.as_str()).collect()));
            tree.push(branch(line, []));
        }
    }
    named.extend(planned(&mut tree, plans, zone, now));
    let mut next = Vec::new();
    if let Some(target) = kept.first().or(plans.first().map(|planned| &planned.target)) {
        next.push(format!("Rebuild one on the older image now: prism templates auto-ami build {}", target.template));
    }
    if !kept.is_empty() {
        next.push(format!("Or leave them: they are rebuilt as usual when {name} moves on again"));
        next.push("To have it done by itself: rebuild_on_rollback: true in the policy".to_owned());
    }
    let title = "Base image withdrawn";
    let id = match round {
        0 => format!("update-withdrawn:{}", update.id),
        _ => format!("update-withdrawn:{}:{round}", update.id),
    };
    let standing = count(kept.len() + plans.len(), "template");
    Notice {
        id,
        kind: NoticeKind::UpdateWithdrawn,
        subject: subject(&format!("{title}: {name} went back to an older one, {standing} built on it")),
        body: body(title, &tree, &named, &format!("\n{}", branch("What to do next", next))),
        created_at: now,
    }
}

fn about(update: &BaseImageUpdate, facts: Vec<String>) -> Tree<String> {
    let image = &update.id.image;
    branch(format!("Base image: {} ({}, {})", image.name, image.architecture, image.region), facts)
}

fn changelog(update: &BaseImageUpdate) -> Option<String> {
    update.changelog_url.as_ref().map(|url| format!("Changelog: {}", printable(url, 200)))
}

/// What makes a vulnerability as bad as it is.
fn worst(fix: &FixedCve) -> String {
    let mut told = format!("{} ({})", fix.cve, fix.level);
    if let Some(package) = &fix.package {
        let _ = write!(told, " in {}", printable(&package.name, 80));
    }
    if let Some(since) = fix.exploited_since {
        let _ = write!(told, ", exploited since {since}");
    }
    if let Some(likelihood) = fix.likelihood {
        let _ = write!(told, ", {likelihood} likely to be exploited within 30 days");
    }
    told
}

/// Names, under what is said of them all.
type Named<'a> = (String, Vec<&'a str>);

/// Tells when templates are rebuilt, if any are: a few in the tree, with a line each; many by their time, to be named below it.
fn planned<'a>(tree: &mut Tree<String>, plans: &'a [Planned], zone: &Zone, now: Timestamp) -> Vec<Named<'a>> {
    if plans.is_empty() {
        return Vec::new();
    }
    let time = |Planned { slot, approval, .. }: &Planned| match approval {
        Some(approval) => format!("waits for approval, since {approval}"),
        None => format!("{}, from {}", when(slot.at, now, zone), budget(slot.source)),
    };
    let line = format!("Rebuilds planned: {}", plans.len());
    if plans.len() <= LINES {
        tree.push(branch(line, plans.iter().map(|planned| format!("{}: {}", planned.target, time(planned)))));
        return Vec::new();
    }
    let mut times: BTreeMap<(Timestamp, String), Vec<&str>> = BTreeMap::new();
    for planned in plans {
        // What waits for a person comes last.
        let at = if planned.approval.is_some() { Timestamp::MAX } else { planned.slot.at.max(now) };
        times.entry((at, time(planned))).or_default().push(planned.target.template.as_str());
    }
    let times: Vec<Named<'_>> = times.into_iter().map(|((_, time), names)| (time, names)).collect();
    let mut lines: Vec<String> =
        times.iter().take(LINES).map(|(time, names)| format!("{time}: {}", count(names.len(), "template"))).collect();
    if times.len() > LINES {
        lines.push(format!("and at {} later", count(times.len() - LINES, "time")));
    }
    tree.push(branch(line, lines));
    times
}

/// The text: no longer than what can be sent, and saying how many names were left away.
fn body(title: &str, tree: &Tree<String>, named: &[Named<'_>], end: &str) -> String {
    let mut text = format!("{title}\n\n{tree}");
    let room = LONGEST.saturating_sub(end.len());
    let mut left: usize = named.iter().map(|(_, names)| names.len()).sum();
    for (line, names) in named {
        let mut block = format!("\n{line}:\n   ");
        let mut width = 3;
        let mut fits = 0;
        for (place, name) in names.iter().enumerate() {
            let comma = if place + 1 < names.len() { "," } else { "" };
            if text.len() + block.len() + name.len() + 100 > room {
                break;
            }
            if width + name.len() + 2 > WIDTH {
                block.push_str("\n   ");
                width = 3;
            }
            let _ = write!(block, " {name}{comma}");
            width += name.len() + 2;
            fits += 1;
        }
        if fits == 0 {
            break;
        }
        left -= fits;
        text.push_str(&block);
        text.push('\n');
        if fits < names.len() {
            break;
        }
    }
    if left > 0 {
        let _ = writeln!(text, "    and {left} more");
    }
    text.push_str(end);
    text
}
