//! The topic on which notices reach people.

use aws_sdk_sns::Client;
use aws_sdk_sns::types::MessageAttributeValue;
use prism_domain::notice::Notice;

use crate::error::{Error, Result};

/// The topic.
#[derive(Debug, Clone)]
pub struct Topic {
    client: Client,
    arn: String,
}

impl Topic {
    /// The topic of this ARN.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, arn: impl Into<String>) -> Self {
        Self { client: Client::new(config), arn: arn.into() }
    }

    /// Publishes a notice. Its id and kind travel as attributes, so that a reader can tell a double and
    /// filter.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn publish(&self, notice: &Notice) -> Result<()> {
        let attribute = |value: &str| {
            MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build()
                .map_err(|error| Error::malformed("a message attribute", error))
        };
        let sent = self
            .client
            .publish()
            .topic_arn(&self.arn)
            .subject(&notice.subject)
            .message(&notice.body)
            .message_attributes("notice_id", attribute(&notice.id)?)
            .message_attributes("kind", attribute(&notice.kind.to_string())?)
            .send()
            .await;
        sent.map(|_| ()).map_err(|error| Error::from_sdk(format!("publishing notice {}", notice.id), error))
    }
}
