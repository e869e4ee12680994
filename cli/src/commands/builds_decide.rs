//! `prism builds approve` and `prism builds reject`.

use anyhow::{anyhow, bail};
use prism_domain::approving::ApprovalInput;
use prism_domain::id::BuildId;
use prism_domain::problem::printable;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::On;
use crate::fault::Faults;
use crate::look::{GOOD, Look, paint};
use crate::output::Answer;
use crate::progress::during;
use crate::stack::Stack;

/// How long to wait between two looks at the execution, and how many looks there are.
const PAUSE: Duration = Duration::from_millis(250);
const LOOKS: usize = 240;

/// What was decided.
#[derive(Debug, Serialize)]
pub struct Decided {
    build: BuildId,
    decision: &'static str,
    /// What holds now, in a sentence.
    message: String,
    /// The ARN of the execution that wrote it.
    execution: String,
}

/// Starts an execution of `approve-build`, which anyone may do who has that right, and tells what it came to.
pub async fn run(on: &On, input: &ApprovalInput) -> anyhow::Result<()> {
    let input = checked(input)?;
    let stack = on.stack().await?;
    let execution = stack.approvals.start_unnamed(&input.to_value()).await?;
    let message = during("the decision is being written", message(&stack, &execution)).await?;
    let decision = if input.reject { "rejected" } else { "approved" };
    on.output.give(&Decided { build: input.build, decision, message, execution })
}

/// The input, by the same rules as that of an execution.
fn checked(input: &ApprovalInput) -> anyhow::Result<ApprovalInput> {
    Ok(ApprovalInput::from_value(&input.to_value()).map_err(Faults::from)?)
}

/// What the execution answers, once it has ended.
async fn message(stack: &Stack, execution: &str) -> anyhow::Result<String> {
    for _ in 0..LOOKS {
        match stack.approvals.answered(execution).await? {
            Some(Ok(output)) => {
                let message = output.get("message").and_then(Value::as_str).unwrap_or("it is written");
                return Ok(message.to_owned());
            }
            Some(Err(cause)) => bail!("{}", printable(&cause, 600)),
            None => sleep(PAUSE).await,
        }
    }
    Err(anyhow!("the execution {execution} has not ended yet: look at it in the Step Functions console"))
}

impl Answer for Decided {
    fn text(&self, _: &Look) -> String {
        paint(GOOD, format!("✓ {}", printable(&self.message, 600)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};

    #[test]
    fn what_was_decided_is_told_in_a_sentence() {
        let decided = Decided {
            build: "python-ml-x86_64-17".parse().unwrap(),
            decision: "approved",
            message: "python-ml-x86_64-17 may start, at a cost of $8.50 at most".into(),
            execution: "arn:aws:states:us-east-1:123456789012:execution:prism-auto-ami-approve-build:9d2c".into(),
        };
        insta::assert_snapshot!(plain(&decided.text(&look())), @"✓ python-ml-x86_64-17 may start, at a cost of $8.50 at most");
        insta::assert_json_snapshot!(decided);
    }

    #[test]
    fn a_reason_that_is_too_long_is_refused_before_aws_is_asked() {
        let input = ApprovalInput {
            build: "python-ml-x86_64-17".parse().unwrap(),
            reject: true,
            reason: Some("x".repeat(201)),
        };
        assert_eq!(checked(&input).unwrap_err().to_string(), "reason is longer than 200 characters");
    }
}
