//! What is watched, and what a look at it comes to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use prism_aws::base_images::{Calls, WatchRun};
use prism_domain::architecture::Architecture;
use prism_domain::catalogue::{BaseImage, Catalogue, Source};
use prism_domain::id::{AmiId, Region, TrackedImageId, UpdateId};
use prism_domain::sight::Unseen;
use prism_domain::watch::TroubleKind;

/// A base image on an architecture that is watched, in whatever region.
#[derive(Debug)]
pub struct Watched<'a> {
    /// Its entry in the catalogue.
    pub base: &'a BaseImage,
    /// Its architecture.
    pub architecture: Architecture,
    /// Where it is found.
    pub source: Source,
}

impl Watched<'_> {
    /// Which image it is in a region.
    pub fn id(&self, region: &Region) -> TrackedImageId {
        TrackedImageId { name: self.base.name.clone(), architecture: self.architecture, region: region.clone() }
    }
}

/// Everything that is watched.
pub fn all(catalogue: &Catalogue) -> Vec<Watched<'_>> {
    let watched = catalogue.on_every_architecture();
    let found = watched
        .filter_map(|(base, architecture)| Some(Watched { base, architecture, source: base.source(architecture)? }));
    found.collect()
}

/// What a look has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is what it was.
    Same,
    /// It was seen for the first time.
    First,
    /// It moved.
    Moved(UpdateId),
    /// It goes back and forth and is not followed.
    Held,
    /// Nothing was found to go by.
    Unseen(Unseen),
    /// What it was does not exist any more, though its parameter still names it.
    Vanished(AmiId),
}

/// What a run tells.
pub fn summary(region: &Region, looked_at: Timestamp, outcomes: &[Outcome], calls: Calls, took_ms: u64) -> WatchRun {
    let (mut same, mut first, mut held) = (0, 0, 0);
    let mut moved = Vec::new();
    let mut troubles: BTreeMap<TroubleKind, u32> = BTreeMap::new();
    for outcome in outcomes {
        match outcome {
            Outcome::Same => same += 1,
            Outcome::First => first += 1,
            Outcome::Held => held += 1,
            Outcome::Moved(update) => moved.push(update.clone()),
            Outcome::Unseen((kind, _)) => *troubles.entry(*kind).or_default() += 1,
            Outcome::Vanished(_) => *troubles.entry(TroubleKind::Absent).or_default() += 1,
        }
    }
    let watched = u32::try_from(outcomes.len()).unwrap_or(u32::MAX);
    WatchRun { region: region.clone(), looked_at, watched, same, moved, first, held, troubles, calls, took_ms }
}

/// Why the run failed, if every single look did: nothing could be asked.
pub fn failure(outcomes: &[Outcome]) -> Option<String> {
    let unasked =
        |outcome: &Outcome| matches!(outcome, Outcome::Unseen((TroubleKind::Throttled | TroubleKind::Unreachable, _)));
    match outcomes.first() {
        Some(Outcome::Unseen((_, reason))) if outcomes.iter().all(unasked) => Some(reason.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unseen(kind: TroubleKind) -> Outcome {
        Outcome::Unseen((kind, format!("it is {kind}")))
    }

    #[test]
    fn a_summary_counts_every_image_once() {
        let region: Region = "us-east-1".parse().unwrap();
        let update: UpdateId = "debian-12/arm64/us-east-1/3".parse().unwrap();
        let mut outcomes = vec![Outcome::Same, Outcome::Same, Outcome::First, Outcome::Held, Outcome::Moved(update)];
        outcomes.extend([TroubleKind::Missing, TroubleKind::Missing, TroubleKind::Absent].map(unseen));
        let run = summary(&region, Timestamp::UNIX_EPOCH, &outcomes, Calls::default(), 7);
        assert_eq!((run.watched, run.same, run.first, run.held, run.moved.len()), (8, 2, 1, 1, 1));
        assert_eq!(run.troubles, BTreeMap::from([(TroubleKind::Missing, 2), (TroubleKind::Absent, 1)]));
    }

    #[test]
    fn only_a_run_in_which_every_look_failed_is_a_failed_run() {
        let [throttled, unreachable] = [TroubleKind::Throttled, TroubleKind::Unreachable].map(unseen);
        assert_eq!(failure(&[throttled.clone(), unreachable.clone()]).as_deref(), Some("it is throttled"));
        assert_eq!(failure(&[throttled.clone(), Outcome::Same]), None);
        assert_eq!(failure(&[throttled, unreachable, unseen(TroubleKind::Missing)]), None, "one was answered");
        assert_eq!(failure(&[]), None);
    }
}
