//! The Lambda function `start-image`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<start_image::StartImage>()
}
