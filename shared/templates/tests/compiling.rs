//! The documents that Image Builder is given.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::process::Command;

use common::{GENOMICS_BASICS, PYTHON_ML, R_RESEARCH, lines, resolved};
use prism_templates::{MAX_COMPONENT_CHARACTERS, component, quote};
use serde_json::Value;

fn document(yaml: &str) -> String {
    component(&resolved(yaml)).unwrap().to_string()
}

/// Each step's script, with its phase and name.
fn scripts(document: &str) -> Vec<(String, String)> {
    let tree: Value = serde_saphyr::from_str(document).unwrap();
    let mut scripts = Vec::new();
    for phase in tree["phases"].as_array().unwrap() {
        for step in phase["steps"].as_array().unwrap() {
            let name = format!("{} {}", phase["name"].as_str().unwrap(), step["name"].as_str().unwrap());
            scripts.push((name, step["inputs"]["commands"][0].as_str().unwrap().to_owned()));
        }
    }
    scripts
}

fn bash(arguments: &[&str]) -> (bool, String) {
    let output = Command::new("bash").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn python_ml_on_ubuntu() {
    insta::assert_snapshot!(document(PYTHON_ML));
}

#[test]
fn r_research_on_amazon_linux() {
    insta::assert_snapshot!(document(R_RESEARCH));
}

#[test]
fn genomics_basics_on_debian() {
    insta::assert_snapshot!(document(GENOMICS_BASICS));
}

#[test]
fn a_template_of_nothing_still_has_every_phase() {
    insta::assert_snapshot!(document("name: lab\nbase: rocky-9"));
}

#[test]
fn every_script_is_one_that_bash_can_read() {
    for yaml in [PYTHON_ML, R_RESEARCH, GENOMICS_BASICS] {
        for (name, script) in scripts(&document(yaml)) {
            let (readable, said) = bash(&["-n", "-c", &script]);
            assert!(readable, "{name}: {said}\n{script}");
        }
    }
}

#[test]
fn every_step_has_a_limit_and_stops_the_build_when_it_fails() {
    let tree: Value = serde_saphyr::from_str(&document(PYTHON_ML)).unwrap();
    assert_eq!(tree["schemaVersion"].to_string(), "1.0");
    let phases = tree["phases"].as_array().unwrap();
    assert_eq!(
        phases.iter().map(|phase| phase["name"].as_str().unwrap()).collect::<Vec<_>>(),
        ["build", "validate", "test"]
    );
    for step in phases.iter().flat_map(|phase| phase["steps"].as_array().unwrap()) {
        assert_eq!(step["action"], "ExecuteBash");
        assert_eq!(step["onFailure"], "Abort");
        assert!(step["timeoutSeconds"].as_u64().unwrap() > 0);
        assert!(step["inputs"]["commands"][0].as_str().unwrap().starts_with("set -euo pipefail\n"));
    }
}

#[test]
fn braces_of_the_author_reach_bash_but_not_awstoe() {
    let yaml =
        "name: lab\nbase: debian-12\npost_install: \"echo '{{ build.UpdateSystem.outputs.stdout }}' {{{{a,b}}}}\"";
    let document = document(yaml);
    assert!(!document.contains("{{"), "{document}");
    let (_, script) = scripts(&document).into_iter().find(|(name, _)| name == "build RunPostInstall").unwrap();
    let (worked, said) = bash(&["-c", &script]);
    assert!(worked);
    assert_eq!(said, "{{ build.UpdateSystem.outputs.stdout }} {{{a}}} {{{b}}}\n");
}

#[test]
fn the_author_s_text_cannot_leave_its_quotes() {
    let nasty = "'; touch /tmp/prism-escaped; echo '`id` $(id) \\\\ \"x\" $HOME !! \n# {{ x }} '\\''";
    let (worked, said) = bash(&["-c", &format!("printf %s {}", quote(nasty))]);
    assert!(worked);
    assert_eq!(said, nasty);
}

#[test]
fn a_failing_script_fails_the_step_with_1_whatever_it_exits_with() {
    let document = document("name: lab\nbase: debian-12\npost_install: [echo before, exit 194, echo after]");
    let (_, script) = scripts(&document).into_iter().find(|(name, _)| name == "build RunPostInstall").unwrap();
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "before\npost_install failed with exit code 194\n");
}

#[test]
fn a_list_of_lines_shares_one_shell_that_stops_at_the_first_failure() {
    let document =
        document("name: lab\nbase: debian-12\npost_install: [cd /usr, x=1, 'echo $PWD $x', 'false', echo after]");
    let (_, script) = scripts(&document).into_iter().find(|(name, _)| name == "build RunPostInstall").unwrap();
    let (worked, said) = bash(&["-c", &script]);
    assert!(!worked);
    assert_eq!(said, "/usr 1\npost_install failed with exit code 1\n");
}

/// What the test phase prints on a machine where nothing of the template is, `rpm`, `dpkg-query`,
/// `systemctl` and `ss` replaced by programs that find nothing.
fn said_where_nothing_is(yaml: &str) -> String {
    let nothing = "dpkg-query() { return 1; }; rpm() { return 1; }; systemctl() { return 1; }; ss() { :; }; id() { return 1; }; sleep() { :; }\n";
    let mut said = Vec::new();
    for (name, script) in scripts(&document(yaml)) {
        if name.starts_with("test Check") {
            let output = Command::new("bash").args(["-c", &format!("{nothing}{script}")]).output().unwrap();
            assert!(!output.status.success(), "{name} passed");
            let text = String::from_utf8(output.stdout).unwrap();
            said.push(format!("{name}\n{text}"));
        }
    }
    said.concat()
}

#[test]
fn a_failing_test_names_everything_that_is_missing() {
    insta::assert_snapshot!(said_where_nothing_is(PYTHON_ML), @r#"
    test CheckSystemPackages
    package build-essential is missing
    package git is missing
    package graphviz is missing
    test CheckPythonPackages
    package jupyterlab is missing
    package matplotlib is missing
    package numpy is missing
    package pandas is missing
    package scikit-learn is missing
    package xgboost is missing
    test CheckUsers
    user researcher is missing
    user researcher is not in group video
    test CheckServices
    service jupyter is missing
    service jupyter is not enabled
    service jupyter is not running
    service jupyter does not listen on port 8888
    "#);
    insta::assert_snapshot!(said_where_nothing_is(R_RESEARCH), @r#"
    test CheckSystemPackages
    package git is missing
    package tmux is missing
    test CheckCondaPackages
    package r-base is missing
    package r-tidyverse is missing
    package r-lme4 is missing
    package r-rmarkdown is missing
    package pandoc is missing
    test CheckPythonPackages
    package nbconvert is missing
    test CheckUsers
    user researcher is missing
    "#);
    insta::assert_snapshot!(said_where_nothing_is("name: lab\nbase: debian-12\nusers: [{name: ana, groups: [lab]}]\nservices: [cron, {name: web, enable: false}]"), @r#"
    test CheckUsers
    user ana is missing
    user ana is not in group lab
    test CheckServices
    service cron is missing
    service web is missing
    service cron is not enabled
    service cron is not running
    "#);
}

#[test]
fn a_test_passes_where_everything_is() {
    let all = "dpkg-query() { echo installed; }; rpm() { :; }; systemctl() { :; }; ss() { echo x; }; id() { echo ana lab; }\n";
    let yaml = "name: lab\nbase: debian-12\npackages: {system: [git]}\nusers: [{name: ana, groups: [lab]}]\nservices: [{name: web, port: 80}]";
    for (name, script) in scripts(&document(yaml)).into_iter().filter(|(name, _)| name.contains(" Check")) {
        let (passed, said) = bash(&["-c", &format!("{all}{script}")]);
        assert!(passed && !said.contains("missing"), "{name}: {said}");
    }
}

#[test]
fn a_document_that_is_too_long_is_refused_before_aws_refuses_it() {
    let yaml =
        format!("name: lab\nbase: debian-12\npost_install: |\n  echo {}\n", "a".repeat(MAX_COMPONENT_CHARACTERS));
    insta::assert_snapshot!(lines(&component(&resolved(&yaml)).unwrap_err()), @"template compiles to a component of 17453 characters; Image Builder takes 16000: shorten post_install or install fewer packages by name");
}
