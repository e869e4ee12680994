//! Judging an update anew.

use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::stream::StreamEvent;
use prism_aws::table::Applied;
use prism_aws::{fault, keys};
use prism_domain::assessment::{ChangeKind, reassess};
use prism_domain::catalogue::BaseImage;
use prism_ec2::judge::Judge;

use crate::{AssessUpdates, Output};

impl AssessUpdates {
    /// Judges an update; writes the judgement if it is another one; and if it is worse, has the update answered again.
    pub(crate) async fn reassess(
        &self,
        judge: &mut Judge<'_>,
        record: &UpdateRecord,
        base: &BaseImage,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        let assessment = judge.update(&record.update, base).await?;
        output.judged += 1;
        let Some(change) = reassess(&record.update, assessment) else { return Ok(()) };
        let update = record.update.clone().assessed(change.assessment, now);
        let raised = change.kind == ChangeKind::Raised;
        let write = base_images::reassessed(record, &update, raised)?;
        match self.table.transact(&format!("judging update {}", update.id), vec![write]).await? {
            // Somebody else has judged it at the same time.
            Applied::Lost(_) => return Ok(()),
            Applied::Written => {}
        }
        fault::point("assess-updates.judged");
        output.changed += 1;
        tracing::info!(update_id = %update.id, level = %update.security_level, "{} {}", update.id, change.sentence);
        if raised {
            output.raised += 1;
            let event = StreamEvent::naming(&keys::update(&update.id));
            self.functions.poke(&self.respond_to_update, &event).await?;
        }
        Ok(())
    }
}
