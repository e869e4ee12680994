//! `prism templates auto-ami build --security-update`: building what lacks a security update.

use std::collections::BTreeSet;

use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::id::{Target, TemplateName};
use prism_domain::level::SecurityLevel;
use prism_domain::problem::printable;
use prism_domain::request::RequestInput;

use super::build::{follow, foresee, plan, start, wish};
use super::build_view::Request;
use super::security_build_view::{Outcome, PlanRow, SecurityBuild};
use super::{On, no_such_template};
use crate::args::Build as Args;
use crate::fault::WentWrong;
use crate::pending::gist;
use crate::progress::{during, each};
use crate::stack::Stack;
use crate::standing::{self, Everything, everything};

/// The reason that is given where nobody gives another.
const REASON: &str = "security update";

/// Finds what lacks an update, shows that, and asks for a build of each.
pub async fn run(on: &On, args: &Args) -> anyhow::Result<()> {
    let stack = on.stack().await?;
    let all = during("reading what lacks a security update", async {
        match &args.name {
            None => everything(&stack).await,
            Some(name) => standing::some(&stack, &BTreeSet::from([name.clone()])).await,
        }
    })
    .await?;
    if let Some(name) = args.name.as_ref().filter(|_| all.templates.is_empty()) {
        return Err(no_such_template(&stack, name).await);
    }
    let plan = planned(&all, args.level, &args.architectures, args.name.is_some());
    let mut answer = SecurityBuild {
        level: args.level,
        template: args.name.clone(),
        dry_run: args.dry_run,
        reason: args.reason.clone().unwrap_or_else(|| REASON.to_owned()),
        plan,
        requests: None,
    };
    // What is wrong with the options is told before anything is started.
    let wishes = answer.wanted().map(|row| wish_of(row, args, on)).collect::<anyhow::Result<Vec<_>>>()?;
    if on.output.is_for_people() || wishes.is_empty() || args.dry_run {
        on.output.give(&answer)?;
    }
    if wishes.is_empty() || args.dry_run {
        return Ok(());
    }
    let asked = async {
        let mut outcomes = ask(&stack, wishes).await?;
        let requests = outcomes.iter_mut().filter_map(|outcome| match outcome {
            Outcome::Asked(request) => Some(request.as_mut()),
            Outcome::Failed { .. } => None,
        });
        foresee(&stack, requests).await?;
        anyhow::Ok(outcomes)
    };
    let mut outcomes = during("builds are asked for", asked).await?;
    if args.wait {
        wait(on, &stack, &mut outcomes).await;
    }
    let went_well = outcomes.iter().all(Outcome::went_well);
    answer.requests = Some(outcomes);
    on.output.give(&answer)?;
    if went_well { Ok(()) } else { Err(WentWrong.into()) }
}

fn wish_of(row: &PlanRow, args: &Args, on: &On) -> anyhow::Result<(RequestInput, Architecture)> {
    let mut wish = wish(&row.template, args, on.output.look.now)?;
    wish.reason.get_or_insert_with(|| REASON.to_owned());
    Ok((wish, row.architecture))
}

/// Starts an execution each. One that cannot be started does not keep the others from starting.
async fn ask(stack: &Stack, wishes: Vec<(RequestInput, Architecture)>) -> anyhow::Result<Vec<Outcome>> {
    each(stack, wishes, |stack, (wish, architecture)| async move {
        let target = Target { template: wish.template.clone(), architecture };
        let asked = Box::pin(async {
            let mut request: Request = start(&stack, &wish, architecture).await?;
            plan(&stack, &mut request).await?;
            anyhow::Ok(request)
        });
        Ok(match asked.await {
            Ok(request) => Outcome::Asked(Box::new(request)),
            Err(error) => Outcome::failed(target, &error),
        })
    })
    .await
}

/// Follows one build after the other until all have ended. They run meanwhile, as many at a time as the policy allows.
async fn wait(on: &On, stack: &Stack, outcomes: &mut [Outcome]) {
    for outcome in outcomes {
        if let Outcome::Asked(request) = outcome {
            match follow(stack, request, &on.output.look).await {
                Ok(ended) => request.ending = Some(ended),
                Err(error) => *outcome = Outcome::failed(request.target.clone(), &error),
            }
        }
    }
}

/// What is built, and what is passed over. `named`: the template was named, so that it is built even if it is disabled.
fn planned(all: &Everything, level: SecurityLevel, only: &[Architecture], named: bool) -> Vec<PlanRow> {
    let mut rows = Vec::new();
    for standing in &all.templates {
        for target in &standing.targets {
            if !only.is_empty() && !only.contains(&target.architecture) {
                continue;
            }
            let lacks = target.lacks(&all.bases).updates;
            let wanted = lacks.iter().filter(|update| update.update_type == UpdateType::Security);
            let Some(gist) = gist(wanted.filter(|update| update.security_level >= level)) else { continue };
            let Some(channel) = &target.channel else { continue };
            let skipped = match (&standing.record.disabled, &standing.resolved) {
                (_, Err(fault)) => Some(format!("cannot be built: {}", printable(fault, 200))),
                (Some(reason), Ok(_)) if !named => Some(format!("template is disabled: {}", printable(reason, 200))),
                _ => None,
            };
            rows.push(PlanRow {
                template: TemplateName::clone(&standing.record.name),
                architecture: target.architecture,
                base: channel.base.clone(),
                gist,
                condition: target.condition.clone(),
                skipped,
            });
        }
    }
    rows.sort_by(|one, other| {
        (other.gist.level, &one.template, one.architecture).cmp(&(one.gist.level, &other.template, other.architecture))
    });
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, base, judged, update};

    fn all(level: SecurityLevel) -> Everything {
        let mut all = samples::everything();
        for known in all.bases.values_mut() {
            *known = base(vec![judged(update(1, 1, 2), level, vec![crate::samples::cve("CVE-2024-0001", level)])]);
        }
        all
    }

    fn names(all: &Everything, level: SecurityLevel, named: bool) -> Vec<String> {
        planned(all, level, &[], named)
            .into_iter()
            .filter(|row| row.skipped.is_none())
            .map(|row| row.template.to_string())
            .collect()
    }

    #[test]
    fn what_lacks_an_update_of_the_level_or_worse_is_built() {
        let high = all(SecurityLevel::High);
        assert_eq!(names(&high, SecurityLevel::High, false), ["genomics", "python-ml"]);
        assert_eq!(names(&high, SecurityLevel::Low, false), ["genomics", "python-ml"]);
        assert!(names(&high, SecurityLevel::Critical, false).is_empty());
        assert!(planned(&high, SecurityLevel::High, &[Architecture::Arm64], false).is_empty());
    }

    #[test]
    fn a_disabled_template_is_passed_over_unless_it_is_named() {
        let mut all = all(SecurityLevel::High);
        all.templates.retain(|standing| standing.record.name.as_str() == "genomics");
        all.templates[0].record.disabled = Some("frozen for a paper".into());
        assert!(names(&all, SecurityLevel::High, false).is_empty());
        assert_eq!(
            planned(&all, SecurityLevel::High, &[], false)[0].skipped.as_deref(),
            Some("template is disabled: frozen for a paper")
        );
        assert_eq!(names(&all, SecurityLevel::High, true), ["genomics"]);
    }

    #[test]
    fn an_update_that_is_no_security_update_is_no_reason() {
        let mut all = all(SecurityLevel::High);
        for known in all.bases.values_mut() {
            *known = base(vec![judged(update(1, 1, 2), SecurityLevel::Low, Vec::new())]);
        }
        assert!(planned(&all, SecurityLevel::Low, &[], false).is_empty());
    }
}
