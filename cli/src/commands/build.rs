//! `prism templates auto-ami build`.

use std::collections::BTreeSet;

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use prism_aws::workflow::Standing;
use prism_aws::{builds, claims, requests, templates};
use prism_domain::architecture::Architecture;
use prism_domain::build::{Build, EndingKind};
use prism_domain::id::{BuildId, Target, TemplateName};
use prism_domain::problem::printable;
use prism_domain::request::RequestInput;
use serde_json::json;
use tokio::time::{Duration, sleep};

use super::build_view::{AnsweredBy, Ended, Request, Started, ended, planned};
use super::{On, no_such_template};
use crate::args::Build as Args;
use crate::fault::{Faults, WentWrong};
use crate::forecasts;
use crate::look::Look;
use crate::progress::{during, line};
use crate::stack::Stack;

/// How long to wait between two looks, and how often to look for the plan of a request.
const PLAN_PAUSE: Duration = Duration::from_millis(500);
const PLAN_LOOKS: usize = 40;

/// How long to wait between two looks at a build that is followed.
const PAUSE: Duration = Duration::from_secs(2);

/// For how many looks an execution may have ended before its build has.
const GRACE: usize = 30;

/// Checks, starts an execution for each architecture, and tells or follows what becomes of them.
pub async fn run(on: &On, name: &TemplateName, args: &Args) -> anyhow::Result<()> {
    let look = &on.output.look;
    let wish = wish(name, args, look.now)?;
    let stack = on.stack().await?;
    let mut requests = Vec::new();
    for architecture in architectures(&stack, name, &wish).await? {
        requests.push(start(&stack, &wish, architecture).await?);
    }
    let plans = async {
        for request in &mut requests {
            plan(&stack, request).await?;
        }
        foresee(&stack, &mut requests).await
    };
    during("the request is being planned", plans).await?;
    let reason = wish.reason.clone();
    let mut started = Started { urgent: args.urgent, reason, requests };
    if !args.wait {
        on.output.give(&started)?;
        return if started.went_well() { Ok(()) } else { Err(WentWrong.into()) };
    }
    if on.output.is_for_people() {
        on.output.give(&started)?;
    }
    for request in &mut started.requests {
        request.ending = Some(follow(&stack, request, look).await?);
    }
    if on.output.is_for_people() {
        for ended in started.requests.iter().filter_map(|request| request.ending.as_ref()) {
            on.output.give(ended)?;
        }
    } else {
        on.output.give(&started)?;
    }
    if started.went_well() { Ok(()) } else { Err(WentWrong.into()) }
}

/// What is asked for, read and checked by the same rules as the input of an execution.
pub fn wish(name: &TemplateName, args: &Args, now: Timestamp) -> anyhow::Result<RequestInput> {
    let input = json!({
        "template": name, "urgent": args.urgent, "reason": args.reason,
        "max_cost": args.max_cost.map(|cost| cost.to_string()), "deadline": args.deadline,
    });
    let passed = args.deadline.filter(|deadline| *deadline <= now);
    let passed = passed.map(|at| format!("deadline is {at}, which has passed; give one that is still to come"));
    match (RequestInput::from_value(&input, now), passed) {
        (Ok(wish), None) => Ok(RequestInput { architectures: args.architectures.clone(), ..wish }),
        (Ok(_), Some(passed)) => Err(Faults(vec![passed]).into()),
        (Err(problems), passed) => Err(Faults(passed.into_iter().chain(Faults::from(problems).0).collect()).into()),
    }
}

/// What to build for: one execution builds for one architecture.
async fn architectures(
    stack: &Stack,
    name: &TemplateName,
    wish: &RequestInput,
) -> anyhow::Result<BTreeSet<Architecture>> {
    let read = async {
        if templates::find(&stack.table, name).await?.is_none() {
            return Err(no_such_template(stack, name).await);
        }
        templates::resolved(&stack.table, name).await.with_context(|| format!("{name} cannot be built"))
    };
    let resolved = during("reading the template", read).await?;
    let asked: BTreeSet<Architecture> = wish.architectures.iter().copied().collect();
    Ok(if asked.is_empty() { [resolved.architecture()].into() } else { asked })
}

/// Starts an execution for one architecture.
pub async fn start(stack: &Stack, wish: &RequestInput, architecture: Architecture) -> anyhow::Result<Request> {
    let wish = RequestInput { architectures: vec![architecture], ..wish.clone() };
    let execution = stack.workflow.start_unnamed(&wish.to_value()).await?;
    let id = requests::name_of(&execution)?;
    let target = Target { template: wish.template, architecture };
    Ok(Request { target, id, execution, planned: None, ending: None })
}

/// Waits a little until a request is planned.
pub async fn plan(stack: &Stack, request: &mut Request) -> anyhow::Result<()> {
    for _ in 0..PLAN_LOOKS {
        if let Some(record) = requests::find(&stack.table, &request.execution).await? {
            let claim = claims::of(&stack.table, &request.target).await?;
            request.planned = Some(planned(record.build, record.own, &claim));
            return Ok(());
        }
        refuse_broken(stack, request).await?;
        sleep(PLAN_PAUSE).await;
    }
    Ok(())
}

/// Tells when the builds of requests start, as far as that can be foreseen, or how they ended if they have already.
pub async fn foresee<'a>(stack: &Stack, requests: impl IntoIterator<Item = &'a mut Request>) -> anyhow::Result<()> {
    let forecast = forecasts::read(stack).await?;
    for request in requests {
        let Some(mut planned) = request.planned.take() else { continue };
        if !forecast.waiting.contains_key(&planned.build) && request.ending.is_none() {
            // It may have started since it was planned, or even ended.
            let build = builds::find(&stack.table, &planned.build).await?;
            request.ending = build.as_ref().and_then(|build| ended(build, prism_aws::clock::now()));
            planned.paid_from = build.and_then(|build| Some(build.reservation?.source));
        }
        request.planned = Some(planned.foreseen(&forecast));
    }
    Ok(())
}

/// An error if an execution ended without a build.
async fn refuse_broken(stack: &Stack, request: &Request) -> anyhow::Result<()> {
    match stack.workflow.standing(&request.execution).await? {
        Standing::Running | Standing::Succeeded => Ok(()),
        Standing::Broken | Standing::Stopped => {
            let cause = stack.workflow.cause(&request.execution).await?;
            let cause =
                cause.unwrap_or_else(|| "it failed or was stopped; its history in Step Functions tells why".to_owned());
            Err(anyhow!("the request {} did not go through: {cause}", request.id))
        }
        Standing::Gone => Err(anyhow!("the execution {} is gone", request.id)),
    }
}

/// Follows the build that answers a request until it has ended.
pub async fn follow(stack: &Stack, request: &Request, look: &Look) -> anyhow::Result<Ended> {
    let mut request = request.clone();
    let plan = loop {
        match &request.planned {
            Some(plan) => break plan.clone(),
            None => during("the request is being planned", self::plan(stack, &mut request)).await?,
        }
    };
    let request = &request;
    let mut build = until_ended(stack, request, plan.build.clone()).await?;
    loop {
        let kind = build.ending.as_ref().map(|ending| ending.kind);
        let after = plan.answer == AnsweredBy::Next && build.id == plan.build;
        if kind != Some(EndingKind::Superseded) && !after {
            // `now` was read at the start: what ended since is what is told.
            return ended(&build, look.now).ok_or_else(|| anyhow!("the build {} has not ended", build.id));
        }
        let next = request.target.build(build.id.number + 1);
        line(&format!("{} {}; following {next}", build.id, if after { "has ended" } else { "was superseded" }));
        build = until_ended(stack, request, next).await?;
    }
}

async fn until_ended(stack: &Stack, request: &Request, id: BuildId) -> anyhow::Result<Build> {
    let mut told = String::new();
    let mut broken = 0;
    loop {
        let build = builds::find(&stack.table, &id).await?;
        let step = match &build {
            None => format!("{id} is still to come"),
            Some(build) if build.ending.is_some() => return Ok(build.clone()),
            Some(build) => step(stack, build).await?,
        };
        if step != told {
            line(&step);
            told.clone_from(&step);
        }
        // The execution of a build of its own ends with it; should it be stopped, its build is closed soon.
        let own = build.as_ref().is_some_and(|build| build.execution == request.execution);
        if own && stack.workflow.standing(&request.execution).await? != Standing::Running {
            broken += 1;
        }
        if broken > GRACE {
            refuse_broken(stack, request).await?;
            bail!("the execution {} has ended, but its build {id} has not; it is closed within the hour", request.id);
        }
        during(&step, sleep(PAUSE)).await;
    }
}

/// Where a build is, and what it waits for.
async fn step(stack: &Stack, build: &Build) -> anyhow::Result<String> {
    let held = claims::of(&stack.table, &build.id.target).await?.held.filter(|held| held.queued.build == build.id);
    let (id, state) = (&build.id, build.state());
    Ok(match held.and_then(|held| held.parked).filter(|_| build.reservation.is_none()) {
        Some(parked) => format!("{id} is {state}: it {}", printable(&parked.reason, 300)),
        None => format!("{id} is {state}"),
    })
}

#[cfg(test)]
mod tests {
    use prism_domain::level::SecurityLevel;

    use super::*;

    fn args() -> Args {
        Args {
            name: Some(name()),
            security_update: false,
            level: SecurityLevel::High,
            dry_run: false,
            urgent: true,
            reason: Some("critical-security-patch".into()),
            architectures: vec![Architecture::Arm64],
            max_cost: Some("8.50".parse().unwrap()),
            deadline: Some("2026-11-23T18:00:00Z".parse().unwrap()),
            wait: false,
        }
    }

    fn name() -> TemplateName {
        "python-ml".parse().unwrap()
    }

    fn now() -> Timestamp {
        "2026-11-23T17:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_asked_for_is_what_was_typed() {
        let read = wish(&name(), &args(), now()).unwrap();
        assert!(read.urgent && read.architectures == [Architecture::Arm64] && read.max_cost == args().max_cost);
        assert_eq!((read.deadline, read.reason), (args().deadline, args().reason));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = Args { reason: Some("x".repeat(300)), deadline: Some(now()), ..args() };
        let told = wish(&name(), &wrong, now()).unwrap_err().to_string();
        insta::assert_snapshot!(told, @"deadline is 2026-11-23T17:00:00Z, which has passed; give one that is still to come; reason is longer than 200 characters");
    }
}
