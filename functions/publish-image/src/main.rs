//! The Lambda function `publish-image`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<publish_image::PublishImage>()
}
