//! What becomes of a request that meets the claim of its target, and the one transaction that makes it so.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::queue::Expectation;
use prism_aws::requests::RequestRecord;
use prism_aws::table::{Applied, Table, Write};
use prism_aws::{builds, claims, fault, journal, notices, requests};
use prism_domain::advisory::AdvisoryId;
use prism_domain::build::{Build, Ending, EndingKind};
use prism_domain::claim::{Claim, Held, Meeting, Stage, meet, merge_next};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::id::{BuildId, RequestId};
use prism_domain::notice;
use prism_domain::patch::{FrozenPatch, Patch};
use prism_domain::policy::Policy;
use prism_domain::request::{BuildTrigger, CompilationRequest, RequestInput};
use prism_domain::schedule::Queued;
use prism_domain::slot::{Demand, slot};
use serde_json::json;

/// Everything that is known when a request meets the claim of its target.
#[derive(Debug)]
pub struct Planning {
    /// The request.
    pub id: RequestId,
    /// The ARN of its execution.
    pub execution: String,
    /// What was asked for, for this architecture.
    pub wish: RequestInput,
    /// The same, compiled.
    pub request: CompilationRequest,
    /// The patches that it has to bring.
    pub patches: Vec<Patch>,
    /// The claim.
    pub claim: Claim,
    /// The build that holds it.
    pub holder: Option<Build>,
    /// Whether what that build froze is what this request would build.
    pub covered: bool,
    /// What a build is expected to take and cost.
    pub expected: Expectation,
    /// Why the template is disabled, if it is.
    pub disabled: Option<String>,
    /// The policy.
    pub policy: Policy,
    /// Now.
    pub now: Timestamp,
}

impl Planning {
    /// Decides and writes. `None`: somebody else wrote first, and it has to be decided again.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn apply(self, table: &Table) -> Result<Option<RequestRecord>> {
        let meeting = meet(self.claim.held.as_ref(), &self.request, self.covered);
        let (record, mut writes) = match (meeting, &self.holder) {
            (Meeting::Claim, _) | (_, None) => self.claimed(self.request.clone(), None)?,
            (Meeting::TakeOver, Some(loser)) => {
                let (record, mut writes) = self.claimed(self.request.clone().absorbing(&loser.request), Some(loser))?;
                writes.push(builds::write(&self.superseded(loser, &record.build))?);
                (record, writes)
            }
            (Meeting::Join, Some(holder)) => self.joined(holder)?,
            (Meeting::Follow, Some(holder)) => self.deferred(holder)?,
        };
        writes.push(requests::insert(&record)?);
        match table.transact(&format!("planning request {}", self.id), writes).await? {
            Applied::Lost(_) => return Ok(None),
            Applied::Written => {}
        }
        fault::point("plan-build.planned");
        Ok(Some(record))
    }

    fn record(&self, build: &BuildId, own: bool) -> RequestRecord {
        RequestRecord {
            id: self.id.clone(),
            execution: self.execution.clone(),
            build: build.clone(),
            own,
            wake: None,
            at: self.now,
        }
    }

    /// The task token of the execution that waits with the claim.
    fn parked(&self) -> Option<String> {
        Some(self.claim.held.as_ref()?.parked.as_ref()?.token.clone())
    }

    /// The advisories whose fixes it has to bring.
    fn advisories(&self) -> Vec<AdvisoryId> {
        FrozenPatch::of(&self.patches, None).map_or_else(Vec::new, |patch| patch.advisories)
    }

    fn decision(&self, kind: DecisionKind, build: &BuildId, reasons: Vec<String>) -> Result<Write> {
        let inputs = json!({
            "request": self.id, "trigger": self.request.trigger, "urgency": self.request.urgency,
            "priority": self.request.priority, "level": self.request.level, "deadline": self.request.deadline,
            "updates": self.request.base_image_updates, "patches": self.request.security_patches,
            "advisories": self.advisories(), "estimate": self.expected.cost, "policy": self.policy.version,
        });
        let decision = Decision { kind, subject: build.to_string(), reasons, inputs, at: self.now };
        journal::write(&self.request.target.template, &decision)
    }

    /// The request gets a build of its own.
    fn claimed(&self, request: CompilationRequest, loser: Option<&Build>) -> Result<(RequestRecord, Vec<Write>)> {
        let number = self.claim.counter + 1;
        let id = self.request.target.build(number);
        let demand = Demand::of(&request, self.expected.duration);
        let slot = slot(&demand, &self.policy, self.now);
        let queued = Queued {
            build: id.clone(),
            demand,
            queued_at: self.now,
            estimate: self.expected.cost,
            max_cost: request.max_cost,
            disabled: self.disabled.clone().filter(|_| request.trigger != BuildTrigger::Manual),
        };
        let build = Build {
            id: id.clone(),
            request_id: self.id.clone(),
            execution: self.execution.clone(),
            request,
            joined: Vec::new(),
            frozen: None,
            reservation: None,
            run: None,
            outcome: None,
            published_at: None,
            ending: None,
            revision: 0,
        };
        let mut reasons = vec![format!("it {}", slot.reason)];
        if let Some(loser) = loser {
            reasons.push(format!("it is more urgent than {}, whose place it takes", loser.id));
        }
        let kind = if loser.is_some() { DecisionKind::Supersede } else { DecisionKind::Build };
        // Who lost its place ends at once.
        let record = RequestRecord { wake: self.parked(), ..self.record(&id, true) };
        let mut writes = vec![builds::write(&build)?, self.decision(kind, &id, reasons)?];
        // The notice of an update has named this build's slot already.
        if build.request.base_image_updates.is_empty() && slot.at > self.now {
            let (cost, zone) = (self.expected.cost, &self.policy.zone);
            let notice = notice::build_scheduled(&build, &self.advisories(), &slot, cost, zone, self.now);
            writes.push(notices::leave(&notice)?);
        }
        let held = Held {
            request: self.id.clone(),
            execution: self.execution.clone(),
            stage: Stage::Waiting,
            queued,
            slot,
            parked: None,
            image_token: None,
        };
        writes.push(claims::write(&Claim { counter: number, held: Some(held), next: None, ..self.claim.clone() })?);
        Ok((record, writes))
    }

    fn superseded(&self, loser: &Build, winner: &BuildId) -> Build {
        let message = format!("{winner} is more urgent and took its place");
        Build { ending: Some(Ending { kind: EndingKind::Superseded, message, at: self.now }), ..loser.clone() }
    }

    /// The request joins the build that holds the claim.
    fn joined(&self, holder: &Build) -> Result<(RequestRecord, Vec<Write>)> {
        let mut joined = holder.joined.clone();
        joined.push(self.id.clone());
        let request = holder.request.clone().absorbing(&self.request);
        // A build that waited for approval may go on now.
        let wake = self.parked().filter(|_| self.request.approved && !holder.request.approved);
        let record = RequestRecord { wake, ..self.record(&holder.id, false) };
        let reason = match self.request.trigger {
            BuildTrigger::Manual if !holder.request.approved => "a person approves the build that waits",
            _ => "a build of the same template is on its way that covers it",
        };
        // A build that runs already is as wanted as can be.
        let waiting = self.claim.held.clone().filter(|held| held.stage == Stage::Waiting);
        let waiting = waiting.map(|held| held.joined_by(&self.request, &request));
        let mut writes = vec![
            builds::write(&Build { joined, request, ..holder.clone() })?,
            self.decision(DecisionKind::Join, &holder.id, vec![reason.to_owned()])?,
        ];
        if let Some(held) = waiting {
            writes.push(claims::write(&Claim { held: Some(held), ..self.claim.clone() })?);
        }
        Ok((record, writes))
    }

    /// The request is remembered for when the build that runs has ended.
    fn deferred(&self, holder: &Build) -> Result<(RequestRecord, Vec<Write>)> {
        let mut wish = self.wish.clone();
        let cause = wish.cause.get_or_insert_default();
        cause.after = Some(holder.id.clone());
        cause.approved |= self.request.approved;
        let next = merge_next(self.claim.next.clone(), wish);
        let record = self.record(&holder.id, false);
        let reason = format!(
            "{} runs with an older base image or content, or without a patch; the next build follows it",
            holder.id
        );
        let writes = vec![
            claims::write(&Claim { next: Some(next), ..self.claim.clone() })?,
            self.decision(DecisionKind::Defer, &holder.id, vec![reason])?,
        ];
        Ok((record, writes))
    }
}
