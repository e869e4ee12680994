//! SSM parameters: the public ones that name base images, and our own that name what was built.

use std::collections::BTreeMap;

use aws_config::{Region as SdkRegion, SdkConfig};
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;
use prism_domain::id::{AmiId, Region, Target};

use crate::error::{Error, Result};

/// How many names one call takes.
/// Source: <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>.
pub const BATCH: usize = 10;

/// The parameters of a region.
#[derive(Debug, Clone)]
pub struct Parameters {
    client: Client,
}

/// The parameter that names the latest image of a target.
#[must_use]
pub fn latest(prefix: &str, target: &Target) -> String {
    format!("{prefix}/{}/{}/latest", target.template, target.architecture)
}

impl Parameters {
    /// The parameters of the region of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { client: Client::new(config) }
    }

    /// The parameters of a region, whatever the region of `config`.
    #[must_use]
    pub fn in_region(config: &SdkConfig, region: &Region) -> Self {
        Self::new(&config.to_builder().region(SdkRegion::new(region.to_string())).build())
    }

    /// The value of a parameter. `None`: there is no such parameter.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn value(&self, name: &str) -> Result<Option<String>> {
        Ok(self.values(&[name.to_owned()]).await?.remove(name))
    }

    /// The values of at most ten parameters. Those that do not exist are not in the answer.
    ///
    /// # Errors
    ///
    /// If AWS fails: a value that could not be asked for never reads as absent.
    pub async fn values(&self, names: &[String]) -> Result<BTreeMap<String, String>> {
        let answers = self.answers(names).await?.into_iter();
        Ok(answers.filter_map(|(name, value)| Some((name, value?))).collect())
    }

    /// What SSM answers of at most ten parameters: their values, and none for those that it says do not exist.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn answers(&self, names: &[String]) -> Result<BTreeMap<String, Option<String>>> {
        let answer = self
            .client
            .get_parameters()
            .set_names(Some(names.to_vec()))
            .send()
            .await
            .map_err(|error| Error::from_sdk("reading parameters", error))?;
        let values = answer.parameters.unwrap_or_default().into_iter();
        let found = values.filter_map(|parameter| Some((parameter.name?, Some(parameter.value?))));
        let unknown = answer.invalid_parameters.unwrap_or_default().into_iter().map(|name| (name, None));
        Ok(found.chain(unknown).collect())
    }

    /// Points a parameter at an image. SSM answers before it has validated the image, and may then write
    /// nothing: read it back.
    /// Source: <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-ec2-aliases.html>.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn point(&self, name: &str, image: &AmiId, description: &str) -> Result<()> {
        self.client
            .put_parameter()
            .name(name)
            .value(image.as_str())
            .r#type(ParameterType::String)
            .data_type("aws:ec2:image")
            .description(description)
            .overwrite(true)
            .send()
            .await
            .map(|_| ())
            .map_err(|error| Error::from_sdk(format!("writing parameter {name}"), error))
    }

    /// Reads a parameter back.
    ///
    /// # Errors
    ///
    /// If AWS fails, or it does not name the image yet.
    pub async fn verify(&self, name: &str, image: &AmiId) -> Result<()> {
        if self.value(name).await?.as_deref() == Some(image.as_str()) {
            return Ok(());
        }
        Err(Error::ParameterNotYetRight { name: name.to_owned(), expected: image.to_string() })
    }
}
