//! The Lambda function `reconcile-builds`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<reconcile_builds::ReconcileBuilds>()
}
