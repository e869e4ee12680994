//! Build requests: what is asked for, with what the updates, the patches and the policy make of it.

mod input;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::assessment::UpdateType;
use crate::bounded::{NAMED, bound};
use crate::id::{RequestId, Target, UpdateId};
use crate::level::{SecurityLevel, Urgency};
use crate::money::MicroDollars;
use crate::patch::{Patch, PatchId};
use crate::policy::Policy;
use crate::soak::Soak;
use crate::text::shown_as_stored;
use crate::update::BaseImageUpdate;

pub use input::RequestInput;

/// Why an image is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BuildTrigger {
    /// It is launched often.
    Popularity,
    /// A vulnerability is fixed: by a new base image, or on the same one.
    Security,
    /// Periodic, seasonal, or too old.
    Scheduled,
    /// A person asked.
    Manual,
    /// Its base image moved for another reason.
    Dependency,
}

shown_as_stored!(BuildTrigger);

/// The priority from which a build counts as popular, of 100.
pub const PRIORITY_HIGH: u8 = 70;

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// One request for one target, with everything that deciding about it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompilationRequest {
    /// The template and architecture to build.
    pub target: Target,
    /// Why it is built.
    pub trigger: BuildTrigger,
    /// From 0 to 100.
    pub priority: u8,
    /// How urgent it is.
    pub urgency: Urgency,
    /// The worst level of its updates and patches.
    pub level: Option<SecurityLevel>,
    /// Build only if the estimate is at most this.
    pub max_cost: Option<MicroDollars>,
    /// Whether `max_cost` is the policy's limit for the level, which counts as the policy has it when money is
    /// reserved. A person's own limit counts as it is.
    #[serde(default)]
    pub max_cost_by_level: bool,
    /// The base image updates that it answers.
    pub base_image_updates: Vec<UpdateId>,
    /// The patches that it brings: fixes that come without a new base image.
    pub security_patches: Vec<PatchId>,
    /// The hash of what the authors of its template wrote, if the published image was made of something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
    /// Whether a person asked for this architecture by its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_name: bool,
    /// How many more updates and patches it answers than are named.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: u32,
    /// When it has to be done.
    pub deadline: Timestamp,
    /// The urgent request of a person that it answers; of several, the first.
    pub urgent_request: Option<RequestId>,
    /// Until when it waits for others to meet its base image first, if it does.
    pub not_before: Option<Soak>,
    /// Whether a person asked for it, which approves low-level updates but no emergency money.
    #[serde(alias = "approved")]
    pub by_hand: bool,
    /// Why, in a person's words: untrusted text, made printable.
    pub reason: Option<String>,
    /// When it was made.
    pub requested_at: Timestamp,
}

impl CompilationRequest {
    /// The same, naming at most [`NAMED`] updates and patches, each once: the newest. Its level, its deadline and why it is
    /// built are its own, so that none of them is lost.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        let updates = bound(&mut self.base_image_updates, NAMED, |id| id.sequence);
        let patches = bound(&mut self.security_patches, NAMED, |id| id.build.number);
        self.unnamed = self.unnamed.saturating_add(updates).saturating_add(patches);
        self
    }

    /// This request, answering what another one of the same target wanted too.
    #[must_use]
    pub fn absorbing(mut self, other: &Self) -> Self {
        self.by_hand |= other.by_hand;
        self.by_name |= other.by_name;
        self.source_hash = self.source_hash.or_else(|| other.source_hash.clone());
        // What only keeps a template fresh binds nobody who asks for more.
        let keeps_fresh = |trigger| matches!(trigger, BuildTrigger::Scheduled | BuildTrigger::Popularity);
        self.max_cost = match (keeps_fresh(self.trigger), keeps_fresh(other.trigger)) {
            (true, false) => other.max_cost,
            (false, true) => self.max_cost,
            _ => looser(self.max_cost, other.max_cost),
        };
        if keeps_fresh(self.trigger) {
            self.trigger = other.trigger;
        }
        self.not_before = Soak::of_both(self.not_before.as_ref(), other.not_before.as_ref()).filter(|_| !self.by_hand);
        self.base_image_updates.extend(other.base_image_updates.iter().cloned());
        self.security_patches.extend(other.security_patches.iter().cloned());
        self.unnamed = self.unnamed.saturating_add(other.unnamed);
        self.urgent_request = if other.requested_at < self.requested_at {
            other.urgent_request.clone().or(self.urgent_request)
        } else {
            self.urgent_request.or_else(|| other.urgent_request.clone())
        };
        self.level = self.level.max(other.level);
        self.urgency = self.urgency.max(other.urgency);
        self.priority = self.priority.max(other.priority);
        self.deadline = self.deadline.min(other.deadline);
        self.max_cost_by_level &= other.max_cost_by_level;
        self.bounded()
    }

    /// The same, which brings a change of its template too. One that brings nothing else has as long as a low update, and
    /// lets everybody go before it.
    #[must_use]
    pub fn bringing(mut self, change: &Change, policy: &Policy) -> Self {
        self.source_hash = Some(change.source_hash.clone());
        if self.level.is_none() {
            self.trigger = BuildTrigger::Scheduled;
            self.priority = PRIORITY_CHANGE;
            self.deadline = policy.deadline(SecurityLevel::Low, change.since);
        }
        self
    }

    /// What its build may cost under the policy in force.
    #[must_use]
    pub fn max_cost(&self, policy: &Policy) -> Option<MicroDollars> {
        match self.level {
            Some(level) if self.max_cost_by_level => policy.max_cost(level),
            _ => self.max_cost,
        }
    }
}

/// A template is not what its image was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The hash of what its authors wrote, as it is now.
    pub source_hash: String,
    /// Since when, as far as is known.
    pub since: Timestamp,
}

/// The limit of a build that answers two requests: one that only one of them set does not bind the other.
#[must_use]
pub fn looser(one: Option<MicroDollars>, other: Option<MicroDollars>) -> Option<MicroDollars> {
    one.zip(other).map(|(one, other)| one.max(other))
}

/// How a level ranks among all that wants to be built.
#[must_use]
pub const fn priority_of(level: SecurityLevel) -> u8 {
    match level {
        SecurityLevel::Critical => 100,
        SecurityLevel::High => 90,
        SecurityLevel::Medium => 60,
        SecurityLevel::Low => 30,
    }
}

/// The priority of a build that a person asks for without urgency.
pub const PRIORITY_MANUAL: u8 = 50;

/// The priority of a build for which only its template has changed.
pub const PRIORITY_CHANGE: u8 = 20;

/// Makes a request for one target out of its input, the updates and patches that its cause names, and what the policy
/// says of them. What a person asks for or approved waits for no base image to have been out long enough.
#[must_use]
pub fn compile_request(
    input: &RequestInput,
    target: &Target,
    updates: &[BaseImageUpdate],
    patches: &[Patch],
    policy: &Policy,
    now: Timestamp,
) -> CompilationRequest {
    let causes: Vec<(SecurityLevel, Timestamp)> = (updates.iter())
        .map(|update| (update.security_level, update.updated_at))
        .chain(patches.iter().map(|patch| (patch.level, patch.found_at)))
        .collect();
    let level = causes.iter().map(|(level, _)| *level).max();
    let trigger = if causes.is_empty() {
        BuildTrigger::Manual
    } else if !patches.is_empty() || updates.iter().any(|update| update.update_type == UpdateType::Security) {
        BuildTrigger::Security
    } else {
        BuildTrigger::Dependency
    };
    let by_level = level.map_or(PRIORITY_MANUAL, priority_of);
    let due = causes.iter().map(|(level, since)| policy.deadline(*level, *since)).min().unwrap_or_else(|| {
        policy.deadline(if input.urgent { SecurityLevel::Critical } else { SecurityLevel::Medium }, now)
    });
    let by_hand = !input.only_if_due;
    // Its patches can be brought on the base image that the published one stands on.
    let soak = Soak::of_all(updates, policy).filter(|_| patches.is_empty() && !by_hand);
    CompilationRequest {
        target: target.clone(),
        trigger,
        priority: if input.urgent { 100 } else { by_level },
        urgency: if input.urgent { Urgency::Critical } else { level.map_or(Urgency::Normal, Urgency::from) },
        level,
        max_cost: input.max_cost.or(level.and_then(|level| policy.max_cost(level))),
        max_cost_by_level: input.max_cost.is_none() && level.is_some(),
        base_image_updates: updates.iter().map(|update| update.id.clone()).collect(),
        security_patches: patches.iter().map(|patch| patch.id.clone()).collect(),
        source_hash: None,
        by_name: by_hand && !input.architectures.is_empty(),
        unnamed: 0,
        deadline: input.deadline.map_or(due, |wished| wished.min(due)),
        urgent_request: None,
        not_before: soak,
        by_hand,
        reason: input.reason.clone(),
        requested_at: now,
    }
    .bounded()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{patch, target};

    #[test]
    fn a_limit_by_level_is_the_one_of_the_policy_in_force_and_a_person_s_own_limit_stays() {
        let target = target("python-ml");
        let limits = |high: i64| {
            let mut policy = Policy::default();
            policy.max_cost_by_level.high = Some(MicroDollars::dollars(high));
            policy
        };
        let compiled = |max_cost: Option<i64>, patches: &[Patch]| {
            let max_cost = max_cost.map(MicroDollars::dollars);
            let input = RequestInput { max_cost, ..RequestInput::only_if_due(&target) };
            compile_request(&input, &target, &[], patches, &limits(9), Timestamp::UNIX_EPOCH)
        };
        let patches = [patch("python-ml-x86_64-1/0123456789ab", SecurityLevel::High, Timestamp::UNIX_EPOCH)];
        let may_cost = |request: &CompilationRequest| request.max_cost(&limits(2)).map(|most| most.to_string());
        let (system, person) = (compiled(None, &patches), compiled(Some(5), &[]));
        assert_eq!(may_cost(&system).as_deref(), Some("$2.00"));
        assert_eq!(may_cost(&compiled(Some(5), &patches)).as_deref(), Some("$5.00"));
        assert_eq!(may_cost(&system.clone().absorbing(&system)).as_deref(), Some("$2.00"));
        assert_eq!(may_cost(&system.clone().absorbing(&person)).as_deref(), Some("$9.00"));
        assert_eq!(may_cost(&system.absorbing(&compiled(None, &[]))), None, "a person set no limit");
    }

    #[test]
    fn a_patch_makes_a_security_build_as_urgent_as_its_level_and_due_from_when_it_was_found() {
        let hour = jiff::SignedDuration::from_hours(1);
        let target = target("python-ml");
        let patch = |level, found_at| patch("python-ml-x86_64-17/0123456789ab", level, found_at);
        let (now, earlier) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH - hour);
        let compile = |patches: &[Patch]| {
            let input = RequestInput::only_if_due(&target);
            compile_request(&input, &target, &[], patches, &Policy::default(), now)
        };
        let request = compile(&[patch(SecurityLevel::Critical, earlier), patch(SecurityLevel::Low, now)]);
        assert_eq!((request.trigger, request.urgency), (BuildTrigger::Security, Urgency::Critical));
        assert_eq!((request.priority, request.deadline), (100, earlier + hour * 4));
        assert!(!request.by_hand);
        let low = compile(&[patch(SecurityLevel::Low, now)]);
        let both = low.clone().absorbing(&request);
        assert_eq!(both.level, Some(SecurityLevel::Critical));
        assert_eq!(both.security_patches.iter().filter(|id| low.security_patches.contains(id)).count(), 1);
    }
}
