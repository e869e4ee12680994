//! What holds a claim: builds of executions that are over, images that are, and what was to follow a build.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::image_builder::ImageState;
use prism_aws::workflow::Standing;
use prism_aws::{builds, claims};
use prism_domain::claim::{Claim, Held, Stage};
use serde_json::json;
use tokio::time::{Duration, Instant};

use crate::finds::{count, is_late};
use crate::{Output, ReconcileBuilds};

/// How many are looked at at a time. Step Functions throttles `DescribeExecution`: what it refuses is tried again.
/// Source: <https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html>.
const AT_A_TIME: usize = 8;

/// How long after the function has begun no other one is looked at: it is ended after 300 seconds.
const TIME: Duration = Duration::from_mins(4);

/// What a look has come to.
enum Found {
    /// All is well.
    Nothing,
    /// A build was to be closed.
    Unclosed,
    /// An image has ended, and nobody was told.
    Untold,
}

impl ReconcileBuilds {
    /// Looks at as many as there is time for, and begins with others every hour.
    pub(crate) async fn claims(&self, began: Instant, now: Timestamp, output: &mut Output) -> Result<()> {
        // Before the claims are read: one that is started meanwhile is asked for by itself.
        let running = self.workflow.running().await?;
        let claims = claims::all(&self.table).await?;
        let mut claims = output.readable(claims);
        claims.retain(|claim| claim.held.is_some() || claim.next.is_some());
        let first = first(claims.len(), now);
        claims.rotate_left(first);
        let in_time = claims.iter().take_while(|_| began.elapsed() < TIME);
        let mut looks = stream::iter(in_time).map(|claim| self.claim(claim, &running, now)).buffer_unordered(AT_A_TIME);
        let mut looked = 0;
        while let Some(found) = looks.next().await {
            looked += 1;
            match found {
                Ok(Found::Nothing) => {}
                Ok(Found::Unclosed) => output.unclosed += 1,
                Ok(Found::Untold) => output.untold += 1,
                Err(error) => count(Err(error), output),
            }
        }
        output.unlooked = claims.len() - looked;
        if output.unlooked > 0 {
            tracing::warn!(unlooked = output.unlooked, "there was no time to look at every build");
        }
        Ok(())
    }

    async fn claim(&self, claim: &Claim, running: &BTreeSet<String>, now: Timestamp) -> Result<Found> {
        if let Some(held) = &claim.held {
            return self.held(held, running, now).await;
        }
        // What was to follow a build, and was not started when that one was closed.
        let build = builds::get(&self.table, &claim.target.build(claim.counter)).await?;
        self.close(&build.execution).await?;
        Ok(Found::Unclosed)
    }

    async fn held(&self, held: &Held, running: &BTreeSet<String>, now: Timestamp) -> Result<Found> {
        let standing = if running.contains(&held.execution) {
            Standing::Running
        } else {
            self.workflow.standing(&held.execution).await?
        };
        // Step Functions may not know yet of one that has just begun.
        if standing == Standing::Gone && !is_late(held.queued.queued_at, now) {
            return Ok(Found::Nothing);
        }
        if standing != Standing::Running {
            self.close(&held.execution).await?;
            return Ok(Found::Unclosed);
        }
        if held.stage != Stage::Building {
            return Ok(Found::Nothing);
        }
        let build = builds::get(&self.table, &held.queued.build).await?;
        let Some(run) = &build.run else { return Ok(Found::Nothing) };
        let ended = match build.outcome {
            Some(_) => true,
            None => match self.image_builder.look(&run.arn).await? {
                Some(look) => matches!(look.state, ImageState::Ended { .. }),
                None => false,
            },
        };
        // One that is published is past its image, and on its way to be closed.
        if !ended || build.published_at.is_some() {
            return Ok(Found::Nothing);
        }
        self.functions.poke(&self.menders.finish_image, &json!({ "resources": [run.arn] })).await?;
        Ok(Found::Untold)
    }
}

/// With which of so many a look begins: a twenty-fourth further every hour, so that within a day each is among the first.
pub(crate) fn first(all: usize, now: Timestamp) -> usize {
    let hour = now.as_second().div_euclid(3600).rem_euclid(24);
    all * usize::try_from(hour).unwrap_or_default() / 24
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn within_a_day_each_is_looked_at_even_if_there_is_time_for_few() {
        let begun: Timestamp = "2026-11-23T17:30:00Z".parse().unwrap();
        for all in 1..200_usize {
            let mut looked = vec![false; all];
            for hour in 0..24 {
                let start = first(all, begun + SignedDuration::from_hours(hour));
                for place in start..start + all.div_ceil(24) {
                    looked[place % all] = true;
                }
            }
            assert!(looked.iter().all(|looked| *looked), "{all}");
        }
        assert_eq!(first(0, begun), 0);
    }
}
