//! The Lambda function `respond-to-update`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<respond_to_update::RespondToUpdate>()
}
