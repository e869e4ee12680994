//! plan-build: reads a request or works out what is due, and claims the template and architecture, or joins the build that
//! holds them. The first state of `build-image`.

mod meeting;
mod nothing;

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::queue::{self, Answer, BuilderPrices, Queue, TurnAnswer};
use prism_aws::requests::RequestRecord;
use prism_aws::runtime::{Function, about};
use prism_aws::table::Table;
use prism_aws::tokens::{self, Awaits};
use prism_aws::workflow::Workflow;
use prism_aws::{base_images, builds, claims, fault, policies, race, requests, standing, templates};
use prism_domain::build::Frozen;
use prism_domain::claim::Stage;
use prism_domain::due::{Due, HeldBack, due};
use prism_domain::hash;
use prism_domain::id::{BuildId, RequestId, Target, TemplateName};
use prism_domain::patch::Patch;
use prism_domain::policy::Policy;
use prism_domain::problem::{Problem, Problems};
use prism_domain::request::{CompilationRequest, RequestInput, compile_request};
use prism_domain::root_volume::RootVolume;
use prism_templates::ResolvedTemplate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use meeting::Planning;
use nothing::Nothing;

/// How many templates are named to whoever names one that does not exist.
const KNOWN: usize = 10;

/// The function.
#[derive(Debug)]
pub struct PlanBuild {
    table: Table,
    workflow: Workflow,
    prices: BuilderPrices,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARN of the execution.
    execution: String,
    /// The name of the execution.
    request: String,
    /// When it was started.
    started: String,
    /// What was asked for, as it was written.
    #[serde(rename = "input")]
    wish: Value,
}

/// What the state machine gets.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The build that answers the request.
    build_id: Option<BuildId>,
    /// What it is a build of: the sort key of its claim.
    target: Option<String>,
    /// In a sentence.
    message: String,
    /// What is next. Nothing, if another execution does it.
    turn: Option<TurnAnswer>,
}

impl Function for PlanBuild {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            workflow: environment.workflow()?,
            prices: BuilderPrices::of_stack(environment)?,
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        if let Some(record) = requests::planned(&self.table, &input.execution, &input.started).await? {
            return self.answer(record, now).await;
        }
        let request: RequestId =
            (input.request.parse()).map_err(|error| Error::InvalidRequest(format!("the execution's name {error}")))?;
        let wish = self.read(&input.wish, now).await?;
        let resolved = match self.buildable(&wish).await? {
            Ok(resolved) => resolved,
            Err((target, reason)) => return self.forget(&target, &reason, now).await,
        };
        let target = self.start_siblings(&input, &wish, &resolved).await?;
        let planned = race::win(&format!("claiming {target}"), async || {
            match Box::pin(self.plan(&request, &input, &wish, &resolved, &target, now)).await? {
                // The race may have been lost to an earlier try of this very request.
                None => {
                    let record = requests::planned(&self.table, &input.execution, &input.started).await?;
                    Ok(record.map(Planned::Build))
                }
                planned => Ok(planned),
            }
        })
        .await?;
        match planned {
            Planned::Build(record) => self.answer(record, now).await,
            Planned::Nothing(message) => Ok(Output::nothing(&target, message)),
        }
    }
}

/// What was written.
enum Planned {
    /// What became of the request.
    Build(RequestRecord),
    /// That nothing is built: why, in a sentence.
    Nothing(String),
}

impl Output {
    fn nothing(target: &Target, message: String) -> Self {
        tracing::info!(%target, "{message}");
        Self { build_id: None, target: Some(target.to_string()), message, turn: None }
    }
}

impl PlanBuild {
    /// Reads the request. A template that does not exist is told along with all other faults.
    async fn read(&self, input: &Value, now: Timestamp) -> Result<RequestInput> {
        let (wish, mut problems) = match RequestInput::from_value(input, now) {
            Ok(wish) => (Some(wish), Vec::new()),
            Err(Problems(problems)) => (None, problems),
        };
        let named: Option<TemplateName> =
            input.get("template").and_then(Value::as_str).and_then(|name| name.parse().ok());
        let is_look = wish.as_ref().is_some_and(|wish| wish.only_if_due);
        if let Some(name) = named.filter(|_| !is_look)
            && templates::find(&self.table, &name).await?.is_none()
        {
            let all = templates::names(&self.table, KNOWN + 1).await?;
            let known: Vec<&str> = all.iter().take(KNOWN).map(TemplateName::as_str).collect();
            let known = if known.is_empty() {
                "none has been applied yet".to_owned()
            } else {
                format!("there are {}{}", known.join(", "), if all.len() > KNOWN { ", …" } else { "" })
            };
            problems.insert(0, Problem::new("template", format!("\"{name}\" does not exist; {known}")));
        }
        match wish {
            Some(wish) if problems.is_empty() => Ok(wish),
            _ => Err(Problems(problems).into()),
        }
    }

    /// The template with all that it inherits. Of a look at a target that cannot be built: which, and why.
    async fn buildable(&self, wish: &RequestInput) -> Result<Result<ResolvedTemplate, (Target, String)>> {
        let resolved = templates::resolved(&self.table, &wish.template).await;
        let own = || resolved.as_ref().ok().map(ResolvedTemplate::architecture);
        let Some(architecture) = wish.architectures.first().copied().or_else(own) else {
            return Ok(Ok(resolved?));
        };
        let target = Target { template: wish.template.clone(), architecture };
        match templates::plannable(&self.table, &target).await {
            Err(Error::InvalidRequest(reason)) if wish.only_if_due => Ok(Err((target, reason))),
            planned => Ok(Ok(planned?)),
        }
    }

    /// Takes back that somebody wants a target looked at that cannot be built; and what was to be built next, if its
    /// template is gone.
    async fn forget(&self, target: &Target, reason: &str, now: Timestamp) -> Result<Output> {
        let is_gone = templates::find(&self.table, &target.template).await?.is_none();
        let message = race::win(&format!("writing the claim of {target}"), async || {
            let mut claim = claims::of(&self.table, target).await?;
            claim.next = claim.next.filter(|_| !is_gone);
            let nothing = Nothing { claim, reason: reason.to_owned(), until: None, is_told: true };
            nothing.apply(&self.table, now).await
        })
        .await?;
        Ok(Output::nothing(target, message))
    }

    /// Starts an execution for every architecture but the first, and answers the first: one execution
    /// builds for one. Their names derive from this execution and its start, so that a second try starts none twice.
    async fn start_siblings(&self, input: &Input, wish: &RequestInput, resolved: &ResolvedTemplate) -> Result<Target> {
        let mut architectures = wish.architectures.clone();
        if architectures.is_empty() {
            architectures.push(resolved.architecture());
        }
        let first = architectures.remove(0);
        for architecture in architectures {
            let target = Target { template: wish.template.clone(), architecture };
            let sibling = RequestInput { architectures: vec![architecture], ..wish.clone() };
            let name = sibling_name(&input.execution, &input.started, &target);
            self.workflow.start(&name, &sibling).await?;
            fault::point("plan-build.sibling-started");
        }
        Ok(Target { template: wish.template.clone(), architecture: first })
    }

    /// Reads all that deciding needs, decides and writes. `None`: somebody else wrote first.
    async fn plan(
        &self,
        request_id: &RequestId,
        input: &Input,
        wish: &RequestInput,
        resolved: &ResolvedTemplate,
        target: &Target,
        now: Timestamp,
    ) -> Result<Option<Planned>> {
        let policy = policies::current(&self.table).await?;
        let catalogue = policy.catalogue();
        let base = catalogue.find(&resolved.base).map_or(&resolved.base, |base| &base.name);
        let standing = standing::of(&self.table, target).await?;
        let mut nothing = Nothing { claim: standing.claim.clone(), reason: String::new(), until: None, is_told: false };
        let (mut is_again, mut build_on) = (false, None);
        let own = if wish.only_if_due {
            match due(&standing, &policy, now) {
                Due::Nothing(reason) => {
                    nothing.reason = format!("nothing is due: {reason}");
                    None
                }
                Due::Rebuild(rebuild) if let Some(HeldBack { reason, until }) = rebuild.held_back.clone() => {
                    nothing = Nothing { reason, until, is_told: true, ..nothing };
                    None
                }
                Due::Rebuild(rebuild) => {
                    let request = rebuild.request(target, &policy, now);
                    is_again = rebuild.failed.is_some();
                    build_on.clone_from(&rebuild.build_on);
                    Some(Compiled { wish: wish.clone(), request, patches: rebuild.patches })
                }
            }
        } else {
            Some(by_hand(wish, request_id, target, &policy, now))
        };
        let (claim, disabled) = (standing.claim, standing.source.disabled);
        // What a person asked for while the build before ran is taken along by whichever comes next.
        let next = claim.next.as_ref().filter(|next| claim.held.is_none() && !next.only_if_due);
        let next = next.map(|next| by_hand(next, request_id, target, &policy, now));
        let Some(Compiled { wish, request, patches }) = Compiled::together(own, next) else {
            nothing.claim.next = nothing.claim.next.filter(|next| !next.only_if_due);
            return Ok(nothing.apply(&self.table, now).await?.map(Planned::Nothing));
        };
        let holder = match &claim.held {
            Some(held) => Some(builds::get(&self.table, &held.queued.build).await?),
            None => None,
        };
        if let Some(build) =
            holder.as_ref().filter(|_| wish.only_if_due).filter(|holder| claim.answers(&request, &holder.request))
        {
            nothing.reason = format!("build {} answers it", build.id);
            return Ok(nothing.apply(&self.table, now).await?.map(Planned::Nothing));
        }
        let region = self.table.region()?;
        let tracked = base_images::current(&self.table, base, target.architecture, region).await?;
        // A person's build stands on the newest image.
        let build_on = build_on.filter(|_| !request.by_hand);
        let base_image = tracked.as_ref().map(|tracked| tracked.image_or_current(build_on.as_ref()));
        let covered = holder.as_ref().is_some_and(|holder| {
            let stands_on = |frozen: &Frozen| base_image.is_some_and(|image| image.image_id == frozen.base_image_id);
            // Both are compiled by this version: a change of how templates are compiled is no change of the template.
            let makes_the_same = |frozen: &Frozen| {
                let was = templates::frozen(&holder.id, frozen);
                was.is_ok_and(|was| was.content_hash() == resolved.content_hash())
            };
            holder.frozen.as_ref().is_some_and(|frozen| makes_the_same(frozen) && stands_on(frozen))
                && patches.iter().all(|patch| holder.brings(patch))
        });
        let (root_volume_gb, raised) = match base_image {
            Some(image) => {
                let volume = RootVolume::new(resolved.root_volume_gb, image).map_err(Error::CannotBuild)?;
                (volume.size_gb, volume.raised)
            }
            None => (resolved.root_volume_gb, None),
        };
        let rates = self.prices.rates(target.architecture, root_volume_gb);
        let expected = queue::expect(&self.table, target, rates, queue::regions(region, &policy).len()).await?;
        let planning = Planning {
            id: request_id.clone(),
            execution: input.execution.clone(),
            started: input.started.clone(),
            wish,
            request,
            patches,
            claim,
            holder,
            covered,
            expected,
            is_again,
            base_image_id: base_image.map(|image| image.image_id.clone()),
            raised,
            disabled,
            policy,
            now,
        };
        Ok(planning.apply(&self.table).await?.map(Planned::Build))
    }

    /// What the state machine does next for a request that is planned. Wakes whom it concerns: again, if the try
    /// that planned it died before.
    async fn answer(&self, record: RequestRecord, now: Timestamp) -> Result<Output> {
        about(&record.build);
        if let Some(build) = &record.wakes
            && let Some(token) = tokens::of(&self.table, build, Awaits::Turn).await?
        {
            self.workflow.succeed(&token, &json!({})).await?;
            fault::point("plan-build.woken");
        }
        let target = record.build.target.to_string();
        let claim = claims::of(&self.table, &record.build.target).await?;
        if !record.own {
            let message = format!("build {} answers this request", record.build);
            tracing::info!("{message}");
            return Ok(Output { build_id: Some(record.build), target: Some(target), message, turn: None });
        }
        let Some(policy) = policies::readable(&self.table).await? else {
            let turn = TurnAnswer::go("is planned, and goes on once the policy in force can be read");
            let message = format!("build {} {}", record.build, turn.reason);
            return Ok(Output { build_id: Some(record.build), target: Some(target), message, turn: Some(turn) });
        };
        let waits = claim.held.filter(|held| held.stage == Stage::Waiting && held.queued.build == record.build);
        let turn = match waits {
            // The gate, which decides, looks who is before it.
            Some(held) => {
                let turn = Queue::turn_alone(&self.table, &held.queued, &policy, now).await?;
                TurnAnswer::of(&turn, &held.queued.build, now)
            }
            // It has come further, or was replaced: reserve-budget says which.
            None => TurnAnswer::go("it no longer waits"),
        };
        let turn = match turn.answer {
            // What stops it is told by reserve-budget, like any other stop.
            Answer::Stop => TurnAnswer::go(turn.reason),
            _ => turn,
        };
        tracing::info!(answer = ?turn.answer, reason = turn.reason, "planned");
        let message = format!("build {} {}", record.build, turn.reason);
        Ok(Output { build_id: Some(record.build), target: Some(target), message, turn: Some(turn) })
    }
}

/// A request as the policy has it, with the patches that it brings.
struct Compiled {
    wish: RequestInput,
    request: CompilationRequest,
    patches: Vec<Patch>,
}

/// What a person asks for, as the policy has it. What waited on the claim is of the person who asked, not of the execution
/// that takes it along.
fn by_hand(wish: &RequestInput, id: &RequestId, target: &Target, policy: &Policy, now: Timestamp) -> Compiled {
    let urgent_request = wish.urgent.then(|| wish.urgent_request.clone().unwrap_or_else(|| id.clone()));
    let request = compile_request(wish, target, &[], &[], policy, now);
    Compiled { wish: wish.clone(), request: CompilationRequest { urgent_request, ..request }, patches: Vec::new() }
}

impl Compiled {
    /// A request and what it takes along, as one.
    fn together(own: Option<Self>, next: Option<Self>) -> Option<Self> {
        match (own, next) {
            (Some(own), Some(next)) => {
                let urgency = own.request.urgency.max(next.request.urgency);
                let request = CompilationRequest { urgency, ..own.request.absorbing(&next.request) };
                let patches = own.patches.into_iter().chain(next.patches).collect();
                Some(Self { wish: own.wish, request, patches })
            }
            (own, next) => own.or(next),
        }
    }
}

/// The name of the execution for a further architecture of a request: nobody can work it out before that is started.
fn sibling_name(execution: &str, started: &str, target: &Target) -> String {
    format!("also-{}-{target}", hash::short(&format!("{execution} {started}")))
}

#[cfg(test)]
mod tests {
    use prism_domain::architecture::Architecture;

    use super::*;

    #[test]
    fn the_name_of_a_sibling_is_one_that_step_functions_takes_whatever_the_request_is_called() {
        let target = Target { template: "x".repeat(48).parse().unwrap(), architecture: Architecture::X86_64 };
        let arn = format!("arn:aws:states:us-east-1:123456789012:execution:build-image:{}", "二".repeat(80));
        let name = sibling_name(&arn, "2026-11-23T17:00:00.123Z", &target);
        assert!(format!("{name}-9").parse::<RequestId>().is_ok() && name.is_ascii());
        assert_ne!(name, sibling_name(&arn, "2026-11-23T17:00:00.124Z", &target), "it cannot be worked out before");
    }
}
