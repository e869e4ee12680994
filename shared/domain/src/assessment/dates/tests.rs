use proptest::prelude::*;

use super::*;
use crate::fixtures::{advisory, at, image};

#[test]
fn the_date_is_read_out_of_every_vendors_names() {
    for (name, date) in [
        ("ubuntu/images/hvm-ssd-gp3/ubuntu-noble-24.04-amd64-server-20260923", "2026-09-23"),
        ("ubuntu/images/hvm-ssd/ubuntu-focal-20.04-amd64-server-20201112.1", "2020-11-12"),
        ("debian-13-amd64-20260914-2601", "2026-09-14"),
        ("RHEL-9.8.0_HVM-20260908-x86_64-0-Hourly2-GP3", "2026-09-08"),
        ("al2023-ami-2023.12.20260918.0-kernel-6.18-x86_64", "2026-09-18"),
        ("amzn2-ami-kernel-5.10-hvm-2.0.20260930.0-x86_64-gp2", "2026-09-30"),
        ("suse-sles-15-sp7-v20260630-hvm-ssd-x86_64", "2026-06-30"),
        ("Rocky-9-EC2-Base-9.6-20250531.0.x86_64", "2025-05-31"),
        ("Windows_Server-2022-English-Full-Base-2026.09.17", "2026-09-17"),
        ("20240101-rebuilt-20240203", "2024-02-03"),
    ] {
        assert_eq!(date_in_name(name), Some(date.parse().unwrap()), "{name}");
    }
}

#[test]
fn what_only_looks_like_a_date_is_none() {
    for name in [
        "",
        "bottlerocket-aws-k8s-1.33-x86_64-v1.50.0-a1b2c3d4",
        "amzn2-ami-hvm-2.0.20220041-x86_64-gp2",
        "image-20261345",
        "image-120260918",
        "image-2026.9.17",
        "image-2026-09-17",
        "image-12026.09.17",
        "image-19990101",
    ] {
        assert_eq!(date_in_name(name), None, "{name}");
    }
}

#[test]
fn between_two_images_are_their_days_and_one_more_at_either_end() {
    let previous = image("server-20260910", Some("2026-09-12T07:00:00Z"));
    let next = image("server-20260923", Some("2026-09-22T07:00:00Z"));
    let between = Between::of(&previous, &next).unwrap();
    assert_eq!((between.from, between.to), (at("2026-09-09T00:00:00Z"), at("2026-09-25T00:00:00Z")));
    assert_eq!(Between::of(&image("server", None), &next), None);
}

#[test]
fn an_advisory_that_changes_between_two_images_is_between_them() {
    let between = Between { from: at("2026-09-09T00:00:00Z"), to: at("2026-09-25T00:00:00Z") };
    let covers = |issued: &str, updated: &str| {
        let advisory = advisory("ALAS2-1", "amazon-linux-2", at(issued), &[]);
        between.covers(&Advisory { updated: at(updated), ..advisory })
    };
    assert!(covers("2026-09-09T00:00:00Z", "2026-12-01T00:00:00Z"), "the first moment counts");
    assert!(covers("2026-01-01T00:00:00Z", "2026-09-24T23:59:59Z"), "a change counts");
    assert!(!covers("2026-01-01T00:00:00Z", "2026-09-25T00:00:00Z"), "the last moment does not");
}

#[test]
fn what_was_read_after_an_image_was_made_is_all_there_was() {
    let created = Some("2026-09-23T07:00:00Z");
    assert_eq!(settled(&image("server-20260922", created)), created.map(at));
    assert_eq!(settled(&image("server-20260923", None)), Some(at("2026-09-24T00:00:00Z")));
    assert_eq!(
        settled(&image("release-20260928", created)),
        Some(at("2026-09-29T00:00:00Z")),
        "made ahead of its name"
    );
    assert_eq!(settled(&image("server", None)), None);
}

#[test]
fn an_older_image_is_told_by_when_it_was_made_and_then_by_its_name() {
    let (old, new) = (Some("2026-09-01T00:00:00Z"), Some("2026-09-02T00:00:00Z"));
    assert!(goes_back(&image("a-20260901", new), &image("a-20260902", old)));
    assert!(!goes_back(&image("a-20260902", old), &image("a-20260901", new)));
    assert!(goes_back(&image("a-20260902", None), &image("a-20260901", new)));
    assert!(!goes_back(&image("a", None), &image("a", None)));
}

proptest! {
    #[test]
    fn no_name_is_too_strange_to_look_for_a_date_in(name in ".{0,40}") {
        let _ = date_in_name(&name);
    }

    #[test]
    fn a_date_is_found_wherever_it_stands(before in "[a-zé. -]{0,8}", day in 0_i32..20_000, after in "[a-zé. -]{0,8}") {
        use jiff::ToSpan;
        let date = jiff::civil::date(2010, 1, 1).checked_add(day.days()).unwrap();
        let name = format!("{before}{}{after}", date.strftime("%Y%m%d"));
        prop_assert_eq!(date_in_name(&name), Some(date));
    }
}
