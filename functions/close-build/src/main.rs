//! The Lambda function `close-build`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<close_build::CloseBuild>()
}
