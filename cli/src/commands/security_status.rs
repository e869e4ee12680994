//! `prism templates auto-ami security-status`: reading what it shows, and what that comes to.

mod missing;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::advisories::{self, FeedState};
use prism_aws::base_images;
use prism_aws::queue::Forecast;
use prism_domain::approving::waiting_reason;
use prism_domain::architecture::Architecture;
use prism_domain::claim::{Held, Stage};
use prism_domain::due::{Due, LackedMoves};
use prism_domain::duration::before;
use prism_domain::id::BaseImageName;
use prism_domain::policy::Policy;
use prism_domain::problem::printable;
use prism_domain::update::BaseImageUpdate;
use prism_domain::watch::Trouble;

use super::RECENT;
use super::security_status_view::{Affected, Available, FeedRow, Plan, Recent, SecurityStatus, WithdrawnRow, WrongRow};
use crate::bases::{Base, Bases};
use crate::fault::{warn_left_out, warn_of_unreadable};
use crate::forecasts;
use crate::pending::{self, Gist, gist};
use crate::stack::Stack;
use crate::standing::{Everything, Findings, Standing, TargetStanding, gather, read_made};
use crate::wrong::Wrong;

/// What a security status is made of.
pub struct Facts {
    pub all: Everything,
    pub policy: Policy,
    pub troubles: Vec<Trouble>,
    pub looked_at: Option<Timestamp>,
    pub feeds: Vec<FeedState>,
}

/// Reads how templates stand to the updates of their base images.
pub async fn read(stack: &Stack) -> anyhow::Result<SecurityStatus> {
    let mut all = gather(stack, None, Findings::All).await?;
    warn_left_out(&all.unreadable);
    read_made(stack, &mut all, before(stack.now, RECENT)).await?;
    let facts = Facts {
        all,
        policy: stack.policy().await?,
        troubles: warn_of_unreadable(base_images::all_troubles(&stack.table, &stack.region).await?),
        looked_at: base_images::last_run(&stack.table, &stack.region).await?.map(|run| run.looked_at),
        feeds: warn_of_unreadable(advisories::feeds(&stack.advisories).await?),
    };
    Ok(security_status(&facts, stack.now))
}

/// What the facts come to.
pub fn security_status(facts: &Facts, now: Timestamp) -> SecurityStatus {
    let users = users(&facts.all, &facts.policy, now);
    SecurityStatus {
        at: now,
        available: available(&users),
        missing: missing::missing(&users),
        recent: recent(&users, &facts.all.bases, now),
        withdrawn: withdrawn(&users),
        troubles: troubles(&users, &facts.all.bases, &facts.troubles),
        looked_at: facts.looked_at,
        feeds: facts.feeds.iter().map(FeedRow::from).collect(),
    }
}

/// A target with an image, what that lacks, and when it is rebuilt by itself.
struct User<'a> {
    standing: &'a Standing,
    target: &'a TargetStanding,
    lacks: LackedMoves,
    plan: Plan,
}

impl User<'_> {
    fn affected(&self) -> Affected {
        let (template, architecture) = (self.standing.record.name.clone(), self.target.architecture);
        Affected { template, architecture, plan: self.plan.clone() }
    }
}

/// Who stands on each base image.
type Users<'a> = BTreeMap<(BaseImageName, Architecture), Vec<User<'a>>>;

fn users<'a>(all: &'a Everything, policy: &Policy, now: Timestamp) -> Users<'a> {
    let mut users = Users::new();
    for standing in &all.templates {
        for target in &standing.targets {
            let Some(channel) = &target.channel else { continue };
            let (lacks, plan) = (target.lacks(&all.bases), plan(standing, target, policy, now));
            let key = (channel.base.clone(), target.architecture);
            users.entry(key).or_default().push(User { standing, target, lacks, plan });
        }
    }
    users
}

/// The updates that somebody lacks, by base image; of an architecture alone where the others lack something else.
fn available(users: &Users<'_>) -> Vec<Available> {
    let mut found: Vec<Available> = Vec::new();
    for ((base, architecture), users) in users {
        let lacking: Vec<&User<'_>> = users.iter().filter(|user| !user.lacks.updates.is_empty()).collect();
        let updates: BTreeMap<_, _> =
            lacking.iter().flat_map(|user| &user.lacks.updates).map(|update| (&update.id, update)).collect();
        let Some(gist) = gist(updates.values().copied()) else { continue };
        let Some(since) = updates.values().map(|update| update.updated_at).min() else { continue };
        let row = Available {
            base: base.clone(),
            architectures: [*architecture].into(),
            differs: false,
            gist,
            since,
            updates: updates.into_keys().cloned().collect(),
            affected: lacking.iter().map(|user| user.affected()).collect(),
        };
        match found.iter_mut().find(|other| other.base == *base && alike(&other.gist, &row.gist)) {
            Some(other) => other.join(row),
            None => found.push(row),
        }
    }
    for row in &mut found {
        row.differs = differs(&row.base, &row.architectures, users);
    }
    found.sort_by(|one, other| (other.gist.level, &one.base).cmp(&(one.gist.level, &other.base)));
    found
}

/// Whether somebody stands on other architectures of a base image than these.
fn differs(base: &BaseImageName, these: &BTreeSet<Architecture>, users: &Users<'_>) -> bool {
    users.keys().any(|(name, architecture)| name == base && !these.contains(architecture))
}

/// Whether two architectures can be told as one.
fn alike(one: &Gist, other: &Gist) -> bool {
    let worst = |gist: &Gist| gist.worst.as_ref().map(|fix| fix.cve.clone());
    (one.level, one.confidence, one.update_type, worst(one))
        == (other.level, other.confidence, other.update_type, worst(other))
}

/// When a target is rebuilt by itself; if it is not, why not.
fn plan(standing: &Standing, target: &TargetStanding, policy: &Policy, now: Timestamp) -> Plan {
    let not = |reason: String| Plan::NotPlanned { reason };
    if let Some(held) = &target.held {
        let build = held.queued.build.clone();
        return match (held.stage, held.queued.waits_for_approval(policy), &held.queued.disabled) {
            (Stage::Building, ..) => Plan::Running { build },
            (Stage::Waiting, _, Some(reason)) => not(format!("template is disabled: {}", printable(reason, 200))),
            (Stage::Waiting, Some(needed), None) => not(waiting_reason(needed, &held.queued)),
            (Stage::Waiting, None, None) => turn(held, &target.forecast, now),
        };
    }
    if let Err(fault) = &standing.resolved {
        return not(format!("it cannot be built: {}", printable(fault, 200)));
    }
    match &target.due {
        Some(Due::Nothing(reason)) => not(reason.clone()),
        Some(Due::Rebuild(rebuild)) if let Some(why) = rebuild.why_not_started() => not(printable(&why, 300)),
        Some(Due::Rebuild(_)) | None => not("no build is queued yet".to_owned()),
    }
}

/// When a build that waits starts, or what it waits for where nothing lets it start.
fn turn(held: &Held, forecast: &Forecast, now: Timestamp) -> Plan {
    let build = held.queued.build.clone();
    match forecasts::turn(held, forecast) {
        (Some(at), _) if at > now => Plan::Scheduled { build, at },
        (_, reason) => Plan::Waiting { build, reason },
    }
}

/// The updates of the last days that everybody has by now who stands on the base image.
fn recent(users: &Users<'_>, bases: &Bases, now: Timestamp) -> Vec<Recent> {
    let mut found: BTreeMap<&BaseImageName, Vec<(&BaseImageUpdate, Timestamp)>> = BTreeMap::new();
    for (key, users) in users {
        let Some(base) = bases.get(key) else { continue };
        let young = base.updates.iter().filter(|update| update.updated_at >= before(now, RECENT));
        for update in young.filter(|update| leads_on(update, base)) {
            let lacked = users.iter().any(|user| user.lacks.updates.contains(update));
            let done = users.iter().filter_map(|user| had_at(user.target, update, base)).max();
            if let (false, Some(done)) = (lacked, done) {
                found.entry(&key.0).or_default().push((update, done));
            }
        }
    }
    let rows = found.into_iter().filter_map(|(base, updates)| {
        let architectures = updates.iter().map(|(update, _)| update.id.image.architecture).collect();
        Some(Recent {
            base: base.clone(),
            differs: differs(base, &architectures, users),
            architectures,
            gist: gist(updates.iter().map(|(update, _)| *update))?,
            completed_at: updates.iter().map(|(_, done)| *done).max()?,
            updates: updates.iter().map(|(update, _)| update.id.clone()).collect(),
        })
    });
    let mut rows: Vec<Recent> = rows.collect();
    rows.sort_by(|one, other| (other.completed_at, &one.base).cmp(&(one.completed_at, &other.base)));
    rows
}

/// Whether a move is on the way to what the base image is now.
fn leads_on(update: &BaseImageUpdate, base: &Base) -> bool {
    let lacks = pending::pending(&update.previous_image_id, base);
    lacks.updates.iter().any(|lacked| lacked.id == update.id)
}

/// When a target got what a move brought: the first image of those remembered that was made since and has it.
/// Nothing if it was there before.
fn had_at(target: &TargetStanding, update: &BaseImageUpdate, base: &Base) -> Option<Timestamp> {
    let channel = target.channel.as_ref().filter(|channel| channel.since >= update.updated_at)?;
    let has = |on| !pending::pending(on, base).updates.iter().any(|lacked| lacked.id == update.id);
    let made = target.made.iter().filter(|made| made.at >= update.updated_at && has(&made.on)).map(|made| made.at);
    Some(made.min().unwrap_or(channel.since))
}

/// Images in use that their vendor has taken back.
fn withdrawn(users: &Users<'_>) -> Vec<WithdrawnRow> {
    let mut rows: Vec<WithdrawnRow> = Vec::new();
    for user in users.values().flatten() {
        let Some(update) = &user.lacks.withdrawn else { continue };
        let Some(channel) = &user.target.channel else { continue };
        let same = |row: &&mut WithdrawnRow| row.update == update.id && row.withdrawn == channel.base_image_id;
        match rows.iter_mut().find(same) {
            Some(row) => row.affected.push(user.affected()),
            None => rows.push(WithdrawnRow {
                update: update.id.clone(),
                withdrawn: channel.base_image_id.clone(),
                image: update.image_id.clone(),
                since: update.updated_at,
                affected: vec![user.affected()],
            }),
        }
    }
    rows
}

/// What is wrong with base images: with one that a template stands on, or is to stand on, whatever it is; with others, if
/// it is more than that the region does not have them.
fn troubles(users: &Users<'_>, bases: &Bases, troubles: &[Trouble]) -> Vec<WrongRow> {
    let tracked = bases.values().filter_map(|base| base.tracked.as_ref());
    let row = |wrong: Wrong| {
        let users = users.get(&(wrong.image.name.clone(), wrong.image.architecture)).into_iter().flatten();
        let templates = users.map(|user| user.standing.record.name.clone()).collect();
        WrongRow { wrong, templates }
    };
    let rows = Wrong::all(tracked, troubles).into_iter().map(row);
    let is_stood_on = |row: &WrongRow| {
        let image = &row.wrong.image;
        bases.contains_key(&(image.name.clone(), image.architecture))
    };
    rows.filter(|row| is_stood_on(row) || !row.wrong.is_missing()).collect()
}

#[cfg(test)]
mod tests;
