use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;

use super::*;

#[test]
fn the_catalogue_can_be_read_and_no_name_means_two_images() {
    let all = Catalogue::built_in();
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/catalogue")).unwrap();
    let files = files.map(|file| file.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let files = files.map(|path| std::fs::read(path).unwrap());
    let values: Vec<Value> = files.flat_map(|file| serde_json::from_slice::<Vec<Value>>(&file).unwrap()).collect();
    let written: Vec<BaseImage> = values.iter().map(|value| BaseImage::deserialize(value).unwrap()).collect();
    for (base, value) in written.iter().zip(&values) {
        let known = serde_json::to_value(base).unwrap();
        let unknown: Vec<&String> = value.as_object().unwrap().keys().filter(|key| known.get(key).is_none()).collect();
        assert!(unknown.is_empty(), "{}: {unknown:?} are no fields", base.name);
    }
    assert_eq!(written.len(), all.iter().count());
    assert!(written.iter().all(|base| all.iter().any(|one| one == base)));
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
    for (alias, name) in [
        ("jammy", "ubuntu-22.04"),
        ("ubuntu-22.04-server-lts", "ubuntu-22.04"),
        ("ubuntu22.04", "ubuntu-22.04"),
        ("amazonlinux", "amazon-linux-2023"),
        ("al2", "amazon-linux-2"),
        ("debian12", "debian-12"),
        ("rocky9", "rocky-9"),
        ("rockylinux-9", "rocky-9"),
        ("rhel9", "rhel-9"),
        ("sles-15-sp7", "sles-15"),
        ("windows-server-2022", "windows-2022"),
        ("eks-1.35", "eks-1.35-amazon-linux-2023"),
    ] {
        assert_eq!(found(alias).as_deref(), Some(name), "{alias}");
    }
    assert_eq!(found("plan9"), None);
}

#[test]
fn an_account_is_known_for_every_region_even_where_a_publisher_has_another() {
    let all = Catalogue::built_in();
    let owner = |base: &str, region: &str| {
        all.find(&base.parse().unwrap()).unwrap().owner_in(&region.parse().unwrap()).to_string()
    };
    assert_eq!(owner("amazon-linux-2023", "us-west-2"), "137112412989");
    assert_eq!(owner("amazon-linux-2023", "eu-south-1"), "071630900071");
    assert_eq!(owner("bottlerocket-k8s-1.35", "us-east-1"), "092701018921");
    assert_eq!(owner("bottlerocket-k8s-1.35", "us-west-2"), "651937483462");
    assert_eq!(owner("deep-learning-base-amazon-linux-2023", "eu-south-1"), "771282176748");
    assert_eq!(owner("ubuntu-22.04", "eu-south-1"), "099720109477");
    for account in PUBLISHERS.keys() {
        assert!(all.iter().any(|base| base.owner == *account), "nobody publishes as {account}");
    }
}

#[test]
fn of_a_vendor_that_releases_old_minor_versions_anew_the_greatest_version_is_the_latest() {
    let rhel = Catalogue::built_in().find(&"rhel-9".parse().unwrap()).unwrap().source(Architecture::X86_64).unwrap();
    let ascending = [
        "RHEL-9.6.0_HVM-20260811-x86_64-0-Hourly2-GP3",
        "RHEL-9.8.0_HVM-20260728-x86_64-0-Hourly2-GP3",
        "RHEL-9.10.0_HVM-20260701-x86_64-0-Hourly2-GP3",
    ];
    assert!(ascending.iter().all(|name| rhel.admits(name)));
    assert!(ascending.map(|name| rhel.rank(name)).is_sorted_by(|one, next| one < next));
    let equal = ["RHEL-9.8_HVM-20261008-x86_64-0-Hourly2-GP3", "RHEL-9.8.0_HVM_GA-20260521-x86_64-0-Hourly2-GP3"];
    assert_eq!(equal.map(|name| rhel.rank(name)), [Some((9, 8)); 2], "then the date counts");
    assert_eq!(rhel.rank("lab-x86_64-v1.2.3"), Some((1, 2)));
    assert_eq!(rhel.rank("lab-x86_64-7"), None);
    let ubuntu = Catalogue::built_in().find(&"ubuntu".parse().unwrap()).unwrap().source(Architecture::X86_64).unwrap();
    assert_eq!(ubuntu.rank("b-2"), ubuntu.rank("a-1"), "the date alone counts");
}

#[test]
fn only_what_is_listed_by_name_lacks_a_parameter() {
    let all = Catalogue::built_in();
    let listed: Vec<&str> = all.iter().filter(|base| base.parameter.is_none()).map(|base| base.name.as_str()).collect();
    assert_eq!(listed, ["rhel-8", "rhel-9", "rhel-10", "rocky-8", "rocky-9", "rocky-10"]);
    assert!(all.iter().all(|base| base.by_version == base.parameter.is_none()));
}

#[test]
fn the_documentation_tells_of_every_base_image_and_its_aliases() {
    let page = include_str!("../../../../docs/BASE-IMAGES.md");
    for base in &Catalogue::built_in() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", base.name)));
        let row = row.unwrap_or_else(|| panic!("docs/BASE-IMAGES.md has no row of {}", base.name));
        for alias in &base.aliases {
            assert!(row.contains(&format!("`{alias}`")), "the row of {} lacks {alias}", base.name);
        }
        for architecture in Architecture::ALL {
            let told = row.contains(architecture.as_str());
            assert_eq!(told, base.architectures.contains_key(&architecture), "{architecture} of {}", base.name);
        }
        let ecosystem = base.ecosystem.as_ref().map_or("none".to_owned(), |ecosystem| format!("`{ecosystem}`"));
        assert!(row.contains(&format!("| {ecosystem} |")), "the row of {} lacks its ecosystem", base.name);
        assert!(page.contains(base.owner.as_str()), "docs/BASE-IMAGES.md lacks the account {}", base.owner);
    }
}

#[test]
fn every_source_is_a_public_parameter_or_a_name_and_fits_something() {
    let mut parameters = BTreeSet::new();
    for (base, architecture) in Catalogue::built_in().on_every_architecture() {
        let source = base.source(architecture).unwrap();
        assert!(source.parameter.iter().all(|name| parameters.insert(name.clone())), "{}: its parameter", base.name);
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
fn a_star_stands_for_any_characters_and_a_question_mark_for_one() {
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
