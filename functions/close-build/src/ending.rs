//! How a build ended, and the one transaction that says so.

use jiff::Timestamp;
use prism_aws::error::{CANNOT_BUILD, Result};
use prism_aws::table::Write;
use prism_aws::workflow::Standing;
use prism_aws::{builds, claims, clearings, journal, ledger, notices, trials};
use prism_domain::approval::Causes;
use prism_domain::attempts::Attempts;
use prism_domain::build::{Build, Channel, EndingKind, ImageResult};
use prism_domain::claim::Claim;
use prism_domain::closing::{self, Verdict};
use prism_domain::hold::HeldBy;
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::problem::printable;
use prism_domain::trial::{Trial, TrialState};
use prism_domain::unreadable::UnreadableRecord;

use crate::{Failure, sentence};

/// What the state machine says.
pub fn of_state(stopped: Option<String>, failure: Option<Failure>) -> Verdict {
    match (failure, stopped) {
        (Some(failure), _) => {
            Verdict::Failed { message: printable(&sentence(&failure), 600), is_own: failure.error == CANNOT_BUILD }
        }
        (None, Some(reason)) => Verdict::Stopped { by: HeldBy::Rule, reason },
        (None, None) => Verdict::Through,
    }
}

/// What an execution that is over says, and the status that an event tells of it.
pub fn of_standing(standing: Standing, status: &str, cause: Option<&str>) -> Verdict {
    let message = match (standing, status) {
        (Standing::Stopped, _) => {
            let reason = match cause.filter(|cause| !cause.is_empty()) {
                Some(cause) => format!("its execution was stopped: {}", printable(cause, 200)),
                None => "its execution was stopped".to_owned(),
            };
            return Verdict::Stopped { by: HeldBy::Person, reason };
        }
        (Standing::Gone, _) => "its execution is gone",
        (_, "TIMED_OUT") => "its execution timed out",
        _ => "its execution failed",
    };
    Verdict::Failed { message: message.to_owned(), is_own: false }
}

/// What a build is closed by.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The claim of its target.
    pub claim: &'a Claim,
    /// The image that launches use, or why that cannot be read.
    pub published: Result<&'a Option<Channel>, &'a UnreadableRecord>,
    /// The trial of its base image, if there is one.
    pub trial: Option<&'a Trial>,
    /// The policy in force.
    pub policy: &'a Policy,
}

/// The writes that say what a build means for the trial of its base image. That all of the first builds have failed is told
/// once, with the last of them.
fn tried(trial: Option<&Trial>, closed: &Build, now: Timestamp) -> Result<Vec<Write>> {
    let Some(trial) = trial else { return Ok(Vec::new()) };
    let after = trial.clone().after_end(closed);
    if after == *trial {
        return Ok(Vec::new());
    }
    let mut writes = vec![trials::write(&after)?];
    if after.state() == TrialState::Failed {
        let message = closed.ending.as_ref().map_or_else(String::new, |ending| ending.message.clone());
        writes.push(notices::leave(&notice::base_image_failed(&after, &message, now))?);
    }
    Ok(writes)
}

/// The closed build, and the writes that close it: its ending, its money, its claim, the journal and the
/// notice, all or none.
///
/// # Errors
///
/// If a write cannot be built.
pub fn close(build: &Build, facts: Facts<'_>, verdict: &Verdict, now: Timestamp) -> Result<(Build, Vec<Write>)> {
    let Facts { claim, published, trial, policy } = facts;
    let (closed, adjustments) = closing::close(build, verdict, now);
    let mut writes = adjustments.map(|adjustments| ledger::close(&adjustments)).transpose()?.unwrap_or_default();
    writes.push(builds::write(&closed)?);
    let holds = claim.held.as_ref().is_some_and(|held| held.queued.build == closed.id);
    let claim = holds.then(|| claim.clone().after(&closed, verdict));
    writes.extend(claim.as_ref().map(claims::write).transpose()?);
    // What nobody will use is removed once it is written that nobody will.
    if closed.frozen.is_some() && closed.ended_unpublished() {
        writes.push(clearings::leave(&closed, now)?);
    }
    writes.push(journal::write(&build.id.target.template, &closing::decision(&closed, now))?);
    let attempts = claim.as_ref().and_then(|claim| claim.attempts.as_ref());
    if let Some(notice) = notice_of(&closed, published, attempts, policy.failure_limit, now) {
        writes.push(notices::leave(&notice)?);
    }
    writes.extend(tried(trial, &closed, now)?);
    Ok((closed, writes))
}

/// The writes that book what an ended build cost after all, though its money was given back: Image Builder had
/// been asked to start just before, and started.
///
/// # Errors
///
/// If a write cannot be built.
pub fn book_late(build: &Build, now: Timestamp) -> Result<Vec<Write>> {
    let Some((settled, adjustments)) = closing::book_late(build, now) else { return Ok(Vec::new()) };
    let mut writes = ledger::book(&adjustments)?;
    writes.push(builds::write(&settled)?);
    Ok(writes)
}

/// What people are told: a build that was stopped on purpose needs no notice.
fn notice_of(
    closed: &Build,
    published: Result<&Option<Channel>, &UnreadableRecord>,
    attempts: Option<&Attempts>,
    failure_limit: u32,
    now: Timestamp,
) -> Option<notice::Notice> {
    let ending = closed.ending.as_ref()?;
    match ending.kind {
        EndingKind::Complete => {
            let amis = match closed.outcome.as_ref().map(|outcome| &outcome.result) {
                Some(ImageResult::Available { amis }) => amis.clone(),
                _ => std::collections::BTreeMap::new(),
            };
            // Of a channel that has moved on, the notice of the build that it names tells.
            let own = published.ok().and_then(Option::as_ref).filter(|channel| channel.build == closed.id);
            let unverified = own.map(Channel::unverified).unwrap_or_default();
            Some(notice::build_complete(closed, &amis, &unverified, now))
        }
        EndingKind::Failed if attempts.is_some_and(|attempts| !attempts.is_told(failure_limit)) => None,
        EndingKind::Failed => {
            let step = match closed.outcome.as_ref().map(|outcome| &outcome.result) {
                Some(ImageResult::Failed { step, .. }) => step.as_deref(),
                _ => None,
            };
            let ami = match published {
                Ok(channel) => {
                    channel.as_ref().and_then(|channel| channel.amis.values().next()).map(ToString::to_string)
                }
                Err(_) => Some("an image whose record cannot be read".to_owned()),
            };
            // Nobody tries again by itself what only a person wanted.
            let attempts = attempts.filter(|_| !Causes::of(&closed.request).is_empty());
            let again = attempts.map(|attempts| attempts.outlook(failure_limit, now));
            Some(notice::build_failed(closed, step, &ending.message, ami.as_deref(), again.as_deref(), now))
        }
        EndingKind::Stopped | EndingKind::Superseded => None,
    }
}
