//! The Lambda function `collect-advisories`: see the library.

fn main() -> prism_aws::runtime::Exit {
    prism_aws::runtime::main::<collect_advisories::CollectAdvisories>()
}
