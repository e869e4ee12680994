//! What a target is due: whether its image has to be rebuilt and for what, or why not.
//!
//! This is the only place that decides it. Whoever starts a rebuild, and whoever shows whether there will be one, asks
//! [`due`].

mod base_image;
mod change;
mod moves;

use jiff::Timestamp;
use serde::Serialize;

use crate::approval::Causes;
use crate::architecture::Architecture;
use crate::attempts::Attempts;
use crate::build::Channel;
use crate::claim::Claim;
use crate::duration::{after, before, relative};
use crate::id::{AmiId, Target};
use crate::patch::Patch;
use crate::policy::Policy;
use crate::request::{Change, CompilationRequest, RequestInput, compile_request};
use crate::trial::{Trial, TrialState};
use crate::update::{BaseImageUpdate, CALM, FLAPPING, TrackedImage};

use base_image::choose;
use change::NOT_FOR_A_CHANGE;

pub use change::{LEFT_BEHIND, change, has_changed, is_left_behind};
pub use moves::{LackedMoves, lacked_moves, not_rebuilt};

/// From how many returns within a day on a base image has to be the same for some hours before anything is rebuilt on it.
const FLIPS: usize = 2;

/// Everything that decides what a target is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its claim: what is being built, what failed and what is held back.
    pub claim: Claim,
    /// The image that launches use, once there is one.
    pub published: Option<Channel>,
    /// Where there is none: the one of its template on another architecture.
    pub elsewhere: Option<Channel>,
    /// What the base image of that image is now.
    pub tracked: Option<TrackedImage>,
    /// The newest moves of that base image, newest first.
    pub moves: Vec<BaseImageUpdate>,
    /// What the published image was found to lack.
    pub patches: Vec<Patch>,
    /// How the first builds on its newest images have gone, where many targets stand on them.
    pub trials: Vec<Trial>,
    /// Its template.
    pub source: Source,
}

/// What a target is built from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// Why the template is disabled, if it is.
    pub disabled: Option<String>,
    /// The hash of its content, with all that it inherits. `None`, like what follows: it cannot be resolved now.
    pub content_hash: Option<String>,
    /// The hash of what its authors, and those of the templates that it inherits from, wrote.
    pub source_hash: Option<String>,
    /// When it or one that it inherits from was applied last.
    pub changed_at: Option<Timestamp>,
    /// The architecture that the template is for.
    pub architecture: Option<Architecture>,
}

/// What a target is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// Nothing: why, in a sentence.
    Nothing(String),
    /// A rebuild.
    Rebuild(Box<Rebuild>),
}

/// A rebuild that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rebuild {
    /// The moves of its base image that it brings, newest first.
    pub updates: Vec<BaseImageUpdate>,
    /// The image of its base that it stands on. `None`: whatever that is by then.
    pub build_on: Option<AmiId>,
    /// The fixes that it lacks.
    pub patches: Vec<Patch>,
    /// What has changed about its template.
    pub change: Option<Change>,
    /// The earlier attempts to build the same, which have failed: first attempts of other targets go before it.
    pub failed: Option<Attempts>,
    /// Why it does not start by itself now, if so.
    pub held_back: Option<HeldBack>,
}

/// Why a rebuild that is due does not start by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldBack {
    /// Why, in a sentence.
    pub reason: String,
    /// Until when. `None`: until somebody ends it, as the reason says.
    pub until: Option<Timestamp>,
}

/// What a target is due.
#[must_use]
pub fn due(standing: &Standing, policy: &Policy, now: Timestamp) -> Due {
    let channels = (standing.published.as_ref(), standing.elsewhere.as_ref());
    let change = change(&standing.claim.target, channels, &standing.source, policy);
    let Some(published) = &standing.published else {
        return match change {
            Some(_) => rebuild(standing, Vec::new(), None, change, policy, now),
            None => Due::Nothing("it has no image yet: a person starts its first build".to_owned()),
        };
    };
    if is_left_behind(published, &standing.source) {
        return Due::Nothing(LEFT_BEHIND.to_owned());
    }
    let moves = lacked_moves(&published.base_image_id, standing.tracked.as_ref(), &standing.moves);
    let tracked = standing.tracked.as_ref();
    let has_more = !standing.patches.is_empty() || change.is_some();
    let withdrawn = moves.withdrawn.filter(|_| moves.updates.is_empty());
    let (updates, build_on) = match withdrawn {
        Some(withdrawn) if policy.rebuild_on_rollback => {
            (vec![withdrawn], tracked.map(|tracked| tracked.current.image_id.clone()))
        }
        Some(withdrawn) if !has_more => return Due::Nothing(not_rebuilt(&withdrawn)),
        _ => {
            let choice = choose(&published.base_image_id, &moves.updates, has_more, tracked, policy, now);
            choice.map_or((moves.updates, None), |(updates, image)| (updates, Some(image)))
        }
    };
    if updates.is_empty() && !has_more {
        let is_of_another = standing.source.source_hash.as_ref().is_some_and(|hash| has_changed(published, hash));
        let why = if is_of_another { NOT_FOR_A_CHANGE } else { "its image lacks nothing" };
        return Due::Nothing(why.to_owned());
    }
    rebuild(standing, updates, build_on, change, policy, now)
}

fn rebuild(
    standing: &Standing,
    updates: Vec<BaseImageUpdate>,
    build_on: Option<AmiId>,
    change: Option<Change>,
    policy: &Policy,
    now: Timestamp,
) -> Due {
    let patches = standing.patches.clone();
    let mut rebuild = Rebuild { updates, build_on, patches, change, failed: None, held_back: None };
    rebuild.failed = standing.claim.attempts.clone().filter(|attempts| rebuild.is_tried_by(attempts, standing));
    rebuild.held_back = held_back(standing, &rebuild, policy, now);
    Due::Rebuild(Box::new(rebuild))
}

fn held_back(standing: &Standing, rebuild: &Rebuild, policy: &Policy, now: Timestamp) -> Option<HeldBack> {
    if let Some(reason) = &standing.source.disabled {
        return Some(HeldBack { reason: format!("the template is disabled: {reason}"), until: None });
    }
    let request = rebuild.request(&standing.claim.target, policy, now);
    let hold = standing.claim.hold.as_ref();
    if let Some(hold) = hold.filter(|hold| hold.covers(&Causes::of(&request), request.urgency, policy, now)) {
        let until = hold.ends(policy);
        let (build, why) = (&hold.build, hold.sentence());
        let again = relative(until, now);
        let reason = format!("{build} {why}, and nothing new or worse is lacking; it is rebuilt again {again}");
        return Some(HeldBack { reason, until: Some(until) });
    }
    if let Some(until) = standing.tracked.as_ref().and_then(|tracked| calm_at(tracked, now)) {
        let again = relative(until, now);
        let reason = format!("its base image goes back and forth; it is rebuilt {again} if that stays what it is");
        return Some(HeldBack { reason, until: Some(until) });
    }
    let mut trials = standing.trials.iter().filter(|trial| rebuild.build_on.as_ref() == Some(&trial.image_id));
    let is_held =
        |trial: &&Trial| trial.state() == TrialState::Failed && !trial.is_tried_again_by(&standing.claim.target);
    if let Some(trial) = trials.find(is_held) {
        return Some(HeldBack { reason: format!("it {}", trial.why_failed()), until: None });
    }
    let failed = rebuild.failed.as_ref()?;
    let next = failed.next_at(policy.failure_limit);
    (now < next).then(|| HeldBack { reason: failed.sentence(&relative(next, now)), until: Some(next) })
}

/// When a base image that has returned to a former image more than once within a day has been the same for long enough.
fn calm_at(tracked: &TrackedImage, now: Timestamp) -> Option<Timestamp> {
    let returns = tracked.returns.iter().filter(|at| **at > before(now, FLAPPING)).count();
    let calm = after(tracked.since, CALM);
    (returns >= FLIPS && now < calm).then_some(calm)
}

impl Rebuild {
    /// The request that asks for it.
    #[must_use]
    pub fn request(&self, target: &Target, policy: &Policy, now: Timestamp) -> CompilationRequest {
        let input = RequestInput::only_if_due(target);
        let request = compile_request(&input, target, &self.updates, &self.patches, policy, now);
        match &self.change {
            Some(change) => request.bringing(change, policy),
            None => request,
        }
    }

    /// Why it was not started yet, if that is known: it is held back, or has failed.
    #[must_use]
    pub fn why_not_started(&self) -> Option<String> {
        let held_back = self.held_back.as_ref().map(|held_back| held_back.reason.clone());
        held_back.or_else(|| Some(self.failed.as_ref()?.sentence("soon")))
    }

    /// Whether it brings nothing but a change of its template: only as many of these become executions as a night can take.
    #[must_use]
    pub fn is_paced(&self) -> bool {
        self.updates.is_empty() && self.patches.is_empty()
    }

    /// Whether earlier attempts have built what this would build, as far as is known.
    fn is_tried_by(&self, attempts: &Attempts, standing: &Standing) -> bool {
        let Some(before) = &attempts.fingerprint else { return true };
        let is_same_content = standing.source.content_hash.as_ref().is_none_or(|hash| *hash == before.content_hash);
        is_same_content
            && self.build_on.as_ref().is_none_or(|image| *image == before.base_image_id)
            && self.patches.iter().all(|patch| before.patches.contains(&patch.id))
    }
}

#[cfg(test)]
mod tests;
