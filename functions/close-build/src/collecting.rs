//! What Image Builder keeps of earlier builds, and nothing refers to any more.

use prism_aws::error::Result;
use prism_aws::image_builder::Arns;
use prism_aws::{builds, fault, templates};
use prism_domain::build::{Build, EndingKind, Frozen};

use crate::CloseBuild;

/// How many builds back a complete build looks for records in Image Builder to delete.
const COLLECTED: usize = 4;

impl CloseBuild {
    /// Deletes Image Builder's records of the builds before a complete one: their images, recipes, and
    /// components of another content or patch. What fails is left for the next build to delete.
    pub(crate) async fn collect(&self, build: &Build) -> Result<()> {
        let content = build.frozen.as_ref().map(|frozen| frozen.content_hash.as_str());
        let patch = build.frozen.as_ref().and_then(|frozen| frozen.patch.clone());
        for before in builds::newest(&self.table, &build.id.target, COLLECTED).await?.logged() {
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
                deleted = self.forget_patch(&before, frozen).await;
                fault::point("close-build.patch-forgotten");
            }
            if let Err(error) = deleted {
                tracing::warn!(before = %before.id, "what Image Builder keeps of it is not deleted: {error}");
            }
        }
        Ok(())
    }

    async fn forget_component(&self, build: &Build, content_hash: &str) -> Result<()> {
        let infrastructure = self.infrastructure.of(build.id.target.architecture);
        let home = infrastructure.split(":infrastructure-configuration/").next().unwrap_or_default();
        let name = prism_templates::component_name(&build.id.target.template, content_hash);
        let version = prism_templates::COMPONENT_VERSION;
        self.image_builder.forget_component(&format!("{home}:component/{name}/{version}/1")).await
    }

    /// Deletes the components of a build's patch, which is in their names.
    async fn forget_patch(&self, build: &Build, frozen: &Frozen) -> Result<()> {
        let plan = templates::frozen_plan(&build.id, frozen)?;
        for component in Arns::of(&plan, self.infrastructure.of(build.id.target.architecture))?.patches {
            self.image_builder.forget_component(&component).await?;
        }
        Ok(())
    }
}
