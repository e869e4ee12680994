//! What holds for every template.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

mod common;

use std::collections::BTreeMap;
use std::process::Command;

use prism_templates::{Template, component, from_json, parse, quote, resolve};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Text of everything that may be awkward in a shell, in YAML and in AWSTOE.
fn shell_text() -> impl Strategy<Value = String> {
    "([ -~äßλ漢🦀]|[{}'\"\\\\$`#:|>\\-]|\t|\n){1,80}"
}

/// A template as JSON, as an author may write it.
fn author() -> impl Strategy<Value = Value> {
    let base = prop::sample::select(vec!["ubuntu-22.04", "debian-12", "amazon-linux-2023", "rocky-9"]);
    let packages = |pattern: &'static str| prop::collection::btree_set(pattern, 0..5);
    let tags = prop::collection::btree_map("[a-oA-O][a-zA-Z0-9_.:/=+@-]{0,20}", "[a-zA-Z0-9 _.:/=+@-]{0,20}", 0..5);
    (
        "[a-z]([a-z0-9]|-[a-z0-9]){1,15}",
        base,
        (
            packages("[a-z0-9][a-z0-9.+_-]{0,12}"),
            packages("[a-z][a-z0-9_]{0,12}(=[0-9.]{1,5})?"),
            packages("[a-z][a-z0-9]{0,12}(==[0-9.]{1,5})?"),
        ),
        prop::collection::btree_set("[a-qs-z_][a-z0-9_-]{0,12}", 0..4),
        prop::collection::btree_set("[a-z][a-z0-9_.@-]{0,12}x", 0..4),
        prop::collection::vec(shell_text().prop_filter("not blank", |text| !text.trim().is_empty()), 0..3),
        prop::option::of(8_u32..=16_000),
        tags,
        prop::option::of(Just("conda")),
    )
        .prop_map(|(name, base, (system, conda, pip), users, services, post_install, volume, tags, manager)| {
            let once = |specs: std::collections::BTreeSet<String>| {
                let named: BTreeMap<String, String> =
                    specs.into_iter().map(|spec| (spec.split('=').next().unwrap().to_owned(), spec)).collect();
                named.into_values().collect::<Vec<_>>()
            };
            json!({
                "name": name, "base": base, "package_manager": manager,
                "packages": {"system": system, "conda": once(conda), "pip": once(pip)},
                "users": users, "services": services, "post_install": post_install,
                "instance_defaults": {"root_volume_gb": volume}, "tags": tags,
            })
        })
}

fn resolved(template: Template) -> prism_templates::ResolvedTemplate {
    let name = template.slug.clone();
    resolve(&name, &BTreeMap::from([(name.clone(), template)])).unwrap()
}

proptest! {
    #[test]
    fn any_template_compiles_into_yaml_that_says_what_it_said(author in author()) {
        let template = from_json(&author).unwrap();
        let resolved = resolved(template);
        let document = component(&resolved).unwrap();
        prop_assert!(!document.as_str().contains("{{"));
        let tree: Value = serde_saphyr::from_str(document.as_str()).unwrap();
        let build = tree["phases"][0]["steps"].as_array().unwrap();
        let script = build.iter().find(|step| step["name"] == "RunPostInstall").map(|step| step["inputs"]["commands"][0].as_str().unwrap());
        match script {
            None => prop_assert!(resolved.post_install.is_empty()),
            Some(script) => prop_assert!(script.contains(&quote(&resolved.post_install.join("\n"))), "{}", script),
        }
    }

    #[test]
    fn a_template_written_as_yaml_is_the_template_read(author in author()) {
        let template = from_json(&author).unwrap();
        let yaml = serde_saphyr::to_string(&template).unwrap();
        prop_assert_eq!(parse(&yaml).unwrap(), template);
    }

    #[test]
    fn resolving_what_is_resolved_changes_nothing(author in author()) {
        let first = resolved(from_json(&author).unwrap());
        let mut again = author;
        again["package_manager"] = json!(first.package_manager);
        again["packages"] = json!(first.packages);
        again["users"] = json!(first.users);
        again["services"] = json!(first.services);
        again["post_install"] = json!(first.post_install);
        again["tags"] = json!(first.tags);
        let again = resolved(from_json(&again).unwrap());
        prop_assert_eq!(again.content_hash(), first.content_hash());
        prop_assert_eq!(again, first);
    }

    #[test]
    fn a_heir_that_adds_nothing_is_its_parent_by_another_name(author in author()) {
        let parent = from_json(&author).unwrap();
        let heir = from_json(&json!({"name": "the-heir", "inherits": [parent.slug]})).unwrap();
        let world = BTreeMap::from([(parent.slug.clone(), parent.clone()), (heir.slug.clone(), heir.clone())]);
        let mut inherited = resolve(&heir.slug, &world).unwrap();
        let own = resolve(&parent.slug, &world).unwrap();
        inherited.name.clone_from(&own.name);
        prop_assert_eq!(inherited, own);
    }

    #[test]
    fn quoted_text_is_one_word_that_says_the_same(text in "[^\0]{0,200}") {
        let quoted = quote(&text);
        prop_assert!(!quoted.contains("{{"));
        // Read it as a shell does: inside quotes everything is itself, outside only \' may stand.
        let (mut read, mut inside, mut rest) = (String::new(), false, quoted.chars());
        while let Some(c) = rest.next() {
            match (inside, c) {
                (_, '\'') => inside = !inside,
                (true, c) => read.push(c),
                (false, '\\') => {
                    prop_assert_eq!(rest.next(), Some('\''));
                    read.push('\'');
                }
                (false, c) => prop_assert!(false, "{:?} stands outside quotes", c),
            }
        }
        prop_assert!(!inside);
        prop_assert_eq!(read, text);
    }

    #[test]
    fn no_text_at_all_makes_the_reader_panic(text in "\\PC{0,300}") {
        let _ = parse(&text);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn quoted_text_survives_a_real_shell(text in shell_text()) {
        let output = Command::new("sh").args(["-c", &format!("printf %s {}", quote(&text))]).output().unwrap();
        prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), text);
    }
}
