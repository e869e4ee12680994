//! notify: publishes the notices of the outbox, and marks them as sent. It reads the table's stream, so
//! that no notice is lost; one is doubled only if the function dies between publishing and marking, and
//! then under the same notice id.

use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::runtime::Function;
use prism_aws::stream::{BatchResponse, Change, StreamEvent};
use prism_aws::table::{Applied, Table};
use prism_aws::topic::Topic;
use prism_aws::{fault, notices};

/// The function.
#[derive(Debug)]
pub struct Notify {
    table: Table,
    topic: Topic,
}

impl Function for Notify {
    type Input = StreamEvent;
    type Output = BatchResponse;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            topic: Topic::new(&environment.config, environment.required("NOTICES_TOPIC_ARN")?.to_owned()),
        })
    }

    async fn handle(&self, event: StreamEvent, now: Timestamp) -> Result<BatchResponse> {
        event.each(async |change| self.send(change, now).await).await
    }
}

impl Notify {
    async fn send(&self, change: &Change, now: Timestamp) -> Result<()> {
        // The record as it is now, not as it was when it was written: it may have been sent since.
        let Some(record) = notices::at(&self.table, &change.key).await? else { return Ok(()) };
        if record.sent_at.is_some() {
            return Ok(());
        }
        self.topic.publish(&record.notice).await?;
        fault::point("notify.published");
        // Lost: DynamoDB has removed it as too old, and there is nothing to mark.
        let _: Applied = notices::mark_sent(&self.table, &record.notice, now).await?;
        fault::point("notify.marked");
        tracing::info!(notice_id = record.notice.id, "sent");
        Ok(())
    }
}
