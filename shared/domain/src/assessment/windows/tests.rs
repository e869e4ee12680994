use super::*;
use crate::advisory::{Ecosystem, Threats};
use crate::fixtures::{self, at, published};

fn image(release: &str) -> SeenImage {
    fixtures::image(&format!("Windows_Server-2022-English-Full-Base-{release}"), None)
}

fn days(previous: &str, next: &str) -> Days {
    Days::of(&image(previous), &image(next)).unwrap()
}

/// From <https://docs.aws.amazon.com/ec2/latest/windows-ami-reference/ec2-windows-ami-version-history.html>.
#[test]
fn real_releases_bring_the_patch_tuesdays_that_they_are_said_to_bring() {
    let brings = |previous, next| days(previous, next).patch_tuesdays().iter().map(Date::to_string).collect::<Vec<_>>();
    assert_eq!(brings("2024.11.04", "2024.11.13"), ["2024-11-12"]);
    assert_eq!(brings("2024.11.13", "2024.11.19"), [""; 0], "a maintenance release");
    assert_eq!(brings("2024.11.19", "2025.01.15"), ["2024-12-10", "2025-01-14"]);
    assert_eq!(brings("2026.06.10", "2026.07.15"), ["2026-07-14"]);
}

#[test]
fn a_patch_tuesday_on_the_day_of_either_image_counts() {
    assert_eq!(days("2024.11.12", "2024.11.13").patch_tuesdays().len(), 1);
    assert_eq!(days("2024.11.01", "2024.11.12").patch_tuesdays().len(), 1);
    assert_eq!(days("2024.11.13", "2024.11.12").patch_tuesdays().len(), 0, "backwards there is none");
}

#[test]
fn exploited_vulnerabilities_are_those_of_windows_of_these_days_and_not_of_another_age() {
    let exploited = [
        ("CVE-2024-0001", "2024-11-12"),
        ("CVE-2023-0001", "2024-11-13"),
        ("CVE-2013-3893", "2024-11-12"),
        ("CVE-2024-0002", "2024-12-10"),
        ("CVE-2024-0003", "2024-11-12"),
    ];
    let exploited = exploited.map(|(cve, day)| (cve.parse().unwrap(), day.parse().unwrap()));
    let windows = exploited.iter().take(4).map(|(cve, _): &(CveId, Date)| cve.clone()).collect();
    let threats = Threats { exploited: exploited.into(), windows, ..Threats::default() };
    let ecosystem: Ecosystem = "windows-2022".parse().unwrap();
    let published = published(&ecosystem, &[], &threats, at("2024-11-14T00:00:00Z"));
    let found = |to| days("2024.11.04", to).exploited(&published).iter().map(|cve| cve.to_string()).collect::<Vec<_>>();
    assert_eq!(found("2024.11.13"), ["CVE-2023-0001", "CVE-2024-0001"]);
    assert_eq!(found("2024.11.12"), ["CVE-2023-0001", "CVE-2024-0001"], "until Microsoft publishes again");
    assert_eq!(found("2024.11.11"), [""; 0], "which it did on the day after");
}
