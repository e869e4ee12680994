use proptest::prelude::*;

use super::*;
use crate::architecture::Architecture;
use crate::catalogue::Catalogue;
use crate::fixtures;

const RULES: Context<'_> = Context { quarantine_after: 3, source: None, between: &[], changelog_url: None };

fn id() -> TrackedImageId {
    fixtures::update().id.image
}

fn at(minutes: i64) -> Timestamp {
    after(Timestamp::UNIX_EPOCH, SignedDuration::from_mins(minutes))
}

/// The image of a number, made that many days after the epoch.
fn image(number: u32) -> SeenImage {
    let created_at = Some(after(Timestamp::UNIX_EPOCH, SignedDuration::from_hours(24 * i64::from(number))));
    SeenImage { created_at, ..SeenImage::new(format!("ami-{number:08x}").parse().unwrap(), "n") }
}

fn first(number: u32) -> TrackedImage {
    match observe(&id(), None, &image(number), RULES, at(0)) {
        Observation::First(tracked) => *tracked,
        other => panic!("expected a first observation, not {other:?}"),
    }
}

fn look(known: &TrackedImage, number: u32, minutes: i64) -> Observation {
    observe(&id(), Some(known), &image(number), RULES, at(minutes))
}

fn moves(known: &TrackedImage, number: u32, minutes: i64) -> (TrackedImage, BaseImageUpdate) {
    match look(known, number, minutes) {
        Observation::Moved(moved) => *moved,
        other => panic!("expected a move, not {other:?}"),
    }
}

#[test]
fn the_first_look_at_an_image_is_no_update() {
    let tracked = first(1);
    assert_eq!(tracked.sequence, 0);
    assert_eq!(look(&tracked, 1, 15), Observation::Same);
}

#[test]
fn an_update_without_evidence_counts_as_high_with_unknown_confidence() {
    let known = TrackedImage { sequence: 4, ..first(1) };
    let (tracked, update) = moves(&known, 2, 15);
    assert_eq!(update.id.to_string(), "ubuntu-22.04/x86_64/us-east-1/5");
    assert_eq!((&update.previous_image_id, &update.image_id), (&image(1).image_id, &image(2).image_id));
    assert_eq!((update.security_level, update.confidence), (SecurityLevel::High, Confidence::Unknown));
    assert_eq!((update.direction, update.assessed_at), (Direction::Forward, None));
    assert_eq!(tracked.current, image(2));
}

#[test]
fn a_move_to_an_older_image_goes_back_whether_it_was_seen_before_or_not() {
    let (two, _) = moves(&first(1), 2, 15);
    assert_eq!(moves(&two, 1, 30).1.direction, Direction::Back);
    assert_eq!(moves(&first(5), 3, 15).1.direction, Direction::Back);
    let undated = |number| SeenImage { created_at: None, ..image(number) };
    let known = TrackedImage { current: undated(2), ..two };
    let Observation::Moved(moved) = observe(&id(), Some(&known), &undated(1), RULES, at(30)) else { panic!() };
    assert_eq!(moved.1.direction, Direction::Back);
}

#[test]
fn a_newer_minor_version_is_a_move_forward_though_it_was_made_before_the_last_of_the_older() {
    let rhel = Catalogue::built_in().find(&"rhel-9".parse().unwrap()).unwrap().source(Architecture::X86_64).unwrap();
    let context = Context { source: Some(&rhel), ..RULES };
    let named = |name: &str, number| SeenImage { image_name: name.to_owned(), ..image(number) };
    let direction = |from: SeenImage, to: &SeenImage| {
        let known = TrackedImage { current: from, ..first(1) };
        let Observation::Moved(moved) = observe(&id(), Some(&known), to, context, at(15)) else { panic!() };
        moved.1.direction
    };
    let respin = named("RHEL-9.6.0_HVM-20260811-x86_64-0-Hourly2-GP3", 9);
    let newer = named("RHEL-9.8_HVM-20260728-x86_64-0-Hourly2-GP3", 5);
    let rebuilt = named("RHEL-9.8.0_HVM-20260801-x86_64-0-Hourly2-GP3", 6);
    assert_eq!(direction(respin.clone(), &newer), Direction::Forward);
    assert_eq!(direction(newer.clone(), &respin), Direction::Back);
    assert_eq!(direction(newer.clone(), &rebuilt), Direction::Forward);
    assert_eq!(direction(rebuilt, &newer), Direction::Back);
}

#[test]
fn an_image_that_goes_back_and_forth_is_held_until_it_is_calm() {
    let (tracked, _) = moves(&first(1), 2, 15);
    let (tracked, back) = moves(&tracked, 1, 30);
    let (tracked, forth) = moves(&tracked, 2, 45);
    assert_eq!((back.direction, forth.direction), (Direction::Back, Direction::Forward));
    let Observation::Held(held) = look(&tracked, 1, 60) else { panic!("the third return should be held") };
    assert_eq!((&held.current, held.sequence), (&image(2), 3));
    assert_eq!(look(&held, 1, 75), Observation::StillHeld);
    let Observation::Held(held) = look(&held, 2, 90) else { panic!("it names another image") };
    assert_eq!(look(&held, 2, 90 + 359), Observation::StillHeld);
    let Observation::Calm(calm) = look(&held, 2, 90 + 360) else { panic!("it should be calm") };
    assert_eq!((calm.quarantine.as_ref(), calm.returns.len(), calm.sequence), (None, 0, 3));
    let held_on_one =
        TrackedImage { quarantine: Some(Quarantine { since: at(60), seen: image(1), seen_since: at(60) }), ..tracked };
    let (after_it, update) = moves(&held_on_one, 1, 60 + 360);
    assert_eq!((update.direction, after_it.quarantine), (Direction::Back, None));
}

#[test]
fn a_release_that_is_newer_than_all_ends_a_quarantine_at_once() {
    let quarantine = Some(Quarantine { since: at(60), seen: image(1), seen_since: at(60) });
    let held = TrackedImage { quarantine, ..moves(&first(1), 4, 15).0 };
    let (followed, update) = moves(&held, 5, 75);
    assert_eq!((update.direction, &update.previous_image_id), (Direction::Forward, &image(4).image_id));
    assert_eq!((followed.quarantine, followed.returns.len()), (None, 0));
    let Observation::Held(_) = look(&held, 3, 75) else { panic!("it is older than what it was") };
    let undated = SeenImage { created_at: None, ..image(5) };
    let Observation::Held(_) = observe(&id(), Some(&held), &undated, RULES, at(75)) else { panic!("who knows?") };
}

#[test]
fn returns_on_different_days_are_no_flapping() {
    let mut tracked = moves(&first(1), 2, 15).0;
    for day in 1..20 {
        let back_or_forth = if day % 2 == 1 { 1 } else { 2 };
        tracked = moves(&tracked, back_or_forth, day * (24 * 60 + 1)).0;
    }
}

#[test]
fn a_judgement_replaces_the_one_before_and_leaves_the_move_as_it_is() {
    let (_, update) = moves(&first(1), 2, 15);
    let judged = update.clone().assessed(without_evidence(), at(20));
    assert_eq!(BaseImageUpdate { assessed_at: None, ..judged }, update);
}

proptest! {
    /// Whatever a source names, in whatever order: numbers of updates follow each other, each begins where the one
    /// before ended, and what is tracked is where the last one went.
    #[test]
    fn updates_are_a_chain(names in prop::collection::vec(1_u32..5, 1..60), step in 1_i64..600) {
        let mut tracked = first(1);
        let mut last = (0, image(1).image_id);
        for (index, number) in names.iter().enumerate() {
            let minutes = step * (i64::try_from(index).unwrap() + 1);
            match look(&tracked, *number, minutes) {
                Observation::Moved(moved) => {
                    let (next, update) = *moved;
                    prop_assert_eq!((update.id.sequence, &update.previous_image_id), (last.0 + 1, &last.1));
                    prop_assert!(update.image_id != update.previous_image_id);
                    last = (update.id.sequence, update.image_id);
                    tracked = next;
                }
                Observation::Held(next) | Observation::Calm(next) => tracked = *next,
                Observation::Same | Observation::StillHeld => {}
                Observation::First(_) => prop_assert!(false, "it was seen before"),
            }
            prop_assert_eq!((tracked.sequence, &tracked.current.image_id), (last.0, &last.1));
            prop_assert!(tracked.past.len() <= REMEMBERED && tracked.returns.len() < 4);
        }
    }
}
