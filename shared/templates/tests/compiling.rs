//! The documents that Image Builder is given.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use common::{GENOMICS_BASICS, PYTHON_ML, R_RESEARCH, bash, is_here, lines, resolve_in, resolved};
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

/// The script of one step, by its phase and name.
fn script(document: &str, step: &str) -> String {
    scripts(document).into_iter().find(|(name, _)| name == step).unwrap().1
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
            let (readable, said) = bash(&format!("bash -n -c {}", quote(&script)));
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
    let script = script(&document, "build RunPostInstall");
    let (worked, said) = bash(&script);
    assert!(worked);
    assert_eq!(said, "{{ build.UpdateSystem.outputs.stdout }} {{{a}}} {{{b}}}\n");
}

#[test]
fn the_author_s_text_cannot_leave_its_quotes() {
    let nasty = "'; touch /tmp/prism-escaped; echo '`id` $(id) \\\\ \"x\" $HOME !! \n# {{ x }} '\\''";
    let (worked, said) = bash(&format!("printf %s {}", quote(nasty)));
    assert!(worked);
    assert_eq!(said, nasty);
}

#[test]
fn a_failing_script_fails_the_step_with_1_whatever_it_exits_with() {
    let document = document("name: lab\nbase: debian-12\npost_install: [echo before, exit 194, echo after]");
    let script = script(&document, "build RunPostInstall");
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "before\npost_install of lab failed with exit code 194\n");
}

/// What `RunPostInstall` prints and whether it succeeds, for a template `child` that inherits from `parent`.
fn inherited(parent: &str, child: &str) -> (bool, String) {
    let yamls = [
        format!("{{name: parent, base: debian-12, post_install: {parent}}}"),
        format!("{{name: child, inherits: parent, post_install: {child}}}"),
    ];
    let resolved = resolve_in(&[&yamls[0], &yamls[1]], "child").unwrap();
    bash(&script(component(&resolved).unwrap().as_str(), "build RunPostInstall"))
}

#[test]
fn what_a_parent_does_to_its_shell_is_not_done_to_the_child_s() {
    assert_eq!(inherited("[echo parent, exit 0]", "[echo child]"), (true, "parent\nchild\n".to_owned()));
    assert_eq!(
        inherited("[cd /usr, set +e]", "['echo $PWD', 'false', echo on]").1.lines().last(),
        Some("post_install of child failed with exit code 1")
    );
}

#[test]
fn a_text_that_fails_names_its_template_and_no_other_text_runs() {
    let said = "parent\npost_install of parent failed with exit code 3\n";
    assert_eq!(inherited("[echo parent, exit 3]", "[echo child]"), (false, said.to_owned()));
}

#[test]
fn a_list_of_lines_shares_one_shell_that_stops_at_the_first_failure() {
    let document =
        document("name: lab\nbase: debian-12\npost_install: [cd /usr, x=1, 'echo $PWD $x', 'false', echo after]");
    let script = script(&document, "build RunPostInstall");
    let (worked, said) = bash(&script);
    assert!(!worked);
    assert_eq!(said, "/usr 1\npost_install of lab failed with exit code 1\n");
}

/// Runs a script with programs of these names, each a text for `sh`, on the path before any other.
fn with_programs(programs: &[(&str, &str)], script: &str) -> (bool, String) {
    let folder = std::env::temp_dir().join(format!("prism-programs-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    for (name, text) in programs {
        let file = folder.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let answer = bash(&format!("PATH={}:$PATH\n{script}", folder.display()));
    std::fs::remove_dir_all(&folder).unwrap();
    answer
}

#[test]
fn a_build_begins_when_cloud_init_has_finished_even_if_it_recovered_from_errors() {
    let (name, script) = scripts(&document("name: lab\nbase: debian-12")).remove(0);
    assert_eq!(name, "build AwaitCloudInit");
    let ended = |code: u8| with_programs(&[("cloud-init", &format!("echo \"$@\"; exit {code}"))], &script);
    assert_eq!(ended(0), (true, "status --wait\n".to_owned()));
    assert_eq!(ended(2), (true, "status --wait\n".to_owned()));
    assert_eq!(ended(1), (false, "status --wait\ncloud-init has failed: exit code 1\n".to_owned()));
    let never = with_programs(&[("cloud-init", ""), ("timeout", "echo \"$1\"; exit 124")], &script);
    assert_eq!(never, (false, "600\ncloud-init has not finished within ten minutes\n".to_owned()));
    let without = bash(&format!("command() {{ return 1; }}\n{script}"));
    assert_eq!(without, (true, String::new()));
}

#[test]
fn temporary_files_go_to_the_disk() {
    let yaml = "name: lab\nbase: debian-13\npost_install: 'echo $TMPDIR'";
    let script = script(&document(yaml), "build RunPostInstall");
    assert_eq!(bash(&script), (true, "/var/tmp\n".to_owned()));
    for (name, script) in scripts(&document(PYTHON_ML)) {
        assert!(script.contains("\nexport HOME=/root TMPDIR=/var/tmp\n"), "{name}");
    }
}

#[test]
fn services_have_five_minutes_together_to_come_up() {
    let yaml = "name: lab\nbase: debian-12\nservices: [{name: web, port: 80}, {name: db, port: 5432}]";
    let script = script(&document(yaml), "test CheckServices");
    // The services come up once so many seconds were slept.
    let after = |seconds: u32| {
        bash(&format!(
            "slept=0; sleep() {{ (( slept += $1 )); }}; up() {{ (( slept >= {seconds} )); }}; trap 'echo $slept' EXIT\n\
             systemctl() {{ [ \"$1\" != is-active ] || up; }}; ss() {{ ! up || echo x; }}\n{script}"
        ))
    };
    assert_eq!(after(300), (true, "300\n".to_owned()));
    let (passed, said) = after(301);
    assert!(!passed && said.ends_with("\n300\n"), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("service ")).count(), 4, "{said}");
}

#[test]
fn a_build_installs_new_kernels_and_leaves_packages_on_hold_alone() {
    if !is_here("apt-get") || !is_here("dpkg") {
        return;
    }
    let script = scripts(&document("name: lab\nbase: debian-12")).remove(1).1;
    let upgrade = script
        .lines()
        .last()
        .unwrap()
        .replace("NEEDRESTART_SUSPEND=1 apt-get", "NEEDRESTART_SUSPEND=1 apt-get -s -c apt.conf");
    let root = std::env::temp_dir().join(format!("prism-apt-{}", std::process::id()));
    let (worked, said) =
        bash(&format!("root={}\n{}\n{upgrade}; rm -r \"$root\"", root.display(), include_str!("apt_root.sh")));
    assert!(worked, "{said}");
    let installed: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next()).collect();
    assert_eq!(installed, ["linux-image-6.1.0-2", "linux-image"], "{said}");
    let without = upgrade.replace(" --with-new-pkgs", "");
    assert_ne!(without, upgrade);
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
        let (passed, said) = bash(&format!("{all}{script}"));
        assert!(passed && !said.contains("missing"), "{name}: {said}");
    }
}

#[test]
fn a_document_that_is_too_long_is_refused_before_aws_refuses_it() {
    let yaml =
        format!("name: lab\nbase: debian-12\npost_install: |\n  echo {}\n", "a".repeat(MAX_COMPONENT_CHARACTERS));
    insta::assert_snapshot!(lines(&component(&resolved(&yaml)).unwrap_err()), @"template compiles to a component of 18101 characters; Image Builder takes 16000: shorten post_install or install fewer packages by name");
}
