//! `prism templates auto-ami build`: what it shows.

use jiff::Timestamp;
use prism_domain::build::{Build, EndingKind};
use prism_domain::claim::{Claim, Held};
use prism_domain::id::{BuildId, RequestId, Target};
use prism_domain::ledger::ReservationState;
use prism_domain::money::MicroDollars;
use prism_domain::problem::printable;
use serde::Serialize;

use crate::condition::{done_at, turn};
use crate::look::{BAD, BOLD, GOOD, Look, WARN, length, paint};
use crate::output::Answer;

/// What became of the requests.
#[derive(Debug, Serialize)]
pub struct Started {
    pub urgent: bool,
    pub reason: Option<String>,
    /// One for each architecture.
    pub requests: Vec<Request>,
}

/// What became of one request.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub target: Target,
    /// The execution's name.
    #[serde(rename = "request")]
    pub id: RequestId,
    /// The execution's ARN.
    pub execution: String,
    /// Its build, once it is planned.
    pub planned: Option<Planned>,
    /// How that ended, if it was waited for.
    pub ending: Option<Ended>,
}

/// The build that answers a request.
#[derive(Debug, Clone, Serialize)]
pub struct Planned {
    pub build: BuildId,
    pub answer: AnsweredBy,
    pub estimate: Option<MicroDollars>,
    /// When it starts, as far as planned.
    pub starts_at: Option<Timestamp>,
    /// When it is expected to be done.
    pub done_at: Option<Timestamp>,
    /// Why then.
    pub reason: Option<String>,
}

/// How a build answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// It is the request's own.
    Own,
    /// It was on its way already, and covers the request.
    Joined,
    /// It runs with older content; the next build, which follows it, answers the request.
    Next,
}

/// How a build ended.
#[derive(Debug, Clone, Serialize)]
pub struct Ended {
    pub build: BuildId,
    pub kind: EndingKind,
    pub message: String,
    pub cost: Option<MicroDollars>,
    #[serde(skip)]
    pub ran: Option<String>,
}

/// The build that answers a request, as its claim now has it.
pub fn planned(build: BuildId, own: bool, claim: &Claim, now: Timestamp) -> Planned {
    let held: Option<&Held> = claim.held.as_ref().filter(|held| held.queued.build == build);
    let answer = match (own, held.and(claim.next.as_ref())) {
        (true, _) => AnsweredBy::Own,
        (false, Some(_)) => AnsweredBy::Next,
        (false, None) => AnsweredBy::Joined,
    };
    let turn = held.map(turn);
    let done_at = held.map(|held| done_at(held, now));
    if answer == AnsweredBy::Next {
        let reason = Some(format!("follows {build}"));
        return Planned { build, answer, estimate: None, starts_at: done_at, done_at: None, reason };
    }
    Planned {
        build,
        answer,
        estimate: held.map(|held| held.queued.estimate),
        starts_at: turn.map(|(at, _)| at),
        done_at,
        reason: turn.map(|(_, reason)| printable(reason, 300)),
    }
}

/// How a build ended, if it has.
pub fn ended(build: &Build, now: Timestamp) -> Option<Ended> {
    let ending = build.ending.as_ref()?;
    let cost = build.reservation.as_ref().and_then(|reservation| match reservation.state {
        ReservationState::Settled { amount } => Some(amount),
        ReservationState::Open | ReservationState::Released => None,
    });
    Some(Ended {
        build: build.id.clone(),
        kind: ending.kind,
        message: printable(&ending.message, 600),
        cost,
        ran: build.ran(now).map(length),
    })
}

impl Started {
    /// Whether everything that was waited for has its image.
    pub fn went_well(&self) -> bool {
        self.requests
            .iter()
            .filter_map(|request| request.ending.as_ref())
            .all(|ended| ended.kind == EndingKind::Complete)
    }

    fn request(&self, request: &Request, look: &Look) -> String {
        let Target { template, architecture } = &request.target;
        let kind = if self.urgent { "Emergency compilation" } else { "Compilation" };
        let mut lines = vec![
            paint(BOLD, format!("{kind} initiated for {template} ({architecture})")),
            format!("Trigger: {}", self.reason.as_deref().unwrap_or("manual")),
        ];
        match &request.planned {
            Some(planned) => lines.extend(planned.lines(look)),
            None => lines.push(format!("Build: still being planned; to see it: prism builds list {template}")),
        }
        lines.push(format!("Progress: {}", printable(request.id.as_str(), 80)));
        lines.extend(request.ending.as_ref().map(|ended| ended.text(look)));
        lines.join("\n")
    }
}

impl Answer for Started {
    fn text(&self, look: &Look) -> String {
        self.requests.iter().map(|request| self.request(request, look)).collect::<Vec<_>>().join("\n\n")
    }
}

impl Planned {
    fn lines(&self, look: &Look) -> Vec<String> {
        let mut lines = vec![match self.answer {
            AnsweredBy::Own => format!("Build: {}", self.build),
            AnsweredBy::Joined => format!("Build: {}, which was on its way already and answers this too", self.build),
            AnsweredBy::Next => format!("Build: the one after {}, which runs with older content", self.build),
        }];
        lines.extend(self.estimate.map(|estimate| format!("Estimated cost: {estimate}")));
        if let (Some(at), Some(reason)) = (self.starts_at, &self.reason)
            && !look.is_now(at)
        {
            lines.push(format!("Starts: {}: it {reason}", look.when(at)));
        }
        if let Some(done) = self.done_at {
            lines.push(format!("ETA: {} ({})", length(look.now.duration_until(done)), look.clock(done)));
        }
        lines
    }
}

impl Answer for Ended {
    fn text(&self, _: &Look) -> String {
        let (style, sign, word) = match self.kind {
            EndingKind::Complete => (GOOD, '✓', "is complete"),
            EndingKind::Failed => (BAD, '✗', "failed"),
            EndingKind::Stopped => (WARN, '⚠', "was stopped"),
            EndingKind::Superseded => (WARN, '⚠', "was superseded"),
        };
        let took = self.ran.as_ref().map(|ran| format!(" after {ran}")).unwrap_or_default();
        let cost = self.cost.map(|cost| format!(", for an estimated {cost}")).unwrap_or_default();
        let head = paint(style, format!("{sign} {} {word}{took}{cost}", self.build));
        format!("{head}: {}", self.message)
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples;

    fn started(urgent: bool, request: Request) -> Started {
        Started { urgent, reason: urgent.then(|| "critical-security-patch".to_owned()), requests: vec![request] }
    }

    pub fn request(planned: Option<Planned>, ending: Option<Ended>) -> Request {
        let target = samples::builds()[2].id.target.clone();
        let name = "5f0c3a52-7d0f-4a55-9c4e-0a1b2c3d4e5f";
        let execution = format!("arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-build-image:{name}");
        Request { target, id: name.parse().unwrap(), execution, planned, ending }
    }

    pub fn claim() -> Claim {
        let build = samples::builds().remove(2);
        let held = Some(samples::held(&build));
        Claim { counter: 5, held, revision: 3, ..Claim::free(build.id.target.clone()) }
    }

    #[test]
    fn a_build_that_waits_says_when_it_starts_and_what_it_costs() {
        let planned = planned(samples::builds()[2].id.clone(), true, &claim(), look().now);
        let started = started(false, request(Some(planned), None));
        insta::assert_snapshot!(plain(&started.text(&look())));
        insta::assert_json_snapshot!(started);
    }

    #[test]
    fn an_urgent_build_says_when_it_is_done() {
        let mut claim = claim();
        if let Some(held) = &mut claim.held {
            held.parked = None;
            held.slot.at = look().now;
        }
        let planned = planned(samples::builds()[2].id.clone(), true, &claim, look().now);
        insta::assert_snapshot!(plain(&started(true, request(Some(planned), None)).text(&look())));
    }

    #[test]
    fn a_request_that_joins_or_follows_another_build_says_so() {
        let joined = planned(samples::builds()[2].id.clone(), false, &claim(), look().now);
        assert_eq!(joined.answer, AnsweredBy::Joined);
        let wish = serde_json::from_value(serde_json::json!({"template": "python-ml"})).unwrap();
        let follows =
            planned(samples::builds()[2].id.clone(), false, &Claim { next: Some(wish), ..claim() }, look().now);
        assert_eq!(follows.answer, AnsweredBy::Next);
        insta::assert_snapshot!(plain(&started(false, request(Some(joined), None)).text(&look())));
    }

    #[test]
    fn a_build_that_was_waited_for_says_how_it_ended() {
        let builds = samples::builds();
        let (done, failed) = (&builds[0], &builds[1]);
        let told = |build: &Build| started(false, request(None, ended(build, look().now)));
        assert!(told(done).went_well() && !told(failed).went_well());
        insta::assert_snapshot!(plain(&format!("{}\n\n{}", told(done).text(&look()), told(failed).text(&look()))));
    }
}
