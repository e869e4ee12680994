//! How a build ends, what it cost, and what that changes.

use jiff::Timestamp;
use serde_json::json;

use crate::approval::Causes;
use crate::attempts::{Attempts, Failed, Fingerprint};
use crate::build::{Build, Ending, EndingKind, ImageResult};
use crate::claim::Claim;
use crate::decision::{Decision, DecisionKind};
use crate::duration::after;
use crate::estimate;
use crate::hold::{HeldBy, Hold, REST};
use crate::ledger::{Adjustment, Reservation, ReservationState, release, settle, settle_late};
use crate::money::MicroDollars;

/// Why a build is being closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The state machine came to its end.
    Through,
    /// A rule or a person stopped it.
    Stopped {
        /// Who.
        by: HeldBy,
        /// Why, to stand behind its name.
        reason: String,
    },
    /// Something failed.
    Failed {
        /// What.
        message: String,
        /// Whether the template is at fault, and not AWS, though Image Builder had not started.
        is_own: bool,
    },
}

impl Verdict {
    /// In one word, where there is no build.
    #[must_use]
    pub const fn kind(&self) -> EndingKind {
        match self {
            Self::Stopped { .. } => EndingKind::Stopped,
            Self::Through | Self::Failed { .. } => EndingKind::Failed,
        }
    }

    /// In a sentence.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Through => "no build was made",
            Self::Stopped { reason: message, .. } | Self::Failed { message, .. } => message,
        }
    }
}

/// A build once it is closed: with its ending, and its money settled if Image Builder has started, or given back if it never
/// did. Answers the adjustments of the ledger too; `None`: it held no money.
#[must_use]
pub fn close(build: &Build, verdict: &Verdict, now: Timestamp) -> (Build, Option<Vec<Adjustment>>) {
    let mut closed = Build { ending: Some(ending(build, verdict, now)), ..build.clone() };
    let Some(reservation) = &build.reservation else { return (closed, None) };
    let (state, adjustments) = match cost(build, now) {
        Some(amount) => (ReservationState::Settled { amount }, settle(reservation, amount)),
        None => (ReservationState::Released, release(reservation)),
    };
    // It is settled once.
    if adjustments.is_some() {
        closed.reservation = Some(Reservation { state, ..reservation.clone() });
    }
    (closed, adjustments)
}

/// A published image is complete whatever came after; a stop comes before a failure of Image Builder, which may be of the stop.
fn ending(build: &Build, verdict: &Verdict, now: Timestamp) -> Ending {
    let result = build.outcome.as_ref().map(|outcome| &outcome.result);
    let (kind, message) = match (build.published_at, verdict, result) {
        (Some(_), ..) => (EndingKind::Complete, "its image is published".to_owned()),
        (None, Verdict::Stopped { reason, .. }, _) => (EndingKind::Stopped, reason.clone()),
        (None, _, Some(ImageResult::Failed { message, .. })) => (EndingKind::Failed, message.clone()),
        (None, verdict, _) => (EndingKind::Failed, verdict.message().to_owned()),
    };
    Ending { kind, message, at: now }
}

/// An ended build whose money was given back though Image Builder had been asked to start just before, and started: with what
/// it cost after all, and the adjustments of the ledger. `None`: nothing is to be booked.
#[must_use]
pub fn book_late(build: &Build, now: Timestamp) -> Option<(Build, Vec<Adjustment>)> {
    let (reservation, amount) = (build.reservation.as_ref()?, cost(build, now)?);
    let adjustments = settle_late(reservation, amount)?;
    let settled = Reservation { state: ReservationState::Settled { amount }, ..reservation.clone() };
    Some((Build { reservation: Some(settled), ..build.clone() }, adjustments))
}

/// What a build cost, if Image Builder has started: the builder's time, and the storage of what stays. Of one without rates
/// nobody knows: it counts as having cost what was reserved.
#[must_use]
pub fn cost(build: &Build, now: Timestamp) -> Option<MicroDollars> {
    let ran = build.ran(now)?;
    let frozen = build.frozen.as_ref();
    let Some(rates) = frozen.and_then(|frozen| frozen.rates) else {
        return build.reservation.as_ref().map(|reservation| reservation.amount);
    };
    let kept = match (build.published_at, frozen) {
        (Some(_), Some(frozen)) => frozen.regions.len(),
        _ => 0,
    };
    Some(estimate::actual(rates, ran, kept))
}

impl Claim {
    /// The claim once the build that holds it is closed: free, with what was learnt for the next one.
    #[must_use]
    pub fn after(self, closed: &Build, verdict: &Verdict) -> Self {
        let queued = self.held.as_ref().map(|held| held.queued.clone());
        let mut claim = Self { held: None, ..self };
        let Some(ending) = &closed.ending else { return claim };
        match ending.kind {
            EndingKind::Complete => (claim.hold, claim.attempts) = (None, None),
            EndingKind::Failed => {
                let failed = Failed {
                    fingerprint: closed.frozen.as_ref().map(Fingerprint::of),
                    is_own: matches!(verdict, Verdict::Failed { is_own: true, .. }) || closed.failed_for_what_it_is(),
                    at: ending.at,
                    message: ending.message.clone(),
                };
                claim.attempts = Some(Attempts::after_failure(claim.attempts.as_ref(), failed));
            }
            EndingKind::Stopped => {
                // One of which nothing is due any more, or whose template is disabled, is held back by that alone.
                let is_too_dear = queued.as_ref().is_some_and(|it| it.max_cost.is_some_and(|most| it.estimate > most));
                let by = if let Verdict::Stopped { by, .. } = verdict { *by } else { HeldBy::Rule };
                let is_held = by == HeldBy::Person || is_too_dear;
                let is_rejected = claim.hold.as_ref().is_some_and(|hold| hold.is_why(queued.as_ref(), &closed.id));
                let causes = Causes::of(&closed.request);
                if is_held && !is_rejected && !causes.is_empty() {
                    claim.hold = Some(Hold {
                        build: closed.id.clone(),
                        causes,
                        urgency: closed.request.urgency,
                        by,
                        execution: closed.execution.clone(),
                        reason: Some(ending.message.clone()),
                        at: ending.at,
                        until: Some(after(ending.at, REST)),
                    });
                }
            }
            EndingKind::Superseded => {}
        }
        claim
    }
}

/// What the journal says of a closed build.
#[must_use]
pub fn decision(closed: &Build, now: Timestamp) -> Decision {
    let ending = closed.ending.as_ref();
    let complete = ending.is_some_and(|ending| ending.kind == EndingKind::Complete);
    Decision {
        kind: if complete { DecisionKind::Publish } else { DecisionKind::Stop },
        subject: format!("{}:closed", closed.id),
        reasons: ending.map(|ending| ending.message.clone()).into_iter().collect(),
        inputs: json!({ "ending": ending, "outcome": closed.outcome, "reservation": closed.reservation }),
        at: now,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::fixtures::{self, at, target};

    const NOW: &str = "2026-11-24T02:30:00Z";

    /// A build whose money is reserved, with these fields beside.
    fn build(fields: &Value) -> Build {
        let build = fixtures::build(target("python-ml").build(2), &[], at("2026-11-23T17:00:00Z"));
        let mut json = serde_json::to_value(build).unwrap();
        json["reservation"] = json!({
            "source": "daily", "periods": ["daily#2026-11-24"], "amount": 3_000_000, "state": { "state": "open" },
        });
        json.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(json).unwrap()
    }

    fn ran(result: &Value) -> Value {
        json!({
            "run": { "arn": "arn", "started_at": "2026-11-24T02:00:00Z" },
            "outcome": { "result": result, "ended_at": "2026-11-24T02:20:00Z", "arn": "arn" },
        })
    }

    fn failed() -> Verdict {
        Verdict::Failed { message: "its execution timed out".to_owned(), is_own: false }
    }

    fn ended(build: &Build, verdict: &Verdict) -> (EndingKind, String) {
        let ending = close(build, verdict, at(NOW)).0.ending.unwrap();
        (ending.kind, ending.message)
    }

    #[test]
    fn a_published_image_is_complete_whatever_came_after() {
        let build = build(&json!({ "published_at": NOW }));
        assert_eq!(ended(&build, &failed()).0, EndingKind::Complete);
    }

    #[test]
    fn a_stop_is_told_as_one_though_it_made_image_builder_fail() {
        let build = build(&ran(&json!({ "status": "failed", "step": null, "message": "it was cancelled" })));
        let stopped = Verdict::Stopped { by: HeldBy::Person, reason: "its execution was stopped".to_owned() };
        assert_eq!(ended(&build, &stopped), (EndingKind::Stopped, "its execution was stopped".to_owned()));
        assert_eq!(ended(&build, &failed()), (EndingKind::Failed, "it was cancelled".to_owned()));
    }

    #[test]
    fn money_is_given_back_where_image_builder_never_started_and_settled_where_it_has() {
        let (released, _) = close(&build(&json!({})), &failed(), at(NOW));
        assert_eq!(released.reservation.unwrap().state, ReservationState::Released);
        // Without rates nobody knows what it cost: what was reserved.
        let (settled, adjustments) = close(&build(&ran(&json!({ "status": "cancelled" }))), &failed(), at(NOW));
        let amount = MicroDollars(3_000_000);
        assert_eq!(settled.reservation.as_ref().unwrap().state, ReservationState::Settled { amount });
        assert!(adjustments.is_some());
        assert_eq!(close(&settled, &failed(), at(NOW)).1, None, "once");
        assert_eq!(close(&build(&json!({ "reservation": null })), &failed(), at(NOW)).1, None, "it held none");
    }

    #[test]
    fn quotas_and_lost_runs_are_no_failures_of_the_template() {
        let is_own = |build: &Build, verdict: &Verdict| {
            let (closed, _) = close(build, verdict, at(NOW));
            let attempts = Claim::free(build.id.target.clone()).after(&closed, verdict).attempts.unwrap();
            (attempts.failures, attempts.others) == (1, 0)
        };
        let ended = |message: &str| build(&ran(&json!({ "status": "failed", "step": null, "message": message })));
        assert!(is_own(&ended("no space left on device"), &Verdict::Through));
        assert!(!is_own(&ended("InsufficientInstanceCapacity: there is none"), &Verdict::Through));
        assert!(!is_own(&build(&json!({})), &failed()));
        let cannot = Verdict::Failed { message: "it cannot be built".to_owned(), is_own: true };
        assert!(is_own(&build(&json!({})), &cannot));
    }
}
