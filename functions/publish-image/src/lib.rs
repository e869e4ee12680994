//! publish-image: records the image, moves the channel to it, and brings the launch parameters in line with the channel,
//! the home region's first and every other by itself. The channel is the truth; a parameter derives from it, is read back,
//! and repaired.

use std::collections::{BTreeMap, BTreeSet};

use aws_config::SdkConfig;
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use prism_aws::environment::Environment;
use prism_aws::error::{Error, Result};
use prism_aws::pace::within;
use prism_aws::parameters::{self, Parameters};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Table, back_off};
use prism_aws::{builds, fault, inventory, journal, race};
use prism_domain::build::{Build, Channel, Frozen, Image, ImageResult};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::estimate;
use prism_domain::id::{AmiId, BuildId, Region};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Duration, Instant};

/// How often a parameter is read back, for some seconds in all: SSM writes it once it has validated the image.
const LOOKS: u32 = 14;

/// For how long a region's parameter is tried, the home region's and then all others at once: it is less than half of what the
/// function may take.
const WITHIN: Duration = Duration::from_secs(25);

/// The function.
#[derive(Debug)]
pub struct PublishImage {
    table: Table,
    config: SdkConfig,
    prefix: String,
    home: Region,
}

/// What the state machine gives, or reconcile-builds.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// The build whose image is to be published.
    build_id: BuildId,
}

/// What is published.
#[derive(Debug, Serialize)]
pub struct Output {
    /// The build whose image the channel names.
    build_id: BuildId,
    /// The AMI in each region.
    amis: BTreeMap<Region, AmiId>,
    /// The regions whose parameter is not right yet.
    unverified: Vec<Region>,
}

impl Function for PublishImage {
    type Input = Input;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        Ok(Self {
            table: environment.table()?,
            config: environment.config.clone(),
            prefix: environment.required("PARAMETER_PREFIX")?.to_owned(),
            home: environment.region()?,
        })
    }

    async fn handle(&self, input: Input, now: Timestamp) -> Result<Output> {
        about(&input.build_id);
        let (channel, home) = race::win(&format!("publishing build {}", input.build_id), async || {
            let channel = self.move_channel(&input.build_id, now).await?;
            fault::point("publish-image.channel-moved");
            let (right, home) = self.point_parameters(&channel).await;
            fault::point("publish-image.parameters-pointed");
            let channel = channel.verified_in(&right);
            let marked = inventory::mark_verified(&input.build_id.target, &channel)?;
            // If it has moved on meanwhile, this may have pointed a parameter back.
            let applied = self.table.transact("marking the parameters as right", vec![marked]).await?;
            Ok(applied.then((channel, home)))
        })
        .await?;
        home?;
        let unverified = channel.unverified();
        tracing::info!(published = %channel.build, ?unverified, "published");
        Ok(Output { build_id: channel.build, amis: channel.amis, unverified })
    }
}

impl PublishImage {
    /// Moves the channel to the build's image, unless it names that or a newer one. Answers the channel.
    async fn move_channel(&self, id: &BuildId, now: Timestamp) -> Result<Channel> {
        let action = format!("publishing build {id}");
        race::win(&action, async || {
            let build = builds::get(&self.table, id).await?;
            let before = inventory::channel(&self.table, &id.target).await?;
            if let Some(before) = before.clone().filter(|before| before.build.number >= id.number) {
                return Ok(Some(before));
            }
            let (frozen, amis) = made(&build)?;
            let (image, channel) = move_to(&build.id, frozen, amis, before.as_ref(), now);
            let decision = Decision {
                kind: DecisionKind::Publish,
                subject: id.to_string(),
                reasons: vec!["its image is built and its tests have passed".to_owned()],
                inputs: json!({ "amis": image.amis, "base_image": image.base_image_id, "content": image.content_hash }),
                at: image.published_at,
            };
            let expected = self.expected(&build, now).await?;
            let mut writes = inventory::publish(&image, &channel, before.as_ref(), expected)?;
            writes.push(builds::write(&Build { published_at: Some(image.published_at), ..build.clone() })?);
            writes.push(journal::write(&id.target.template, &decision)?);
            Ok(self.table.transact(&action, writes).await?.then(channel))
        })
        .await
    }

    /// How long the target's next build will run, as it will be reckoned with when that is queued.
    async fn expected(&self, build: &Build, now: Timestamp) -> Result<SignedDuration> {
        let mut past = builds::durations(&self.table, &build.id.target).await?;
        // This one counts as well, and is not among them before it is published.
        past.extend(build.ran(now));
        Ok(estimate::expected_duration(&past))
    }

    /// Brings every region's parameter in line: the home region's first, then the others, each by itself. Answers the
    /// regions where it is right, and why it is not in the home region, if it is not.
    async fn point_parameters(&self, channel: &Channel) -> (BTreeSet<Region>, Result<()>) {
        let mut right = BTreeSet::new();
        let home = match channel.amis.get(&self.home) {
            Some(ami) => self.point_in_time(channel, &self.home, ami).await,
            None => Ok(()),
        };
        if home.is_ok() {
            right.insert(self.home.clone());
        }
        let others = channel.amis.iter().filter(|(region, _)| **region != self.home);
        let pointed =
            join_all(others.map(async |(region, ami)| (region, self.point_in_time(channel, region, ami).await))).await;
        for (region, pointed) in pointed {
            match pointed {
                Ok(()) => {
                    right.insert(region.clone());
                }
                Err(error) => {
                    tracing::error!(error.name = error.name(), %region, "its launch parameter is not right yet: {error}");
                }
            }
        }
        (right, home)
    }

    async fn point_in_time(&self, channel: &Channel, region: &Region, ami: &AmiId) -> Result<()> {
        let action = format!("pointing the launch parameter of {region} at {ami}");
        within(Instant::now() + WITHIN, &action, self.point_parameter(&channel.build, region, ami)).await
    }

    /// Brings the parameter of a region in line, and reads it back.
    async fn point_parameter(&self, build: &BuildId, region: &Region, ami: &AmiId) -> Result<()> {
        let parameters = Parameters::in_region(&self.config, region);
        let name = parameters::latest(&self.prefix, &build.target);
        if parameters.verify(&name, ami).await.is_ok() {
            return Ok(());
        }
        parameters.point(&name, ami, &format!("The image of build {build}")).await?;
        fault::point("publish-image.parameter-written");
        for attempt in 2..LOOKS {
            match parameters.verify(&name, ami).await {
                Err(Error::ParameterNotYetRight { .. }) => back_off(attempt).await,
                settled => return settled,
            }
        }
        parameters.verify(&name, ami).await
    }
}

/// What a build made.
fn made(build: &Build) -> Result<(&Frozen, &BTreeMap<Region, AmiId>)> {
    let result = build.outcome.as_ref().map(|outcome| &outcome.result);
    match (&build.frozen, result, &build.ending) {
        (Some(frozen), Some(ImageResult::Available { amis }), None) if !amis.is_empty() => Ok((frozen, amis)),
        _ => Err(Error::Conflict(format!("build {} has no image to publish", build.id))),
    }
}

fn move_to(
    id: &BuildId,
    frozen: &Frozen,
    amis: &BTreeMap<Region, AmiId>,
    before: Option<&Channel>,
    now: Timestamp,
) -> (Image, Channel) {
    let image = Image {
        build: id.clone(),
        amis: amis.clone(),
        base: frozen.base.clone(),
        base_image_id: frozen.base_image_id.clone(),
        content_hash: frozen.content_hash.clone(),
        published_at: now,
    };
    let channel = Channel {
        build: id.clone(),
        amis: amis.clone(),
        base: frozen.base.clone(),
        base_image_id: frozen.base_image_id.clone(),
        built_from: frozen.built_from.clone(),
        since: now,
        version: before.map_or(1, |before| before.version + 1),
        verified_version: before.map_or(0, |before| before.verified_version),
        verified: before.map(|before| before.verified.clone()).unwrap_or_default(),
    };
    (image, channel)
}
