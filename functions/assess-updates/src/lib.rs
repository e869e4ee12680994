//! assess-updates: judges the updates of the last month anew, by what is known now, and finds active images that lack
//! fixes though their base image has not moved. It runs when something new was collected, and every few hours.
//!
//! An update that turns out to be worse is answered again, so that a build that is queued moves up with it.

mod lacking;
mod reassessing;

use aws_config::SdkConfig;
use jiff::SignedDuration;
use prism_aws::error::Result;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_aws::{base_images, clock, policies, settings};
use prism_domain::id::Region;
use prism_domain::patch::Release;
use prism_ec2::Images;
use prism_ec2::judge::Judge;
use serde::Serialize;
use serde_json::Value;

/// For how long an update is judged anew.
const JUDGED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many of a base image's newest updates are judged anew.
const MOVES: usize = 3;

/// The function.
#[derive(Debug)]
pub struct AssessUpdates {
    table: Table,
    advisories: Table,
    images: Images,
    workflow: Workflow,
    region: Region,
}

/// What was judged, and what came of it.
#[derive(Debug, Default, Serialize)]
pub struct Output {
    /// Updates that were judged.
    judged: usize,
    /// Those whose judgement is another one now.
    changed: usize,
    /// Those that are worse than they were thought to be, and are answered again.
    raised: usize,
    /// Active images that were compared with what is published.
    compared: usize,
    /// Those for which a rebuild was asked for.
    patches: usize,
    /// Judgements that failed, and are made again the next time.
    failed: usize,
}

impl Function for AssessUpdates {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            advisories: Table::new(config, settings::required("ADVISORIES_TABLE_NAME")?),
            images: Images::new(config),
            workflow: Workflow::new(config, settings::required("STATE_MACHINE_ARN")?),
            region: settings::parsed("AWS_REGION")?,
        })
    }

    async fn handle(&self, _hint: Value) -> Result<Output> {
        let now = clock::now();
        let policy = policies::current(&self.table).await?;
        let catalogue = policy.catalogue();
        let tracked = base_images::all_tracked(&self.table, &self.region).await?;
        let newest = tracked.iter().filter_map(|one| Release::of_image(&one.current.image_name)).max();
        let mut judge = Judge::new(&self.images, &self.table, &self.advisories, &policy, now).await?;
        let mut output = Output::default();
        for one in &tracked {
            let Some(base) = catalogue.iter().find(|base| base.name == one.id.name) else { continue };
            let dependants = base_images::dependants(&self.table, &one.id.name, one.id.architecture).await?;
            if dependants.is_empty() {
                continue;
            }
            for record in base_images::newest_updates(&self.table, &one.id, MOVES).await? {
                if record.update.updated_at + JUDGED > now {
                    let judged = self.reassess(&mut judge, &record, base, now, &mut output).await;
                    count(judged, &mut output);
                }
            }
            let known = lacking::Known { base, tracked: one, newest, policy: &policy };
            for dependant in &dependants {
                let compared = self.compare(&mut judge, &dependant.target, known, now, &mut output).await;
                count(compared, &mut output);
            }
        }
        tracing::info!(?output, "assessed");
        Ok(output)
    }
}

/// One judgement that fails does not keep the others from being made.
fn count(judged: Result<()>, output: &mut Output) {
    if let Err(error) = judged {
        tracing::error!(error.name = error.name(), "a judgement failed: {error}");
        output.failed += 1;
    }
}
