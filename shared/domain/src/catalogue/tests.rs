use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[test]
fn the_catalogue_can_be_read_and_no_name_means_two_images() {
    let all = Catalogue::built_in();
    assert!(all.iter().count() >= 8);
    let names: Vec<&str> = all
        .iter()
        .flat_map(|base| std::iter::once(base.name.as_str()).chain(base.aliases.iter().map(String::as_str)))
        .collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(names.iter().all(|name| name.parse::<BaseImageName>().is_ok()));
}

#[test]
fn a_base_image_is_found_by_its_aliases() {
    let all = Catalogue::built_in();
    let found = |name: &str| all.find(&name.parse().unwrap()).map(|base| base.name.to_string());
    assert_eq!(found("ubuntu").as_deref(), Some("ubuntu-24.04"));
    assert_eq!(found("jammy").as_deref(), Some("ubuntu-22.04"));
    assert_eq!(found("plan9"), None);
}

#[test]
fn every_source_is_a_public_parameter_or_a_name_and_fits_something() {
    for (base, architecture) in Catalogue::built_in().on_every_architecture() {
        let source = base.source(architecture).unwrap();
        assert!(source.parameter.iter().all(|name| name.starts_with("/aws/service/")), "{}", base.name);
        assert!(
            !source.names.is_empty() && source.names.iter().all(|name| !name.contains(['{', '}'])),
            "{}",
            base.name
        );
    }
}

#[test]
fn what_a_policy_adds_takes_the_place_of_what_has_its_name() {
    let mut own = BUILT_IN[0].clone();
    own.title = "Ours".into();
    let all = Catalogue::with(std::slice::from_ref(&own));
    assert_eq!(all.iter().count(), BUILT_IN.len());
    assert_eq!(all.find(&own.name).unwrap().title, "Ours");
}

#[test]
fn a_pattern_means_what_it_means_in_ec2() {
    for (pattern, text, fits) in [
        ("a*c", "abbc", true),
        ("a*c", "abcb", false),
        ("a?c", "abc", true),
        ("a?c", "ac", false),
        ("*", "", true),
        ("a*b*c", "a-b-b-c", true),
        ("debian-13-{}-*", "debian-13-amd64-1", false),
    ] {
        assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
    }
}

proptest! {
    #[test]
    fn a_pattern_without_wildcards_fits_itself_alone(text in "[a-z0-9/.-]{0,20}", other in "[a-z0-9/.-]{0,20}") {
        prop_assert!(matches(&text, &text));
        prop_assert_eq!(matches(&text, &other), text == other);
    }

    #[test]
    fn a_star_takes_whatever_stands_there(before in "[a-z]{0,5}", between in ".{0,10}", after in "[a-z]{0,5}") {
        let (pattern, text) = (format!("{before}*{after}"), format!("{before}{between}{after}"));
        prop_assert!(matches(&pattern, &text));
    }
}
