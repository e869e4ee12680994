//! The Lambda function `assess-updates`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<assess_updates::AssessUpdates>()
}
