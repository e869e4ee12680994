//! notify: publishes the notices of the outbox, and marks them as sent. It reads the table's stream, so
//! that no notice is lost; one is doubled only if the function dies between publishing and marking, and
//! then under the same notice id.

use aws_config::SdkConfig;
use prism_aws::error::Result;
use prism_aws::runtime::Function;
use prism_aws::stream::{BatchResponse, Change, StreamEvent};
use prism_aws::table::{Applied, Table};
use prism_aws::topic::Topic;
use prism_aws::{clock, fault, notices, settings};

/// The function.
#[derive(Debug)]
pub struct Notify {
    table: Table,
    topic: Topic,
}

impl Function for Notify {
    type Input = StreamEvent;
    type Output = BatchResponse;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            topic: Topic::new(config, settings::required("NOTICES_TOPIC_ARN")?),
        })
    }

    async fn handle(&self, event: StreamEvent) -> Result<BatchResponse> {
        event.each(async |change| self.send(change).await).await
    }
}

impl Notify {
    async fn send(&self, change: &Change) -> Result<()> {
        // The record as it is now, not as it was when it was written: it may have been sent since.
        let Some(record) = notices::at(&self.table, &change.key).await? else { return Ok(()) };
        if record.sent_at.is_some() {
            return Ok(());
        }
        self.topic.publish(&record.notice).await?;
        fault::point("notify.published");
        // Lost: DynamoDB has removed it as too old, and there is nothing to mark.
        let _: Applied = notices::mark_sent(&self.table, &record.notice, clock::now()).await?;
        fault::point("notify.marked");
        tracing::info!(notice_id = record.notice.id, "sent");
        Ok(())
    }
}
