//! What is asked of Image Builder for one build.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{PYTHON_ML, R_RESEARCH, lines, resolved};
use prism_domain::architecture::Architecture;
use prism_domain::id::{BuildId, Target};
use prism_templates::{ImagePlan, ami_name, client_token, component_name, image_plan, recipe_name, recipe_version};

fn plan(yaml: &str, build: &str, regions: &[&str]) -> Result<ImagePlan, prism_domain::problem::Problems> {
    let regions: Vec<_> = regions.iter().map(|region| region.parse().unwrap()).collect();
    image_plan(&resolved(yaml), &build.parse().unwrap(), &"ami-0123456789abcdef0".parse().unwrap(), &regions, None)
}

fn longest() -> BuildId {
    Target { template: "a".repeat(48).parse().unwrap(), architecture: Architecture::X86_64 }.build(u32::MAX)
}

#[test]
fn a_plan_says_everything_that_is_sent() {
    let mut plan = plan(PYTHON_ML, "python-ml-x86_64-17", &["us-east-1", "eu-central-1", "us-east-1"]).unwrap();
    assert_eq!(plan.distribution.regions.len(), 2);
    plan.distribution.regions.truncate(1);
    let mut json = serde_json::to_value(&plan).unwrap();
    assert_eq!(serde_json::from_value::<ImagePlan>(json.clone()).unwrap(), plan);
    json["component"]["data"] = "(the document)".into();
    insta::assert_snapshot!(serde_json::to_string_pretty(&json).unwrap());
}

#[test]
fn the_root_device_is_the_publisher_s() {
    let device = |base: &str| {
        let yaml = format!(
            "name: lab\nbase: {base}\npackage_manager: {}",
            if base.contains("buntu") || base.contains("debian") { "apt" } else { "dnf" }
        );
        plan(&yaml, "lab-x86_64-1", &["us-east-1"]).unwrap().recipe.root_volume.device_name
    };
    assert_eq!(device("ubuntu-24.04"), "/dev/sda1");
    assert_eq!(device("rocky-9"), "/dev/sda1");
    assert_eq!(device("debian-12"), "/dev/xvda");
    assert_eq!(device("amazon-linux-2023"), "/dev/xvda");
    assert_eq!(plan(R_RESEARCH, "r-research-arm64-1", &["us-east-1"]).unwrap().recipe.root_volume.size_gib, 40);
}

#[test]
fn the_lineage_is_on_the_image_and_on_the_ami_even_of_a_failed_test() {
    let plan = plan(R_RESEARCH, "r-research-arm64-2", &["us-east-1"]).unwrap();
    for key in ["prism:template", "prism:build-id", "prism:base-image-id", "prism:content", "department"] {
        assert!(plan.tags.contains_key(key), "{key}");
    }
    assert_eq!(plan.recipe.ami_tags, plan.tags);
    assert_eq!(plan.distribution.regions[0].ami_tags, plan.tags);
    assert!(plan.tags.len() <= 50);
}

#[test]
fn names_fit_image_builder_s_patterns_for_the_longest_template() {
    let build = longest();
    let resolved = resolved(&format!("name: {}\nbase: debian-12", "a".repeat(48)));
    let is_name = |name: &str| {
        name.len() <= 128 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    for name in [recipe_name(&build.target), component_name(&resolved.name, &resolved.content_hash())] {
        assert!(is_name(&name), "{name}");
    }
    assert_eq!(recipe_name(&"python-ml-x86_64-1".parse::<BuildId>().unwrap().target), "prism-python-ml-x86-64");
    assert_eq!(recipe_version(&build), format!("1.0.{}", u32::MAX));
    let filled = ami_name(&build).replace("{{ imagebuilder:buildDate }}", "2022-10-26T22-30-05.912619Z");
    assert!(filled.len() <= 127 && ami_name(&build).len() <= 127, "{filled}");
}

#[test]
fn a_token_is_the_same_for_the_same_call_and_another_for_another() {
    let build: BuildId = "python-ml-x86_64-17".parse().unwrap();
    let next: BuildId = "python-ml-x86_64-18".parse().unwrap();
    let token = client_token(&build, "start");
    insta::assert_snapshot!(token, @"8108662d-9ac1-02f8-c712-0812d596c577");
    assert_eq!(token.len(), 36);
    assert_ne!(token, client_token(&build, "component"));
    assert_ne!(token, client_token(&next, "start"));
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    insta::assert_snapshot!(lines(&plan(PYTHON_ML, "r-research-arm64-2", &[]).unwrap_err()), @r#"
    build r-research-arm64-2 is not a build of python-ml
    regions are missing; give at least one, such as us-east-1
    "#);
}
