//! Judging an update anew.

use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::table::Applied;
use prism_aws::{fault, pages};
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
        // What is worse than it was thought to be is answered again: the stream brings the page that asks for it.
        let writes = if raised {
            pages::next_round(record, update.clone(), now)?
        } else {
            vec![base_images::reassessed(record, &update)?]
        };
        if self.table.transact(&format!("judging update {}", update.id), writes).await? != Applied::Written {
            // Somebody else has judged it at the same time.
            return Ok(());
        }
        fault::point("assess-updates.judged");
        output.changed += 1;
        output.raised += usize::from(raised);
        tracing::info!(update_id = %update.id, level = %update.security_level, "{} {}", update.id, change.sentence);
        Ok(())
    }
}
