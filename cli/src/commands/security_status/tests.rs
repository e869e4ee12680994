use prism_aws::advisories::FeedFailure;
use prism_domain::assessment::FixedCve;
use prism_domain::id::TrackedImageId;
use prism_domain::level::SecurityLevel;
use prism_domain::watch::TroubleKind;

use super::*;
use crate::condition::tests as other;
use crate::look::tests::{look, plain};
use crate::output::Answer as _;
use crate::samples::{ami, at, back, base, cve, judged, kernel, trouble, update};
use crate::standing::Made;

/// As `other::everything`, its base image having moved so.
fn facts(updates: &[BaseImageUpdate]) -> Facts {
    let mut all = other::everything();
    for known in all.bases.values_mut() {
        *known = base(updates.to_vec());
    }
    Facts {
        all,
        patches: Vec::new(),
        policy: Policy::default(),
        troubles: Vec::new(),
        looked_at: Some(at("2026-11-23T16:50:00Z")),
        feeds: Vec::new(),
    }
}

fn status(facts: &Facts) -> SecurityStatus {
    security_status(facts, look().now)
}

fn told(facts: &Facts) -> String {
    plain(&status(facts).text(&look()))
}

fn critical() -> BaseImageUpdate {
    let fixes = vec![kernel(), cve("CVE-2024-0001", SecurityLevel::High), cve("CVE-2024-0002", SecurityLevel::Low)];
    judged(update(1, 1, 2), SecurityLevel::Critical, fixes)
}

/// Puts a template's image on the n-th image of its base, published then.
fn put(facts: &mut Facts, name: &str, on: u32, when: &str) {
    for standing in facts.all.templates.iter_mut().filter(|standing| standing.record.name.as_str() == name) {
        for target in &mut standing.targets {
            if let Some(channel) = &mut target.channel {
                (channel.base_image_id, channel.since) = (ami(on), at(when));
                target.made = vec![Made { on: ami(on), at: at(when) }];
            }
        }
    }
}

/// Everything that can be told at once.
fn much() -> Facts {
    let mut facts = facts(&[critical()]);
    let id = facts.all.bases.keys().next().cloned().unwrap();
    let image = TrackedImageId { name: id.0, architecture: id.1, region: other::region() };
    let rocky: BaseImageName = "rocky-9".parse().unwrap();
    let debian: BaseImageName = "debian-12".parse().unwrap();
    let on = |template: &mut Standing, name: &BaseImageName, on: u32, when: &str| {
        let target = &mut template.targets[0];
        let channel = target.channel.as_mut().unwrap();
        (channel.base, channel.base_image_id, channel.since) = (name.clone(), ami(on), at(when));
        target.made = vec![Made { on: ami(on), at: at(when) }];
    };
    on(&mut facts.all.templates[0], &rocky, 3, "2026-11-23T14:00:00Z");
    on(&mut facts.all.templates[5], &debian, 3, "2026-11-20T14:00:00Z");
    facts
        .all
        .bases
        .insert((rocky, image.architecture), base(vec![judged(update(2, 2, 3), SecurityLevel::High, vec![kernel()])]));
    facts.all.bases.insert((debian, image.architecture), base(vec![back(3, 3, 2)]));
    let elsewhere = |name: &str| TrackedImageId { name: name.parse().unwrap(), ..image.clone() };
    facts.troubles = vec![
        trouble(&image, TroubleKind::Absent, "names ami-00000009, which does not exist"),
        trouble(&elsewhere("sles-16"), TroubleKind::Missing, "is not in this region"),
        trouble(&elsewhere("windows-2022"), TroubleKind::Unreachable, "could not be asked for"),
    ];
    facts
}

#[test]
fn a_security_status_tells_what_is_lacked_what_is_done_and_what_is_wrong() {
    let facts = much();
    insta::assert_snapshot!(told(&facts));
    insta::assert_json_snapshot!(status(&facts));
}

#[test]
fn where_nobody_lacks_anything_that_is_said() {
    let mut facts = facts(&[critical()]);
    for name in ["genomics", "python-ml"] {
        put(&mut facts, name, 2, "2026-11-22T10:00:00Z");
    }
    assert_eq!(
        told(&facts),
        "SECURITY UPDATE STATUS\n\nNo security updates are pending.\n\nRecent Security Updates:\n\
         └── ubuntu-22.04: Security patches applied (completed yesterday)"
    );
}

#[test]
fn an_update_of_which_nothing_is_known_says_so() {
    let told = told(&facts(&[update(1, 1, 2)]));
    assert!(
        told.contains(
            "High Updates Available:\n└── ubuntu-22.04: what it fixes is not known; counts as high until it is\n"
        ),
        "{told}"
    );
}

#[test]
fn several_updates_of_a_base_image_are_told_as_one_with_the_worst_level() {
    let maintenance = judged(update(2, 2, 3), SecurityLevel::Low, Vec::new());
    let status = status(&facts(&[maintenance, critical()]));
    let [critical, ..] = status.available.as_slice() else { panic!("nothing is available") };
    assert_eq!((status.available.len(), critical.updates.len()), (1, 2));
    assert_eq!((critical.gist.level, critical.affected.len()), (SecurityLevel::Critical, 4));
}

#[test]
fn an_update_is_available_until_the_last_template_has_it() {
    let mut facts = facts(&[critical()]);
    put(&mut facts, "genomics", 2, "2026-11-23T10:00:00Z");
    let some = status(&facts);
    assert_eq!(some.available[0].affected.len(), 1);
    assert!(some.recent.is_empty());
    put(&mut facts, "python-ml", 2, "2026-11-23T14:00:00Z");
    let all = status(&facts);
    assert!(all.available.is_empty());
    assert_eq!(all.recent[0].completed_at, at("2026-11-23T14:00:00Z"));
}

#[test]
fn why_a_template_is_not_rebuilt_by_itself_is_told() {
    let mut facts = facts(&[critical()]);
    let plan_of = |facts: &Facts, name: &str| {
        let status = status(facts);
        let affected = status.available[0].affected.iter().find(|affected| affected.template.as_str() == name);
        affected.map(|affected| affected.plan.clone()).unwrap()
    };
    assert_eq!(plan_of(&facts, "genomics"), Plan::NotPlanned { reason: "no build is queued yet".into() });
    assert!(matches!(plan_of(&facts, "python-ml"), Plan::Scheduled { .. }));
    facts.all.templates[2].record.disabled = Some("frozen".into());
    assert_eq!(plan_of(&facts, "genomics"), Plan::NotPlanned { reason: "template is disabled: frozen".into() });
    let held = facts.all.templates[1].targets[0].held.as_mut().unwrap();
    held.queued.demand.urgency = prism_domain::level::Urgency::Low;
    held.queued.demand.approved = false;
    assert_eq!(
        plan_of(&facts, "python-ml"),
        Plan::NotPlanned {
            reason: "waits for approval, since its update is of low level: prism templates auto-ami build python-ml"
                .into()
        }
    );
    facts.all.templates[1].targets[0].held.as_mut().unwrap().stage = Stage::Building;
    assert!(matches!(plan_of(&facts, "python-ml"), Plan::Running { .. }));
}

#[test]
fn architectures_are_told_only_where_they_differ() {
    let mut facts = facts(&[critical()]);
    let arm = |update: BaseImageUpdate| {
        let mut update = update;
        update.id.image.architecture = Architecture::Arm64;
        update
    };
    let name: BaseImageName = "ubuntu-22.04".parse().unwrap();
    let mut other = facts.all.templates[2].targets[0].clone();
    other.architecture = Architecture::Arm64;
    facts.all.templates[2].targets.push(other);
    facts.all.bases.insert((name.clone(), Architecture::Arm64), base(vec![arm(critical())]));
    let same = told(&facts);
    assert!(same.contains("└── ubuntu-22.04: CVE-2024-1234") && same.contains("python-ml (x86_64)"), "{same}");
    facts.all.bases.insert((name, Architecture::Arm64), base(vec![arm(update(1, 1, 2))]));
    let differ = told(&facts);
    assert!(differ.contains("ubuntu-22.04 (x86_64): CVE-2024-1234"), "{differ}");
    assert!(differ.contains("ubuntu-22.04 (arm64): what it fixes is not known"), "{differ}");
}

#[test]
fn a_feed_that_is_down_is_told_with_the_age_of_what_is_known_of_it() {
    let state = |feed: &str, good_at: Option<&str>, failure: Option<(&str, &str)>| FeedState {
        feed: feed.into(),
        ecosystems: std::collections::BTreeSet::new(),
        is_hint: false,
        asked_at: at("2026-11-23T16:50:00Z"),
        good_at: good_at.map(at),
        cursor: None,
        etag: None,
        skipped: 0,
        failure: failure.map(|(since, reason)| FeedFailure { since: at(since), reason: reason.into() }),
    };
    let feeds = vec![
        state("epss", Some("2026-11-23T16:50:00Z"), None),
        state("kev", Some("2026-11-22T17:00:00Z"), Some(("2026-11-23T14:00:00Z", "answered 503 to /known.json"))),
        state("suse-csaf", None, Some(("2026-11-23T14:00:00Z", "could not be reached: timeout"))),
    ];
    let text = plain(&security_status(&Facts { feeds, ..facts(&[critical()]) }, look().now).text(&look()));
    let told = text.split("Feeds Down:").nth(1).unwrap();
    insta::assert_snapshot!(told.trim_start(), @r"
    ├── kev answered 503 to /known.json (since 3 hours ago; what is known of it is of 1 day ago)
    └── suse-csaf could not be reached: timeout (since 3 hours ago; nothing is known of it)
    ");
}

#[test]
fn a_base_image_that_a_region_lacks_is_told_if_a_template_is_to_stand_on_it() {
    let mut facts = facts(&[critical()]);
    let image = critical().id.image;
    let debian = TrackedImageId { name: "debian-12".parse().unwrap(), ..image.clone() };
    let sles = TrackedImageId { name: "sles-16".parse().unwrap(), ..image };
    facts.troubles =
        [&debian, &sles].map(|image| trouble(image, TroubleKind::Missing, "the region does not have it")).into();
    facts.all.bases.insert((debian.name.clone(), debian.architecture), Base::default());
    let told: Vec<_> = status(&facts).troubles.into_iter().map(|row| row.wrong.image.name).collect();
    assert_eq!(told, [debian.name], "though it has no image yet");
}

#[test]
fn base_images_that_nobody_has_looked_at_for_long_are_told() {
    let facts = Facts { looked_at: Some(at("2026-11-23T11:00:00Z")), ..facts(&[critical()]) };
    assert!(told(&facts).ends_with(
        "└── all were last looked at Mon 23 Nov 2026 11:00 UTC (6 hours ago): what moved since then is not known"
    ));
}

#[test]
fn a_build_is_scheduled_for_its_slot_however_often_it_wakes_before_and_waits_once_that_has_come() {
    let mut facts = facts(&[critical()]);
    let held = facts.all.templates[1].targets[0].held.as_mut().unwrap();
    held.queued.demand.deadline = at("2026-12-23T17:00:00Z");
    held.queued.demand.not_before = Some(prism_domain::slot::Soak {
        until: at("2026-11-26T17:00:00Z"),
        update: critical().id,
        age: SignedDuration::from_hours(72),
    });
    let plan_of = |facts: &Facts| {
        let status = status(facts);
        let affected = &status.available[0].affected;
        affected.iter().find(|affected| affected.template.as_str() == "python-ml").unwrap().plan.clone()
    };
    let build = held.queued.build.clone();
    let slot = at("2026-11-27T02:00:00Z");
    assert_eq!(plan_of(&facts), Plan::Scheduled { build: build.clone(), at: slot }, "it parks for a day at most");

    let held = facts.all.templates[1].targets[0].held.as_mut().unwrap();
    held.queued.demand.urgency = prism_domain::level::Urgency::Critical;
    let reason = "waits for a free builder: 2 of 2 builds are running".to_owned();
    held.parked.as_mut().unwrap().reason.clone_from(&reason);
    assert_eq!(plan_of(&facts), Plan::Waiting { build: build.clone(), reason });
    let told = told(&facts);
    let line = "Auto-rebuild waiting for python-ml: it waits for a free builder: 2 of 2 builds are running\n";
    assert!(told.contains(line) && !told.contains("scheduled"), "{told}");

    let held = facts.all.templates[1].targets[0].held.as_mut().unwrap();
    held.parked = None;
    assert_eq!(plan_of(&facts), Plan::Scheduled { build, at: look().now });
}

/// The image of the template's build lacks these fixes.
fn lacking(facts: &Facts, name: &str, number: u32, fixes: &[FixedCve]) -> Patch {
    let standing = facts.all.templates.iter().find(|standing| standing.record.name.as_str() == name).unwrap();
    let channel = standing.targets[0].channel.as_ref().unwrap();
    let found = |json: serde_json::Value| serde_json::from_value(json).unwrap();
    found(serde_json::json!({
        "id": format!("{}/0123456789ab", channel.build.target.build(number)), "base": channel.base,
        "base_image_id": channel.base_image_id, "level": "high", "advisories": ["USN-7095-1", "USN-7096-1"],
        "fixes": fixes, "at_least": [], "release": null, "reasons": [], "found_at": "2026-11-23T12:00:00Z"
    }))
}

/// Everybody stands on what the base image is.
fn all_up_to_date() -> Facts {
    let mut facts = facts(&[critical()]);
    for name in ["genomics", "python-ml"] {
        put(&mut facts, name, 2, "2026-11-12T10:00:00Z");
    }
    facts
}

#[test]
fn an_image_that_lacks_fixes_on_a_base_image_that_has_not_moved_is_told() {
    let mut facts = all_up_to_date();
    let fixes = vec![kernel(), cve("CVE-2024-0001", SecurityLevel::High), cve("CVE-2024-0002", SecurityLevel::Low)];
    let older =
        Patch { fixes: Vec::new(), found_at: at("2026-11-22T12:00:00Z"), ..lacking(&facts, "genomics", 4, &[]) };
    let critical = Patch { level: SecurityLevel::Critical, ..lacking(&facts, "python-ml", 4, &[]) };
    facts.patches = vec![lacking(&facts, "genomics", 4, &fixes), older, critical];
    insta::assert_snapshot!(told(&facts));
    insta::assert_json_snapshot!(status(&facts).missing);
}

#[test]
fn what_the_image_before_lacked_or_comes_with_an_update_is_not_missing() {
    let mut facts = all_up_to_date();
    facts.patches = vec![lacking(&facts, "genomics", 3, &[kernel()])];
    assert!(told(&facts).contains("No security updates are pending."));
    facts.patches = vec![lacking(&facts, "genomics", 4, &[kernel()])];
    assert!(!told(&facts).contains("No security updates are pending."));
    put(&mut facts, "genomics", 1, "2026-11-12T10:00:00Z");
    let status = status(&facts);
    assert!(status.missing.is_empty() && !status.available.is_empty());
}

#[test]
fn what_is_lacking_is_told_beside_an_update_that_is_less_urgent() {
    let levels = |level| {
        let mut facts = facts(&[judged(update(1, 1, 2), level, vec![kernel()])]);
        put(&mut facts, "genomics", 1, "2026-11-12T10:00:00Z");
        facts.patches = vec![lacking(&facts, "genomics", 4, &[kernel()])];
        let patch = facts.patches[0].level;
        (patch, status(&facts).missing.len())
    };
    let (patch, beside_low) = levels(SecurityLevel::Low);
    assert_eq!((beside_low, levels(patch).1), (1, 0));
}
