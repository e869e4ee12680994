//! assess-updates: judges the updates of the last month anew, by what is known now, and finds active images that lack
//! fixes though their base image has not moved. It runs when something new was collected, and every few hours.
//!
//! An update that turns out to be worse is answered again, so that a build that is queued moves up with it. Updates come
//! first; images are compared as long as there is time, and by another run where this one does not come to all.

mod lacking;
mod reassessing;

use futures_util::stream::{self, StreamExt as _};
use jiff::{SignedDuration, Timestamp};
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_aws::{base_images, policies};
use prism_domain::id::{Region, Target};
use prism_domain::lacking::Release;
use prism_ec2::Images;
use prism_ec2::judge::Judge;
use serde::Serialize;
use serde_json::Value;
use tokio::time::{Duration, Instant};

use lacking::{Compared, Known};

/// For how long an update is judged anew.
const JUDGED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many of a base image's newest updates are judged anew.
const MOVES: usize = 3;

/// How many images are read together: DynamoDB hands out a hundred items a call. What is installed in each takes some
/// hundred kilobytes.
const TOGETHER: usize = 100;

/// How many images are compared at a time.
const AT_ONCE: usize = 16;

/// For how long images are compared, of the 15 minutes that a run may take.
const COMPARING: Duration = Duration::from_mins(12);

/// How often it runs by itself, in seconds: every three hours.
const INTERVAL: i64 = 3 * 3600;

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
    /// Those for which there was no time.
    left: usize,
    /// Judgements that failed, and are made again the next time.
    failed: usize,
}

impl Function for AssessUpdates {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            advisories: environment.advisories()?,
            images: Images::new(&environment.config),
            workflow: environment.workflow()?,
            region: environment.region()?,
        })
    }

    async fn handle(&self, _hint: Value, now: Timestamp) -> Result<Output> {
        let Some(policy) = policies::readable(&self.table).await? else { return Ok(Output::default()) };
        let catalogue = policy.catalogue();
        let tracked = base_images::all_tracked(&self.table, &self.region).await?.logged();
        let newest = tracked.iter().filter_map(|one| Release::of_image(&one.current.image_name)).max();
        let mut judge = Judge::new(&self.images, &self.table, &self.advisories, &policy, now).await?;
        let mut output = Output::default();
        let mut stood_on = Vec::new();
        for one in &tracked {
            let Some(base) = catalogue.iter().find(|base| base.name == one.id.name) else { continue };
            let dependants = base_images::dependants(&self.table, &one.id.name, one.id.architecture).await?.logged();
            if dependants.is_empty() {
                continue;
            }
            let moves = base_images::newest_updates(&self.table, &one.id, MOVES).await?.logged();
            for record in &moves {
                // Once nobody stands on the old image any more, there is nobody to whom the judgement matters.
                let matters = dependants.iter().any(|it| it.may_stand_on(&record.update.previous_image_id));
                if matters && record.update.updated_at + JUDGED > now {
                    let judged = self.reassess(&mut judge, record, base, now, &mut output).await;
                    count(judged, &mut output);
                }
            }
            count(judge.read(base).await, &mut output);
            stood_on.push((base, one, dependants));
        }
        let mut ahead: Vec<(Target, Known<'_>)> = Vec::new();
        for (base, tracked, dependants) in &stood_on {
            let known = Known { base, tracked, newest, policy: &policy };
            ahead.extend(dependants.iter().map(|dependant| (dependant.target.clone(), known)));
        }
        self.compare_all(&judge, ahead, now, &mut output).await;
        tracing::info!(?output, "assessed");
        Ok(output)
    }
}

impl AssessUpdates {
    /// Compares images as long as there is time, beginning elsewhere with every run, so that all have their turn.
    async fn compare_all(
        &self,
        judge: &Judge<'_>,
        mut ahead: Vec<(Target, Known<'_>)>,
        now: Timestamp,
        output: &mut Output,
    ) {
        let until = Instant::now() + COMPARING;
        if !ahead.is_empty() {
            let run = usize::try_from(now.as_second() / INTERVAL).unwrap_or_default();
            let length = ahead.len();
            ahead.rotate_left(run.wrapping_mul(length / 4 + 1) % length);
        }
        for together in ahead.chunks(TOGETHER) {
            if Instant::now() > until {
                output.left += together.len();
                continue;
            }
            let targets: Vec<Target> = together.iter().map(|(target, _)| target.clone()).collect();
            let images = match self.active_images(judge, &targets).await {
                Ok(images) => images,
                Err(error) => {
                    count(Err(error), output);
                    continue;
                }
            };
            let compared =
                stream::iter(together).map(|(target, known)| self.compare(judge, &images, target, *known, now));
            let mut compared = std::pin::pin!(compared.buffer_unordered(AT_ONCE));
            while let Some(one) = compared.next().await {
                match one {
                    Ok(Compared::Passed) => {}
                    Ok(Compared::Done) => output.compared += 1,
                    Ok(Compared::AskedFor) => {
                        output.compared += 1;
                        output.patches += 1;
                    }
                    Err(error) => count(Err(error), output),
                }
            }
        }
        if output.left > 0 {
            tracing::warn!(left = output.left, "there was no time for some images: the next run begins with others");
        }
    }
}

/// One judgement that fails does not keep the others from being made.
fn count(judged: Result<()>, output: &mut Output) {
    if let Err(error) = judged {
        tracing::error!(error.name = error.name(), "a judgement failed: {error}");
        output.failed += 1;
    }
}
