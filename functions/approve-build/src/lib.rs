//! approve-build: approves a build that waits for approval, or rejects it. The one task of the state machine of that name.

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::functions::Functions;
use prism_aws::runtime::{Function, about};
use prism_aws::table::Table;
use prism_aws::{builds, claims, fault, journal, policies, race};
use prism_domain::approving::{ApprovalDecision, ApprovalInput, decide_approval};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::id::BuildId;
use prism_domain::problem::{Problem, Problems};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The function.
#[derive(Debug)]
pub struct ApproveBuild {
    table: Table,
    functions: Functions,
    schedule_builds: String,
}

/// What the state machine gives.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The ARN of the execution.
    execution: String,
    /// What a person decided, as it was written.
    #[serde(rename = "input")]
    requested: Value,
}

/// What holds now.
#[derive(Debug, Serialize)]
pub struct Output {
    /// In a sentence.
    message: String,
}

impl Function for ApproveBuild {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            functions: Functions::new(&environment.config),
            schedule_builds: environment.required("SCHEDULE_BUILDS_FUNCTION")?.to_owned(),
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        let requested = self.read(&input.requested).await?;
        about(&requested.build);
        let message = self.decide(&requested, &input.execution, now).await?;
        // Again, if the try that wrote it died before.
        self.functions.poke(&self.schedule_builds, &json!({})).await?;
        tracing::info!("{message}");
        Ok(Output { message })
    }
}

impl ApproveBuild {
    /// Reads the decision. A build that does not exist is told along with all other faults.
    async fn read(&self, input: &Value) -> Result<ApprovalInput> {
        let (requested, mut problems) = match ApprovalInput::from_value(input) {
            Ok(requested) => (Some(requested), Vec::new()),
            Err(Problems(problems)) => (None, problems),
        };
        let named: Option<BuildId> = input.get("build").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(id) = named
            && builds::find(&self.table, &id).await?.is_none()
        {
            problems.insert(0, Problem::new("build", format!("\"{id}\" does not exist")));
        }
        match requested {
            Some(requested) if problems.is_empty() => Ok(requested),
            _ => Err(Problems(problems).into()),
        }
    }

    /// Decides and writes. Answers what holds.
    async fn decide(&self, requested: &ApprovalInput, execution: &str, now: Timestamp) -> Result<String> {
        let action = format!("deciding about build {}", requested.build);
        race::win(&action, async || {
            let policy = policies::current(&self.table).await?;
            let build = builds::get(&self.table, &requested.build).await?;
            let claim = claims::of(&self.table, &requested.build.target).await?;
            let (claim, decided, message) = match decide_approval(requested, &build, &claim, execution, &policy, now) {
                ApprovalDecision::Refused { message } => return Err(Error::InvalidRequest(message)),
                ApprovalDecision::AlreadyApplied { message } => return Ok(Some(message)),
                ApprovalDecision::Applies { claim, build, message } => (*claim, *build, message),
            };
            let held = claim.held.as_ref().map(|held| &held.queued);
            let decision = Decision {
                kind: if requested.reject { DecisionKind::Reject } else { DecisionKind::Approve },
                subject: requested.build.to_string(),
                reasons: std::iter::once(message.clone())
                    .chain(requested.reason.clone().filter(|_| !requested.reject))
                    .collect(),
                inputs: json!({
                    "execution": execution, "estimate": held.map(|queued| queued.estimate),
                    "urgency": held.map(|queued| queued.demand.urgency),
                    "causes": held.map(|queued| &queued.demand.causes),
                }),
                at: now,
            };
            let mut writes = vec![claims::write(&claim)?, journal::write(&requested.build.target.template, &decision)?];
            if decided != build {
                writes.push(builds::write(&decided)?);
            }
            let decided = self.table.transact(&action, writes).await?.then(message);
            Ok(decided.inspect(|_| fault::point("approve-build.decided")))
        })
        .await
    }
}
