//! What a look at one image comes to, and what a run tells of all of them.

use jiff::Timestamp;
use prism_aws::base_images::WatchRun;
use prism_aws::error::Error;
use prism_domain::catalogue::{BaseImage, Catalogue};
use prism_domain::id::{AmiId, Region, TrackedImageId, UpdateId};
use prism_domain::update::SeenImage;

/// An image that is watched, and how far the look at it has come.
#[derive(Debug)]
pub struct Watched {
    /// Which image, where.
    pub id: TrackedImageId,
    /// Its entry in the catalogue.
    pub base: BaseImage,
    /// The parameter that names it.
    pub parameter: String,
    /// What the look has come to.
    pub outcome: Outcome,
}

/// What a look has come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Its parameter does not exist in the region.
    Missing,
    /// Its parameter names this.
    Named(AmiId),
    /// Its parameter names something that is no AMI.
    NotAnImage,
    /// Its parameter names an image that does not exist, or that its vendor does not own.
    Absent(AmiId),
    /// It is this image, which is not what is recorded.
    Seen(SeenImage),
    /// It is what it was.
    Same,
    /// It was seen for the first time.
    First,
    /// It moved.
    Moved(UpdateId),
    /// AWS was too busy to tell.
    Throttled(String),
    /// AWS could not be asked.
    Unreachable(String),
}

impl Outcome {
    /// What an error says of the image: nothing but that it could not be looked at.
    pub fn of_error(error: &Error) -> Self {
        if error.is_retryable() { Self::Throttled(error.to_string()) } else { Self::Unreachable(error.to_string()) }
    }
}

/// Every image of the catalogue, in a region.
pub fn all(catalogue: &Catalogue, region: &Region) -> Vec<Watched> {
    let watched = catalogue.on_every_architecture().filter_map(|(base, architecture)| {
        Some(Watched {
            id: TrackedImageId { name: base.name.clone(), architecture, region: region.clone() },
            base: base.clone(),
            parameter: base.source(architecture)?.parameter?,
            outcome: Outcome::Missing,
        })
    });
    watched.collect()
}

/// What a run tells.
pub fn summary(watched: &[Watched], region: &Region, now: Timestamp) -> WatchRun {
    let mut run = WatchRun::empty(region, now);
    for one in watched {
        let name = format!("{}/{}", one.id.name, one.id.architecture);
        match &one.outcome {
            Outcome::Moved(update) => run.moved.push(update.clone()),
            Outcome::First => run.first.push(name),
            Outcome::Same => run.same += 1,
            Outcome::Missing => run.missing.push(name),
            Outcome::Throttled(reason) | Outcome::Unreachable(reason) => {
                run.failed.insert(name, reason.clone());
            }
            Outcome::Absent(image) => {
                run.failed.insert(name, format!("its parameter names {image}, which its vendor does not publish"));
            }
            Outcome::NotAnImage => {
                run.failed.insert(name, "its parameter names no AMI".to_owned());
            }
            Outcome::Named(_) | Outcome::Seen(_) => {
                run.failed.insert(name, "the look at it was not finished".to_owned());
            }
        }
    }
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_counts_every_image_once() {
        let region: Region = "us-east-1".parse().unwrap();
        let mut watched = all(&Catalogue::built_in(), &region);
        let count = watched.len();
        watched[0].outcome = Outcome::Same;
        watched[1].outcome = Outcome::NotAnImage;
        watched[2].outcome = Outcome::Throttled("busy".into());
        let run = summary(&watched, &region, Timestamp::UNIX_EPOCH);
        assert_eq!((run.same, run.failed.len(), run.missing.len()), (1, 2, count - 3));
    }
}
