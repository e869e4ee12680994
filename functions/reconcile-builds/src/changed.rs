//! Targets whose templates have changed since their image was made, and that nobody builds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::{inventory, looks, standing, templates};
use prism_domain::architecture::Architecture;
use prism_domain::build::Channel;
use prism_domain::due::{Due, change, due};
use prism_domain::id::{Target, TemplateName};
use prism_domain::policy::Policy;

use crate::{Output, ReconcileBuilds};

impl ReconcileBuilds {
    /// Has the targets looked at whose templates have changed, those first that changed first, and no more than there is
    /// `room` for.
    pub(crate) async fn look_at_changed(
        &self,
        room: usize,
        busy: &BTreeSet<Target>,
        policy: &Policy,
        now: Timestamp,
        output: &mut Output,
    ) -> Result<()> {
        if room == 0 {
            return Ok(());
        }
        let mut left = room;
        for target in self.changed(policy, output).await?.iter().filter(|target| !busy.contains(target)) {
            let standing = standing::of(&self.table, target).await?;
            match due(&standing, policy, now) {
                Due::Rebuild(rebuild) if rebuild.is_paced() && rebuild.held_back.is_none() => {}
                _ => continue,
            }
            looks::start(&self.table, &self.workflow, target, now).await?;
            output.changed += 1;
            left -= 1;
            if left == 0 {
                tracing::info!(room, "the next night has no room for more rebuilds of changed templates");
                break;
            }
        }
        Ok(())
    }

    /// The targets whose templates have changed, those first that changed first.
    async fn changed(&self, policy: &Policy, output: &mut Output) -> Result<Vec<Target>> {
        let records = output.readable(templates::all(&self.table).await?);
        let all: BTreeMap<_, _> = records.into_iter().map(|record| (record.name.clone(), record)).collect();
        let mut channels: BTreeMap<TemplateName, Vec<Channel>> = BTreeMap::new();
        let published = inventory::channels_of_templates(&self.table, all.keys().cloned()).await?;
        for channel in output.readable(published) {
            channels.entry(channel.build.target.template.clone()).or_default().push(channel);
        }
        let mut changed = Vec::new();
        for (name, channels) in channels {
            let source = templates::current_of(&name, &all).source();
            for architecture in Architecture::ALL {
                let target = Target { template: name.clone(), architecture };
                let own = channels.iter().find(|channel| channel.build.target == target);
                let change = change(&target, (own, channels.first()), &source, policy);
                changed.extend(change.map(|change| (change.since, target)));
            }
        }
        changed.sort_unstable();
        Ok(changed.into_iter().map(|(_, target)| target).collect())
    }
}
