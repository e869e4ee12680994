use super::*;
use crate::fixtures::{advisory, installed};

/// What is lacked, as `package: installed < fixed`.
fn lacks(have: &[(&str, &str)], fixes: &[(&str, &str)]) -> Vec<String> {
    lacks_of("rocky-9", have, fixes)
}

fn lacks_of(ecosystem: &str, have: &[(&str, &str)], fixes: &[(&str, &str)]) -> Vec<String> {
    let have = installed(have);
    let advisory = advisory("RLSA-2025:1", ecosystem, jiff::Timestamp::UNIX_EPOCH, fixes);
    let lacked = Inventory::new(&advisory.ecosystem, &have).lacks(&advisory);
    let told = |it: FixedPackage| format!("{}: {} < {}", it.name, it.installed.unwrap_or_default(), it.fixed);
    lacked.into_iter().map(told).collect()
}

#[test]
fn a_package_lacks_a_fix_if_it_is_older() {
    let have = [("openssh", "8.7p1-8.amzn2023.0.10"), ("curl", "8.5.0-1")];
    let fixed = "8.7p1-8.amzn2023.0.11";
    assert_eq!(
        lacks(&have, &[("openssh", fixed), ("openssh-clients", fixed)]),
        ["openssh: 8.7p1-8.amzn2023.0.10 < 8.7p1-8.amzn2023.0.11"]
    );
    assert_eq!(lacks(&have, &[("curl", "8.5.0-1")]), [""; 0]);
    assert_eq!(lacks(&have, &[("curl", "")]), [""; 0], "no version is known with the fix");
}

#[test]
fn of_several_installed_versions_the_newest_counts() {
    let have = [("kernel", "5.14.0-427.el9"), ("kernel", "5.14.0-503.el9"), ("kernel", "5.14.0-362.el9")];
    assert_eq!(lacks(&have, &[("kernel", "5.14.0-503.el9")]), [""; 0]);
    assert_eq!(lacks(&have, &[("kernel", "5.14.0-570.el9")]).len(), 1);
}

#[test]
fn a_kernel_is_fixed_by_its_own_line() {
    let have = [("kernel", "5.10.230-1.amzn2")];
    assert_eq!(lacks(&have, &[("kernel", "5.15.1-1.amzn2")]), [""; 0], "another line");
    assert_eq!(lacks(&have, &[("kernel", "5.10.231-1.amzn2"), ("kernel", "5.15.1-1.amzn2")]).len(), 1);
    assert_eq!(lacks(&have, &[("kernel", "5.10.230-1.amzn2"), ("kernel", "5.15.1-1.amzn2")]), [""; 0]);
}

#[test]
fn a_module_is_fixed_by_its_own_stream() {
    let have = [("nodejs", "1:18.20.4-1.module_el9.4.0+1"), ("python3", "3.9.18-1.el9")];
    assert_eq!(lacks(&have, &[("nodejs", "1:20.18.2-1.module_el9.5.0+2")]), [""; 0]);
    assert_eq!(lacks(&have, &[("nodejs", "1:18.20.6-1.module_el9.5.0+2")]).len(), 1);
    assert_eq!(lacks(&have, &[("nodejs", "1:18.20.6-1.el9")]), [""; 0], "of no module");
    assert_eq!(lacks(&have, &[("python3", "3.9.19-1.module_el9.5.0+2")]), [""; 0], "of a module");
    let bare = [("nodejs", "18.20.4")];
    assert_eq!(lacks(&bare, &[("nodejs", "1:18.20.6-1.module_el9.5.0+2")]).len(), 1, "a release is not listed");
    assert_eq!(lacks(&bare, &[("nodejs", "1:20.18.2-1.module_el9.5.0+2")]), [""; 0]);
}

#[test]
fn of_several_fixes_those_of_the_own_major_version_are_meant() {
    let have = [("postgresql", "13.11-1"), ("firefox", "115.9-1")];
    let fixes =
        [("postgresql", "13.12-1"), ("postgresql", "13.14-1"), ("postgresql", "15.6-1"), ("firefox", "128.3-1")];
    assert_eq!(
        lacks(&have, &fixes),
        ["firefox: 115.9-1 < 128.3-1", "postgresql: 13.11-1 < 13.12-1"],
        "one that moves on to another major version is fixed by that"
    );
    assert_eq!(lacks(&[("postgresql", "13.12-1")], &fixes), [""; 0]);
}

#[test]
fn an_image_is_rid_of_what_it_has_no_more() {
    let have = installed(&[("kernel6.18", "1:6.18.51-1")]);
    let inventory = Inventory::new(&"rocky-9".parse().unwrap(), &have);
    let lacked = |name: &str, fixed: &str| FixedPackage { name: name.into(), installed: None, fixed: fixed.into() };
    assert!(inventory.is_rid_of(&lacked("kernel6.12", "1:6.12.70-1")));
    assert!(inventory.is_rid_of(&lacked("kernel6.18", "1:6.18.51-1")));
    assert!(!inventory.is_rid_of(&lacked("kernel6.18", "1:6.18.52-1")));
}

#[test]
fn an_advisory_is_about_the_package_that_the_others_are_named_after() {
    let of = |names: &[&str]| {
        let package = |name: &&str| FixedPackage { name: (*name).into(), installed: None, fixed: "1".into() };
        main_package(&names.iter().map(package).collect::<Vec<_>>()).map(|package| package.name)
    };
    assert_eq!(of(&["bpftool", "kernel-core", "kernel", "kernel-devel", "rv"]).as_deref(), Some("kernel"));
    assert_eq!(of(&["rv", "kernel-devel", "kernel", "kernel-core", "bpftool"]).as_deref(), Some("kernel"));
    assert_eq!(of(&["libb", "liba"]).as_deref(), Some("liba"));
    assert_eq!(of(&[]), None);
}

/// As the record of USN-7095-1 names packages: by the number of the build that has the fix, which nobody has installed.
#[test]
fn a_kernel_whose_packages_are_called_after_their_build_lacks_a_later_build() {
    let have = [("linux-image-6.8.0-1016-aws", "6.8.0-1016.17"), ("linux-aws", "6.8.0.1016.17")];
    let fix = |version| [("linux-image-6.8.0-1017-aws", version)];
    assert_eq!(
        lacks_of("ubuntu-24.04", &have, &fix("6.8.0-1017.18")),
        ["linux-image-6.8.0-1017-aws: 6.8.0-1016.17 < 6.8.0-1017.18"]
    );
    assert_eq!(lacks_of("ubuntu-24.04", &have, &fix("6.8.0-1016.17")), [""; 0]);
    assert_eq!(
        lacks_of("ubuntu-24.04", &have, &[("linux-image-6.11.0-1004-aws", "6.11.0-1004.4")]),
        [""; 0],
        "another line"
    );
    assert_eq!(
        lacks_of("ubuntu-24.04", &have, &[("linux-image-6.8.0-1017-gcp", "6.8.0-1017.18")]),
        [""; 0],
        "not here"
    );
    let both = [("linux-image-6.8.0-1016-aws", "6.8.0-1016.17"), ("linux-image-6.8.0-1017-aws", "6.8.0-1017.18")];
    assert_eq!(lacks_of("ubuntu-24.04", &both, &fix("6.8.0-1017.18")), [""; 0], "the old one is kept beside the new");
}

#[test]
fn of_debian_an_installed_package_lacks_what_its_source_package_has_fixed() {
    let have = [("libssl3", "3.0.17-1~deb12u1"), ("linux-image-6.1.0-37-cloud-amd64", "6.1.140-1")];
    let fixes = [("openssl", "3.0.17-1~deb12u2"), ("linux", "6.1.147-1"), ("chromium", "139.0-1")];
    assert_eq!(
        lacks_of("debian-12", &have, &fixes),
        ["linux: 6.1.140-1 < 6.1.147-1", "openssl: 3.0.17-1~deb12u1 < 3.0.17-1~deb12u2"]
    );
}
