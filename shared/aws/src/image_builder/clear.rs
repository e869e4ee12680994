//! Cancelling a build, and clearing away what nothing refers to any more.

use super::ImageBuilder;
use super::arns::recipe_of;
use super::ensure::is_absent;
use crate::error::{Error, Result};
use crate::fault;

impl ImageBuilder {
    /// Cancels an image that is being built. One that has ended, or is none, needs no cancelling.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn cancel(&self, image: &str, client_token: &str) -> Result<()> {
        match self.client.cancel_image_creation().image_build_version_arn(image).client_token(client_token).send().await
        {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_invalid_request_exception()) => Ok(()),
            Err(error) => Err(Error::from_sdk(format!("cancelling image {image}"), error)),
        }
    }

    /// Deletes Image Builder's records of an image and its recipe. The AMI stays: the inventory has it.
    ///
    /// # Errors
    ///
    /// If AWS fails. What is gone, or still referred to, is no error.
    pub async fn forget(&self, image: &str) -> Result<()> {
        let recipe = recipe_of(image)?;
        match self.client.delete_image().image_build_version_arn(image).send().await {
            Ok(_) => {}
            Err(error) if is_absent(&error) => {}
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_dependency_exception()) => {
                return Ok(());
            }
            Err(error) => return Err(Error::from_sdk(format!("deleting image {image}"), error)),
        }
        fault::point("close-build.image-forgotten");
        match self.client.delete_image_recipe().image_recipe_arn(&recipe).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_dependency_exception()) => Ok(()),
            Err(error) => Err(Error::from_sdk(format!("deleting recipe {recipe}"), error)),
        }
    }

    /// Deletes a component. One that is gone, or that a recipe still uses, is no error.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn forget_component(&self, component: &str) -> Result<()> {
        match self.client.delete_component().component_build_version_arn(component).send().await {
            Ok(_) => Ok(()),
            Err(error) if is_absent(&error) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_resource_dependency_exception()) => Ok(()),
            Err(error) => Err(Error::from_sdk(format!("deleting component {component}"), error)),
        }
    }
}
