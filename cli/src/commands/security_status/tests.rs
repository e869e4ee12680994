use prism_aws::advisories::FeedFailure;
use prism_domain::assessment::FixedCve;
use prism_domain::due::{HeldBack, Rebuild};
use prism_domain::forecast::Foreseen;
use prism_domain::id::TrackedImageId;
use prism_domain::level::SecurityLevel;
use prism_domain::patch::Patch;
use prism_domain::schedule::{Turn, WaitsFor};
use prism_domain::watch::TroubleKind;

use super::*;
use crate::look::tests::{look, plain};
use crate::output::Answer as _;
use crate::samples::{self, ami, at, back, base, cve, judged, kernel, trouble, update};
use crate::standing::Made;

/// As `samples::everything`, its base image having moved so.
fn facts(updates: &[BaseImageUpdate]) -> Facts {
    let mut all = samples::everything();
    for known in all.bases.values_mut() {
        *known = base(updates.to_vec());
    }
    for template in &mut all.templates {
        if let Some(reason) = template.record.disabled.clone() {
            disable(template, &reason);
        }
    }
    Facts {
        all,
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

/// Puts the images of those that lack something on the second image of their base, published then.
fn put_all(facts: &mut Facts, when: &str) {
    for name in ["genomics", "python-ml"] {
        put(facts, name, 2, when);
    }
}

/// When a template is rebuilt that lacks the first update that is available.
fn plan_of(facts: &Facts, name: &str) -> Plan {
    let affected = status(facts).available.remove(0).affected;
    affected.into_iter().find(|affected| affected.template.as_str() == name).unwrap().plan
}

/// Disables a template whose image lacks something.
fn disable(template: &mut Standing, reason: &str) {
    let held_back = HeldBack { reason: format!("the template is disabled: {reason}"), until: None };
    let (updates, patches) = (Vec::new(), Vec::new());
    let rebuild = Rebuild { updates, build_on: None, patches, change: None, failed: None, held_back: Some(held_back) };
    template.targets[0].due = Some(Due::Rebuild(Box::new(rebuild)));
}

/// Everything that can be told at once.
fn much() -> Facts {
    let mut facts = facts(&[critical()]);
    let id = facts.all.bases.keys().next().cloned().unwrap();
    let image = TrackedImageId { name: id.0, architecture: id.1, region: samples::region() };
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
    put_all(&mut facts, "2026-11-22T10:00:00Z");
    assert_eq!(
        told(&facts),
        "SECURITY UPDATE STATUS\n\nNo security updates are pending.\n\nRecent Security Updates:\n\
         └── ubuntu-22.04: Security patches applied (completed yesterday)"
    );
}

#[test]
fn an_update_of_which_nothing_is_known_says_so() {
    let told = told(&facts(&[update(1, 1, 2)]));
    let unknown = "High Updates Available:\n└── ubuntu-22.04: what it fixes is not known; counts as high until it is\n";
    assert!(told.contains(unknown), "{told}");
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
    assert_eq!(plan_of(&facts, "genomics"), Plan::NotPlanned { reason: "no build is queued yet".into() });
    assert!(matches!(plan_of(&facts, "python-ml"), Plan::Scheduled { .. }));
    disable(&mut facts.all.templates[2], "frozen");
    assert_eq!(plan_of(&facts, "genomics"), Plan::NotPlanned { reason: "the template is disabled: frozen".into() });
    let held = facts.all.templates[1].targets[0].held.as_mut().unwrap();
    held.queued.demand.urgency = prism_domain::level::Urgency::Low;
    held.queued.demand.by_hand = false;
    assert_eq!(
        plan_of(&facts, "python-ml"),
        Plan::NotPlanned {
            reason: "waits for approval, since its update is of low level: prism builds approve python-ml-x86_64-5, \
                     or start a build of python-ml by hand"
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
fn a_build_is_scheduled_for_the_start_that_is_foreseen_and_waits_where_there_is_none() {
    let mut facts = facts(&[critical()]);
    let build = facts.all.templates[1].targets[0].held.as_ref().unwrap().queued.build.clone();
    let reason = "waits for next month's emergency budget".to_owned();
    let foresee = |facts: &mut Facts, start: Option<&str>| {
        let target = &mut facts.all.templates[1].targets[0];
        let expected = target.forecast.waiting.get_mut(&build).unwrap();
        expected.start = start.map(|start| Foreseen { at: at(start), ..expected.start.unwrap() });
        expected.turn =
            Turn::Wait { until: at("2026-11-24T17:00:00Z"), waits_for: WaitsFor::Money, reason: reason.clone() };
    };
    let plan_of = |facts: &Facts| plan_of(facts, "python-ml");
    foresee(&mut facts, Some("2026-11-27T02:00:00Z"));
    let slot = at("2026-11-27T02:00:00Z");
    assert_eq!(plan_of(&facts), Plan::Scheduled { build: build.clone(), at: slot }, "it parks for a day at most");
    foresee(&mut facts, None);
    assert_eq!(plan_of(&facts), Plan::Waiting { build: build.clone(), reason: reason.clone() });
    let told = told(&facts);
    let line = "Auto-rebuild waiting for python-ml: it waits for next month's emergency budget\n";
    assert!(told.contains(line) && !told.contains("scheduled"), "{told}");
}

/// The image of the template's build lacks these fixes.
fn lacking(name: &str, number: u32, fixes: &[FixedCve]) -> Patch {
    Patch {
        fixes: fixes.to_vec(),
        ..samples::patch(&format!("{name}-x86_64-{number}"), SecurityLevel::High, "2026-11-23T12:00:00Z")
    }
}

fn lack(facts: &mut Facts, name: &str, patches: Vec<Patch>) {
    let mut templates = facts.all.templates.iter_mut();
    templates.find(|standing| standing.record.name.as_str() == name).unwrap().targets[0].patches = patches;
}

/// Everybody stands on what the base image is.
fn all_up_to_date() -> Facts {
    let mut facts = facts(&[critical()]);
    put_all(&mut facts, "2026-11-12T10:00:00Z");
    facts
}

#[test]
fn an_image_that_lacks_fixes_on_a_base_image_that_has_not_moved_is_told() {
    let mut facts = all_up_to_date();
    let fixes = vec![kernel(), cve("CVE-2024-0001", SecurityLevel::High), cve("CVE-2024-0002", SecurityLevel::Low)];
    let older = Patch { fixes: Vec::new(), found_at: at("2026-11-22T12:00:00Z"), ..lacking("genomics", 4, &[]) };
    let critical = Patch { level: SecurityLevel::Critical, ..lacking("python-ml", 4, &[]) };
    let newest = lacking("genomics", 4, &fixes);
    lack(&mut facts, "genomics", vec![newest, older]);
    lack(&mut facts, "python-ml", vec![critical]);
    insta::assert_snapshot!(told(&facts));
    insta::assert_json_snapshot!(status(&facts).missing);
}

#[test]
fn what_comes_with_an_update_is_not_missing() {
    let mut facts = all_up_to_date();
    let patch = lacking("genomics", 4, &[kernel()]);
    lack(&mut facts, "genomics", vec![patch]);
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
        let patch = lacking("genomics", 4, &[kernel()]);
        let level = patch.level;
        lack(&mut facts, "genomics", vec![patch]);
        (level, status(&facts).missing.len())
    };
    let (patch, beside_low) = levels(SecurityLevel::Low);
    assert_eq!((beside_low, levels(patch).1), (1, 0));
}
