use crate::attempts::Failed;
use crate::attempts::Fingerprint;
use crate::hold::HeldBy;
use crate::hold::Hold;
use crate::hold::REST;
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::architecture::Architecture;
use crate::build::BuiltFrom;
use crate::duration::after;
use crate::fixtures::{self, at, now, target};
use crate::level::{SecurityLevel, Urgency};
use crate::policy::MinimumAge;
use crate::seen_image::SeenImage;
use crate::update::{Direction, PastImage};

fn ami(number: u32) -> AmiId {
    format!("ami-{number:08}").parse().unwrap()
}

/// The n-th move of the base image, from one image to another, a day before now.
fn update(number: u32, from: u32, to: u32) -> BaseImageUpdate {
    BaseImageUpdate {
        id: format!("ubuntu-22.04/x86_64/us-east-1/{number}").parse().unwrap(),
        image_id: ami(to),
        previous_image_id: ami(from),
        updated_at: at("2026-11-22T17:00:00Z"),
        ..fixtures::update()
    }
}

/// The same, to an older image.
fn back(number: u32, from: u32, to: u32) -> BaseImageUpdate {
    BaseImageUpdate { direction: Direction::Back, ..update(number, from, to) }
}

/// What its image was found to lack, two days before now.
fn patch() -> Patch {
    fixtures::patch("python-ml-x86_64-3/0123456789ab", SecurityLevel::High, at("2026-11-21T17:00:00Z"))
}

/// A target whose image stands on `on`, and whose base image has made these moves, newest first, from the first image on.
fn standing(on: u32, moves: &[BaseImageUpdate]) -> Standing {
    let current = moves.first().map_or(ami(1), |update| update.image_id.clone());
    let channel = json!({
        "build": "python-ml-x86_64-3", "base": "ubuntu-22.04", "base_image_id": ami(on), "amis": {},
        "since": "2026-11-01T00:00:00Z", "version": 1, "verified_version": 1,
    });
    Standing {
        claim: Claim { counter: 3, ..Claim::free(target("python-ml")) },
        published: Some(serde_json::from_value(channel).unwrap()),
        elsewhere: None,
        tracked: Some(TrackedImage {
            id: update(1, 1, 2).id.image,
            current: SeenImage::new(current, "name"),
            since: now(),
            sequence: u32::try_from(moves.len()).unwrap(),
            past: Vec::new(),
            returns: Vec::new(),
            quarantine: None,
        }),
        moves: moves.to_vec(),
        patches: Vec::new(),
        trials: Vec::new(),
        source: Source { content_hash: Some("0123456789ab".into()), ..Source::default() },
    }
}

fn is_due(standing: &Standing, policy: &Policy, now: Timestamp) -> Rebuild {
    match due(standing, policy, now) {
        Due::Rebuild(rebuild) => *rebuild,
        Due::Nothing(reason) => panic!("{reason}"),
    }
}

/// Why nothing is due.
fn nothing(standing: &Standing) -> String {
    match due(standing, &Policy::default(), now()) {
        Due::Nothing(reason) => reason,
        Due::Rebuild(rebuild) => panic!("{rebuild:?}"),
    }
}

/// Why it does not start by itself, by the policy in force at first.
fn held_back(standing: &Standing, now: Timestamp) -> Option<HeldBack> {
    is_due(standing, &Policy::default(), now).held_back
}

fn failed(message: &str, base: u32, at: Timestamp) -> Failed {
    let fingerprint = Some(Fingerprint::new("0123456789ab".into(), ami(base), Vec::new()));
    Failed { fingerprint, is_own: true, at, message: message.into() }
}

/// A person has rejected a build for the first move.
fn rejection(at: Timestamp) -> Hold {
    Hold {
        build: target("python-ml").build(4),
        causes: Causes { updates: vec![update(1, 1, 2).id], ..Causes::default() },
        urgency: Urgency::High,
        by: HeldBy::Rejection,
        execution: "arn".into(),
        reason: Some("exam week".into()),
        at,
        until: None,
    }
}

mod of_moves {
    use super::*;

    fn lacks(on: u32, moves: &[BaseImageUpdate]) -> (Vec<u32>, Option<u32>) {
        let standing = standing(on, moves);
        let lacked = lacked_moves(&ami(on), standing.tracked.as_ref(), moves);
        let ids = lacked.updates.iter().map(|update| update.id.sequence).collect();
        (ids, lacked.withdrawn.map(|update| update.id.sequence))
    }

    #[test]
    fn an_image_lacks_every_move_since_the_one_that_it_stands_on() {
        let moves = [update(2, 2, 3), update(1, 1, 2)];
        assert_eq!(lacks(3, &moves), (vec![], None));
        assert_eq!(lacks(2, &moves), (vec![2], None));
        assert_eq!(lacks(1, &moves), (vec![2, 1], None));
        assert_eq!(lacks(99, &moves), (vec![2, 1], None), "older than the remembered moves");
    }

    #[test]
    fn a_move_that_was_taken_back_is_not_lacked() {
        let moves = [back(2, 2, 1), update(1, 1, 2)];
        assert_eq!(lacks(1, &moves), (vec![], None));
        assert_eq!(lacks(2, &moves), (vec![], Some(2)));
    }

    #[test]
    fn the_path_goes_on_after_a_withdrawn_image() {
        // 1 → 2 → 3, back to 2, then on to 4.
        let moves = [update(4, 2, 4), back(3, 3, 2), update(2, 2, 3), update(1, 1, 2)];
        assert_eq!(lacks(1, &moves), (vec![4, 1], None));
        assert_eq!(lacks(2, &moves), (vec![4], None));
        assert_eq!(lacks(3, &moves), (vec![4], Some(3)));
        assert_eq!(lacks(4, &moves), (vec![], None));
    }

    #[test]
    fn every_image_that_one_move_back_withdraws_is_known_as_withdrawn() {
        // 1 → 2 → 3, back to 1, then on to 4.
        let moves = [update(4, 1, 4), back(3, 3, 1), update(2, 2, 3), update(1, 1, 2)];
        assert_eq!(lacks(1, &moves), (vec![4], None));
        assert_eq!(lacks(2, &moves), (vec![4], Some(3)));
        assert_eq!(lacks(3, &moves), (vec![4], Some(3)));
        assert_eq!(lacks(99, &moves).1, None, "older than the remembered moves");
    }

    #[test]
    fn an_image_stays_withdrawn_while_its_base_image_goes_back_and_forth_below_it() {
        // 3 → 2 → 1, then on to 2 again, and to 4.
        let moves = [update(4, 2, 4), update(3, 1, 2), back(2, 2, 1), back(1, 3, 2)];
        assert_eq!(lacks(3, &moves[1..]), (vec![], Some(1)));
        assert_eq!(lacks(3, &moves), (vec![4], Some(1)));
    }

    #[test]
    fn nothing_is_lacked_of_a_base_image_that_was_never_seen() {
        assert_eq!(lacked_moves(&ami(1), None, &[]), LackedMoves::default());
    }
}

#[test]
fn an_image_that_stands_on_what_its_base_image_is_now_lacks_nothing() {
    assert_eq!(nothing(&standing(2, &[update(1, 1, 2)])), "its image lacks nothing");
}

#[test]
fn a_target_without_an_image_is_due_nothing_by_itself() {
    let standing = Standing { published: None, ..standing(1, &[update(1, 1, 2)]) };
    assert_eq!(nothing(&standing), "it has no image yet: a person starts its first build");
}

#[test]
fn a_move_and_a_patch_are_due_together_from_the_earlier_of_them_on() {
    let standing = Standing { patches: vec![patch()], ..standing(1, &[update(1, 1, 2)]) };
    let rebuild = is_due(&standing, &Policy::default(), now());
    let request = rebuild.request(&target("python-ml"), &Policy::default(), now());
    assert_eq!((request.base_image_updates.len(), request.security_patches.len()), (1, 1));
    assert_eq!(request.level, Some(SecurityLevel::High));
    assert!(!request.by_hand, "no person asks");
}

#[test]
fn a_move_that_was_taken_back_asks_for_nothing_however_it_is_judged_later() {
    let critical = BaseImageUpdate { security_level: SecurityLevel::Critical, ..update(1, 1, 2) };
    assert_eq!(nothing(&standing(1, &[back(2, 2, 1), critical])), "its image lacks nothing");
}

#[test]
fn an_image_on_a_withdrawn_one_is_rebuilt_only_if_the_policy_says_so() {
    let withdrawn = standing(2, &[back(2, 2, 1), update(1, 1, 2)]);
    assert!(nothing(&withdrawn).contains("rebuild_on_rollback is false"));
    let policy = Policy { rebuild_on_rollback: true, ..Policy::default() };
    assert_eq!(is_due(&withdrawn, &policy, now()).updates, [back(2, 2, 1)]);
}

#[test]
fn a_disabled_template_is_due_and_held_back_until_somebody_enables_it() {
    let mut standing = standing(1, &[update(1, 1, 2)]);
    standing.source.disabled = Some("the course is over".into());
    let held = held_back(&standing, now()).unwrap();
    assert_eq!((held.reason.as_str(), held.until), ("the template is disabled: the course is over", None));
}

#[test]
fn a_rebuild_that_failed_is_due_and_held_back_until_it_is_tried_again() {
    let mut standing = standing(1, &[update(1, 1, 2)]);
    let fifteen = after(now(), SignedDuration::from_mins(15));
    standing.claim.attempts = Some(Attempts::after_failure(None, failed("no space left", 2, now())));
    let held = held_back(&standing, now()).unwrap();
    assert_eq!(held.until, Some(fifteen));
    assert_eq!(held.reason, "its rebuild has failed once, and is tried again in 15 minutes: no space left");
    assert_eq!(held_back(&standing, fifteen), None);
}

#[test]
fn another_content_base_image_or_patch_is_tried_at_once() {
    let mut tried = standing(1, &[update(1, 1, 2)]);
    tried.claim.attempts = Some(Attempts::after_failure(None, failed("no space left", 2, now())));
    assert!(held_back(&tried, now()).is_some());
    let edited = Source { content_hash: Some("another".into()), ..Source::default() };
    assert_eq!(held_back(&Standing { source: edited, ..tried.clone() }, now()), None);
    let patched = Standing { patches: vec![patch()], ..tried.clone() };
    assert_eq!(held_back(&patched, now()), None);
    let moved = Standing { claim: tried.claim, ..standing(1, &[update(2, 2, 3), update(1, 1, 2)]) };
    assert_eq!(held_back(&moved, now()), None);
}

#[test]
fn what_a_person_stopped_rests_for_a_day_or_until_a_cause_is_new_or_worse() {
    let mut stopped = standing(1, &[update(1, 1, 2)]);
    let reason = Some("its execution was stopped".into());
    stopped.claim.hold = Some(Hold { by: HeldBy::Person, reason, until: Some(after(now(), REST)), ..rejection(now()) });
    let held = held_back(&stopped, now()).unwrap();
    assert_eq!(held.until, Some(after(now(), REST)));
    insta::assert_snapshot!(held.reason, @"python-ml-x86_64-4 was stopped: its execution was stopped, and nothing new or worse is lacking; it is rebuilt again in 1 day");
    assert_eq!(held_back(&stopped, after(now(), REST)), None);
    let worse = BaseImageUpdate { security_level: SecurityLevel::Critical, ..update(1, 1, 2) };
    assert_eq!(held_back(&Standing { moves: vec![worse], ..stopped.clone() }, now()), None);
    let new = Standing { claim: stopped.claim, ..standing(1, &[update(2, 2, 3), update(1, 1, 2)]) };
    assert_eq!(held_back(&new, now()), None);
}

#[test]
fn a_rejection_lasts_no_longer_than_an_image_may_lack_a_fix() {
    let mut rejected = standing(1, &[update(1, 1, 2)]);
    rejected.claim.hold = Some(rejection(now()));
    let week = after(now(), SignedDuration::from_hours(7 * 24));
    assert_eq!(held_back(&rejected, now()).unwrap().until, Some(week));
    assert_eq!(held_back(&rejected, week), None);
}

#[test]
fn nothing_is_rebuilt_on_a_base_image_that_goes_back_and_forth_until_it_stays_the_same() {
    let mut flips = standing(1, &[update(3, 1, 2), back(2, 2, 1), update(1, 1, 2)]);
    let tracked = flips.tracked.as_mut().unwrap();
    tracked.returns = vec![now() - SignedDuration::from_hours(2), now()];
    let calm = after(now(), CALM);
    assert_eq!(held_back(&flips, now()).unwrap().until, Some(calm));
    assert_eq!(held_back(&flips, calm), None);
    let once = TrackedImage { returns: vec![now()], ..flips.tracked.clone().unwrap() };
    assert_eq!(held_back(&Standing { tracked: Some(once), ..flips }, now()), None, "it went back once");
}

mod of_minimum_age {
    use super::*;

    fn patient() -> Policy {
        let days = |days: i64| Some(SignedDuration::from_hours(24 * days));
        let every = MinimumAge { base: None, high: days(2), medium: days(7), low: None };
        Policy { minimum_age: vec![every], ..Policy::default() }
    }

    /// The n-th move, to the image n + 1, seen so many days ago.
    fn daily(n: u32, days_ago: i64, security_level: SecurityLevel) -> BaseImageUpdate {
        let updated_at = now() - SignedDuration::from_hours(24 * days_ago);
        BaseImageUpdate { security_level, updated_at, ..update(n, n, n + 1) }
    }

    /// A target on the image 1, whose base has made these moves, newest first.
    fn behind(moves: &[BaseImageUpdate]) -> Standing {
        let mut standing = standing(1, moves);
        let tracked = standing.tracked.as_mut().unwrap();
        let past = |update: &BaseImageUpdate| PastImage {
            image: SeenImage { image_id: update.previous_image_id.clone(), ..tracked.current.clone() },
            until: update.updated_at,
        };
        tracked.past = moves.iter().map(past).collect();
        standing
    }

    /// What it is rebuilt on, which moves that brings, and until when it waits.
    fn built_on(standing: &Standing) -> (AmiId, Vec<u32>, Option<Timestamp>) {
        let rebuild = is_due(standing, &patient(), now());
        let request = rebuild.request(&target("python-ml"), &patient(), now());
        let moves = rebuild.updates.iter().map(|update| update.id.sequence).collect();
        let waits = request.not_before.map(|soak| soak.until).filter(|until| *until > now());
        (rebuild.build_on.unwrap(), moves, waits)
    }

    #[test]
    fn a_vendor_who_releases_daily_does_not_keep_the_image_of_two_days_ago_from_being_built_on() {
        let high = SecurityLevel::High;
        let moves = [daily(4, 0, high), daily(3, 1, high), daily(2, 2, high), daily(1, 3, high)];
        assert_eq!(built_on(&behind(&moves)), (ami(3), vec![2, 1], None));
    }

    #[test]
    fn where_no_image_is_old_enough_it_waits_for_the_first_that_will_be() {
        let moves = [daily(2, 0, SecurityLevel::High), daily(1, 1, SecurityLevel::High)];
        let tomorrow = now() + SignedDuration::from_hours(24);
        assert_eq!(built_on(&behind(&moves)), (ami(2), vec![1], Some(tomorrow)));
        let moves = [daily(2, 1, SecurityLevel::High), daily(1, 1, SecurityLevel::Medium)];
        assert_eq!(built_on(&behind(&moves)), (ami(3), vec![2, 1], Some(tomorrow)), "the newer one is sooner");
    }

    #[test]
    fn a_critical_move_is_built_on_at_once_and_no_newer_one() {
        let moves = [daily(2, 0, SecurityLevel::Medium), daily(1, 0, SecurityLevel::Critical)];
        assert_eq!(built_on(&behind(&moves)), (ami(2), vec![1], None));
    }

    #[test]
    fn a_patch_is_brought_on_the_same_image_while_newer_ones_are_not_old_enough() {
        let moves = [daily(1, 0, SecurityLevel::High)];
        let patched = Standing { patches: vec![patch()], ..behind(&moves) };
        assert_eq!(built_on(&patched), (ami(1), vec![], None));
    }

    #[test]
    fn an_image_that_is_not_remembered_is_not_built_on() {
        let moves = [daily(2, 0, SecurityLevel::High), daily(1, 3, SecurityLevel::High)];
        let mut forgotten = behind(&moves);
        forgotten.tracked.as_mut().unwrap().past.clear();
        assert_eq!(built_on(&forgotten).0, ami(3));
    }
}

mod of_changes {
    use super::*;
    use crate::request::BuildTrigger;

    fn built_from(source_hash: &str, by_name: bool) -> BuiltFrom {
        BuiltFrom { source_hash: source_hash.into(), revision: 5, by_name }
    }

    /// A target whose image was made of `1-a` for `x86_64`, and whose template is this now.
    fn edited(source_hash: &str, architecture: Architecture) -> Standing {
        let mut standing = standing(1, &[]);
        standing.published.as_mut().unwrap().built_from = Some(built_from("1-a", false));
        let (source_hash, changed_at) = (Some(source_hash.to_owned()), Some(now()));
        standing.source = Source { source_hash, changed_at, architecture: Some(architecture), ..standing.source };
        standing
    }

    #[test]
    fn a_template_that_changed_is_due_at_night_on_the_month_s_money() {
        let rebuild = is_due(&edited("1-b", Architecture::X86_64), &Policy::default(), now());
        assert!(rebuild.is_paced());
        let request = rebuild.request(&target("python-ml"), &Policy::default(), now());
        assert_eq!((request.trigger, request.level, request.by_hand), (BuildTrigger::Scheduled, None, false));
        let demand = crate::slot::Demand::of(&request, SignedDuration::from_mins(45));
        let slot =
            crate::slot::slot(&crate::permit::Permit::demanded(&demand), demand.expected, &Policy::default(), now());
        assert_eq!(
            (slot.source, slot.at),
            (crate::ledger::BudgetSource::Monthly, Policy::default().next_off_peak(now()).at)
        );
    }

    #[test]
    fn the_same_source_another_version_of_the_hash_or_the_policy_ask_for_nothing() {
        assert_eq!(nothing(&edited("1-a", Architecture::X86_64)), "its image lacks nothing");
        assert_eq!(nothing(&edited("2-b", Architecture::X86_64)), "its image lacks nothing");
        let policy = Policy { rebuild_on_change: false, ..Policy::default() };
        let Due::Nothing(reason) = due(&edited("1-b", Architecture::X86_64), &policy, now()) else { panic!() };
        assert_eq!(reason, "its template has changed, and rebuild_on_change is false in the policy");
    }

    #[test]
    fn a_change_comes_with_the_move_that_is_due_and_makes_that_no_less_urgent() {
        let mut both = edited("1-b", Architecture::X86_64);
        both.moves = vec![update(1, 1, 2)];
        both.tracked.as_mut().unwrap().current.image_id = ami(2);
        let rebuild = is_due(&both, &Policy::default(), now());
        assert!(!rebuild.is_paced() && rebuild.change.is_some());
        let request = rebuild.request(&target("python-ml"), &Policy::default(), now());
        assert_eq!(request.trigger, BuildTrigger::Security);
        assert_eq!(request.source_hash.as_deref(), Some("1-b"));
    }

    #[test]
    fn an_image_of_an_architecture_that_its_template_has_left_is_not_rebuilt_unless_asked_for_by_name() {
        let mut left = edited("1-b", Architecture::Arm64);
        left.moves = vec![update(1, 1, 2)];
        left.tracked.as_mut().unwrap().current.image_id = ami(2);
        assert_eq!(nothing(&left), "its template is for another architecture now");
        left.published.as_mut().unwrap().built_from = Some(built_from("1-a", true));
        assert!(is_due(&left, &Policy::default(), now()).change.is_some());
    }

    #[test]
    fn the_architecture_to_which_a_template_moved_is_due_its_first_image() {
        let mut moved = edited("1-b", Architecture::Arm64);
        moved.elsewhere = moved.published.take();
        moved.claim.target.architecture = Architecture::Arm64;
        assert!(is_due(&moved, &Policy::default(), now()).change.is_some());
        moved.elsewhere.as_mut().unwrap().built_from = Some(built_from("1-a", true));
        assert!(nothing(&moved).starts_with("it has no image yet"), "somebody asked for the other one by name");
    }
}

#[derive(Debug, Clone)]
enum Happens {
    Moves,
    GoesBack,
    IsJudged(SecurityLevel),
    Fails,
    IsStopped,
    IsPublished,
    IsEdited,
    Policy(bool, bool, i64),
    Passes(i64),
}

fn anything() -> impl Strategy<Value = Happens> {
    prop_oneof![
        Just(Happens::Moves),
        Just(Happens::GoesBack),
        prop::sample::select(SecurityLevel::ALL.to_vec()).prop_map(Happens::IsJudged),
        Just(Happens::Fails),
        Just(Happens::IsStopped),
        Just(Happens::IsPublished),
        Just(Happens::IsEdited),
        (any::<bool>(), any::<bool>(), 0_i64..72)
            .prop_map(|(rollback, change, age)| Happens::Policy(rollback, change, age)),
        (1_i64..400).prop_map(Happens::Passes),
    ]
}

/// What happens to a target, as the functions would write it down.
fn happen(standing: &mut Standing, what: &Happens, policy: &mut Policy, now: &mut Timestamp) {
    let current = standing.tracked.as_ref().map(|tracked| tracked.current.image_id.clone()).unwrap();
    let number = u32::try_from(standing.moves.len()).unwrap() + 1;
    let went_to = |update: BaseImageUpdate, standing: &mut Standing, now: Timestamp| {
        let tracked = standing.tracked.as_mut().unwrap();
        tracked.past.insert(0, PastImage { image: tracked.current.clone(), until: now });
        tracked.current.image_id = update.image_id.clone();
        tracked.since = now;
        standing.moves.insert(0, BaseImageUpdate { updated_at: now, ..update });
    };
    match what {
        Happens::Moves => {
            let update = BaseImageUpdate { previous_image_id: current, ..update(number, 1, 100 + number) };
            went_to(update, standing, *now);
        }
        Happens::GoesBack => {
            let Some(last) = standing.moves.first().cloned() else { return };
            let (image_id, previous_image_id) = (last.previous_image_id, current);
            let direction = if image_id < previous_image_id { Direction::Back } else { Direction::Forward };
            went_to(BaseImageUpdate { image_id, previous_image_id, direction, ..update(number, 1, 1) }, standing, *now);
        }
        Happens::IsJudged(level) => {
            if let Some(last) = standing.moves.first_mut() {
                last.security_level = *level;
            }
        }
        Happens::Fails => {
            let base = standing.tracked.as_ref().unwrap().current.image_id.clone();
            let fingerprint = Some(Fingerprint::new("0123456789ab".into(), base, Vec::new()));
            let failed = Failed { fingerprint, ..failed("no space left", 1, *now) };
            standing.claim.attempts = Some(Attempts::after_failure(standing.claim.attempts.as_ref(), failed));
        }
        Happens::IsStopped => {
            if let Due::Rebuild(rebuild) = due(standing, policy, *now) {
                let request = rebuild.request(&target("python-ml"), policy, *now);
                let (causes, urgency, until) = (Causes::of(&request), request.urgency, Some(after(*now, REST)));
                standing.claim.hold = Some(Hold { by: HeldBy::Person, causes, urgency, until, ..rejection(*now) });
            }
        }
        // What is due, or what a person asks for.
        Happens::IsPublished => {
            let build_on = match due(standing, policy, *now) {
                Due::Rebuild(rebuild) => rebuild.build_on,
                Due::Nothing(_) => None,
            };
            let source_hash = standing.source.source_hash.clone().unwrap();
            let channel = standing.published.as_mut().unwrap();
            channel.base_image_id = build_on.unwrap_or(current);
            channel.built_from = Some(BuiltFrom { source_hash, revision: 1, by_name: false });
            (standing.claim.attempts, standing.claim.hold) = (None, None);
        }
        Happens::IsEdited => {
            let edits: u32 = standing.source.source_hash.as_deref().unwrap()[2..].parse().unwrap();
            standing.source.source_hash = Some(format!("1-{}", edits + 1));
            standing.source.content_hash = Some(format!("content-{}", edits + 1));
            standing.source.changed_at = Some(*now);
        }
        Happens::Policy(rollback, change, hours) => {
            let age = Some(SignedDuration::from_hours(*hours));
            policy.minimum_age = vec![MinimumAge { base: None, high: age, medium: age, low: age }];
            (policy.rebuild_on_rollback, policy.rebuild_on_change) = (*rollback, *change);
        }
        Happens::Passes(hours) => *now = after(*now, SignedDuration::from_hours(*hours)),
    }
}

proptest! {
    #[test]
    fn whatever_happens_who_is_behind_is_due_or_held_back_with_an_end_and_nobody_else_is(
        happenings in prop::collection::vec(anything(), 0..40),
    ) {
        let (mut standing, mut policy, mut now) = (standing(1, &[]), Policy::default(), now());
        standing.source.source_hash = Some("1-0".to_owned());
        standing.published.as_mut().unwrap().built_from =
            Some(BuiltFrom { source_hash: "1-0".to_owned(), revision: 1, by_name: false });
        for what in &happenings {
            happen(&mut standing, what, &mut policy, &mut now);
            let current = &standing.tracked.as_ref().unwrap().current.image_id;
            let published = standing.published.as_ref().unwrap();
            let on = &published.base_image_id;
            let is_changed = has_changed(published, standing.source.source_hash.as_ref().unwrap());
            match due(&standing, &policy, now) {
                Due::Nothing(reason) => {
                    prop_assert!(on == current || reason.contains("rebuild_on_rollback"), "{reason}");
                    prop_assert!(!is_changed || !policy.rebuild_on_change || reason.contains("rebuild_on_rollback"), "{reason}");
                }
                Due::Rebuild(rebuild) => {
                    prop_assert!(on != current || is_changed && policy.rebuild_on_change);
                    if let Some(HeldBack { until, .. }) = rebuild.held_back {
                        let until = until.unwrap();
                        prop_assert!(until > now && until <= after(now, SignedDuration::from_hours(7 * 24)));
                    }
                }
            }
        }
    }
}
