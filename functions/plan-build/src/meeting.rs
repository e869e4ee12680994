//! What becomes of a request that meets the claim of its target, and the one transaction that makes it so.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::requests::RequestRecord;
use prism_aws::table::{Table, Write};
use prism_aws::{approvals, builds, claims, fault, journal, notices, requests};
use prism_domain::advisory::AdvisoryId;
use prism_domain::approving::{self, waiting_reason};
use prism_domain::build::{Build, Ending, EndingKind};
use prism_domain::claim::{Claim, Held, Meeting, Stage, meet, merge_next};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::estimate::Expectation;
use prism_domain::id::{AmiId, BuildId, RequestId};
use prism_domain::notice;
use prism_domain::patch::{FrozenPatch, Patch};
use prism_domain::permit::Permit;
use prism_domain::policy::Policy;
use prism_domain::queued::Queued;
use prism_domain::request::{BuildTrigger, CompilationRequest, RequestInput};
use prism_domain::slot::Demand;
use serde_json::json;

/// Everything that is known when a request meets the claim of its target.
#[derive(Debug)]
pub struct Planning {
    /// The request.
    pub id: RequestId,
    /// The ARN of its execution.
    pub execution: String,
    /// When that was started.
    pub started: String,
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
    /// Whether an earlier attempt to build the same has failed.
    pub is_again: bool,
    /// What its base image is now, once that was seen.
    pub base_image_id: Option<AmiId>,
    /// Why its root volume is larger than the template asks for, if it is.
    pub raised: Option<String>,
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
        let meeting = meet(&self.claim, &self.request, self.covered);
        let (record, mut writes) = match (meeting, &self.holder) {
            (Meeting::Claim, _) | (_, None) => self.claimed(self.request.clone(), None)?,
            (Meeting::TakeOver, Some(loser)) => {
                // What a build that is to end was for is not passed on.
                let request = match self.ending_holder() {
                    Some(_) => self.request.clone(),
                    None => self.request.clone().absorbing(&loser.request),
                };
                let (record, mut writes) = self.claimed(request, Some(loser))?;
                writes.push(builds::write(&self.superseded(loser, &record.build))?);
                (record, writes)
            }
            (Meeting::Join, Some(holder)) => self.joined(holder)?,
            (Meeting::Follow, Some(holder)) => self.deferred(holder)?,
        };
        writes.push(requests::insert(&record)?);
        let planned = table.transact(&format!("planning request {}", self.id), writes).await?.then(record);
        Ok(planned.inspect(|_| fault::point("plan-build.planned")))
    }

    fn record(&self, build: &BuildId, own: bool) -> RequestRecord {
        RequestRecord {
            id: self.id.clone(),
            execution: self.execution.clone(),
            started: self.started.clone(),
            build: build.clone(),
            own,
            wakes: None,
            at: self.now,
        }
    }

    /// The build that holds the claim, as the schedule sees it.
    fn holding(&self) -> Option<&Queued> {
        self.claim.held.as_ref().map(|held| &held.queued)
    }

    /// Why the build that holds the claim is to end, if it is.
    fn ending_holder(&self) -> Option<&str> {
        self.holding()?.ends.as_deref()
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
        // What the build whose place it takes was let do, it may do as well, and it has waited as long.
        let before = loser.and_then(|_| self.holding()).filter(|before| before.ends.is_none());
        let permits = before.map_or_else(Vec::new, |before| before.permits().into_owned());
        let queued = Queued {
            build: id.clone(),
            demand,
            permits: Permit::of(&self.request).added_to(permits),
            queued_at: before.map_or(self.now, |before| before.queued_at),
            estimate: self.expected.cost,
            max_cost: request.max_cost,
            disabled: self.disabled.clone().filter(|_| request.trigger != BuildTrigger::Manual),
            approval: before.and_then(|before| before.approval.clone()),
            base_image_id: self.base_image_id.clone(),
            is_again: self.is_again,
            ends: None,
        };
        let slot = queued.slot(&self.policy, self.now);
        let build = Build {
            approval: queued.approval.clone(),
            ..Build::new(id.clone(), self.id.clone(), self.execution.clone(), request)
        };
        let mut reasons = vec![match queued.waits_for_approval(&self.policy) {
            Some(needed) => format!("it {}", waiting_reason(needed, &queued)),
            None => format!("it {}", slot.reason),
        }];
        match (loser, self.ending_holder()) {
            (Some(loser), Some(ends)) => {
                reasons.push(format!("it takes the place of {}, which {ends}", loser.id));
            }
            (Some(loser), None) => reasons.push(format!("it is more urgent than {}, whose place it takes", loser.id)),
            (None, _) => {}
        }
        reasons.extend(self.raised.clone());
        let kind = if loser.is_some() { DecisionKind::Supersede } else { DecisionKind::Build };
        // Who lost its place ends at once.
        let record = RequestRecord { wakes: loser.map(|loser| loser.id.clone()), ..self.record(&id, true) };
        let mut writes = vec![builds::write(&build)?, self.decision(kind, &id, reasons)?];
        let zone = &self.policy.zone;
        if let Some(reminder) = approving::reminder_when_queued(&queued, &self.policy, self.now) {
            let reason = build.request.reason.as_deref();
            let notice = notice::approval_needed(&reminder, reason, zone, self.now);
            writes.extend(notice.map(|notice| approvals::tell(&notice)).transpose()?.into_iter().flatten());
        } else if build.request.base_image_updates.is_empty() && slot.at > self.now && !self.is_again {
            // The notice of an update has named this build's slot already, and that of the failure a further attempt.
            let cost = self.expected.cost;
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
            started_at: None,
        };
        writes.push(claims::write(&Claim {
            counter: number,
            held: Some(held),
            next: None,
            wanted: None,
            ..self.claim.clone()
        })?);
        Ok((record, writes))
    }

    fn superseded(&self, loser: &Build, winner: &BuildId) -> Build {
        let (kind, message) = match self.ending_holder() {
            Some(ends) => (EndingKind::Stopped, ends.to_owned()),
            None => (EndingKind::Superseded, format!("{winner} is more urgent and took its place")),
        };
        Build { ending: Some(Ending { kind, message, at: self.now }), ..loser.clone() }
    }

    /// The request joins the build that holds the claim.
    fn joined(&self, holder: &Build) -> Result<(RequestRecord, Vec<Write>)> {
        let request = holder.request.clone().absorbing(&self.request);
        // A build that runs already is as wanted as can be.
        let waiting = self.claim.held.clone().filter(|held| held.stage == Stage::Waiting);
        let before = waiting.as_ref().and_then(|held| held.queued.waits_for_approval(&self.policy));
        let waiting = waiting.map(|held| held.joined_by(&self.request, &request));
        let after = waiting.as_ref().and_then(|held| held.queued.waits_for_approval(&self.policy));
        // A build that waited for approval may go on now. A person who asks also ends the wait for the minimum age of a base
        // image.
        let approves = (before.is_some() && after.is_none()) || (self.request.by_hand && !holder.request.by_hand);
        let record = RequestRecord { wakes: approves.then(|| holder.id.clone()), ..self.record(&holder.id, false) };
        let reason = match (before, after, &waiting) {
            (Some(_), None, _) if self.request.by_hand => "a person approves the build that waits".to_owned(),
            (_, Some(needed), Some(held)) => {
                format!("a build of the same template covers it, which {}", waiting_reason(needed, &held.queued))
            }
            _ => "a build of the same template is on its way that covers it".to_owned(),
        };
        let mut writes = vec![
            builds::write(&Build { request, ..holder.clone().joined_by(self.id.clone()) })?,
            self.decision(DecisionKind::Join, &holder.id, vec![reason])?,
        ];
        let waiting = waiting.map(|mut held| {
            held.queued.base_image_id.clone_from(&self.base_image_id);
            held
        });
        let held = waiting.or_else(|| self.claim.held.clone());
        writes.push(claims::write(&Claim { held, wanted: None, ..self.claim.clone() })?);
        Ok((record, writes))
    }

    /// A build runs that does not cover the request. Once it has ended, what is due is looked at again; what a person asks
    /// for is remembered until then.
    fn deferred(&self, holder: &Build) -> Result<(RequestRecord, Vec<Write>)> {
        let mut next = self.claim.next.clone();
        if !self.wish.only_if_due {
            let urgent_request = self.wish.urgent.then(|| self.id.clone());
            next = Some(merge_next(next, RequestInput { urgent_request, ..self.wish.clone() }));
        }
        let record = self.record(&holder.id, false);
        let reason = format!(
            "{} runs with an older base image or content, or without a patch; the next build follows it",
            holder.id
        );
        let writes = vec![
            claims::write(&Claim { next, wanted: None, ..self.claim.clone() })?,
            self.decision(DecisionKind::Defer, &holder.id, vec![reason])?,
        ];
        Ok((record, writes))
    }
}
