use prism_domain::build::BuiltFrom;
use prism_domain::due::{HeldBack, Rebuild};
use prism_domain::update::{BaseImageUpdate, Direction};

use super::*;
use crate::look::tests::{look, plain};
use crate::samples::{base, builds, channel, forecast, held, judged, last_move, patch, x86};

fn line(known: &Known) -> String {
    plain(&condition(known).line(&look()))
}

#[test]
fn a_target_that_was_never_built_says_so() {
    assert_eq!(line(&Known::default()), "· Never built");
}

#[test]
fn a_failed_build_is_told_until_one_succeeds() {
    let [done, failed, _] = <[Build; 3]>::try_from(builds()).unwrap();
    let known = |builds| Known { channel: Some(channel("python-ml", "ami-00000001")), builds, ..Known::default() };
    let told = line(&known(vec![failed.clone(), done.clone()]));
    assert!(told.starts_with("✗ Last build failed (python-ml-x86_64-3, 2 days ago): "));
    assert_eq!(line(&known(vec![done, failed])), "✓ Compiled (last: 2 days ago)");
}

#[test]
fn an_image_whose_base_moved_is_behind_until_a_build_of_it_is_queued() {
    let known = Known {
        channel: Some(channel("python-ml", "ami-00000001")),
        base: base(vec![last_move()]),
        ..Known::default()
    };
    insta::assert_snapshot!(line(&known), @"⚠ Pending security update (high): ubuntu-22.04 moved 1 day 2 hours ago, and no build is queued yet");
    let waiting = builds().remove(2);
    let queued = Known {
        forecast: forecast(&held(&waiting)),
        held: Some(held(&waiting)),
        builds: vec![waiting],
        ..known.clone()
    };
    insta::assert_snapshot!(line(&queued), @"⚠ Pending security update (high), queued for tonight (02:00 UTC, in 9 hours): python-ml-x86_64-5 waits for the off-peak window, which opens 02:00 UTC");
    let level_with_it = Known { channel: Some(channel("python-ml", "ami-00000002")), ..known };
    assert!(line(&level_with_it).starts_with("✓ Compiled"));
}

#[test]
fn a_build_that_misses_its_deadline_says_by_how_much() {
    let waiting = builds().remove(2);
    let known = |deadline: &str, start: Option<()>| {
        let mut held = held(&waiting);
        held.queued.demand.deadline = deadline.parse().unwrap();
        let mut forecast = forecast(&held);
        let expected = forecast.waiting.values_mut().next().unwrap();
        expected.start = start.and(expected.start);
        Known { held: Some(held), forecast, ..Known::default() }
    };
    let late = known("2026-11-24T01:30:00Z", Some(()));
    insta::assert_snapshot!(line(&late), @"⏳ Queued for tonight (02:00 UTC, in 9 hours): python-ml-x86_64-5 waits for the off-peak window, which opens 02:00 UTC; it is due 01:30 UTC, which it misses by 1 hour 10 minutes");
    let passed = known("2026-11-23T16:00:00Z", None);
    insta::assert_snapshot!(line(&passed), @"⏳ Blocked: python-ml-x86_64-5 waits for the off-peak window, which opens 02:00 UTC; it was due 16:00 UTC");
    let blocked = known("2026-11-24T16:00:00Z", None);
    assert!(line(&blocked).ends_with("; it is due 16:00 UTC"), "nothing lets it start");
    assert_eq!(condition(&known("2026-11-24T02:40:00Z", Some(()))).late_by(look().now), None, "just in time");
}

#[test]
fn an_image_that_stands_on_what_its_vendor_took_back_says_so() {
    let known = Known {
        channel: Some(channel("python-ml", "ami-00000001")),
        base: base(vec![BaseImageUpdate { direction: Direction::Back, ..last_move() }]),
        ..Known::default()
    };
    insta::assert_snapshot!(line(&known), @"⚠ Stands on a withdrawn image: ubuntu-22.04 went back to an older one 1 day 2 hours ago, and no build is queued");
    assert_eq!(condition(&known).words(&look()), "stands on a withdrawn image");
    let waiting = builds().remove(2);
    let queued = Known {
        forecast: forecast(&held(&waiting)),
        held: Some(held(&waiting)),
        builds: vec![waiting],
        ..known.clone()
    };
    assert!(line(&queued).starts_with("⚠ Stands on a withdrawn image, queued for tonight (02:00 UTC, in 9 hours): "));
    let older = Known { channel: Some(channel("python-ml", "ami-00000000")), ..known };
    assert!(line(&older).starts_with("⚠ Pending base image update"), "it never had what was taken back");
}

#[test]
fn an_image_that_was_found_to_lack_fixes_says_so_and_why_it_is_not_rebuilt() {
    let patches = vec![
        patch("python-ml-x86_64-4", SecurityLevel::Medium, "2026-11-23T12:00:00Z"),
        patch("python-ml-x86_64-3", SecurityLevel::High, "2026-11-21T12:00:00Z"),
    ];
    let known = Known { channel: Some(channel("python-ml", "ami-00000002")), patches, ..Known::default() };
    insta::assert_snapshot!(line(&known), @"⚠ Pending security update (high): its image lacks fixes (found 2 days ago), and no build is queued yet");
    let held_back = HeldBack { reason: "the template is disabled: broken".into(), until: None };
    let rebuild = Rebuild {
        updates: Vec::new(),
        build_on: None,
        patches: known.patches.clone(),
        change: None,
        failed: None,
        held_back: Some(held_back),
    };
    let [_, failed, _] = <[Build; 3]>::try_from(builds()).unwrap();
    let due = Some(Due::Rebuild(Box::new(rebuild)));
    let disabled = Known { due, builds: vec![failed], ..known.clone() };
    insta::assert_snapshot!(line(&disabled), @"⚠ Pending security update (high): its image lacks fixes (found 2 days ago), and the template is disabled: broken");
    let level = |moved| match condition(&Known {
        base: base(vec![moved]),
        channel: Some(channel("python-ml", "ami-00000001")),
        ..known.clone()
    }) {
        Condition::Behind { level, security, .. } => (level, security),
        other => panic!("{other:?}"),
    };
    let maintenance = judged(last_move(), SecurityLevel::Low, Vec::new());
    assert_eq!(level(maintenance), (Some(SecurityLevel::High), true), "with the move of its base image");
}

/// A target whose image is of revision 5, and whose template is at this revision, with this source, for `x86_64`.
fn changed(revision: u64, source_hash: &str, due: Option<Due>) -> Known {
    let built_from = BuiltFrom { source_hash: "1-a".into(), revision: 5, by_name: false };
    let channel = Channel { built_from: Some(built_from), ..channel("python-ml", "ami-00000002") };
    let source = Source { source_hash: Some(source_hash.into()), architecture: Some(x86()), ..Source::default() };
    Known { channel: Some(channel), source, revision, due, ..Known::default() }
}

#[test]
fn an_image_of_a_template_that_has_changed_says_of_which_revision_it_is_and_what_follows() {
    let due = Some(Due::Nothing("rebuild_on_change is false in the policy".into()));
    insta::assert_snapshot!(line(&changed(6, "1-b", due)), @"~ Template changed: its image is of revision 5, the template is at 6; rebuild_on_change is false in the policy");
    insta::assert_snapshot!(line(&changed(5, "1-b", None)), @"~ Template changed: what it inherits has changed since its image was made; the policy cannot be read");
    assert!(line(&changed(6, "1-a", None)).starts_with("✓ Compiled"), "its description, say");
}

#[test]
fn an_image_of_an_architecture_that_its_template_has_left_is_left_behind() {
    let mut known = changed(6, "1-b", None);
    known.source.architecture = Some(Architecture::Arm64);
    insta::assert_snapshot!(line(&known), @"· Left behind: its template is for arm64 now, and it is not rebuilt (last: 2 days ago)");
}
