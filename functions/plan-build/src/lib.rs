//! plan-build: reads a request, and claims its template and architecture, or joins the build that holds
//! them. The first state of `build-image`.

mod meeting;

use aws_config::SdkConfig;
use jiff::Timestamp;
use prism_aws::error::{Error, Result};
use prism_aws::queue::{self, Answer, Queue, TurnAnswer};
use prism_aws::requests::RequestRecord;
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Table, back_off};
use prism_aws::workflow::Workflow;
use prism_aws::{base_images, builds, claims, clock, fault, patches, policies, requests, settings, templates};
use prism_domain::architecture::Architecture;
use prism_domain::build::Build;
use prism_domain::id::{BuildId, RequestId, Target, TemplateName};
use prism_domain::patch::Patch;
use prism_domain::policy::Policy;
use prism_domain::problem::{Problem, Problems, printable};
use prism_domain::request::{CompilationRequest, RequestInput, compile_request};
use prism_templates::ResolvedTemplate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use meeting::Planning;

/// How often a claim is met again when another request comes between.
const TRIES: u32 = 8;

/// The function.
#[derive(Debug)]
pub struct PlanBuild {
    table: Table,
    workflow: Workflow,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARN of the execution.
    execution: String,
    /// The name of the execution.
    request: RequestId,
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

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
        })
    }

    async fn handle(&self, input: Input) -> Result<Output> {
        let now = clock::now();
        if let Some(record) = requests::find(&self.table, &input.request).await? {
            return self.answer(record, now).await;
        }
        let wish = self.read(&input.wish).await?;
        let resolved = templates::resolved(&self.table, &wish.template).await?;
        let target = self.start_siblings(&input.request, &wish, &resolved).await?;
        let catalogue = policies::current(&self.table).await?.catalogue();
        let base = catalogue.find(&resolved.base);
        if !base.is_some_and(|base| base.architectures.contains_key(&target.architecture)) {
            return Err(Error::InvalidRequest(format!(
                "template {} stands on base image {}, which is not in the catalogue for {}; there are {}",
                wish.template,
                printable(resolved.base.as_str(), 60),
                target.architecture,
                catalogue.names()
            )));
        }
        for attempt in 0..TRIES {
            let planning = self.planning(&input, &wish, &resolved, &target, now).await?;
            if let Some(record) = planning.apply(&self.table).await? {
                return self.answer(record, now).await;
            }
            back_off(attempt).await;
            // The race may have been lost to an earlier try of this very request.
            if let Some(record) = requests::find(&self.table, &input.request).await? {
                return self.answer(record, now).await;
            }
        }
        Err(Error::lost_race(format!("claiming {target}")))
    }
}

impl PlanBuild {
    /// Reads the request. A template that does not exist is told along with all other faults.
    async fn read(&self, input: &Value) -> Result<RequestInput> {
        let (wish, mut problems) = match RequestInput::from_value(input) {
            Ok(wish) => (Some(wish), Vec::new()),
            Err(Problems(problems)) => (None, problems),
        };
        let named: Option<TemplateName> =
            input.get("template").and_then(Value::as_str).and_then(|name| name.parse().ok());
        if let Some(name) = named
            && templates::find(&self.table, &name).await?.is_none()
        {
            let all = templates::all(&self.table).await?;
            let known: Vec<&str> = all.iter().take(10).map(|record| record.name.as_str()).collect();
            let known = if known.is_empty() {
                "none has been applied yet".to_owned()
            } else {
                format!("there are {}{}", known.join(", "), if all.len() > 10 { ", …" } else { "" })
            };
            problems.insert(0, Problem::new("template", format!("\"{name}\" does not exist; {known}")));
        }
        match wish {
            Some(wish) if problems.is_empty() => Ok(wish),
            _ => Err(Problems(problems).into()),
        }
    }

    /// Starts an execution for every architecture but the first, and answers the first: one execution
    /// builds for one. Their names derive from this request's, so that a second try starts none twice.
    async fn start_siblings(
        &self,
        request: &RequestId,
        wish: &RequestInput,
        resolved: &ResolvedTemplate,
    ) -> Result<Target> {
        let mut architectures = wish.architectures.clone();
        if architectures.is_empty() {
            architectures.push(resolved.architecture());
        }
        let first = architectures.remove(0);
        for architecture in architectures {
            let sibling = RequestInput { architectures: vec![architecture], ..wish.clone() };
            self.workflow.start(&sibling_id(request, architecture)?, &sibling).await?;
            fault::point("plan-build.sibling-started");
        }
        Ok(Target { template: wish.template.clone(), architecture: first })
    }

    /// Reads all that deciding needs.
    async fn planning(
        &self,
        input: &Input,
        wish: &RequestInput,
        resolved: &ResolvedTemplate,
        target: &Target,
        now: Timestamp,
    ) -> Result<Planning> {
        let policy = policies::current(&self.table).await?;
        let (mut request, mut patches) = self.compile(wish, target, &policy, now).await?;
        let claim = claims::of(&self.table, target).await?;
        // What waited for the build before to end is taken along by whichever comes next.
        if let Some(next) = claim.next.as_ref().filter(|_| claim.held.is_none()) {
            let (next, taken) = self.compile(next, target, &policy, now).await?;
            patches.extend(taken);
            request.urgency = request.urgency.max(next.urgency);
            request = request.absorbing(&next);
        }
        let holder = match &claim.held {
            Some(held) => Some(builds::get(&self.table, &held.queued.build).await?),
            None => None,
        };
        let catalogue = policy.catalogue();
        let base = catalogue.find(&resolved.base).map_or(&resolved.base, |base| &base.name);
        let region = settings::parsed("AWS_REGION")?;
        let base_image = base_images::current(&self.table, base, target.architecture, &region).await?;
        let covered = holder.as_ref().and_then(|holder| holder.frozen.as_ref()).is_some_and(|frozen| {
            frozen.content_hash == resolved.content_hash()
                && base_image.as_ref().is_some_and(|image| image.current.image_id == frozen.base_image_id)
        });
        let brings_all = |holder: &Build| patches.iter().all(|patch| patch.is_brought_by(holder));
        let covered = covered && holder.as_ref().is_some_and(brings_all);
        let expected = queue::expect(&self.table, target, resolved.root_volume_gb, &policy).await?;
        let disabled = templates::find(&self.table, &target.template).await?.and_then(|record| record.disabled);
        Ok(Planning {
            id: input.request.clone(),
            execution: input.execution.clone(),
            wish: RequestInput { architectures: vec![target.architecture], ..wish.clone() },
            request,
            patches,
            claim,
            holder,
            covered,
            expected,
            disabled,
            policy,
            now,
        })
    }

    /// The request with what the updates and patches that it names and the policy say of it, and those patches.
    async fn compile(
        &self,
        wish: &RequestInput,
        target: &Target,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<(CompilationRequest, Vec<Patch>)> {
        let mut updates = Vec::new();
        for id in wish.cause.iter().flat_map(|cause| &cause.updates) {
            updates.push(base_images::known_update(&self.table, id).await?);
        }
        let named = wish.cause.as_ref().map(|cause| cause.patches.as_slice()).unwrap_or_default();
        let patches = patches::known(&self.table, named).await?;
        Ok((compile_request(wish, target, &updates, &patches, policy, now), patches))
    }

    /// What the state machine does next for a request that is planned. Wakes whom it concerns: again, if the try
    /// that planned it died before.
    async fn answer(&self, record: RequestRecord, now: Timestamp) -> Result<Output> {
        about(&record.build);
        if let Some(token) = &record.wake {
            self.workflow.succeed(token, &json!({})).await?;
            fault::point("plan-build.woken");
        }
        let target = record.build.target.to_string();
        if !record.own {
            let message = format!("build {} answers this request", record.build);
            tracing::info!("joined");
            return Ok(Output { build_id: Some(record.build), target: Some(target), message, turn: None });
        }
        let policy = policies::current(&self.table).await?;
        let claim = claims::of(&self.table, &record.build.target).await?;
        // A build that does not wait has come further, or was replaced: reserve-budget says which.
        let turn = Queue::turn_of(&self.table, &claim, &record.build, &policy, now).await?;
        let turn = turn.map_or_else(|| TurnAnswer::go("it no longer waits"), |turn| TurnAnswer::of(&turn, now));
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

fn sibling_id(request: &RequestId, architecture: Architecture) -> Result<RequestId> {
    let suffix = format!("-{architecture}");
    let stem: String = request.as_str().chars().take(80 - suffix.len()).collect();
    format!("{stem}{suffix}").parse().map_err(|error| Error::malformed("a request id", error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_sibling_fits_what_step_functions_allows() {
        let request: RequestId = "x".repeat(80).parse().unwrap();
        assert_eq!(sibling_id(&request, Architecture::X86_64).unwrap().as_str().len(), 80);
    }
}
