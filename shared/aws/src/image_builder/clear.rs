//! Cancelling a build, and clearing away what nothing refers to any more.

use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;

use super::ImageBuilder;
use super::arns::recipe_of;
use super::ensure::ABSENT;
use crate::error::{Result, unless};
use crate::fault;

/// How Image Builder says that something is still referred to.
const REFERRED_TO: &str = "ResourceDependencyException";

impl ImageBuilder {
    /// Cancels an image that is being built. One that has ended, or is none, needs no cancelling.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn cancel(&self, image: &str, client_token: &str) -> Result<()> {
        let call = self.client.cancel_image_creation().image_build_version_arn(image).client_token(client_token);
        let cancelled = call.send().await;
        unless(&[ABSENT, "InvalidRequestException"], format!("cancelling image {image}"), cancelled).map(|_| ())
    }

    /// Deletes Image Builder's records of an image and its recipe. The AMI stays: the inventory has it.
    ///
    /// # Errors
    ///
    /// If AWS fails. What is gone, or still referred to, is no error.
    pub async fn forget(&self, image: &str) -> Result<()> {
        let recipe = recipe_of(image)?;
        match self.client.delete_image().image_build_version_arn(image).send().await {
            Err(error) if error.code() == Some(REFERRED_TO) => return Ok(()),
            deleted => unless(&[ABSENT], format!("deleting image {image}"), deleted)?,
        };
        fault::point("close-build.image-forgotten");
        let deleted = self.client.delete_image_recipe().image_recipe_arn(&recipe).send().await;
        unless(&[ABSENT, REFERRED_TO], format!("deleting recipe {recipe}"), deleted).map(|_| ())
    }

    /// Deletes a component. One that is gone, or that a recipe still uses, is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn forget_component(&self, component: &str) -> Result<()> {
        let deleted = self.client.delete_component().component_build_version_arn(component).send().await;
        unless(&[ABSENT, REFERRED_TO], format!("deleting component {component}"), deleted).map(|_| ())
    }
}
