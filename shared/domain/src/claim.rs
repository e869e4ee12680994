//! The one claim of a target: at most one build of it is queued or running.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{RequestId, Target};
use crate::level::Urgency;
use crate::request::{BuildTrigger, CompilationRequest, RequestInput, looser};
use crate::schedule::Queued;
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
    /// What has to be built after the build that holds it, which does not cover it.
    pub next: Option<RequestInput>,
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
    /// The task token of the execution that waits for Image Builder.
    pub image_token: Option<String>,
}

/// An execution that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Its task token.
    pub token: String,
    /// When it wakes by itself.
    pub until: Timestamp,
    /// What it waits for, in plain words.
    pub reason: String,
}

/// What becomes of a request that meets the claim of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// Nobody holds it: the request gets a build of its own.
    Claim,
    /// A less urgent build waits: the request takes its place.
    TakeOver,
    /// A build waits or runs that covers the request.
    Join,
    /// A build runs that does not cover the request: it is remembered for when that ends.
    Follow,
}

/// Decides what becomes of a request. `covered`: what the running build froze is what the request
/// would build now.
#[must_use]
pub fn meet(held: Option<&Held>, request: &CompilationRequest, covered: bool) -> Meeting {
    match held {
        None => Meeting::Claim,
        Some(held) if held.stage == Stage::Waiting => {
            let demand = &held.queued.demand;
            let approves = request.trigger == BuildTrigger::Manual && !demand.approved;
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
        self.queued.max_cost = answers.max_cost;
        self.queued.disabled = self.queued.disabled.filter(|_| request.trigger != BuildTrigger::Manual);
        self.queued.demand = Demand::of(answers, self.queued.demand.expected);
        self
    }
}

/// What to build next when two requests wait for the same running build: one build that answers both.
#[must_use]
pub fn merge_next(waiting: Option<RequestInput>, mut later: RequestInput) -> RequestInput {
    let Some(earlier) = waiting else { return later };
    later.urgent |= earlier.urgent;
    later.reason = earlier.reason.or(later.reason);
    later.deadline = match (earlier.deadline, later.deadline) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    later.max_cost = looser(earlier.max_cost, later.max_cost);
    if let Some(earlier) = earlier.cause {
        let cause = later.cause.get_or_insert_default();
        cause.approved |= earlier.approved;
        for update in earlier.updates {
            if !cause.updates.contains(&update) {
                cause.updates.push(update);
            }
        }
        for patch in earlier.patches {
            if !cause.patches.contains(&patch) {
                cause.patches.push(patch);
            }
        }
    }
    later
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::money::MicroDollars;
    use crate::policy::Policy;

    fn input(updates: &[&str], max_cost: Option<i64>, urgent: bool) -> RequestInput {
        let target =
            Target { template: "python-ml".parse().unwrap(), architecture: crate::architecture::Architecture::X86_64 };
        let updates = updates.iter().map(|id| id.parse().unwrap()).collect();
        RequestInput { max_cost: max_cost.map(MicroDollars), urgent, ..RequestInput::for_updates(&target, updates) }
    }

    #[test]
    fn what_is_merged_answers_both_requests() {
        let earlier = input(&["ubuntu-22.04/x86_64/us-east-1/3"], Some(5), true);
        let later = input(&["ubuntu-22.04/x86_64/us-east-1/4", "ubuntu-22.04/x86_64/us-east-1/3"], None, false);
        let merged = merge_next(Some(earlier), later);
        assert!(merged.urgent);
        assert_eq!(merged.max_cost, None, "one of them set no limit");
        assert_eq!(merged.cause.unwrap().updates.len(), 2);
    }

    #[test]
    fn what_a_person_asked_for_stays_approved_when_it_is_merged() {
        let mut earlier = input(&[], None, false);
        earlier.cause.get_or_insert_default().approved = true;
        let merged = merge_next(Some(earlier), input(&["ubuntu-22.04/x86_64/us-east-1/3"], None, false));
        assert!(merged.cause.unwrap().approved);
    }

    fn request(trigger: BuildTrigger, max_cost: Option<i64>) -> CompilationRequest {
        let target =
            Target { template: "python-ml".parse().unwrap(), architecture: crate::architecture::Architecture::X86_64 };
        let now = Timestamp::UNIX_EPOCH;
        let request =
            crate::request::compile_request(&input(&[], max_cost, false), &target, &[], &[], &Policy::default(), now);
        CompilationRequest { trigger, ..request }
    }

    fn waiting(request: &CompilationRequest, disabled: Option<&str>) -> Held {
        let demand = crate::slot::Demand::of(request, jiff::SignedDuration::from_mins(30));
        let slot = crate::slot::slot(&demand, &Policy::default(), Timestamp::UNIX_EPOCH);
        let build = request.target.build(1);
        Held {
            request: "a".parse().unwrap(),
            execution: "arn".into(),
            stage: Stage::Waiting,
            queued: Queued {
                build,
                demand,
                queued_at: Timestamp::UNIX_EPOCH,
                estimate: MicroDollars(1),
                max_cost: request.max_cost,
                disabled: disabled.map(str::to_owned),
            },
            slot,
            parked: None,
            image_token: None,
        }
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

    proptest! {
        #[test]
        fn merging_loses_no_update_and_no_patch(earlier in 1_u32..50, later in 1_u32..50) {
            let wish = |number: u32| {
                let mut input = input(&[&format!("ubuntu-22.04/x86_64/us-east-1/{number}")], None, false);
                let patch = format!("python-ml-x86_64-{number}/0123456789ab").parse().unwrap();
                input.cause.get_or_insert_default().patches.push(patch);
                input
            };
            let cause = merge_next(Some(wish(earlier)), wish(later)).cause.unwrap();
            for number in [earlier, later] {
                prop_assert_eq!(cause.updates.iter().filter(|id| id.sequence == number).count(), 1);
                prop_assert_eq!(cause.patches.iter().filter(|id| id.build.number == number).count(), 1);
            }
        }
    }
}
