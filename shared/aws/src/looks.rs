//! Looks: having plan-build work out what a target is due, and build that.

use jiff::{SignedDuration, Timestamp};
use prism_domain::claim::Claim;
use prism_domain::due::{Due, HeldBack, Standing, due};
use prism_domain::duration::after;
use prism_domain::id::Target;
use prism_domain::policy::Policy;
use prism_domain::request::RequestInput;

use crate::error::Result;
use crate::table::Table;
use crate::workflow::Workflow;
use crate::{claims, fault};

/// How long after it was started a look is started again, if nobody took it up.
const AGAIN: SignedDuration = SignedDuration::from_mins(10);

/// Starts a look at a target. The claim says that it is wanted, so that schedule-builds starts it again if this one is
/// lost.
///
/// # Errors
///
/// If AWS fails.
pub async fn start(table: &Table, workflow: &Workflow, target: &Target, now: Timestamp) -> Result<()> {
    claims::want(table, target, after(now, AGAIN)).await?;
    fault::point("look.wanted");
    workflow.start_unnamed(&RequestInput::only_if_due(target).to_value()).await?;
    fault::point("look.started");
    Ok(())
}

/// What a target is due, and whether a look at it was started for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What it is due.
    pub due: Due,
    /// Whether a look was started.
    pub started: bool,
}

/// Starts a look at a target that nobody builds, if a rebuild is due now or a person's request waits, or has one started
/// later, if the rebuild is held back until then. Rebuilds for a changed template alone are started by reconcile-builds.
///
/// # Errors
///
/// If AWS fails.
pub async fn start_if_due(
    table: &Table,
    workflow: &Workflow,
    standing: &Standing,
    policy: &Policy,
    now: Timestamp,
) -> Result<Looked> {
    let claim = &standing.claim;
    let due = due(standing, policy, now);
    let held_back = match &due {
        _ if claim.held.is_some() => return Ok(Looked { due, started: false }),
        _ if claim.next.is_some() => None,
        Due::Nothing(_) => return Ok(Looked { due, started: false }),
        Due::Rebuild(rebuild) if rebuild.is_paced() => return Ok(Looked { due, started: false }),
        Due::Rebuild(rebuild) => rebuild.held_back.as_ref(),
    };
    match held_back {
        None => {
            start(table, workflow, &claim.target, now).await?;
            return Ok(Looked { due, started: true });
        }
        Some(HeldBack { until: Some(until), .. }) if claim.wanted != Some(*until) => {
            claims::want(table, &claim.target, *until).await?;
        }
        Some(_) => {}
    }
    Ok(Looked { due, started: false })
}

/// Starts the looks whose time has come and that nobody has taken up. Answers how many.
///
/// # Errors
///
/// If AWS fails.
pub async fn start_wanted(table: &Table, workflow: &Workflow, claims: &[Claim], now: Timestamp) -> Result<usize> {
    let mut started = 0;
    for claim in claims.iter().filter(|claim| claim.wanted.is_some_and(|wanted| wanted <= now)) {
        start(table, workflow, &claim.target, now).await?;
        started += 1;
    }
    Ok(started)
}
