//! Templates that build on templates.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{lines, resolve_in, resolved, world};
use prism_domain::architecture::Architecture;
use prism_templates::{PackageManager, SystemManager, resolve};

const BASICS: &str = "
name: Basics
base: ubuntu-22.04
description: what everybody has
version: 3.0.0
packages: {system: [git, curl], pip: [numpy]}
users: [{name: ana, groups: [lab], sudo: true}, ben]
services: [cron, {name: web, port: 80}]
post_install: [mkdir -p /data]
instance_defaults: {type: t3.medium, root_volume_gb: 20, estimated_cost_per_hour: 0.0416}
tags: {department: physics, owner: basics}
";

const CHILD: &str = "
name: Child
inherits: basics
packages: {system: [htop, curl=7.81.0], pip: [NumPy==1.26.4]}
users: [{name: ben, shell: /bin/zsh}, carl]
services: [web.service]
post_install: [systemctl daemon-reload]
instance_defaults: {type: m7g.large}
tags: {owner: child}
";

fn refused(yamls: &[&str], name: &str) -> String {
    lines(&resolve_in(yamls, name).unwrap_err())
}

#[test]
fn a_child_has_what_its_parent_has_and_its_own_word_counts() {
    let child = resolve_in(&[BASICS, CHILD], "child").unwrap();
    insta::assert_snapshot!(serde_json::to_string_pretty(&child).unwrap());
    assert_eq!(child.architecture(), Architecture::Arm64);
}

#[test]
fn a_resolved_template_survives_its_own_json() {
    let child = resolve_in(&[BASICS, CHILD], "child").unwrap();
    let json = serde_json::to_string(&child).unwrap();
    assert_eq!(serde_json::from_str::<prism_templates::ResolvedTemplate>(&json).unwrap(), child);
}

#[test]
fn what_nobody_says_has_a_default() {
    let lab = resolved("name: lab\nbase: rocky-9");
    assert_eq!((lab.instance_type.as_str(), lab.root_volume_gb, lab.version.as_str()), ("t3.large", 30, "1.0.0"));
    assert_eq!(lab.package_manager, PackageManager::Dnf);
    assert_eq!(lab.architecture(), Architecture::X86_64);
}

#[test]
fn the_base_tells_the_package_manager() {
    let of = |base: &str| resolved(&format!("name: lab\nbase: {base}")).system_manager();
    for base in ["ubuntu-22.04", "ubuntu-24.04-minimal", "debian-12"] {
        assert_eq!(of(base), SystemManager::Apt, "{base}");
    }
    for base in [
        "amazon-linux-2023",
        "amazon-linux-2",
        "al2023-minimal",
        "ecs-amazon-linux-2023",
        "rocky-9",
        "rhel-9",
        "almalinux-9",
    ] {
        assert_eq!(of(base), SystemManager::Dnf, "{base}");
    }
}

#[test]
fn an_ancestor_that_is_reached_twice_counts_once() {
    let left = "{name: left, inherits: basics, post_install: [echo left]}";
    let right = "{name: right, inherits: basics, post_install: [echo right]}";
    let child = "{name: child, inherits: [left, right], post_install: [echo child]}";
    let child = resolve_in(&[BASICS, left, right, child], "child").unwrap();
    let texts = child.post_install();
    let texts: Vec<(&str, &str)> = texts.iter().map(|(template, text)| (template.as_str(), *text)).collect();
    assert_eq!(
        texts,
        [("basics", "mkdir -p /data"), ("left", "echo left"), ("right", "echo right"), ("child", "echo child")]
    );
}

#[test]
fn an_unknown_template_is_named() {
    insta::assert_snapshot!(refused(&[], "nothing"), @"template nothing is not known");
    insta::assert_snapshot!(refused(&["{name: child, inherits: [basics, lost]}"], "child"), @r#"
    inherits names basics, which is not a known template (in child); add it or correct the name
    inherits names lost, which is not a known template (in child); add it or correct the name
    "#);
    insta::assert_snapshot!(refused(&[CHILD, "{name: basics, inherits: lost}"], "child"), @"inherits names lost, which is not a known template (in basics); add it or correct the name");
}

#[test]
fn a_circle_is_shown() {
    let (a, b, c) = ("{name: aa, inherits: bb}", "{name: bb, inherits: cc}", "{name: cc, inherits: aa}");
    insta::assert_snapshot!(refused(&[a, b, c], "bb"), @"inherits runs in a circle: bb → cc → aa → bb; take one of them out");
    insta::assert_snapshot!(refused(&["{name: aa, inherits: aa}"], "aa"), @"inherits runs in a circle: aa → aa; take one of them out");
}

#[test]
fn eight_templates_may_stand_above_another_but_not_nine() {
    let tower: Vec<String> = (0..=9)
        .map(|n| {
            if n == 0 {
                "{name: t0, base: debian-12}".to_owned()
            } else {
                format!("{{name: t{n}, inherits: t{}}}", n - 1)
            }
        })
        .collect();
    let tower: Vec<&str> = tower.iter().map(String::as_str).collect();
    assert!(resolve_in(&tower, "t8").is_ok());
    insta::assert_snapshot!(refused(&tower, "t9"), @"inherits is more than 8 deep: t9 → t8 → t7 → t6 → t5 → t4 → t3 → t2 → t1 → t0; inherit less far");
}

#[test]
fn a_package_manager_that_the_base_does_not_have_is_refused() {
    insta::assert_snapshot!(refused(&["{name: lab, base: amazon-linux-2023, package_manager: apt}"], "lab"), @"package_manager is apt, but amazon-linux-2023 has dnf; write dnf or leave it away");
    insta::assert_snapshot!(refused(&["{name: lab, base: lab-hardened}"], "lab"), @"package_manager must be apt or dnf here, since the name lab-hardened doesn't tell which of them it has");
    insta::assert_snapshot!(refused(&["{name: lab, base: lab-hardened, package_manager: conda}"], "lab"), @"package_manager must be apt or dnf here, since the name lab-hardened doesn't tell which of them it has");
    assert!(resolve_in(&["{name: lab, base: lab-hardened, package_manager: dnf}"], "lab").is_ok());
}

#[test]
fn a_base_on_which_nothing_can_be_built_is_refused() {
    insta::assert_snapshot!(refused(&["{name: lab, base: windows-2022}"], "lab"), @"base is windows-2022, on which templates can't be built; allowed are Linux systems with apt or dnf");
}

#[test]
fn inherited_tags_count_too() {
    let tags = |letter: char| (0..25).map(|n| format!("{letter}{n}: v")).collect::<Vec<_>>().join(", ");
    let parent = format!("{{name: parent, base: debian-12, tags: {{{}}}}}", tags('a'));
    let child = format!("{{name: child, inherits: parent, tags: {{{}}}}}", tags('b'));
    insta::assert_snapshot!(refused(&[&parent, &child], "child"), @"tags are 50 with the inherited ones; allowed are 40");
}

#[test]
fn the_hash_is_of_what_reaches_the_image() {
    let hash = |yaml: &str| resolved(yaml).content_hash();
    let plain = "name: lab\nbase: debian-12\npackages: {system: [git]}\ntags: {a: x, b: y}\n";
    let known = hash(plain);
    assert_eq!(known.len(), 12);
    assert!(known.bytes().all(|b| b.is_ascii_hexdigit()));
    let same = [
        "description: other words\n",
        "version: 9.9.9\n",
        "instance_defaults: {type: t3.micro, estimated_cost_per_hour: 1}\n",
        "package_manager: apt\n",
    ];
    for more in same {
        assert_eq!(hash(&format!("{plain}{more}")), known, "{more}");
    }
    assert_eq!(hash(&plain.replace("{a: x, b: y}", "{b: y, a: x}")), known);
    let others = [
        plain.replace("debian-12", "debian-13"),
        plain.replace("[git]", "[git, curl]"),
        plain.replace("a: x", "a: z"),
        plain.replace("{a: x, b: y}", "{a: 'xb', b: y}"),
        format!("{plain}instance_defaults: {{root_volume_gb: 31}}\n"),
        format!("{plain}users: [ana]\n"),
        format!("{plain}services: [cron]\n"),
        format!("{plain}post_install: 'true'\n"),
    ];
    let mut hashes: Vec<String> = others.iter().map(|yaml| hash(yaml)).collect();
    hashes.push(known);
    hashes.sort();
    hashes.dedup();
    assert_eq!(hashes.len(), others.len() + 1);
}

#[test]
fn resolving_is_of_the_name_that_was_asked_for() {
    let world = world(&[BASICS, CHILD]);
    for name in world.keys() {
        assert_eq!(resolve(name, &world).unwrap().name, *name);
    }
}
