//! The state machines: starting executions, and answering those that wait.

use std::collections::BTreeSet;

use aws_sdk_sfn::Client;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use prism_domain::build::{ImageOutcome, ImageResult};
use prism_domain::request::RequestInput;
use serde::Serialize;
use serde_json::Value;

use crate::error::{Error, Result, unless};

/// How Step Functions says that an execution no longer waits.
const WAITS_NO_LONGER: [&str; 3] = ["TaskTimedOut", "TaskDoesNotExist", "InvalidToken"];

/// The state machine.
#[derive(Debug, Clone)]
pub struct Workflow {
    client: Client,
    state_machine: String,
}

/// Whether an execution was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// It was, or is running under this name with this input.
    Running,
    /// The name is taken, by an execution that has ended or has another input.
    Taken,
}

/// What is known of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs.
    Running,
    /// It ended well.
    Succeeded,
    /// It failed or timed out.
    Broken,
    /// A person stopped it.
    Stopped,
    /// There is none.
    Gone,
}

impl Workflow {
    /// The state machine of this ARN.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, state_machine: impl Into<String>) -> Self {
        Self { client: Client::new(config), state_machine: state_machine.into() }
    }

    /// The ARN of the execution of this name.
    /// Source: <https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsstepfunctions.html>.
    #[must_use]
    pub fn execution(&self, name: &str) -> String {
        format!("{}:{name}", self.state_machine.replacen(":stateMachine:", ":execution:", 1))
    }

    /// Starts an execution under a name. The same name and input on a running one is the same one.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn start(&self, name: &str, input: &RequestInput) -> Result<Start> {
        let sent = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine)
            .name(name)
            .input(input.to_value().to_string())
            .send()
            .await;
        let started = unless(&["ExecutionAlreadyExists"], format!("starting execution {name}"), sent)?;
        Ok(if started.is_some() { Start::Running } else { Start::Taken })
    }

    /// Starts an execution under a name that Step Functions makes, which nobody can guess. Answers its ARN.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn start_unnamed(&self, input: &Value) -> Result<String> {
        let sent = self.client.start_execution().state_machine_arn(&self.state_machine).input(input.to_string());
        let started = sent.send().await.map_err(|error| Error::from_sdk("starting an execution", error))?;
        Ok(started.execution_arn)
    }

    /// Answers an execution that waits. One that no longer waits has what it needs: that is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn succeed(&self, token: &str, output: &impl Serialize) -> Result<()> {
        let output = serde_json::to_string(output).map_err(|error| Error::malformed("an answer", error))?;
        let sent = self.client.send_task_success().task_token(token).output(output).send().await;
        unless(&WAITS_NO_LONGER, "answering an execution that waits", sent).map(|_| ())
    }

    /// Tells an execution that waits that what it waits for has failed.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn fail(&self, token: &str, error_name: &str, cause: &str) -> Result<()> {
        let sent = self.client.send_task_failure().task_token(token).error(error_name).cause(cause).send().await;
        unless(&WAITS_NO_LONGER, "failing an execution that waits", sent).map(|_| ())
    }

    /// Answers an execution that waits for Image Builder with how that ended.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn answer(&self, token: &str, outcome: &ImageOutcome) -> Result<()> {
        match &outcome.result {
            ImageResult::Available { .. } => self.succeed(token, &serde_json::json!({ "image": outcome.arn })).await,
            ImageResult::Failed { message, .. } => self.fail(token, "ImageBuildFailed", message).await,
            ImageResult::Cancelled => self.fail(token, "ImageBuildCancelled", "the image was cancelled").await,
        }
    }

    /// The ARNs of executions that run, a thousand a call. One that has just been started or has just ended may be missing or
    /// still be there.
    /// Source: <https://docs.aws.amazon.com/step-functions/latest/apireference/API_ListExecutions.html>.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn running(&self) -> Result<BTreeSet<String>> {
        let running = self
            .client
            .list_executions()
            .state_machine_arn(&self.state_machine)
            .status_filter(ExecutionStatus::Running)
            .max_results(1000);
        let mut pages = running.into_paginator().items().send();
        let mut arns = BTreeSet::new();
        let failed = |error| Error::from_sdk("listing executions", error);
        while let Some(execution) = pages.try_next().await.map_err(failed)? {
            arns.insert(execution.execution_arn);
        }
        Ok(arns)
    }

    /// How an execution stands.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn standing(&self, execution: &str) -> Result<Standing> {
        let described = self.client.describe_execution().execution_arn(execution).send().await;
        let found = unless(&["ExecutionDoesNotExist"], format!("describing {execution}"), described)?;
        Ok(match found.map(|found| found.status) {
            None => Standing::Gone,
            Some(ExecutionStatus::Running | ExecutionStatus::PendingRedrive) => Standing::Running,
            Some(ExecutionStatus::Succeeded) => Standing::Succeeded,
            Some(ExecutionStatus::Aborted) => Standing::Stopped,
            Some(_) => Standing::Broken,
        })
    }

    async fn described(&self, execution: &str) -> Result<DescribeExecutionOutput> {
        let described = self.client.describe_execution().execution_arn(execution).send().await;
        described.map_err(|error| Error::from_sdk(format!("describing {execution}"), error))
    }

    /// What an execution that ended well has answered, or why it did not; nothing while it runs.
    ///
    /// # Errors
    ///
    /// If AWS fails, or the answer is no JSON.
    pub async fn answered(&self, execution: &str) -> Result<Option<std::result::Result<Value, String>>> {
        let found = self.described(execution).await?;
        match found.status {
            ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Ok(None),
            ExecutionStatus::Succeeded => {
                let output = serde_json::from_str(found.output.as_deref().unwrap_or("null"));
                output
                    .map(|output| Some(Ok(output)))
                    .map_err(|error| Error::malformed(format!("the answer of {execution}"), error))
            }
            status => Ok(Some(Err(found.cause.or(found.error).unwrap_or_else(|| format!("it is {status}"))))),
        }
    }

    /// Why an execution was stopped or failed, if it was and says so.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn cause(&self, execution: &str) -> Result<Option<String>> {
        let found = self.described(execution).await?;
        Ok(found.cause.or(found.error))
    }
}
