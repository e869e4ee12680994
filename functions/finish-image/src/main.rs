//! The Lambda function `finish-image`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<finish_image::FinishImage>()
}
