//! Clearing up before a build is closed: nothing runs on, and no image is left that nobody will use.

use prism_aws::error::Result;
use prism_aws::image_builder::{Arns, ImageState, infrastructure};
use prism_aws::{builds, clock, fault};
use prism_domain::build::{Build, EndingKind, ImageOutcome, ImageResult, ImageRun};
use prism_templates::ResolvedTemplate;

use crate::CloseBuild;

/// How many builds back a complete build looks for records in Image Builder to delete.
const COLLECTED: usize = 4;

impl CloseBuild {
    /// Finds out how Image Builder ended, or ends it; removes the images of a build that is not published.
    /// Completes `build` with what it found.
    pub(crate) async fn clear(&self, build: &mut Build) -> Result<()> {
        if let Some(arn) = Self::started(build)? {
            self.end(build, arn).await?;
        }
        fault::point("close-build.ended");
        if build.published_at.is_some() {
            return self.collect(build).await;
        }
        for image in self.images.of_build(&build.id).await? {
            self.images.remove(&image).await?;
            tracing::info!(ami = %image.id, "removed: its build is not published");
            fault::point("close-build.image-removed");
        }
        Ok(())
    }

    /// The ARN of the build's image, if Image Builder has started. It may have, though its ARN was never
    /// stored: the ARN is known from the build's number.
    fn started(build: &Build) -> Result<Option<String>> {
        if let Some(run) = &build.run {
            return Ok(Some(run.arn.clone()));
        }
        let Some(frozen) = &build.frozen else { return Ok(None) };
        let resolved = serde_json::from_value::<ResolvedTemplate>(frozen.template.clone()).ok();
        let plan = resolved.and_then(|resolved| {
            prism_templates::image_plan(&resolved, &build.id, &frozen.base_image_id, &frozen.regions).ok()
        });
        let Some(plan) = plan else { return Ok(None) };
        Ok(Some(Arns::of(&plan, &infrastructure(build.id.target.architecture)?)?.image))
    }

    async fn end(&self, build: &mut Build, arn: String) -> Result<()> {
        let Some(look) = self.image_builder.look(&arn).await? else { return Ok(()) };
        let now = clock::now();
        if build.run.is_none() {
            build.run = Some(ImageRun { arn: arn.clone(), started_at: look.created_at.unwrap_or(now) });
        }
        if build.outcome.is_some() {
            return Ok(());
        }
        build.outcome = Some(match look.state {
            ImageState::Ended { result, at } => ImageOutcome { result, ended_at: at.unwrap_or(now).min(now), arn },
            ImageState::InProgress => {
                self.image_builder.cancel(&arn, &prism_templates::client_token(&build.id, "cancel")).await?;
                ImageOutcome { result: ImageResult::Cancelled, ended_at: now, arn }
            }
        });
        Ok(())
    }

    /// Deletes Image Builder's records of the builds before a complete one: their images, recipes, and
    /// components of another content. What fails is left for the next build to delete.
    async fn collect(&self, build: &Build) -> Result<()> {
        let content = build.frozen.as_ref().map(|frozen| frozen.content_hash.as_str());
        for before in builds::newest(&self.table, &build.id.target, COLLECTED).await? {
            let over = before.ending.as_ref().is_some_and(|ending| ending.kind != EndingKind::Superseded);
            let (Some(run), Some(frozen), true) = (&before.run, &before.frozen, over && before.id != build.id) else {
                continue;
            };
            let mut deleted = self.image_builder.forget(&run.arn).await;
            if deleted.is_ok() && Some(frozen.content_hash.as_str()) != content {
                deleted = self.forget_component(&before, &frozen.content_hash).await;
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
}
