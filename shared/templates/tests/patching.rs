//! What a patch makes of an image: the components that Image Builder is given, and their checks, run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{bash, is_here, lines, resolved};
use prism_domain::advisory::Fix;
use prism_domain::id::BuildId;
use prism_domain::patch::FrozenPatch;
use prism_domain::problem::Problems;
use prism_templates::{ImagePlan, MAX_COMPONENT_CHARACTERS, image_plan};
use proptest::prelude::*;
use serde_json::Value;

fn fixes(at_least: &[(&str, &str)]) -> Vec<Fix> {
    at_least
        .iter()
        .map(|(package, version)| Fix { package: (*package).to_owned(), version: (*version).to_owned() })
        .collect()
}

fn patch(at_least: &[(&str, &str)], release: Option<&str>) -> FrozenPatch {
    FrozenPatch {
        ids: vec!["lab-x86_64-16/0123456789ab".parse().unwrap()],
        advisories: vec!["ALAS2023-2026-1000".parse().unwrap()],
        at_least: fixes(at_least),
        release: release.map(str::to_owned),
    }
}

fn plan_of(build: &str, base: &str, patch: Option<&FrozenPatch>) -> Result<ImagePlan, Problems> {
    let build: BuildId = build.parse().unwrap();
    let resolved = resolved(&format!("name: {}\nbase: {base}", build.target.template));
    image_plan(&resolved, &build, &"ami-00000001".parse().unwrap(), &["us-east-1".parse().unwrap()], patch)
}

fn plan(base: &str, patch: &FrozenPatch) -> ImagePlan {
    plan_of("lab-x86_64-17", base, Some(patch)).unwrap()
}

fn document(base: &str, patch: &FrozenPatch) -> String {
    let plan = plan(base, patch);
    assert_eq!(plan.patches.len(), 1);
    plan.patches[0].data.to_string()
}

/// The script of a phase's last step.
fn script(document: &str, phase: &str) -> String {
    let tree: Value = serde_saphyr::from_str(document).unwrap();
    let phases = tree["phases"].as_array().unwrap();
    let found = phases.iter().find(|one| one["name"] == phase).unwrap();
    let step = found["steps"].as_array().unwrap().last().unwrap();
    step["inputs"]["commands"][0].as_str().unwrap().to_owned()
}

/// What the check says where this is installed: `name version`, a line each. Versions are compared by the real tool.
fn checked(base: &str, at_least: &[(&str, &str)], release: Option<&str>, installed: &str) -> (bool, String) {
    let check = script(&document(base, &patch(at_least, release)), "test");
    let states = installed.lines().map(|line| format!("{line} installed\\n")).collect::<Vec<_>>().concat();
    let listed = format!(
        "dpkg-query() {{ printf '{states}'; }}\n\
         rpm() {{ if [[ $1 == -qa ]]; then printf '{states}'; else command rpm \"$@\"; fi; }}\n"
    );
    bash(&format!("{listed}{check}"))
}

#[test]
fn a_patch_of_amazon_linux_2023_goes_to_its_release_and_proves_the_fixes() {
    let patch = patch(
        &[("openssl", "1:3.2.2-1.amzn2023.0.3"), ("openssl-libs", "1:3.2.2-1.amzn2023.0.3"), ("curl", "8.11.1-4")],
        Some("2023.9.20251117"),
    );
    insta::assert_snapshot!(document("amazon-linux-2023", &patch));
}

#[test]
fn a_patch_of_debian_brings_everything_up_to_date_and_counts_by_source_package() {
    let patch = patch(&[("openssl", "3.0.17-1~deb12u3")], None);
    insta::assert_snapshot!(document("debian-12", &patch));
    let ubuntu = document("ubuntu-22.04", &patch);
    assert!(ubuntu.contains("'${Package} ${Version} ${db:Status-Status}\\n'"), "Ubuntu's name binary packages");
}

#[test]
fn the_components_are_in_every_plan_of_a_patch_before_the_template_s_and_in_no_other() {
    let patch = patch(&[("curl", "8.11.1-4")], Some("2023.9.20251117"));
    let (without, with) =
        (plan_of("lab-x86_64-17", "amazon-linux-2023", None).unwrap(), plan("amazon-linux-2023", &patch));
    assert_eq!(without.component, with.component);
    assert!(without.patches.is_empty() && with.patches[0].name.starts_with("prism-patch-"));
    assert_eq!(with.patches[0].name.len(), "prism-patch-0123456789ab".len());
    assert_eq!(with.patches[0].name, plan("amazon-linux-2023", &patch).patches[0].name);
    for purpose in ["component", "recipe", "start"] {
        assert_ne!(without.client_token(purpose), with.client_token(purpose), "they make something else");
    }
    let arm = plan_of("lab-arm64-17", "amazon-linux-2023", Some(&patch)).unwrap();
    assert_ne!(arm.patches[0].name, with.patches[0].name, "who deletes one takes nothing from another target");
}

#[test]
fn the_lineage_says_to_which_release_and_for_which_findings() {
    let mut patch = patch(&[("curl", "8.11.1-4")], Some("2023.9.20251117"));
    let tags = plan("amazon-linux-2023", &patch).recipe.ami_tags;
    assert_eq!(tags["prism:release"], "2023.9.20251117");
    assert_eq!(tags["prism:patch"], "lab-x86_64-16/0123456789ab");
    let without = plan_of("lab-x86_64-17", "amazon-linux-2023", None).unwrap().tags;
    assert_eq!(tags["prism:content"], without["prism:content"]);
    assert!(!without.contains_key("prism:patch") && !without.contains_key("prism:release"));
    patch.ids = (1..=20).map(|n| format!("lab-x86_64-{n}/0123456789ab").parse().unwrap()).collect();
    patch.release = None;
    let tags = plan("amazon-linux-2023", &patch).tags;
    assert!(tags["prism:patch"].starts_with("20 patches ") && tags["prism:patch"].len() <= 256);
    assert!(!tags.contains_key("prism:release"));
}

#[test]
fn what_could_leave_its_quotes_never_gets_into_a_script() {
    let nasty = patch(&[("curl; rm -rf /", "1.0"), ("curl", "1.0\nFIXED\nid"), ("", "$(id)")], Some("latest"));
    insta::assert_snapshot!(lines(&plan_of("lab-x86_64-17", "amazon-linux-2023", Some(&nasty)).unwrap_err()), @r#"
    patch names the package "curl; rm -rf /", which is none
    patch names the version "1.0\u{a}FIXED\u{a}id", which is none
    patch names the package "", which is none
    patch names the version "$(id)", which is none
    patch names the release "latest", which is none
    "#);
    let release = patch(&[], Some("2023.9.20251117"));
    assert!(plan_of("lab-x86_64-17", "debian-12", Some(&release)).is_err(), "apt knows no release to go to");
}

#[test]
fn every_script_is_one_that_bash_can_read_and_awstoe_leaves_alone() {
    for base in ["amazon-linux-2023", "amazon-linux-2", "rocky-9", "ubuntu-24.04", "debian-13"] {
        let document = document(base, &patch(&[("libstdc++6", "1:2.3~rc1-4+b1"), ("curl", "8^git1-1")], None));
        assert!(!document.contains("{{"), "{document}");
        for phase in ["build", "validate", "test"] {
            let (readable, said) = bash(&format!("bash -n <<'WHOLE'\n{}\nWHOLE", script(&document, phase)));
            assert!(readable && said.is_empty(), "{base} {phase}: {said}");
        }
        assert_eq!(script(&document, "validate"), script(&document, "test"));
    }
}

#[test]
fn on_debian_what_is_older_than_its_fix_fails_the_check_and_is_named() {
    if !is_here("dpkg") {
        return;
    }
    let at_least = [("openssl", "3.0.17-1~deb12u3"), ("curl", "7.88.1-10+deb12u14"), ("gone", "9")];
    let check = |installed: &str| checked("debian-12", &at_least, None, installed);
    assert_eq!(
        check("openssl 3.0.17-1~deb12u2\nopenssl 3.0.17-1~deb12u3\ncurl 7.88.1-10+deb12u8\nbash 5.2"),
        (
            false,
            "package openssl is 3.0.17-1~deb12u2, and fixed in 3.0.17-1~deb12u3\n\
             package curl is 7.88.1-10+deb12u8, and fixed in 7.88.1-10+deb12u14\n"
                .to_owned()
        ),
        "one binary package of the source is old"
    );
    assert_eq!(check("openssl 3.0.17-1~deb12u3\ncurl 7.88.1-10+deb12u14"), (true, String::new()));
    assert_eq!(check("openssl 1:0.9-1\nbash 5.2"), (true, String::new()), "an epoch outranks, and curl is not there");
}

#[test]
fn what_was_removed_and_what_is_beside_a_newer_kernel_does_not_count() {
    if !is_here("dpkg") {
        return;
    }
    let check =
        script(&document("ubuntu-22.04", &patch(&[("curl", "8"), ("linux-image-aws", "6.8.2")], None)), "validate");
    let run = |installed: &str| bash(&format!("dpkg-query() {{ printf '{installed}'; }}\n{check}"));
    assert_eq!(run("curl 7 config-files\\nbash 5 installed\\n"), (true, String::new()));
    assert_eq!(run("linux-image-aws 6.8.1 installed\\nlinux-image-aws 6.8.2 installed\\n"), (true, String::new()));
    assert!(!run("linux-image-aws 6.8.1 installed\\n").0);
}

#[test]
fn a_system_that_cannot_tell_what_is_installed_fails_the_check() {
    for base in ["amazon-linux-2023", "debian-12"] {
        let check = script(&document(base, &patch(&[("curl", "8")], None)), "test");
        for broken in ["return 1", ":"] {
            let (passed, _) = bash(&format!("rpm() {{ {broken}; }}\ndpkg-query() {{ {broken}; }}\n{check}"));
            assert!(!passed, "{base} where the list is `{broken}`");
        }
        let (passed, said) = bash(&format!(
            "rpm() {{ [[ $1 != -qa ]] || echo 'curl (none):7-1 installed'; }}\n\
             dpkg-query() {{ echo 'curl 7 installed'; }}\ndpkg() {{ return 2; }}\n{check}"
        ));
        assert!(!passed && said.contains("cannot be compared"), "{said}");
    }
}

/// Pairs of an older and a newer version, as rpm orders them.
const RPM_ORDER: [(&str, &str); 8] = [
    ("8.11.1-4.amzn2023.0.1", "8.11.1-4.amzn2023.0.3"),
    ("8.11.1-4.amzn2023", "8.11.1-10.amzn2023"),
    ("9.9-9", "1:1.0-1"),
    ("(none):9.9-9", "1:1.0-1"),
    ("1.0-2", "1.0.1-1"),
    ("1:3.0~rc1-1", "1:3.0-1"),
    ("2:8.0-5.el9_2", "2:8.0-5.el9_2.1"),
    ("6.1.155-176.282.amzn2023", "6.1.158-178.288.amzn2023"),
];

#[test]
fn on_rpm_s_systems_what_is_older_than_its_fix_fails_the_check() {
    if !is_here("rpm") {
        return;
    }
    for base in ["amazon-linux-2023", "amazon-linux-2", "rocky-9"] {
        for (older, newer) in RPM_ORDER {
            let fixed = older.trim_start_matches("(none):");
            let check = |at_least, installed| checked(base, &[("curl", at_least)], None, &format!("curl {installed}"));
            let named = format!("package curl is {}, and fixed in {newer}\n", older.replace("(none):", "0:"));
            assert_eq!(check(newer, older), (false, named));
            assert_eq!(check(fixed, newer), (true, String::new()), "{newer} is not older than {older}");
            assert_eq!(check(newer, newer), (true, String::new()));
        }
    }
}

#[test]
fn the_release_itself_is_checked_and_a_kernel_beside_a_newer_one_does_not_count() {
    if !is_here("rpm") {
        return;
    }
    let at_least = [("kernel", "6.1.158-178.288.amzn2023"), ("curl", "8.11.1")];
    let check = |installed: &str| checked("amazon-linux-2023", &at_least, Some("2023.9.20251117"), installed);
    let kernels = "kernel (none):6.1.155-176.282.amzn2023\nkernel (none):6.1.158-178.288.amzn2023";
    assert_eq!(
        check(&format!("{kernels}\nsystem-release (none):2023.9.20251117-0.amzn2023\ncurl (none):8.11.1-4")),
        (true, String::new()),
        "and a fix without a release is fixed by each of them"
    );
    assert_eq!(
        check("system-release (none):2023.8.20250915-0.amzn2023").1,
        "package system-release is 0:2023.8.20250915-0.amzn2023, and fixed in 2023.9.20251117\n"
    );
}

#[test]
fn a_long_list_is_checked_by_several_components_and_one_that_is_too_long_is_refused() {
    let many = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("some-package-of-usual-length-{n:04}")).collect();
        let versions: Vec<String> = (0..count).map(|n| format!("1:{n}.2.{n}-1.amzn2023.0.{}", n / 3)).collect();
        let pairs: Vec<(&str, &str)> = names.iter().zip(&versions).map(|(n, v)| (n.as_str(), v.as_str())).collect();
        patch(&pairs, Some("2023.9.20251117"))
    };
    assert_eq!(plan("amazon-linux-2023", &many(80)).patches.len(), 1);
    let plan = plan("amazon-linux-2023", &many(500));
    assert_eq!(plan.patches.len(), 7);
    let refused = plan_of("lab-x86_64-17", "amazon-linux-2023", Some(&many(2_000))).unwrap_err();
    insta::assert_snapshot!(lines(&refused), @"patch needs 25 components to check its packages; a recipe takes 19");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn every_package_is_checked_once_and_every_component_fits(
        wanted in proptest::collection::btree_map("[a-z][a-z0-9+.-]{0,60}", "[0-9][a-z0-9.~^+]{0,12}", 1..400)
    ) {
        let pairs: Vec<(&str, &str)> = wanted.iter().map(|(name, version)| (name.as_str(), version.as_str())).collect();
        let plan = plan("rocky-9", &patch(&pairs, None));
        let mut checked = Vec::new();
        for component in &plan.patches {
            prop_assert!(component.data.as_str().chars().count() <= MAX_COMPONENT_CHARACTERS);
            let check = script(component.data.as_str(), "validate");
            let table = check.split("<<'FIXED'\n").nth(1).unwrap().split("FIXED\n").next().unwrap();
            for line in table.lines() {
                let (version, packages) = line.split_once(' ').unwrap();
                checked.extend(packages.split(' ').map(|package| (package.to_owned(), version.to_owned())));
            }
        }
        checked.sort_unstable();
        prop_assert_eq!(checked, wanted.into_iter().collect::<Vec<_>>());
    }
}
