//! The one claim of a target: at most one build of it is queued or running.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Causes;
use crate::attempts::Attempts;
use crate::hold::Hold;
use crate::id::{RequestId, Target};
use crate::level::Urgency;
use crate::permit::Permit;
use crate::queued::Queued;
use crate::request::{BuildTrigger, CompilationRequest, RequestInput, looser};
use crate::schedule::WaitsFor;
use crate::slot::{Demand, Slot};

/// The claim of a target. It outlives its builds, since it counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What is claimed.
    pub target: Target,
    /// The number of the newest build; 0 before the first.
    pub counter: u32,
    /// Who holds it.
    pub held: Option<Held>,
    /// What a person asked for that the build that holds it does not cover: it is built next.
    pub next: Option<RequestInput>,
    /// The build that was rejected or stopped last, and for how long the target is not rebuilt for its causes.
    #[serde(default, alias = "rejected", skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// The failed attempts since the last success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<Attempts>,
    /// From when on somebody has to look what the target is due. `plan-build` does, and takes this away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<Timestamp>,
    /// Counts the writes: every write names the revision that it read.
    pub revision: u64,
}

/// How far the build that holds a claim has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// In the queue, without money.
    Waiting,
    /// Its money is reserved, and what it builds is frozen.
    Building,
}

/// The build that holds a claim, with what scheduling it needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The request that it answers.
    pub request: RequestId,
    /// The ARN of the execution that carries it out.
    pub execution: String,
    /// How far it is.
    pub stage: Stage,
    /// The build, as the schedule sees it.
    pub queued: Queued,
    /// When its turn was planned to be, when it was queued.
    pub slot: Slot,
    /// Where its execution waits for its turn.
    pub parked: Option<Parked>,
    /// Since when it runs: when its money was reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
}

/// An execution that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// When it is looked at again at the latest.
    pub until: Timestamp,
    /// What it waits for. Nothing, in items of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_for: Option<WaitsFor>,
    /// The same in plain words.
    pub reason: String,
}

impl Claim {
    /// The claim of a target that nobody has ever held.
    #[must_use]
    pub const fn free(target: Target) -> Self {
        Self { target, counter: 0, held: None, next: None, hold: None, attempts: None, wanted: None, revision: 0 }
    }

    /// Whether the build that holds it, which answers `held`, is for all that a look has found due, and as urgent.
    #[must_use]
    pub fn answers(&self, due: &CompilationRequest, held: &CompilationRequest) -> bool {
        let is_to_end = self.held.as_ref().is_some_and(|held| held.queued.ends.is_some());
        !is_to_end
            && Causes::of(due).are_among(&Causes::of(held))
            && due.urgency <= held.urgency
            && due.level <= held.level
            && due.deadline >= held.deadline
    }
}

/// What becomes of a request that meets the claim of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// Nobody holds it: the request gets a build of its own.
    Claim,
    /// A build waits that is less urgent, or is to end: the request takes its place.
    TakeOver,
    /// A build waits or runs that covers the request.
    Join,
    /// A build runs that does not cover the request: what is due is looked at again when that ends.
    Follow,
}

/// Decides what becomes of a request. `covered`: what the running build froze is what the request
/// would build now.
#[must_use]
pub fn meet(claim: &Claim, request: &CompilationRequest, covered: bool) -> Meeting {
    match &claim.held {
        None => Meeting::Claim,
        // A build that is to end and has not ended yet answers nobody.
        Some(held) if held.queued.ends.is_some() => Meeting::TakeOver,
        Some(held) if held.stage == Stage::Waiting => {
            let demand = &held.queued.demand;
            let approves = request.trigger == BuildTrigger::Manual && !demand.by_hand;
            if request.urgency > demand.urgency && (!approves || request.urgency > Urgency::Normal) {
                Meeting::TakeOver
            } else {
                Meeting::Join
            }
        }
        Some(_) if covered => Meeting::Join,
        Some(_) => Meeting::Follow,
    }
}

impl Held {
    /// The waiting build after a request has joined it, with what it answers now: as wanted as both, and not stopped by
    /// what would not have stopped the request.
    #[must_use]
    pub fn joined_by(mut self, request: &CompilationRequest, answers: &CompilationRequest) -> Self {
        self.queued.permits = Permit::of(request).added_to(self.queued.permits().into_owned());
        self.queued.max_cost = answers.max_cost;
        self.queued.disabled = self.queued.disabled.filter(|_| request.trigger != BuildTrigger::Manual);
        self.queued.demand = Demand::of(answers, self.queued.demand.expected);
        self
    }
}

/// What to build next when two persons' requests wait for the same running build: one build that answers both.
#[must_use]
pub fn merge_next(waiting: Option<RequestInput>, mut later: RequestInput) -> RequestInput {
    let Some(earlier) = waiting.filter(|earlier| !earlier.only_if_due) else { return later };
    later.urgent |= earlier.urgent;
    later.urgent_request = earlier.urgent_request.or(later.urgent_request);
    later.reason = earlier.reason.or(later.reason);
    later.deadline = match (earlier.deadline, later.deadline) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    later.max_cost = looser(earlier.max_cost, later.max_cost);
    if later.architectures.is_empty() {
        later.architectures = earlier.architectures;
    }
    later
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixtures::{self, target};
    use crate::money::MicroDollars;
    use crate::policy::Policy;

    /// What a person asks for.
    fn input(max_cost: Option<i64>, urgent: bool) -> RequestInput {
        let by_hand = RequestInput { only_if_due: false, ..RequestInput::only_if_due(&target("python-ml")) };
        RequestInput { max_cost: max_cost.map(MicroDollars), urgent, ..by_hand }
    }

    #[test]
    fn what_is_merged_answers_both_requests() {
        let earlier = RequestInput { urgent_request: Some("exam".parse().unwrap()), ..input(Some(5), true) };
        let merged = merge_next(Some(earlier), input(None, false));
        assert!(merged.urgent && !merged.only_if_due);
        assert_eq!((merged.max_cost, merged.urgent_request), (None, Some("exam".parse().unwrap())));
    }

    #[test]
    fn what_an_earlier_version_kept_without_a_person_is_not_merged() {
        let kept = RequestInput { max_cost: Some(MicroDollars(9)), ..RequestInput::only_if_due(&target("python-ml")) };
        assert_eq!(merge_next(Some(kept), input(Some(5), false)), input(Some(5), false));
    }

    fn request(trigger: BuildTrigger, max_cost: Option<i64>) -> CompilationRequest {
        let wish = RequestInput { only_if_due: trigger != BuildTrigger::Manual, ..input(max_cost, false) };
        let now = Timestamp::UNIX_EPOCH;
        let request = crate::request::compile_request(&wish, &target("python-ml"), &[], &[], &Policy::default(), now);
        CompilationRequest { trigger, ..request }
    }

    fn waiting(request: &CompilationRequest, disabled: Option<&str>) -> Held {
        let demand = Demand::of(request, jiff::SignedDuration::from_mins(30));
        let queued = fixtures::queued(request.target.build(1), demand, "1970-01-01T00:00:00Z", 1);
        let disabled = disabled.map(str::to_owned);
        fixtures::held(Queued { max_cost: request.max_cost, disabled, ..queued }, Stage::Waiting)
    }

    /// The build that waits for the one request after the other one has joined it.
    fn joined(waits: &CompilationRequest, disabled: Option<&str>, joins: &CompilationRequest) -> Queued {
        waiting(waits, disabled).joined_by(joins, &waits.clone().absorbing(joins)).queued
    }

    #[test]
    fn a_request_is_not_stopped_by_the_limit_of_the_build_that_it_joins() {
        let frugal = request(BuildTrigger::Manual, Some(5));
        let joined = |limit| joined(&frugal, None, &request(BuildTrigger::Security, limit)).max_cost;
        assert_eq!(
            (joined(None), joined(Some(9)), joined(Some(2))),
            (None, Some(MicroDollars(9)), Some(MicroDollars(5)))
        );
    }

    #[test]
    fn a_person_who_joins_a_build_of_a_disabled_template_has_it_built() {
        let by =
            |trigger| joined(&request(BuildTrigger::Security, None), Some("broken"), &request(trigger, None)).disabled;
        assert_eq!(by(BuildTrigger::Manual), None);
        assert!(by(BuildTrigger::Dependency).is_some());
    }

    #[test]
    fn a_build_that_takes_another_one_s_place_is_not_stopped_by_its_own_limit_alone() {
        let urgent = request(BuildTrigger::Manual, Some(1));
        assert_eq!(urgent.absorbing(&request(BuildTrigger::Security, None)).max_cost, None);
    }

    #[test]
    fn a_build_that_is_to_end_loses_its_place_to_whatever_asks() {
        let request = request(BuildTrigger::Security, None);
        let mut held = waiting(&request, None);
        held.queued.ends = Some("was rejected".into());
        let claim = Claim { held: Some(held), ..Claim::free(target("python-ml")) };
        assert_eq!(meet(&claim, &request, false), Meeting::TakeOver);
    }

    #[test]
    fn a_rejection_that_an_earlier_version_wrote_is_a_hold() {
        let mut item = serde_json::to_value(Claim::free(target("python-ml"))).unwrap();
        item["rejected"] = json!({
            "build": "python-ml-x86_64-3", "causes": {}, "urgency": "low", "execution": "arn", "reason": "exam week",
            "at": "2026-11-23T17:00:00Z"
        });
        let claim: Claim = serde_json::from_value(item).unwrap();
        assert_eq!(claim.hold.unwrap().sentence(), "was rejected: exam week");
    }
}
