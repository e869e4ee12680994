//! publish-image: records the image, moves the channel to it, and brings the public parameters in line
//! with the channel. The channel is the truth; a parameter derives from it, is read back, and repaired.

use std::collections::BTreeMap;

use aws_config::{Region as SdkRegion, SdkConfig};
use jiff::SignedDuration;
use prism_aws::error::{Error, Result};
use prism_aws::parameters::{self, Parameters};
use prism_aws::runtime::{Function, about};
use prism_aws::table::{Applied, Table, back_off};
use prism_aws::{builds, clock, fault, inventory, journal, settings};
use prism_domain::build::{Build, Channel, Frozen, Image, ImageResult};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::estimate;
use prism_domain::id::{AmiId, BuildId, Region, Target};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How often a parameter is read back before the state machine is asked to come again.
const LOOKS: u32 = 5;

/// The function.
#[derive(Debug)]
pub struct PublishImage {
    table: Table,
    config: SdkConfig,
    prefix: String,
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
}

impl Function for PublishImage {
    type Input = Input;
    type Output = Output;

    fn new(config: &SdkConfig) -> Result<Self> {
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            config: config.clone(),
            prefix: settings::required("PARAMETER_PREFIX")?,
        })
    }

    async fn handle(&self, input: Input) -> Result<Output> {
        about(&input.build_id);
        for attempt in 0..LOOKS {
            let channel = self.move_channel(&input.build_id).await?;
            fault::point("publish-image.channel-moved");
            let target = &input.build_id.target;
            for (region, ami) in &channel.amis {
                self.point_parameter(target, region, ami, &channel.build).await?;
            }
            fault::point("publish-image.parameters-pointed");
            let verified = inventory::verified(target, &channel)?;
            match self.table.transact("marking the parameters as right", vec![verified]).await? {
                Applied::Written => {
                    tracing::info!(published = %channel.build, "published");
                    return Ok(Output { build_id: channel.build, amis: channel.amis });
                }
                // It has moved on meanwhile, and this may have pointed a parameter back.
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race(format!("publishing build {}", input.build_id)))
    }
}

impl PublishImage {
    /// Moves the channel to the build's image, unless it names that or a newer one. Answers the channel.
    async fn move_channel(&self, id: &BuildId) -> Result<Channel> {
        for attempt in 0..LOOKS {
            let build = builds::get(&self.table, id).await?;
            let before = inventory::channel(&self.table, &id.target).await?;
            if let Some(before) = before.clone().filter(|before| before.build.number >= id.number) {
                return Ok(before);
            }
            let (frozen, amis) = made(&build)?;
            let (image, channel) = move_to(&build.id, frozen, amis, before.as_ref());
            let decision = Decision {
                kind: DecisionKind::Publish,
                subject: id.to_string(),
                reasons: vec!["its image is built and its tests have passed".to_owned()],
                inputs: json!({ "amis": image.amis, "base_image": image.base_image_id, "content": image.content_hash }),
                at: image.published_at,
            };
            let expected = self.expected(&build).await?;
            let mut writes = inventory::publish(&image, &channel, before.as_ref(), expected)?;
            writes.push(builds::write(&Build { published_at: Some(image.published_at), ..build.clone() })?);
            writes.push(journal::write(&id.target.template, &decision)?);
            match self.table.transact(&format!("publishing build {id}"), writes).await? {
                Applied::Written => return Ok(channel),
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race(format!("publishing build {id}")))
    }

    /// How long the target's next build will run, as it will be reckoned with when that is queued.
    async fn expected(&self, build: &Build) -> Result<SignedDuration> {
        let mut past = builds::durations(&self.table, &build.id.target).await?;
        // This one counts as well, and is not among them before it is published.
        past.extend(build.ran(clock::now()));
        Ok(estimate::expected_duration(&past))
    }

    /// Brings the parameter of a region in line, and reads it back.
    async fn point_parameter(&self, target: &Target, region: &Region, ami: &AmiId, build: &BuildId) -> Result<()> {
        let regional = self.config.to_builder().region(SdkRegion::new(region.to_string())).build();
        let parameters = Parameters::new(&regional);
        let name = parameters::latest(&self.prefix, target);
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
        _ => Err(Error::malformed(format!("build {}", build.id), "it has no image to publish")),
    }
}

fn move_to(
    id: &BuildId,
    frozen: &Frozen,
    amis: &BTreeMap<Region, AmiId>,
    before: Option<&Channel>,
) -> (Image, Channel) {
    let now = clock::now();
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
        since: now,
        version: before.map_or(1, |before| before.version + 1),
        verified_version: before.map_or(0, |before| before.verified_version),
    };
    (image, channel)
}
