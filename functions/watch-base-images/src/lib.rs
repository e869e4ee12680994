//! watch-base-images: looks at every base image of the catalogue, and records which have moved. One that
//! can't be looked at never stops the others.

mod look;

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use prism_aws::base_images::{self, WatchRun};
use prism_aws::error::{Error, Result};
use prism_aws::parameters::{BATCH, Parameters};
use prism_aws::runtime::Function;
use prism_aws::table::{Applied, Table};
use prism_aws::{clock, fault, policies, settings};
use prism_domain::catalogue::{BaseImage, Owner};
use prism_domain::id::{AmiId, Region, TrackedImageId};
use prism_domain::update::{Context, Observation, SeenImage, observe};
use prism_ec2::Images;
use serde_json::Value;

use look::{Outcome, Watched};

/// The function.
#[derive(Debug)]
pub struct WatchBaseImages {
    table: Table,
    parameters: Parameters,
    images: Images,
    region: Region,
}

impl Function for WatchBaseImages {
    /// Whatever the event says: it is a hint to look at everything.
    type Input = Value;
    type Output = WatchRun;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            parameters: Parameters::new(config),
            images: Images::new(config),
            region: settings::parsed("AWS_REGION")?,
        })
    }

    async fn handle(&self, _hint: Value) -> Result<WatchRun> {
        let catalogue = policies::current(&self.table).await?.catalogue();
        let mut watched = look::all(&catalogue, &self.region);
        self.read_parameters(&mut watched).await;
        self.compare(&mut watched).await;
        self.describe(&mut watched).await;
        for one in &mut watched {
            if let Outcome::Seen(seen) = &one.outcome {
                one.outcome = match self.record(&one.id, &one.base, seen).await {
                    Ok(outcome) => outcome,
                    Err(error) => Outcome::of_error(&error),
                };
            }
        }
        let run = look::summary(&watched, &self.region, clock::now());
        base_images::write_run(&self.table, &run).await?;
        tracing::info!(images = watched.len(), moved = run.moved.len(), failed = run.failed.len(), "looked");
        if run.failed.len() == watched.len() {
            let reason = run.failed.values().next().cloned().unwrap_or_default();
            return Err(Error::Transient { action: "looking at base images".to_owned(), reason, source: None });
        }
        Ok(run)
    }
}

impl WatchBaseImages {
    /// Reads what every parameter names now.
    async fn read_parameters(&self, watched: &mut [Watched]) {
        for batch in watched.chunks_mut(BATCH) {
            let names: Vec<String> = batch.iter().map(|one| one.parameter.clone()).collect();
            let values = self.parameters.values(&names).await;
            for one in batch {
                one.outcome = match &values {
                    Ok(values) => match values.get(&one.parameter) {
                        Some(value) => value.parse().map_or_else(|_| Outcome::NotAnImage, Outcome::Named),
                        None => Outcome::Missing,
                    },
                    Err(error) => Outcome::of_error(error),
                };
            }
        }
    }

    /// Sets aside the images that are what they were.
    async fn compare(&self, watched: &mut [Watched]) {
        for one in watched {
            if let Outcome::Named(image) = &one.outcome {
                match base_images::tracked(&self.table, &one.id).await {
                    Ok(Some(tracked)) if tracked.current.image_id == *image => one.outcome = Outcome::Same,
                    Ok(_) => {}
                    Err(error) => one.outcome = Outcome::of_error(&error),
                }
            }
        }
    }

    /// Describes the images that are not what they were, each once, by its owner.
    async fn describe(&self, watched: &mut [Watched]) {
        let mut wanted: BTreeMap<Owner, Vec<AmiId>> = BTreeMap::new();
        for one in watched.iter() {
            if let Outcome::Named(image) = &one.outcome {
                let ids = wanted.entry(one.base.owner.clone()).or_default();
                if !ids.contains(image) {
                    ids.push(image.clone());
                }
            }
        }
        for (owner, ids) in wanted {
            let described = self.images.of_owner(owner.as_str(), &ids).await;
            for one in watched.iter_mut().filter(|one| one.base.owner == owner) {
                if let Outcome::Named(image) = &one.outcome {
                    one.outcome = match &described {
                        Ok(found) => match found.iter().find(|seen| seen.image_id == *image) {
                            Some(seen) => Outcome::Seen(seen.clone()),
                            None => Outcome::Absent(image.clone()),
                        },
                        Err(error) => Outcome::of_error(error),
                    };
                }
            }
        }
    }

    /// Writes what was seen, if it is news.
    async fn record(&self, id: &TrackedImageId, base: &BaseImage, seen: &SeenImage) -> Result<Outcome> {
        let known = base_images::tracked(&self.table, id).await?;
        let now = clock::now();
        let context = Context { quarantine_after: u32::MAX, between: &[], changelog_url: Some(&base.changelog) };
        match observe(id, known.as_ref(), seen, context, now) {
            Observation::Same | Observation::StillHeld | Observation::Held(_) | Observation::Calm(_) => {
                Ok(Outcome::Same)
            }
            Observation::First(tracked) => {
                // Lost: another look was faster, and saw the same.
                let _: Applied = base_images::write_first(&self.table, &tracked).await?;
                fault::point("watch-base-images.first-seen");
                Ok(Outcome::First)
            }
            Observation::Moved(moved) => {
                let (tracked, update) = *moved;
                match base_images::write_move(&self.table, &tracked, &update).await? {
                    Applied::Written => {
                        fault::point("watch-base-images.recorded");
                        tracing::info!(
                            update_id = %update.id, level = %update.security_level,
                            "{} moved from {} to {}", id, update.previous_image_id, update.image_id
                        );
                        Ok(Outcome::Moved(update.id))
                    }
                    // The image's own record, which is written first, has changed: another look was faster.
                    Applied::Lost(places) if places.contains(&0) => Ok(Outcome::Same),
                    Applied::Lost(_) => {
                        let taken =
                            format!("{} names another move already; the record of the image is out of step", update.id);
                        Err(Error::malformed(format!("the move of {id}"), taken))
                    }
                }
            }
        }
    }
}
