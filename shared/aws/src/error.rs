//! What can go wrong at the edge, under the names that the state machine's Retry and Catch match.

use std::error::Error as StdError;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use prism_domain::problem::Problems;
use prism_domain::unreadable::UnreadableRecord;

/// The source of an error, kept for the log.
pub type Source = Box<dyn StdError + Send + Sync>;

/// An error of a function.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS was asked too often: worth another try, later.
    #[error("{action}: {reason}")]
    Throttled {
        /// What was being done.
        action: String,
        /// AWS's error code and message.
        reason: String,
        /// What the SDK says.
        #[source]
        source: Option<Source>,
    },
    /// Timed out, unreachable, or lost too many races: worth another try.
    #[error("{action}: {reason}")]
    Transient {
        /// What was being done.
        action: String,
        /// AWS's error code, or what happened to the call.
        reason: String,
        /// What the SDK says.
        #[source]
        source: Option<Source>,
    },
    /// The run had no time left for it: worth another try, in another run.
    #[error("{action}: there was no time left for it in this run")]
    OutOfTime {
        /// What was being done.
        action: String,
    },
    /// AWS refuses, and will refuse again.
    #[error("{action}: {reason}")]
    Permanent {
        /// What was being done.
        action: String,
        /// AWS's error code and message.
        reason: String,
        /// What the SDK says.
        #[source]
        source: Option<Source>,
    },
    /// The input is at fault.
    #[error("{0}")]
    InvalidRequest(String),
    /// A parameter does not have its value yet: SSM validates an image after it has answered.
    #[error("the parameter {name} is not {expected} yet")]
    ParameterNotYetRight {
        /// The parameter.
        name: String,
        /// The image that it has to name.
        expected: String,
    },
    /// What is asked for can't be built as it is.
    #[error("it cannot be built: {0}")]
    CannotBuild(String),
    /// What is asked for does not go with what there is: a build that has ended, a record that nobody wrote.
    #[error("{0}")]
    Conflict(String),
    /// An item of the table that is not what its key says it is: until somebody mends it.
    #[error("{0}")]
    Unreadable(Box<UnreadableRecord>),
    /// A setting or an answer that this version cannot read.
    #[error("{what} cannot be read: {reason}")]
    Malformed {
        /// Which setting or answer.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// A result at the edge.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Error codes by which AWS services say that they were asked too often.
/// Sources: the `Errors` section of each operation that is called, and
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
const THROTTLED: [&str; 9] = [
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ProvisionedThroughputExceededException",
    "CallRateLimitExceededException",
];

/// Error codes by which AWS services say that something is in the way for now. Sources: as above.
const BUSY: [&str; 7] = [
    "TransactionConflictException",
    "TransactionInProgressException",
    "ServiceUnavailableException",
    "ServiceUnavailable",
    "InternalServerError",
    "InternalError",
    "TooManyUpdates",
];

/// The name of [`Error::CannotBuild`]: the template is at fault, and not AWS.
pub const CANNOT_BUILD: &str = "CannotBuild";

impl Error {
    /// The name under which the state machine knows the error.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Throttled { .. } | Self::Transient { .. } | Self::OutOfTime { .. } => "TransientFault",
            Self::Permanent { .. } | Self::Malformed { .. } | Self::Conflict(_) => "PermanentFault",
            Self::CannotBuild(_) => CANNOT_BUILD,
            Self::InvalidRequest(_) => "InvalidRequest",
            Self::ParameterNotYetRight { .. } => "ParameterNotYetRight",
            Self::Unreadable(_) => "UnreadableRecord",
        }
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Transient { .. }
                | Self::OutOfTime { .. }
                | Self::ParameterNotYetRight { .. }
        )
    }

    /// Whether AWS could be reached and refused to answer because it was asked too often.
    #[must_use]
    pub const fn is_throttling(&self) -> bool {
        matches!(self, Self::Throttled { .. })
    }

    /// Whether it was the run that ended, and not AWS that failed.
    #[must_use]
    pub const fn is_out_of_time(&self) -> bool {
        matches!(self, Self::OutOfTime { .. })
    }

    /// A conflict that bounded retries did not resolve.
    #[must_use]
    pub fn lost_race(action: impl Into<String>) -> Self {
        Self::Transient {
            action: action.into(),
            reason: "others were faster, again and again".to_owned(),
            source: None,
        }
    }

    /// A setting or an answer that this version cannot read.
    #[expect(clippy::needless_pass_by_value, reason = "errors and texts are given away alike")]
    pub fn malformed(what: impl Into<String>, reason: impl ToString) -> Self {
        Self::Malformed { what: what.into(), reason: reason.to_string() }
    }

    /// What the SDK's error of `action` means.
    pub fn from_sdk<E>(action: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let action = action.into();
        let status = error.raw_response().map(|response| response.status().as_u16());
        let reason = match &error {
            SdkError::ServiceError(service) => {
                let code = service.err().code().unwrap_or("an error without a code");
                match service.err().message() {
                    Some(message) => format!("{code}: {message}"),
                    None => code.to_owned(),
                }
            }
            SdkError::TimeoutError(_) => "timed out".to_owned(),
            SdkError::DispatchFailure(_) => "AWS could not be reached".to_owned(),
            SdkError::ResponseError(_) => "the answer could not be read".to_owned(),
            _ => "the call could not be made".to_owned(),
        };
        let (throttled, transient) = match &error {
            SdkError::ServiceError(service) => {
                let said = |codes: &[&str]| service.err().code().is_some_and(|code| codes.contains(&code));
                (said(&THROTTLED) || status == Some(429), said(&BUSY) || status.is_some_and(|status| status >= 500))
            }
            SdkError::ConstructionFailure(_) => (false, false),
            _ => (false, true),
        };
        let source: Option<Source> = Some(Box::new(error));
        if throttled {
            Self::Throttled { action, reason, source }
        } else if transient {
            Self::Transient { action, reason, source }
        } else {
            Self::Permanent { action, reason, source }
        }
    }
}

/// The answer of a call, or `None` if AWS refused it with one of `codes`. Any other refusal is an error of `action`.
pub(crate) fn unless<T, E>(
    codes: &[&str],
    action: impl Into<String>,
    answer: Result<T, SdkError<E, HttpResponse>>,
) -> Result<Option<T>>
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(SdkError::ServiceError(refused)) if refused.err().code().is_some_and(|code| codes.contains(&code)) => {
            Ok(None)
        }
        Err(error) => Err(Error::from_sdk(action, error)),
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::InvalidRequest(problems.to_string())
    }
}

impl From<UnreadableRecord> for Error {
    fn from(record: UnreadableRecord) -> Self {
        Self::Unreadable(Box::new(record))
    }
}

impl From<Error> for lambda_runtime::Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    use super::*;

    fn answered(code: &str, status: u16) -> Error {
        let metadata = ErrorMetadata::builder().code(code).message("as AWS says it").build();
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        Error::from_sdk("asking", SdkError::service_error(metadata, response))
    }

    fn unanswered(what: &'static str) -> Error {
        Error::from_sdk("asking", SdkError::<ErrorMetadata, HttpResponse>::timeout_error(what))
    }

    #[test]
    fn being_asked_too_often_is_told_from_being_out_of_reach_by_the_code() {
        for (code, status) in [
            ("ThrottlingException", 400),
            ("RequestLimitExceeded", 503),
            ("TooManyRequestsException", 429),
            ("Odd", 429),
        ] {
            let error = answered(code, status);
            assert!(error.is_throttling() && error.is_retryable() && error.name() == "TransientFault", "{error}");
        }
        for error in [answered("InternalError", 500), answered("Unavailable", 503), unanswered("timed out")] {
            assert!(!error.is_throttling() && error.is_retryable(), "{error}");
        }
        let refused = answered("AccessDeniedException", 400);
        assert!(!refused.is_throttling() && !refused.is_retryable(), "{refused}");
        assert_eq!(refused.to_string(), "asking: AccessDeniedException: as AWS says it");
    }

    #[test]
    fn a_message_that_only_speaks_of_throttling_is_none() {
        assert!(!answered("NotThrottlingException", 400).is_throttling());
    }
}
