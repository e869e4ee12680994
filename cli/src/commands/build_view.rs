//! `prism templates auto-ami build`: what it shows.

use jiff::Timestamp;
use prism_aws::queue::Forecast;
use prism_domain::build::{Build, EndingKind};
use prism_domain::claim::{Claim, Held};
use prism_domain::id::{BuildId, RequestId, Target};
use prism_domain::ledger::{BudgetSource, ReservationState};
use prism_domain::money::MicroDollars;
use prism_domain::problem::printable;
use serde::Serialize;

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
    /// Which budget pays for it.
    pub paid_from: Option<BudgetSource>,
    /// When it starts, if nothing else happens. Nothing: somebody has to change something first.
    pub starts_at: Option<Timestamp>,
    /// When it is expected to be done.
    pub done_at: Option<Timestamp>,
    /// What it waits for now.
    pub reason: Option<String>,
    /// Whether it can't start as things are, even if a person approves.
    pub cannot_start: bool,
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
pub fn planned(build: BuildId, own: bool, claim: &Claim) -> Planned {
    let held: Option<&Held> = claim.held.as_ref().filter(|held| held.queued.build == build);
    let answer = match (own, held.and(claim.next.as_ref())) {
        (true, _) => AnsweredBy::Own,
        (false, Some(_)) => AnsweredBy::Next,
        (false, None) => AnsweredBy::Joined,
    };
    let estimate = held.filter(|_| answer != AnsweredBy::Next).map(|held| held.queued.estimate);
    Planned {
        build,
        answer,
        estimate,
        paid_from: None,
        starts_at: None,
        done_at: None,
        reason: None,
        cannot_start: false,
    }
}

impl Planned {
    /// The same with what is foreseen of it.
    pub fn foreseen(mut self, forecast: &Forecast) -> Self {
        self.done_at = forecast.ends.get(&self.build).copied();
        if self.answer == AnsweredBy::Next {
            self.starts_at = self.done_at.take();
            self.reason = Some(format!("follows {}", self.build));
            return self;
        }
        let Some(expected) = forecast.waiting.get(&self.build) else { return self };
        self.paid_from = expected.start.map(|start| start.source);
        self.starts_at = expected.start.map(|start| start.at);
        self.done_at = expected.start.map(|start| start.ends);
        self.reason = Some(printable(expected.reason(), 400));
        self.cannot_start = expected.start.is_none() && !expected.waits_for_approval;
        self
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

impl Request {
    /// Whether its build can start, and, if it has ended, has its image.
    pub fn went_well(&self) -> bool {
        match (&self.ending, &self.planned) {
            (Some(ended), _) => ended.kind == EndingKind::Complete,
            (None, planned) => !planned.as_ref().is_some_and(|planned| planned.cannot_start),
        }
    }
}

impl Started {
    /// Whether every build can start, and everything that was waited for has its image.
    pub fn went_well(&self) -> bool {
        self.requests.iter().all(Request::went_well)
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
        let pays = self.paid_from.map(|source| format!(", from the {source} budget")).unwrap_or_default();
        lines.extend(self.estimate.map(|estimate| format!("Estimated cost: {estimate}{pays}")));
        match (self.starts_at, &self.reason) {
            (Some(at), Some(reason)) if !look.is_now(at) => {
                lines.push(format!("Starts: {}: it {reason}", look.when(at)));
            }
            (None, Some(reason)) if self.cannot_start => {
                lines.push(paint(WARN, format!("⚠ Does not start: it {reason}")));
            }
            (None, Some(reason)) => lines.push(format!("Starts: not yet; it {reason}")),
            _ => {}
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

    /// The build of a claim, as it is told to somebody who asked.
    pub fn foreseen(own: bool, claim: &Claim) -> Planned {
        let held = claim.held.as_ref().unwrap();
        planned(held.queued.build.clone(), own, claim).foreseen(&samples::forecast(held))
    }

    #[test]
    fn a_build_that_waits_says_when_it_starts_and_what_it_costs() {
        let planned = foreseen(true, &claim());
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
        let planned = foreseen(true, &claim);
        insta::assert_snapshot!(plain(&started(true, request(Some(planned), None)).text(&look())));
    }

    #[test]
    fn a_request_that_joins_or_follows_another_build_says_so() {
        let joined = foreseen(false, &claim());
        assert_eq!(joined.answer, AnsweredBy::Joined);
        let wish = serde_json::from_value(serde_json::json!({"template": "python-ml"})).unwrap();
        let follows = foreseen(false, &Claim { next: Some(wish), ..claim() });
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
