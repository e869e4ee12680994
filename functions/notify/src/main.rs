//! The Lambda function `notify`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<notify::Notify>()
}
