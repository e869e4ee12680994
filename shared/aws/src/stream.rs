//! The table's stream: what changed, one record at a time, and which records have to come again.

use aws_lambda_events::event::dynamodb::Event;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::keys::Key;

/// A batch of changes, as Lambda delivers it.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct StreamEvent(Event);

/// A change of an item. Only its key is read: what the item is now, the table tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The item.
    pub key: Key,
}

/// The records that failed. Lambda brings the first of them again, and all after it.
/// Source: <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchResponse {
    batch_item_failures: Vec<Failure>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Failure {
    item_identifier: String,
}

impl StreamEvent {
    /// Handles the changes in their order, up to the first that fails: that one, and what follows it,
    /// comes again, until it has been tried as often as the event source allows and is set aside.
    ///
    /// # Errors
    ///
    /// Never; a failure is part of the answer.
    pub async fn each(&self, handle: impl AsyncFn(&Change) -> Result<()>) -> Result<BatchResponse> {
        for record in &self.0.records {
            let attribute = |name: &str| -> Option<String> {
                serde_dynamo::from_attribute_value(record.change.keys.get(name)?.clone()).ok()
            };
            let (Some(pk), Some(sk)) = (attribute("pk"), attribute("sk")) else {
                tracing::warn!("a record of another table's shape is passed over");
                continue;
            };
            let change = Change { key: Key { pk, sk } };
            if let Err(error) = handle(&change).await {
                let source = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(
                    error.name = error.name(),
                    error.source = source,
                    pk = change.key.pk,
                    sk = change.key.sk,
                    "a record failed: {error}"
                );
                let item_identifier = record.change.sequence_number.clone().unwrap_or_default();
                return Ok(BatchResponse { batch_item_failures: vec![Failure { item_identifier }] });
            }
        }
        Ok(BatchResponse::default())
    }

    /// The batch that names one item, for whoever has it looked at again.
    #[must_use]
    pub fn naming(key: &Key) -> serde_json::Value {
        serde_json::json!({ "Records": [{
            "eventID": "reconcile", "eventName": "INSERT", "awsRegion": "", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "dynamodb": {
                "Keys": { "pk": { "S": key.pk }, "sk": { "S": key.sk } }, "SequenceNumber": "0",
                "ApproximateCreationDateTime": 0, "SizeBytes": 0, "StreamViewType": "KEYS_ONLY"
            }
        }] })
    }
}
