//! watch-base-images: looks at every base image of the catalogue, in every region where they are watched, and records
//! which have moved and which cannot be followed. One that can't be looked at never stops the others.

mod event;
mod eyes;
mod look;
mod record;
mod region;
mod source;
mod trouble;

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::retry::RetryConfig;
use aws_config::{Region as SdkRegion, SdkConfig};
use futures_util::future::join_all;
use jiff::Timestamp;
use prism_aws::base_images::{self, WatchRun};
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::policies;
use prism_aws::runtime::Function;
use prism_aws::table::Table;
use prism_domain::id::Region;
use prism_domain::watch::heeds_hint;
use serde::Serialize;
use serde_json::Value;

use event::Occasion;
use eyes::{Budget, Eyes, RegionLook};

/// The function.
#[derive(Debug)]
pub struct WatchBaseImages {
    config: SdkConfig,
    table: Table,
    advisories: Table,
    home: Region,
    topics: Vec<String>,
    eyes: Mutex<HashMap<Region, Arc<Eyes>>>,
}

/// What a run came to, region by region, the home region first; empty if the event asked for no look.
#[derive(Debug, Serialize)]
pub struct Looked {
    /// One for each region.
    pub regions: Vec<WatchRun>,
}

impl Function for WatchBaseImages {
    /// Whatever the event says, it is a hint to look at everything; unless it comes from a topic that is not listed, or from
    /// one that is soon after a look.
    type Input = Value;
    type Output = Looked;

    fn new(environment: &Environment) -> Result<Self> {
        let topics = environment.optional("HINT_TOPICS").unwrap_or_default();
        Ok(Self {
            config: environment.config.clone(),
            table: environment.table()?,
            advisories: environment.advisories()?,
            home: environment.region()?,
            topics: topics.split(',').map(str::trim).filter(|topic| !topic.is_empty()).map(str::to_owned).collect(),
            eyes: Mutex::default(),
        })
    }

    async fn handle(&self, event: Value, now: Timestamp) -> Result<Looked> {
        match event::occasion(&event, &self.topics) {
            Occasion::Look => {}
            Occasion::Hint(topic) => {
                let last = base_images::last_run(&self.table, &self.home).await?.map(|run| run.looked_at);
                if !heeds_hint(last, now) {
                    tracing::info!(topic, "a hint: nothing is done, the last look is less than a minute old");
                    return Ok(Looked { regions: Vec::new() });
                }
                tracing::info!(topic, "a hint: looking");
            }
            Occasion::Unlisted(topics) => {
                tracing::warn!(topics, "nothing is done: the event is of a topic that is not listed");
                return Ok(Looked { regions: Vec::new() });
            }
        }
        let budget = Budget::from_now();
        // Its base images may not be the built-in ones, so that nothing can be compared without it.
        let Some(policy) = policies::readable(&self.table).await? else { return Ok(Looked { regions: Vec::new() }) };
        let catalogue = policy.catalogue();
        let watched = look::all(&catalogue);
        let eyes: Vec<Arc<Eyes>> = regions(&self.home, &policy.watch_regions).map(|region| self.eyes(region)).collect();
        let looks = eyes.iter().map(|eyes| {
            let (table, advisories) = (&self.table, &self.advisories);
            let (calls, throttled) = (Cell::default(), Cell::default());
            let (watched, policy) = (watched.as_slice(), &policy);
            let look = RegionLook { eyes, table, advisories, watched, policy, budget, calls, throttled };
            async move { Box::pin(look.run(now)).await }
        });
        let looked = join_all(looks).await;
        // Only a run in which every single look failed is a failed run.
        let failures: Vec<&str> = looked.iter().filter_map(|one| one.failure.as_deref()).collect();
        if failures.len() == looked.len() {
            let reason = failures.first().copied().unwrap_or_default().to_owned();
            return Err(Error::Transient { action: "looking at base images".to_owned(), reason, source: None });
        }
        Ok(Looked { regions: looked.into_iter().map(|one| one.run).collect() })
    }
}

impl WatchBaseImages {
    /// The clients of a region, which are built once and kept.
    fn eyes(&self, region: &Region) -> Arc<Eyes> {
        // A map of clients is whole whoever panicked while holding it.
        let mut kept = self.eyes.lock().unwrap_or_else(PoisonError::into_inner);
        let eyes = kept.entry(region.clone()).or_insert_with(|| {
            let regional = self.config.to_builder().region(SdkRegion::new(region.to_string()));
            Arc::new(Eyes::new(region, &regional.retry_config(RetryConfig::adaptive()).build()))
        });
        Arc::clone(eyes)
    }
}

/// The home region, and each other one once.
fn regions<'a>(home: &'a Region, others: &'a [Region]) -> impl Iterator<Item = &'a Region> {
    let mut seen = BTreeSet::new();
    std::iter::once(home).chain(others).filter(move |region| seen.insert(*region))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_looked_at_once_the_home_region_first() {
        let [home, west, paris]: [Region; 3] =
            ["us-east-1", "us-west-2", "eu-west-3"].map(|name| name.parse().unwrap());
        let others = [west.clone(), home.clone(), paris.clone(), west.clone()];
        assert_eq!(regions(&home, &others).collect::<Vec<_>>(), [&home, &west, &paris]);
        assert_eq!(regions(&home, &[]).collect::<Vec<_>>(), [&home]);
    }
}
