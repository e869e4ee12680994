//! What the tests share: the example templates and short ways to make more.

#![allow(dead_code, clippy::allow_attributes, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::process::Command;

use prism_domain::id::TemplateName;
use prism_domain::problem::Problems;
use prism_templates::{ResolvedTemplate, Template, parse, resolve};

pub const PYTHON_ML: &str = include_str!("../../../../examples/templates/python-ml.yaml");
pub const R_RESEARCH: &str = include_str!("../../../../examples/templates/r-research.yaml");
pub const GENOMICS_BASICS: &str = include_str!("../../../../examples/templates/genomics-basics.yaml");

pub fn world(yamls: &[&str]) -> BTreeMap<TemplateName, Template> {
    yamls.iter().map(|yaml| parse(yaml).unwrap()).map(|template| (template.slug.clone(), template)).collect()
}

pub fn resolve_in(yamls: &[&str], name: &str) -> Result<ResolvedTemplate, Problems> {
    resolve(&name.parse().unwrap(), &world(yamls))
}

pub fn resolved(yaml: &str) -> ResolvedTemplate {
    let template = parse(yaml).unwrap();
    let name = template.slug.clone();
    resolve(&name, &BTreeMap::from([(name.clone(), template)])).unwrap()
}

/// One problem a line.
pub fn lines(problems: &Problems) -> String {
    problems.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Whether a script succeeds, and what it prints.
pub fn bash(script: &str) -> (bool, String) {
    let output = Command::new("bash").args(["-c", script]).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// Whether a program is on this machine. One that is not is said, and what needs it is left out.
#[expect(clippy::print_stderr, reason = "nothing is left out silently")]
pub fn is_here(program: &str) -> bool {
    let found = bash(&format!("command -v {program}")).0;
    if !found {
        eprintln!("skipped: there is no {program} here");
    }
    found
}
