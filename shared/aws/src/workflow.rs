//! The state machine `build-image`: starting executions, and answering those that wait.

use aws_sdk_sfn::Client;
use aws_sdk_sfn::types::ExecutionStatus;
use prism_domain::build::{ImageOutcome, ImageResult};
use prism_domain::id::RequestId;
use prism_domain::request::RequestInput;
use serde::Serialize;

use crate::error::{Error, Result};

/// The state machine.
#[derive(Debug, Clone)]
pub struct Workflow {
    client: Client,
    state_machine: String,
}

/// Whether an execution was started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Started {
    /// It was, or is running under this name with this input.
    Running,
    /// The name is taken by an execution that has ended: the request was made before.
    Before,
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

    /// Starts an execution under a name. The same name and input on a running one is the same one.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn start(&self, request: &RequestId, input: &RequestInput) -> Result<Started> {
        let sent = self
            .client
            .start_execution()
            .state_machine_arn(&self.state_machine)
            .name(request.as_str())
            .input(input.to_value().to_string())
            .send()
            .await;
        match sent {
            Ok(_) => Ok(Started::Running),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_already_exists()) => {
                Ok(Started::Before)
            }
            Err(error) => Err(Error::from_sdk(format!("starting execution {request}"), error)),
        }
    }

    /// Starts an execution for a person, under a name that Step Functions makes. Answers its ARN.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn start_unnamed(&self, input: &RequestInput) -> Result<String> {
        let sent =
            self.client.start_execution().state_machine_arn(&self.state_machine).input(input.to_value().to_string());
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
        match self.client.send_task_success().task_token(token).output(output).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_task_timed_out() || e.is_task_does_not_exist() || e.is_invalid_token()) =>
            {
                Ok(())
            }
            Err(error) => Err(Error::from_sdk("answering an execution that waits", error)),
        }
    }

    /// Tells an execution that waits that what it waits for has failed.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn fail(&self, token: &str, error_name: &str, cause: &str) -> Result<()> {
        match self.client.send_task_failure().task_token(token).error(error_name).cause(cause).send().await {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|e| e.is_task_timed_out() || e.is_task_does_not_exist() || e.is_invalid_token()) =>
            {
                Ok(())
            }
            Err(error) => Err(Error::from_sdk("failing an execution that waits", error)),
        }
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

    /// How an execution stands.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn standing(&self, execution: &str) -> Result<Standing> {
        match self.client.describe_execution().execution_arn(execution).send().await {
            Ok(found) => Ok(match found.status {
                ExecutionStatus::Running | ExecutionStatus::PendingRedrive => Standing::Running,
                ExecutionStatus::Succeeded => Standing::Succeeded,
                ExecutionStatus::Aborted => Standing::Stopped,
                _ => Standing::Broken,
            }),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_execution_does_not_exist()) => {
                Ok(Standing::Gone)
            }
            Err(error) => Err(Error::from_sdk(format!("describing {execution}"), error)),
        }
    }

    /// Why an execution was stopped or failed, if it was and says so.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn cause(&self, execution: &str) -> Result<Option<String>> {
        let described = self.client.describe_execution().execution_arn(execution).send().await;
        let found = described.map_err(|error| Error::from_sdk(format!("describing {execution}"), error))?;
        Ok(found.cause.or(found.error))
    }
}
