//! What is read from YAML and JSON, and what is said about what is not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use common::{GENOMICS_BASICS, PYTHON_ML, R_RESEARCH, lines};
use prism_templates::{Template, parse};

fn refused(yaml: &str) -> String {
    lines(&parse(yaml).unwrap_err())
}

/// What is said about one field of an otherwise good template.
fn refused_field(field: &str) -> String {
    refused(&format!("name: lab\nbase: ubuntu-22.04\n{field}\n"))
}

#[test]
fn the_examples_are_templates() {
    for yaml in [PYTHON_ML, R_RESEARCH, GENOMICS_BASICS] {
        parse(yaml).unwrap();
    }
}

#[test]
fn a_template_survives_its_own_json() {
    for yaml in [PYTHON_ML, R_RESEARCH, GENOMICS_BASICS] {
        let template = parse(yaml).unwrap();
        let json = serde_json::to_string(&template).unwrap();
        assert_eq!(serde_json::from_str::<Template>(&json).unwrap(), template);
    }
}

#[test]
fn the_table_s_json_is_what_a_person_would_write() {
    let yaml = "name: Small Lab\nbase: debian-12\npackages: {pip: numpy}\nusers: [ana]\nservices: [cron]\n\
                instance_defaults: {estimated_cost_per_hour: 1.2345}\ntags: {year: 2026, country: no}\n";
    insta::assert_snapshot!(serde_json::to_string_pretty(&parse(yaml).unwrap()).unwrap(), @r#"
    {
      "name": "Small Lab",
      "slug": "small-lab",
      "base": "debian-12",
      "packages": {
        "pip": [
          "numpy"
        ]
      },
      "users": [
        {
          "name": "ana",
          "sudo": false
        }
      ],
      "services": [
        {
          "name": "cron",
          "enable": true
        }
      ],
      "instance_defaults": {
        "estimated_cost_per_hour": "1.234500"
      },
      "tags": {
        "country": "no",
        "year": "2026"
      }
    }
    "#);
}

#[test]
fn the_slug_is_the_name_where_that_makes_one() {
    let slug = |name: &str| parse(&format!("name: {name}\nbase: debian-12")).unwrap().slug.to_string();
    assert_eq!(slug("Python ML"), "python-ml");
    assert_eq!(slug("deep_learning-gpu"), "deep-learning-gpu");
    insta::assert_snapshot!(refused("name: Große Daten!\nbase: debian-12"), @r#"slug is missing, and "Große Daten!" makes none; allowed are 2 to 48 lower-case letters, digits and single hyphens, a letter first"#);
}

#[test]
fn parents_are_found_by_name_or_slug() {
    let template = parse("name: child\ninherits: [Python ML, r-research]").unwrap();
    assert_eq!(template.inherits.iter().map(ToString::to_string).collect::<Vec<_>>(), ["python-ml", "r-research"]);
    assert_eq!(parse("name: child\ninherits: Python ML").unwrap().inherits.len(), 1);
}

#[test]
fn everything_wrong_with_a_terrible_template_is_said_at_once() {
    let yaml = include_str!("terrible.yaml");
    insta::assert_snapshot!(refused(yaml));
}

#[test]
fn an_empty_template_says_what_a_template_is() {
    insta::assert_snapshot!(refused(""), @"template is not a mapping; its fields are name, slug, description, base, inherits, package_manager, packages, users, services, post_install, instance_defaults, version, tags");
    insta::assert_snapshot!(refused("{}"), @r#"
    name is missing; give a name
    base is missing; give a base image such as ubuntu-22.04, or a template in inherits
    "#);
    insta::assert_snapshot!(refused("- name: a"), @"template is not a mapping; its fields are name, slug, description, base, inherits, package_manager, packages, users, services, post_install, instance_defaults, version, tags");
}

#[test]
fn a_field_without_a_value_is_one_that_is_not_there() {
    insta::assert_snapshot!(refused("name:\nbase:"), @r#"
    name is missing; give a name
    base is missing; give a base image such as ubuntu-22.04, or a template in inherits
    "#);
    insta::assert_snapshot!(refused_field("users: [{name: }]"), @"users[0].name is missing; give a login name");
    assert!(parse("name: Lab\nslug:\nbase: debian-12\npackages:\ntags:").is_ok_and(|it| it.slug.as_str() == "lab"));
}

#[test]
fn what_is_not_yaml_is_said_with_its_place() {
    insta::assert_snapshot!(refused("name: [a\nbase: b"), @"template cannot be read as YAML: illegal placement of ':' indicator at line 2, column 5");
    insta::assert_snapshot!(refused("name: a\nname: b\nbase: debian-12"), @"template cannot be read as YAML: duplicate mapping key `name` is not allowed here at line 2, column 1");
    insta::assert_snapshot!(refused("name: a\nbase: debian-12\n---\nname: b"), @"template cannot be read as YAML: only single YAML document expected but multiple found at line 4, column 1");
    insta::assert_snapshot!(refused("name: \"a\0b\""), @r#"template cannot be read as YAML: unexpected character: `\u{0}' at line 1, column 9"#);
}

#[test]
fn a_template_over_64_kib_is_refused_unread() {
    insta::assert_snapshot!(refused(&format!("name: {}", "a".repeat(70_000))), @"template is 70006 bytes long; allowed are 65536 (64 KiB)");
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut bomb = vec!["a: &a [x, x, x, x, x, x, x, x, x]".to_owned()];
    for (next, last) in ["b", "c", "d", "e", "f", "g"].iter().zip(["a", "b", "c", "d", "e", "f"]) {
        bomb.push(format!("{next}: &{next} [{}]", vec![format!("*{last}"); 9].join(", ")));
    }
    let said = refused(&bomb.join("\n"));
    assert!(said.starts_with("template cannot be read as YAML"), "{said}");
    assert!(said.len() < 300, "{said}");
}

#[test]
fn an_alias_saves_typing() {
    let yaml = "name: lab\nbase: debian-12\npackages: {system: &tools [git, curl]}\nusers:\n  - {name: ana, groups: &g [lab]}\n  - {name: ben, groups: *g}\n";
    assert_eq!(parse(yaml).unwrap().users[1].groups, ["lab"]);
}

#[test]
fn a_misspelt_field_is_named_with_the_nearest() {
    insta::assert_snapshot!(refused_field("pacakges: {}"), @"pacakges is not a field here; did you mean packages?");
    insta::assert_snapshot!(refused_field("packages: {apt: [git]}"), @"packages.apt is not a field here; allowed are system, conda, pip");
    insta::assert_snapshot!(refused_field("users: [{name: ana, group: [lab]}]"), @"users[0].group is not a field here; did you mean groups?");
}

#[test]
fn a_fault_has_a_sentence_for_every_field() {
    let fields = [
        "slug: Lab",
        "description: ''",
        "inherits: []",
        "inherits: [other, other]",
        "package_manager: apk",
        "packages: [git]",
        "packages: {system: ['curl; rm -rf /']}",
        "packages: {system: [-y]}",
        "packages: {system: [git, curl, git]}",
        "packages: {system: [git=]}",
        "packages: {conda: ['r-base >= 4']}",
        "packages: {pip: ['git+https://example.com/x']}",
        "packages: {pip: ['numpy==']}",
        "packages: {pip: [scikit-learn, Scikit_Learn==1.4]}",
        "users: [root]",
        "users: [Ana]",
        "users: [{groups: [lab]}]",
        "users: [{name: ana, groups: [ana]}]",
        "users: [{name: ana, shell: bash}]",
        "users: [{name: ana, sudo: 'yes'}]",
        "services: ['$(reboot)']",
        "services: [nginx, nginx.service]",
        "services: [{name: web, port: 70000}]",
        "services: [{name: web, port: http}]",
        "post_install: ['echo a', ' ']",
        "post_install: {run: ls}",
        "post_install: \"echo \\e[31m\"",
        "post_install: \"ls # \\u202Esr\"",
        "instance_defaults: {type: large}",
        "instance_defaults: {root_volume_gb: 4}",
        "instance_defaults: {root_volume_gb: 30.5}",
        "instance_defaults: {estimated_cost_per_hour: cheap}",
        "instance_defaults: {estimated_cost_per_hour: -1}",
        "version: 1.0",
        "version: 01.2.3",
        "tags: {'aws:owner': me}",
        "tags: {'Prism:template': other}",
        "tags: {level: 1.10}",
        "tags: {live: true}",
        "tags: {note: \"a\\nb\"}",
        "tags: [a]",
    ];
    let said: Vec<String> = fields.iter().map(|field| format!("{field}\n    {}", refused_field(field))).collect();
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn a_good_value_of_every_kind_is_taken() {
    let yaml = "name: lab\nbase: ubuntu-22.04\npackages:\n  system: [libstdc++6, 'nginx=1.18.0-6ubuntu14', 'libc6:i386', 7zip]\n  \
                conda: [r-base=4.3, 'bioconda::samtools>=1.19,<2', 'python=3.11=h1_0']\n  \
                pip: [numpy==1.26.4, 'jupyterlab[all]>=4,<5', 'torch~=2.1', 'x!=1.*']\n\
                users: [ana, {name: _svc, groups: [docker, lab], shell: /usr/bin/zsh, sudo: true}]\n\
                services: [docker, getty@tty1.service, {name: web, port: 80, enable: false}]\n\
                post_install:\n  - docker ps --format '{{.Names}}'\n\
                instance_defaults: {type: u-6tb1.56xlarge, root_volume_gb: 16000, estimated_cost_per_hour: $0.0832}\n";
    let template = parse(yaml).unwrap();
    assert_eq!(template.instance_defaults.estimated_cost_per_hour.unwrap().0, 83_200);
    assert_eq!(template.services[2].port, Some(80));
}

#[test]
fn many_tags_are_refused() {
    let tags: Vec<String> = (0..41).map(|i| format!("k{i}: v")).collect();
    insta::assert_snapshot!(refused_field(&format!("tags: {{{}}}", tags.join(", "))), @"tags holds 41 tags; allowed are 40");
}

#[test]
fn a_long_text_is_shown_short() {
    let said = refused_field(&format!("packages: {{system: ['{}']}}", "a;".repeat(500)));
    assert!(said.len() < 300, "{said}");
}

/// The text of every block of the guide that begins with this fence, and what stands behind it.
fn blocks(fence: &str) -> Vec<(&'static str, &'static str)> {
    let guide = include_str!("../../../docs/TEMPLATES.md");
    guide.split(&format!("```{fence}\n")).skip(1).map(|rest| rest.split_once("```\n").unwrap()).collect()
}

#[test]
fn the_guide_s_examples_are_read_as_it_says() {
    let examples = blocks("yaml");
    assert_eq!(examples.len(), 4);
    for (yaml, behind) in examples {
        match behind.strip_prefix("```text\n") {
            None => assert!(parse(yaml).is_ok(), "{yaml}"),
            Some(said) => assert_eq!(refused(yaml), said.split_once("\n```").unwrap().0),
        }
    }
}
