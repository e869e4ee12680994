//! Invoking the other functions of the stack, without waiting for them.

use aws_sdk_lambda::Client;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use serde::Serialize;

use crate::error::{Error, Result};

/// The functions of the stack.
#[derive(Debug, Clone)]
pub struct Functions {
    client: Client,
}

impl Functions {
    /// The functions of the account and region of `config`.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// Has Lambda invoke a function, some time soon.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn poke(&self, function: &str, input: &impl Serialize) -> Result<()> {
        let input = serde_json::to_vec(input).map_err(|error| Error::malformed("an input", error))?;
        let call = self.client.invoke().function_name(function).invocation_type(InvocationType::Event);
        let sent = call.payload(Blob::new(input)).send().await;
        sent.map(|_| ()).map_err(|error| Error::from_sdk(format!("invoking {function}"), error))
    }
}
