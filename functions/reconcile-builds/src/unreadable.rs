//! Records that cannot be read: whoever looks at everything finds them, and people are told once.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::{base_images, ledger, unreadable};
use prism_domain::notice::record_unreadable;

use crate::{Output, ReconcileBuilds};

impl ReconcileBuilds {
    /// Reads what no other look reads, to find what of it cannot be read.
    pub(crate) async fn others(&self, output: &mut Output) -> Result<()> {
        output.unreadable.extend(ledger::all_unreadable(&self.table).await?);
        let tracked = base_images::all_tracked(&self.table, &self.region).await?;
        let troubles = base_images::all_troubles(&self.table, &self.region).await?;
        output.unreadable.extend(troubles.unreadable);
        for tracked in output.readable(tracked) {
            let (name, architecture) = (&tracked.id.name, tracked.id.architecture);
            let dependants = base_images::dependants(&self.table, name, architecture).await?;
            output.unreadable.extend(dependants.unreadable);
        }
        Ok(())
    }

    /// Leaves one notice of all of which people were not told.
    pub(crate) async fn tell_of_unreadable(&self, output: &Output, now: Timestamp) -> Result<()> {
        let told = unreadable::told(&self.table).await?;
        let found = &output.unreadable;
        for record in found {
            tracing::error!(pk = record.pk, sk = record.sk, "{record}");
        }
        let news = told.news(found);
        let notice = record_unreadable(&news, told.revision, now);
        // What could not be looked at may still be so: it is not forgotten.
        let is_whole = output.failed == 0 && output.unlooked == 0;
        let is_mended = is_whole && told.digests.len() > found.len() - news.len();
        if notice.is_none() && !is_mended {
            return Ok(());
        }
        unreadable::tell(&self.table, &told, found, is_whole, notice.as_ref()).await
    }
}
