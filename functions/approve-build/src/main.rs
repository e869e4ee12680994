//! The Lambda function `approve-build`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<approve_build::ApproveBuild>()
}
