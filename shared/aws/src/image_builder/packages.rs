//! What is installed in an image.

use aws_sdk_imagebuilder::operation::list_image_packages::ListImagePackagesOutput;
use prism_domain::advisory::Installed;
use prism_domain::problem::printable;

use super::ImageBuilder;
use super::ensure::ABSENT;
use crate::error::{Error, Result, unless};
use crate::table::back_off;

/// The most packages that an answer has.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ListImagePackages.html>.
const PAGE: i32 = 25;

/// How often an answer is asked for: a hundred calls in a row may well be too many at a time, and the SDK does not
/// know Image Builder's word for that.
const TRIES: u32 = 5;

/// The most answers that are asked for: far more packages than an image has.
const PAGES: usize = 400;

impl ImageBuilder {
    /// What is installed in an image build version, as Systems Manager's inventory saw it when it was built, in the
    /// order of their names. Versions are as Image Builder tells them: in AWS's own example of an Amazon Linux image
    /// they have neither epoch nor release. `None`: nobody knows; the image has no such list, or is gone.
    /// Source: <https://docs.aws.amazon.com/cli/latest/reference/imagebuilder/list-image-packages.html>.
    ///
    /// # Errors
    ///
    /// If AWS fails, or does not come to an end.
    pub async fn packages(&self, image: &str) -> Result<Option<Vec<Installed>>> {
        let mut installed = Vec::new();
        let mut from = None;
        for _ in 0..PAGES {
            let Some(answer) = self.page_of_packages(image, from).await? else { return Ok(None) };
            for package in answer.image_package_list.unwrap_or_default() {
                if let (Some(name), Some(version)) = (package.package_name, package.package_version) {
                    installed.push(Installed { package: printable(&name, 256), version: printable(&version, 256) });
                }
            }
            from = answer.next_token.filter(|token| !token.is_empty());
            if from.is_none() {
                installed.sort_unstable();
                installed.dedup();
                return Ok((!installed.is_empty()).then_some(installed));
            }
        }
        Err(Error::malformed(format!("the packages of image {image}"), "the list does not end"))
    }

    async fn page_of_packages(&self, image: &str, from: Option<String>) -> Result<Option<ListImagePackagesOutput>> {
        let mut attempt = 0;
        loop {
            let call = self.client.list_image_packages().image_build_version_arn(image).max_results(PAGE);
            let listed = call.set_next_token(from.clone()).send().await;
            let listed = unless(&[ABSENT], format!("listing the packages of image {image}"), listed);
            attempt += 1;
            if attempt == TRIES || !listed.as_ref().is_err_and(Error::is_retryable) {
                return listed;
            }
            back_off(attempt + 2).await;
        }
    }
}
