//! Trials: where many targets stand on a new base image, a few are built on it before the others.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::architecture::Architecture;
use crate::build::{Build, EndingKind};
use crate::duration::{after, before};
use crate::id::{AmiId, BaseImageName, BuildId, Target};
use crate::slot::Demand;

/// How many targets are built first.
pub const FIRST: usize = 3;

/// How many targets may stand on a base image without a trial.
pub const WITHOUT: usize = 10;

/// How the first builds on a base image have gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trial {
    /// The base image's name.
    pub base: BaseImageName,
    /// On which architecture.
    pub architecture: Architecture,
    /// Which image.
    pub image_id: AmiId,
    /// The first builds: those that run, and those that failed.
    pub first: Vec<BuildId>,
    /// Those of them that failed for what they were made of.
    pub failed: Vec<BuildId>,
    /// When the newest of the first builds began.
    pub began_at: Option<Timestamp>,
    /// Whether an image that stands on it was published.
    pub passed: bool,
    /// Counts the writes: every write names the revision that it read.
    pub revision: u64,
}

/// How far a trial is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialState {
    /// Another build may be among the first.
    Open,
    /// The first builds run.
    UnderWay,
    /// One of them was published.
    Passed,
    /// All of them failed.
    Failed,
}

impl Trial {
    /// The trial of a base image on which nothing has been built yet.
    #[must_use]
    pub const fn new(base: BaseImageName, architecture: Architecture, image_id: AmiId) -> Self {
        Self {
            base,
            architecture,
            image_id,
            first: Vec::new(),
            failed: Vec::new(),
            began_at: None,
            passed: false,
            revision: 0,
        }
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> TrialState {
        match () {
            () if self.passed => TrialState::Passed,
            () if self.failed.len() >= FIRST => TrialState::Failed,
            () if self.first.len() >= FIRST => TrialState::UnderWay,
            () => TrialState::Open,
        }
    }

    /// The trial once a build on its base image has begun.
    #[must_use]
    pub fn after_start(mut self, build: &BuildId, now: Timestamp) -> Self {
        if self.state() == TrialState::Open && !self.first.contains(build) {
            self.first.push(build.clone());
            self.began_at = Some(now);
        }
        self
    }

    /// The trial once a build on its base image is closed. One that ended for another reason leaves its place to another.
    #[must_use]
    pub fn after_end(mut self, closed: &Build) -> Self {
        let kind = closed.ending.as_ref().map(|ending| ending.kind);
        if kind == Some(EndingKind::Complete) {
            self.passed = true;
        } else if closed.failed_for_what_it_is() {
            if self.first.contains(&closed.id) && !self.failed.contains(&closed.id) {
                self.failed.push(closed.id.clone());
            }
        } else {
            self.first.retain(|build| *build != closed.id);
        }
        self
    }

    /// Whether all of the first builds have failed and this target tries again for all.
    #[must_use]
    pub fn is_tried_again_by(&self, target: &Target) -> bool {
        self.state() == TrialState::Failed && self.failed.first().is_some_and(|build| build.target == *target)
    }

    /// Whether a build does not wait for the first ones, whatever becomes of them.
    #[must_use]
    pub fn lets_go(&self, build: &BuildId, demand: &Demand) -> bool {
        demand.by_hand || self.first.contains(build) || self.is_tried_again_by(&build.target)
    }

    /// Until when a build waits at the latest while the first ones run.
    #[must_use]
    pub fn latest(&self, demand: &Demand, now: Timestamp) -> Timestamp {
        let ended_at = self.began_at.map_or(now, |began_at| after(began_at, demand.expected));
        before(demand.deadline, demand.expected).max(ended_at)
    }

    /// Until when a build waits that is not among the first, and why; `None`: it does not wait. While the first ones run it
    /// waits no longer than its deadline allows, or, if that is too late anyway, for as long as a build takes. A build that a
    /// person asked for never waits. Where all of the first have failed, the target of the first of these tries again for
    /// all: it may have been a mirror that was down.
    #[must_use]
    pub fn holds_back(&self, build: &BuildId, demand: &Demand, now: Timestamp) -> Option<(Option<Timestamp>, String)> {
        if self.lets_go(build, demand) {
            return None;
        }
        let latest = self.latest(demand, now);
        match self.state() {
            TrialState::Open | TrialState::Passed => None,
            TrialState::UnderWay if latest <= now => None,
            TrialState::UnderWay => Some((
                Some(latest),
                format!("waits for one of the first {FIRST} builds on {} to succeed", self.image_id),
            )),
            TrialState::Failed => Some((None, self.why_failed())),
        }
    }

    /// The template that tries again for all, once all of the first have failed.
    #[must_use]
    pub fn example(&self) -> String {
        self.failed.first().or(self.first.first()).map_or_else(String::new, |build| build.target.template.to_string())
    }

    /// Why nothing is built on it by itself any more.
    #[must_use]
    pub fn why_failed(&self) -> String {
        let builds: Vec<String> = self.failed.iter().map(ToString::to_string).collect();
        format!(
            "waits for {} to be built, or for another image of {}, since the first {FIRST} builds on {} failed ({})",
            self.example(),
            self.base,
            self.image_id,
            builds.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use serde_json::json;

    use super::*;
    use crate::fixtures::{self, build};
    use crate::level::Urgency;

    fn at(hours: i64) -> Timestamp {
        after("2026-11-23T17:00:00Z".parse().unwrap(), SignedDuration::from_hours(hours))
    }

    fn id(number: u32) -> BuildId {
        format!("t{number}-x86_64-1").parse().unwrap()
    }

    fn demand(by_hand: bool) -> Demand {
        let expected = SignedDuration::from_hours(1);
        Demand { expected, by_hand, ..fixtures::demand(Urgency::High, "2026-11-24T17:00:00Z") }
    }

    fn trial() -> Trial {
        Trial::new("ubuntu-22.04".parse().unwrap(), Architecture::X86_64, "ami-00000002".parse().unwrap())
    }

    fn begun() -> Trial {
        (1..=5).fold(trial(), |trial, number| trial.after_start(&id(number), at(0)))
    }

    /// A build that has ended, and whether Image Builder has failed it.
    fn ended(number: u32, kind: &str, has_failed: bool) -> Build {
        let outcome = json!({
            "result": { "status": "failed", "step": null, "message": "no space left" }, "ended_at": at(1), "arn": "arn"
        });
        Build {
            ending: serde_json::from_value(json!({ "kind": kind, "message": "it ended", "at": at(1) })).unwrap(),
            outcome: has_failed.then(|| serde_json::from_value(outcome).unwrap()),
            ..build(id(number), &[], at(0))
        }
    }

    #[test]
    fn three_are_built_first_and_the_others_wait_until_one_is_published_or_their_deadline_comes() {
        let trial = begun();
        assert_eq!((trial.first.len(), trial.state()), (3, TrialState::UnderWay));
        assert_eq!(trial.holds_back(&id(1), &demand(false), at(0)), None, "it is one of them");
        let (until, reason) = trial.holds_back(&id(4), &demand(false), at(0)).unwrap();
        assert_eq!(
            (until, reason.as_str()),
            (Some(at(23)), "waits for one of the first 3 builds on ami-00000002 to succeed")
        );
        let just_before = after(at(22), SignedDuration::from_mins(30));
        assert_eq!(trial.holds_back(&id(4), &demand(false), just_before).unwrap().0, Some(at(23)));
        assert_eq!(trial.holds_back(&id(4), &demand(false), at(23)), None, "it would miss its deadline");
        assert_eq!(trial.holds_back(&id(4), &demand(true), at(0)), None, "a person asks");
        let late = Demand { deadline: at(-5), ..demand(false) };
        assert_eq!(trial.holds_back(&id(4), &late, at(0)).unwrap().0, Some(at(1)), "what is late waits for one build");
        assert_eq!(trial.holds_back(&id(4), &late, at(1)), None);
        let passed = trial.after_end(&ended(2, "complete", false));
        assert_eq!(passed.holds_back(&id(4), &demand(false), at(0)), None);
    }

    #[test]
    fn an_image_that_all_of_them_fail_on_is_built_on_by_persons_only() {
        let failed = (1..=3).fold(begun(), |trial, number| trial.after_end(&ended(number, "failed", true)));
        assert_eq!(failed.state(), TrialState::Failed);
        let (until, reason) = failed.holds_back(&id(4), &demand(false), at(23)).unwrap();
        assert_eq!(until, None, "{reason}");
        assert_eq!(failed.holds_back(&failed.failed[0].target.build(9), &demand(false), at(0)), None, "tries for all");
        assert!(failed.holds_back(&failed.failed[1].target.build(9), &demand(false), at(0)).is_some());
        assert_eq!(failed.holds_back(&id(4), &demand(true), at(0)), None);
        assert_eq!(failed.after_end(&ended(9, "complete", false)).state(), TrialState::Passed);
    }

    #[test]
    fn one_that_is_stopped_or_lost_leaves_its_place_to_another() {
        for lost in [ended(1, "stopped", false), ended(1, "failed", false)] {
            let trial = begun().after_end(&lost);
            assert_eq!((trial.state(), trial.failed.len()), (TrialState::Open, 0));
            assert_eq!(trial.after_start(&id(4), at(1)).first, [id(2), id(3), id(4)]);
        }
    }
}
