//! AWS in memory: what a function's clients ask of DynamoDB is answered out of a map, and what they ask of other services
//! is written down. A test sees the real clients, the real writes and their conditions, without a network or a clock.
//!
//! It knows no more than this project uses. What it does not know fails the test.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test support crate: what fails here fails a test"
)]

mod expression;
mod fixtures;
mod table;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::http::{Response, StatusCode};
use aws_smithy_types::body::SdkBody;
use prism_aws::environment::Environment;
use prism_aws::keys::Key;
use prism_aws::runtime::Function;
use serde::Serialize;
use serde_json::{Value, json};

pub use fixtures::{EXECUTION, NOW, ami, look, target};
pub use table::Items;

/// The region of it.
pub const REGION: &str = "us-east-1";

/// The name of its one table.
const TABLE: &str = "state";

/// What happens just before a transaction is written.
type Meanwhile = Box<dyn FnOnce(&mut Items) + Send>;

#[derive(Default)]
struct State {
    items: Items,
    started: Vec<Value>,
    answered: Vec<String>,
    parameters: BTreeMap<String, String>,
    meanwhile: Vec<Meanwhile>,
}

/// AWS in memory.
#[derive(Clone, Default)]
pub struct Aws(Arc<Mutex<State>>);

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws").finish_non_exhaustive()
    }
}

impl Aws {
    /// One without anything in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The configuration of clients that ask it.
    fn config(&self) -> SdkConfig {
        let connector = SharedHttpConnector::new(self.clone());
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static(REGION))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::for_tests()))
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .build()
    }

    /// What a function is started with that asks it.
    #[must_use]
    pub fn environment(&self) -> Environment {
        let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:build-image";
        let infrastructure = "arn:aws:imagebuilder:us-east-1:123456789012:infrastructure-configuration/prism";
        let variables = [
            ("AWS_REGION", REGION),
            ("TABLE_NAME", TABLE),
            ("STATE_MACHINE_ARN", arn),
            ("BUILDER_INSTANCE_TYPE_X86_64", "m7i.large"),
            ("BUILDER_INSTANCE_TYPE_ARM64", "m7g.large"),
            ("INFRASTRUCTURE_X86_64_ARN", infrastructure),
            ("INFRASTRUCTURE_ARM64_ARN", infrastructure),
            ("WATCH_BASE_IMAGES_FUNCTION", "watch-base-images"),
            ("SCHEDULE_BUILDS_FUNCTION", "schedule-builds"),
            ("STARTS_PER_SECOND", "1000"),
            ("PARAMETER_PREFIX", "/prism/auto-ami"),
        ];
        Environment::new(self.config(), variables.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }

    /// What a function answers to this input at this moment.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub async fn ask<F: Function>(&self, input: Value, at: &str) -> Value {
        let function = F::new(&self.environment()).unwrap();
        let answer = function.handle(serde_json::from_value(input).unwrap(), at.parse().unwrap()).await;
        serde_json::to_value(answer.unwrap()).unwrap()
    }

    /// Puts an item into the state table.
    ///
    /// # Panics
    ///
    /// If the value cannot be an item.
    pub fn put(&self, key: &Key, value: &impl Serialize) {
        self.state().items.put(key, value);
    }

    /// An item of the state table, as plain JSON.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Value> {
        self.state().items.get(key)
    }

    /// Changes an item of the state table.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn change(&self, key: &Key, change: impl FnOnce(&mut Value)) {
        self.state().items.change(key, change);
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.state().parameters.get(name).cloned()
    }

    /// With what executions were started, in order.
    #[must_use]
    pub fn started(&self) -> Vec<Value> {
        self.state().started.clone()
    }

    /// The task tokens of the executions that were told to go on, in order.
    #[must_use]
    pub fn answered(&self) -> Vec<String> {
        self.state().answered.clone()
    }

    /// How many items of a partition of the state table have a sort key that begins so.
    #[must_use]
    pub fn count(&self, pk: &str, sk_prefix: &str) -> usize {
        self.state().items.count(pk, sk_prefix)
    }

    /// Has somebody else write just before the next transaction is written; once for each time that this is called.
    pub fn meanwhile(&self, write: impl FnOnce(&mut Items) + Send + 'static) {
        self.state().meanwhile.push(Box::new(write));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("nobody panics while it is locked")
    }

    fn answer(&self, request: &HttpRequest) -> Result<Value, Value> {
        let body = request.body().bytes().unwrap_or_default();
        let input: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let operation = request.headers().get("x-amz-target").unwrap_or_default();
        let mut state = self.state();
        let Some(operation) = operation.strip_prefix("DynamoDB_20120810.") else {
            return Ok(state.others(operation, &input));
        };
        if operation == "TransactWriteItems" && !state.meanwhile.is_empty() {
            let write = state.meanwhile.remove(0);
            write(&mut state.items);
        }
        table::answer(&mut state.items, operation, &input)
    }
}

impl State {
    /// What the services answer of which a function reads the answer.
    fn others(&mut self, operation: &str, input: &Value) -> Value {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        match operation {
            "AWSStepFunctions.StartExecution" => {
                self.started.push(serde_json::from_str(&text(&input["input"])).unwrap());
                json!({ "executionArn": "arn:aws:states:us-east-1:123456789012:execution:a:b", "startDate": 0 })
            }
            "AWSStepFunctions.SendTaskSuccess" => {
                self.answered.push(text(&input["taskToken"]));
                json!({})
            }
            "AmazonSSM.PutParameter" => {
                self.parameters.insert(text(&input["Name"]), text(&input["Value"]));
                json!({ "Version": 1 })
            }
            "AmazonSSM.GetParameters" => {
                let names = input["Names"].as_array().into_iter().flatten().map(text);
                let found =
                    names.filter_map(|name| Some(json!({ "Name": name, "Value": self.parameters.get(&name)? })));
                json!({ "Parameters": found.collect::<Vec<_>>(), "InvalidParameters": [] })
            }
            _ => json!({}),
        }
    }
}

impl HttpConnector for Aws {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (status, body) = match self.answer(&request) {
            Ok(body) => (200, body),
            Err(body) => (400, body),
        };
        let status = StatusCode::try_from(status).expect("it is one");
        HttpConnectorFuture::ready(Ok(Response::new(status, SdkBody::from(body.to_string()))))
    }
}
