//! Clearing up: nothing runs on, and no image is left that nobody will use.
//!
//! Image Builder is stopped before a build is closed, so that its money is settled. Images are removed after:
//! until it is written that the build has ended, its image may still be published.

use std::collections::BTreeSet;

use aws_config::Region as SdkRegion;
use prism_aws::clearings::{self, ClearingRecord};
use prism_aws::error::{Error, Result};
use prism_aws::image_builder::{Arns, ImageState, infrastructure};
use prism_aws::table::{Applied, back_off};
use prism_aws::{builds, clock, fault};
use prism_domain::build::{Build, EndingKind, ImageOutcome, ImageResult, ImageRun};
use prism_domain::id::BuildId;
use prism_ec2::Images;
use prism_templates::ResolvedTemplate;

use crate::{CloseBuild, TRIES, ending};

/// How many builds back a complete build looks for records in Image Builder to delete.
const COLLECTED: usize = 4;

impl CloseBuild {
    /// Removes what an ended build left behind, if it is on the list. It stays there while Image Builder is still
    /// at it.
    pub(crate) async fn clear(&self, id: &BuildId) -> Result<()> {
        let Some(mut record) = clearings::find(&self.table, id).await? else { return Ok(()) };
        if record.cleared_at.is_some() {
            return Ok(());
        }
        let over = self.settle_late(id).await?;
        if self.find_images(&mut record).await? {
            clearings::note(&self.table, &record).await?;
            fault::point("close-build.images-noted");
        }
        for image in &record.images {
            let regional = self.config.to_builder().region(SdkRegion::new(image.region.to_string())).build();
            let images = Images::new(&regional);
            images.remove(image).await?;
            tracing::info!(ami = %image.id, "removed: its build is not published");
            fault::point("close-build.image-removed");
        }
        if over {
            record.cleared_at = Some(clock::now());
            clearings::note(&self.table, &record).await?;
        }
        Ok(())
    }

    /// Stops Image Builder if it runs though the build has ended, and books what that cost, once. Answers whether
    /// nothing runs any more.
    async fn settle_late(&self, id: &BuildId) -> Result<bool> {
        for attempt in 0..TRIES {
            let mut build = builds::get(&self.table, id).await?;
            let over = self.end(&mut build).await?;
            fault::point("close-build.stopped");
            let writes = ending::book_late(&build, clock::now())?;
            if writes.is_empty() {
                return Ok(over);
            }
            match self.table.transact(&format!("booking what build {id} cost"), writes).await? {
                Applied::Written => {
                    fault::point("close-build.booked-late");
                    return Ok(over);
                }
                Applied::Lost(_) => back_off(attempt).await,
            }
        }
        Err(Error::lost_race(format!("booking what build {id} cost")))
    }

    /// Adds the build's images to those that are known, in every region that gets them. Answers whether there
    /// are new ones.
    async fn find_images(&self, record: &mut ClearingRecord) -> Result<bool> {
        let build = builds::get(&self.table, &record.build).await?;
        let mut found: BTreeSet<_> = record.images.drain(..).collect();
        let known = found.len();
        for region in build.frozen.iter().flat_map(|frozen| &frozen.regions) {
            let regional = self.config.to_builder().region(SdkRegion::new(region.to_string())).build();
            let images = Images::new(&regional);
            found.extend(images.of_build(&build.id, build.request.requested_at, region).await?);
        }
        record.images = found.into_iter().collect();
        Ok(record.images.len() > known)
    }

    /// The ARN of the build's image, if Image Builder has started. It may have, though its ARN was never
    /// stored: the ARN is known from the build's number.
    fn started(build: &Build) -> Result<Option<String>> {
        if let Some(run) = &build.run {
            return Ok(Some(run.arn.clone()));
        }
        Ok(arns(build)?.map(|arns| arns.image))
    }

    /// Finds out how Image Builder ended, or ends it. Completes `build` with what it found, and answers whether
    /// nothing runs any more.
    pub(crate) async fn end(&self, build: &mut Build) -> Result<bool> {
        let Some(arn) = Self::started(build)? else { return Ok(true) };
        let Some(look) = self.image_builder.look(&arn).await? else { return Ok(true) };
        let now = clock::now();
        let asked = build.request.requested_at.as_second();
        if build.run.is_none() && look.created_at.is_some_and(|at| at.as_second() < asked) {
            // Older than the request: of another stack's build of the same number, and none of this one's cost.
            return Ok(true);
        }
        if build.run.is_none() {
            build.run = Some(ImageRun { arn: arn.clone(), started_at: look.created_at.unwrap_or(now) });
        }
        let (result, ended_at, over) = match look.state {
            ImageState::Ended { result, at } => (result, at.unwrap_or(now).min(now), true),
            ImageState::InProgress => {
                self.image_builder.cancel(&arn, &prism_templates::client_token(&build.id, "cancel")).await?;
                (ImageResult::Cancelled, now, false)
            }
        };
        build.outcome.get_or_insert(ImageOutcome { result, ended_at, arn });
        Ok(over)
    }

    /// Deletes Image Builder's records of the builds before a complete one: their images, recipes, and
    /// components of another content or patch. What fails is left for the next build to delete.
    pub(crate) async fn collect(&self, build: &Build) -> Result<()> {
        let content = build.frozen.as_ref().map(|frozen| frozen.content_hash.as_str());
        let patch = build.frozen.as_ref().and_then(|frozen| frozen.patch.clone());
        for before in builds::newest(&self.table, &build.id.target, COLLECTED).await? {
            let over = before.ending.as_ref().is_some_and(|ending| ending.kind != EndingKind::Superseded);
            let (Some(run), Some(frozen), true) = (&before.run, &before.frozen, over && before.id != build.id) else {
                continue;
            };
            let mut deleted = self.image_builder.forget(&run.arn).await;
            fault::point("close-build.recipe-forgotten");
            if deleted.is_ok() && Some(frozen.content_hash.as_str()) != content {
                deleted = self.forget_component(&before, &frozen.content_hash).await;
                fault::point("close-build.component-forgotten");
            }
            if deleted.is_ok() && frozen.patch.is_some() && frozen.patch != patch {
                deleted = self.forget_patch(&before).await;
                fault::point("close-build.patch-forgotten");
            }
            if let Err(error) = deleted {
                tracing::warn!(before = %before.id, "what Image Builder keeps of it is not deleted: {error}");
            }
        }
        Ok(())
    }

    async fn forget_component(&self, build: &Build, content_hash: &str) -> Result<()> {
        let infrastructure = infrastructure(build.id.target.architecture)?;
        let home = infrastructure.split(":infrastructure-configuration/").next().unwrap_or_default();
        let name = format!("prism-{}-{content_hash}", build.id.target.template);
        let version = prism_templates::COMPONENT_VERSION;
        self.image_builder.forget_component(&format!("{home}:component/{name}/{version}/1")).await
    }

    /// Deletes the components of a build's patch, which is in their names.
    async fn forget_patch(&self, build: &Build) -> Result<()> {
        for component in arns(build)?.iter().flat_map(|arns| &arns.patches) {
            self.image_builder.forget_component(component).await?;
        }
        Ok(())
    }
}

/// The ARNs of what a build asks Image Builder for, if that is frozen and can be asked for.
fn arns(build: &Build) -> Result<Option<Arns>> {
    let Some(frozen) = &build.frozen else { return Ok(None) };
    let resolved = serde_json::from_value::<ResolvedTemplate>(frozen.template.clone()).ok();
    let (base, patch) = (&frozen.base_image_id, frozen.patch.as_ref());
    let plan = resolved
        .and_then(|resolved| prism_templates::image_plan(&resolved, &build.id, base, &frozen.regions, patch).ok());
    let Some(plan) = plan else { return Ok(None) };
    Arns::of(&plan, &infrastructure(build.id.target.architecture)?).map(Some)
}
