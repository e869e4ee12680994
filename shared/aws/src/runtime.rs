//! What every function's `main` does: logs, configuration, and the Lambda runtime.

use std::fmt::Debug;
use std::pin::Pin;

use aws_config::{BehaviorVersion, SdkConfig, timeout::TimeoutConfig};
use jiff::Timestamp;
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use prism_domain::id::BuildId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Duration;
use tracing::Instrument as _;

use crate::clock;
use crate::environment::Environment;
use crate::error::Error;

/// JSON logs, one line an event, at the level of `RUST_LOG`.
pub fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info"));
    // Setting it twice fails, which leaves the first in place: nothing is lost.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .try_init();
}

/// The SDK's configuration: region, credentials and endpoints from the environment, as every AWS tool
/// reads them.
pub async fn sdk_config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build();
    aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}

/// A Lambda function: what it is built from at start, and what it does with an event.
pub trait Function: Sized {
    /// The event.
    type Input: DeserializeOwned;
    /// The answer.
    type Output: Serialize + Debug;

    /// Builds clients and reads the environment, once.
    ///
    /// # Errors
    ///
    /// If the environment lacks a variable.
    fn new(environment: &Environment) -> Result<Self, Error>;

    /// Handles one event, at this moment.
    fn handle(&self, input: Self::Input, now: Timestamp) -> impl Future<Output = Result<Self::Output, Error>>;
}

/// Why a function's process ended.
pub type Exit = Result<(), lambda_runtime::Error>;

/// The whole of a function's `main`. A failure is logged here, once.
///
/// # Errors
///
/// If the function cannot be set up, or the runtime API cannot be reached.
pub fn main<F: Function>() -> Exit {
    log();
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let function = &F::new(&Environment::of_process(sdk_config().await))?;
        let handle = async |event: LambdaEvent<F::Input>| {
            let span =
                tracing::info_span!("event", request_id = event.context.request_id, build_id = tracing::field::Empty);
            // Boxed, or the types of a handler's futures nest deeper than the compiler follows.
            let handled: Pin<Box<dyn Future<Output = _>>> = Box::pin(function.handle(event.payload, clock::now()));
            handled.instrument(span.clone()).await.map_err(|error: Error| {
                let _entered = span.enter();
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(error.name = error.name(), error.source = source, "failed: {error}");
                Diagnostic::from(error)
            })
        };
        lambda_runtime::run(service_fn(handle)).await
    })
}

/// Says which build the event is about: every line that is logged about it from now on names it.
pub fn about(build: &BuildId) {
    tracing::Span::current().record("build_id", tracing::field::display(build));
}
