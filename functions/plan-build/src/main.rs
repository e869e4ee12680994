//! The Lambda function `plan-build`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<plan_build::PlanBuild>()
}
