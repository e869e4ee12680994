//! How a build ended, and the one transaction that says so.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::queue::builder_price;
use prism_aws::table::Write;
use prism_aws::workflow::Standing;
use prism_aws::{builds, claims, clearings, journal, ledger, notices};
use prism_domain::build::{Build, Channel, Ending, EndingKind, ImageResult};
use prism_domain::claim::Claim;
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::estimate;
use prism_domain::ledger::{Reservation, ReservationState, release, settle, settle_late};
use prism_domain::money::MicroDollars;
use prism_domain::notice;
use prism_domain::problem::printable;
use prism_templates::ResolvedTemplate;
use serde_json::json;

use crate::{Failure, sentence};

/// Why the build is being closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The state machine came to its end.
    Through,
    /// A rule or a person stopped it.
    Stopped(String),
    /// Something failed.
    Failed(String),
}

impl Verdict {
    /// What the state machine says.
    pub fn of_state(stopped: Option<String>, failure: Option<Failure>) -> Self {
        match (failure, stopped) {
            (Some(failure), _) => Self::Failed(printable(&sentence(&failure), 600)),
            (None, Some(reason)) => Self::Stopped(reason),
            (None, None) => Self::Through,
        }
    }

    /// What an execution that is over says, and the status that an event tells of it.
    pub fn of_standing(standing: Standing, status: &str, cause: Option<&str>) -> Self {
        match (standing, status) {
            (Standing::Stopped, _) => Self::Stopped(match cause.filter(|cause| !cause.is_empty()) {
                Some(cause) => format!("its execution was stopped: {}", printable(cause, 200)),
                None => "its execution was stopped".to_owned(),
            }),
            (Standing::Gone, _) => Self::Failed("its execution is gone".to_owned()),
            (_, "TIMED_OUT") => Self::Failed("its execution timed out".to_owned()),
            _ => Self::Failed("its execution failed".to_owned()),
        }
    }

    /// In one word, where there is no build.
    pub const fn kind(&self) -> EndingKind {
        match self {
            Self::Stopped(_) => EndingKind::Stopped,
            Self::Through | Self::Failed(_) => EndingKind::Failed,
        }
    }

    /// In a sentence.
    pub fn message(&self) -> &str {
        match self {
            Self::Through => "no build was made",
            Self::Stopped(message) | Self::Failed(message) => message,
        }
    }
}

/// The closed build, and the writes that close it: its ending, its money, its claim, the journal and the
/// notice, all or none.
///
/// # Errors
///
/// If the builder's price is not known, or a write cannot be built.
pub fn close(
    build: &Build,
    claim: &Claim,
    published: Option<&Channel>,
    verdict: &Verdict,
    now: Timestamp,
) -> Result<(Build, Vec<Write>)> {
    let mut closed = build.clone();
    closed.ending = Some(ending(build, verdict, now));
    let mut writes = Vec::new();
    if let Some((reservation, closing)) = settled(build, now)? {
        closed.reservation = Some(reservation);
        writes.extend(closing);
    }
    writes.push(builds::write(&closed)?);
    if claim.held.as_ref().is_some_and(|held| held.queued.build == build.id) {
        writes.push(claims::write(&Claim { held: None, ..claim.clone() })?);
    }
    // What nobody will use is removed once it is written that nobody will.
    if closed.frozen.is_some() && closed.published_at.is_none() {
        writes.push(clearings::leave(&closed, now)?);
    }
    writes.push(journal::write(&build.id.target.template, &decision(&closed, now))?);
    if let Some(notice) = notice_of(&closed, published, now) {
        writes.push(notices::leave(&notice)?);
    }
    Ok((closed, writes))
}

fn ending(build: &Build, verdict: &Verdict, now: Timestamp) -> Ending {
    let result = build.outcome.as_ref().map(|outcome| &outcome.result);
    let (kind, message) = match (build.published_at, verdict, result) {
        (Some(_), ..) => (EndingKind::Complete, "its image is published".to_owned()),
        (None, Verdict::Stopped(reason), _) => (EndingKind::Stopped, reason.clone()),
        (None, _, Some(ImageResult::Failed { message, .. })) => (EndingKind::Failed, message.clone()),
        (None, verdict, _) => (EndingKind::Failed, verdict.message().to_owned()),
    };
    Ending { kind, message, at: now }
}

/// The money, settled if Image Builder has started and given back if it never did, once.
fn settled(build: &Build, now: Timestamp) -> Result<Option<(Reservation, Vec<Write>)>> {
    let Some(reservation) = &build.reservation else { return Ok(None) };
    let (state, adjustments) = match cost(build, now)? {
        Some(amount) => (ReservationState::Settled { amount }, settle(reservation, amount)),
        None => (ReservationState::Released, release(reservation)),
    };
    let Some(adjustments) = adjustments else { return Ok(None) };
    Ok(Some((Reservation { state, ..reservation.clone() }, ledger::close(&adjustments)?)))
}

/// The writes that book what an ended build cost after all, though its money was given back: Image Builder had
/// been asked to start just before, and started.
///
/// # Errors
///
/// If the builder's price is not known, or a write cannot be built.
pub fn book_late(build: &Build, now: Timestamp) -> Result<Vec<Write>> {
    let (Some(reservation), Some(amount)) = (&build.reservation, cost(build, now)?) else { return Ok(Vec::new()) };
    let Some(adjustments) = settle_late(reservation, amount) else { return Ok(Vec::new()) };
    let settled = Reservation { state: ReservationState::Settled { amount }, ..reservation.clone() };
    let mut writes = ledger::book(&adjustments)?;
    writes.push(builds::write(&Build { reservation: Some(settled), ..build.clone() })?);
    Ok(writes)
}

/// What the build cost, if Image Builder has started: the builder's time, and the storage of what stays.
fn cost(build: &Build, now: Timestamp) -> Result<Option<MicroDollars>> {
    let Some(ran) = build.ran(now) else { return Ok(None) };
    let frozen = build.frozen.as_ref();
    let resolved = frozen.and_then(|frozen| serde_json::from_value::<ResolvedTemplate>(frozen.template.clone()).ok());
    let root_volume_gb = resolved.map_or(0, |resolved| resolved.root_volume_gb);
    let kept = match (build.published_at, frozen) {
        (Some(_), Some(frozen)) => frozen.regions.len(),
        _ => 0,
    };
    let price = builder_price(build.id.target.architecture)?;
    Ok(Some(estimate::actual(price, ran, root_volume_gb, kept).total()))
}

fn decision(closed: &Build, now: Timestamp) -> Decision {
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

/// What people are told: a build that was stopped on purpose needs no notice.
fn notice_of(closed: &Build, published: Option<&Channel>, now: Timestamp) -> Option<notice::Notice> {
    let ending = closed.ending.as_ref()?;
    match ending.kind {
        EndingKind::Complete => {
            let amis = match closed.outcome.as_ref().map(|outcome| &outcome.result) {
                Some(ImageResult::Available { amis }) => amis.clone(),
                _ => std::collections::BTreeMap::new(),
            };
            Some(notice::build_complete(closed, &amis, None, now))
        }
        EndingKind::Failed => {
            let step = match closed.outcome.as_ref().map(|outcome| &outcome.result) {
                Some(ImageResult::Failed { step, .. }) => step.as_deref(),
                _ => None,
            };
            let ami = published.and_then(|channel| channel.amis.values().next()).map(ToString::to_string);
            Some(notice::build_failed(closed, step, &ending.message, ami.as_deref(), now))
        }
        EndingKind::Stopped | EndingKind::Superseded => None,
    }
}
