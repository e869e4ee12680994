use crate::duration::after;
use crate::id::UpdateId;
use crate::update::BaseImageUpdate;
use proptest::prelude::*;

use super::*;
use crate::fixtures::{self, NOW, at, now, target};
use crate::level::SecurityLevel;
use crate::request::{RequestInput, compile_request};

fn slot_of(demand: &Demand, policy: &Policy, now: Timestamp) -> Slot {
    slot(&Permit::demanded(demand), demand.expected, policy, now)
}

fn demand(urgency: Urgency, priority: u8) -> Demand {
    Demand { priority, by_hand: true, ..fixtures::demand(urgency, "2027-01-23T17:00:00Z") }
}

/// The slot in one line.
fn told(demand: &Demand, policy: &Policy, now: &str) -> String {
    let Slot { at, source, reason } = slot_of(demand, policy, now.parse().unwrap());
    format!("{at} {source}: {reason}")
}

#[test]
fn urgency_and_priority_decide_when_and_who_pays() {
    let policy = Policy::default();
    insta::assert_snapshot!(told(&demand(Urgency::Critical, 100), &policy, NOW),
        @"2026-11-23T17:00:00Z emergency: starts at once on emergency money, since it is critical");
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, NOW),
        @"2026-11-24T02:00:00Z daily: waits for the off-peak window, which opens 02:00 UTC");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 70), &policy, NOW),
        @"2026-11-24T02:00:00Z daily: waits for the off-peak window, which opens 02:00 UTC");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 69), &policy, NOW),
        @"2026-11-23T17:00:00Z monthly: starts as soon as the monthly budget allows");
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, "2026-11-24T03:00:00Z"),
        @"2026-11-24T03:00:00Z daily: starts now, in the off-peak window");
}

#[test]
fn an_urgent_window_is_for_high_urgency_alone() {
    let policy = Policy { urgent_window: Some("20:00-22:00 America/New_York".parse().unwrap()), ..Policy::default() };
    insta::assert_snapshot!(told(&demand(Urgency::High, 90), &policy, NOW),
        @"2026-11-24T01:00:00Z daily: waits for the urgent window, which opens 20:00 America/New_York");
    assert_eq!(slot_of(&demand(Urgency::Normal, 80), &policy, now()).at, at("2026-11-24T02:00:00Z"));
}

#[test]
fn a_window_that_opens_too_late_is_not_waited_for() {
    let policy = Policy::default();
    let mut high = demand(Urgency::High, 90);
    high.deadline = at("2026-11-23T23:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T22:15:00Z daily: starts 22:15 UTC to be done by 23:00 UTC: the off-peak window, which opens 02:00 UTC, would be too late");
    high.deadline = at("2026-11-23T17:30:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T17:00:00Z daily: starts now to be done by 17:30 UTC: the off-peak window, which opens 02:00 UTC, would be too late");
    high.deadline = at("2026-11-23T16:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-23T17:00:00Z daily: starts now, since it was due by 16:00 UTC: the off-peak window opens 02:00 UTC");
}

#[test]
fn popularity_keeps_to_the_quiet_hours_whatever_its_deadline() {
    let mut popular = demand(Urgency::Normal, 75);
    popular.trigger = BuildTrigger::Popularity;
    popular.deadline = now();
    let policy = Policy::default();
    assert_eq!(slot_of(&popular, &policy, now()).at, at("2026-11-24T02:00:00Z"));
    popular.priority = 10;
    let quiet = slot_of(&popular, &policy, now());
    assert_eq!((quiet.at, quiet.source), (at("2026-11-24T02:00:00Z"), BudgetSource::Monthly));
}

#[test]
fn who_prefers_the_quiet_hours_has_every_other_build_wait_for_them() {
    let policy = Policy { prefer_off_peak: true, ..Policy::default() };
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 60), &policy, NOW),
        @"2026-11-24T02:00:00Z monthly: waits for the off-peak window, which opens 02:00 UTC");
    assert_eq!(slot_of(&demand(Urgency::Critical, 100), &policy, now()).at, now());
}

#[test]
fn a_break_that_prepares_the_semester_is_quiet_all_day() {
    let mut policy = Policy { semester_prep_window: Some("Winter".to_owned()), ..Policy::default() };
    let winter = serde_json::json!([{"name": "winter", "from": "2026-11-24", "to": "2026-12-31"}]);
    policy.breaks = serde_json::from_value(winter).unwrap();
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 80), &policy, NOW),
        @"2026-11-24T00:00:00Z daily: waits for the winter break's window, which opens 00:00 UTC");
    insta::assert_snapshot!(told(&demand(Urgency::Normal, 80), &policy, "2026-12-31T23:00:00Z"),
        @"2026-12-31T23:00:00Z daily: starts now, in the winter break's window");
    assert_eq!(
        slot_of(&demand(Urgency::Normal, 80), &policy, at("2027-01-01T00:00:00Z")).at,
        at("2027-01-01T02:00:00Z")
    );
}

/// What the n-th move of the base image waits for.
fn soak(n: u32, until: Timestamp) -> Soak {
    Soak { until, update: move_id(n), age: SignedDuration::from_hours(2 * 24) }
}

fn move_id(n: u32) -> UpdateId {
    format!("ubuntu-22.04/x86_64/us-east-1/{n}").parse().unwrap()
}

fn soaking(urgency: Urgency, priority: u8, until: &str) -> Demand {
    Demand { not_before: Some(soak(1, at(until))), ..demand(urgency, priority) }
}

#[test]
fn a_build_waits_until_its_base_image_has_been_out_long_enough() {
    let policy = Policy::default();
    let normal = soaking(Urgency::Normal, 60, "2026-11-25T12:00:00Z");
    insta::assert_snapshot!(told(&normal, &policy, NOW),
        @"2026-11-25T12:00:00Z monthly: waits until ubuntu-22.04 has been out for 2 days: 12:00 UTC on 2026-11-25");
    let high = soaking(Urgency::High, 90, "2026-11-25T12:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-26T02:00:00Z daily: waits until ubuntu-22.04 has been out for 2 days, and for the off-peak window, which opens 02:00 UTC on 2026-11-26");
    insta::assert_snapshot!(told(&high, &policy, "2026-11-25T12:00:00Z"),
        @"2026-11-26T02:00:00Z daily: waits for the off-peak window, which opens 02:00 UTC");
    let critical = soaking(Urgency::Critical, 100, "2026-11-25T12:00:00Z");
    assert_eq!(slot_of(&critical, &policy, now()).at, now(), "it waits for nobody to meet it first");
}

#[test]
fn a_deadline_comes_before_how_long_a_base_image_has_been_out() {
    let policy = Policy::default();
    let mut high = soaking(Urgency::High, 90, "2026-11-25T12:00:00Z");
    high.deadline = at("2026-11-24T17:00:00Z");
    insta::assert_snapshot!(told(&high, &policy, NOW),
        @"2026-11-24T16:15:00Z daily: starts 16:15 UTC to be done by 17:00 UTC on 2026-11-24, though ubuntu-22.04 will not have been out for 2 days by then");
    insta::assert_snapshot!(told(&high, &policy, "2026-11-24T18:00:00Z"),
        @"2026-11-24T18:00:00Z daily: starts now, since it was due by 17:00 UTC, though ubuntu-22.04 has not been out for 2 days yet");
}

fn update(level: SecurityLevel, created_at: Option<&str>) -> BaseImageUpdate {
    BaseImageUpdate { security_level: level, image_created_at: created_at.map(at), ..fixtures::update() }
}

fn patient() -> Policy {
    let hours = |hours| Some(SignedDuration::from_hours(hours));
    let every = crate::policy::MinimumAge { base: None, high: hours(6), medium: hours(48), low: None };
    Policy { minimum_age: vec![every], ..Policy::default() }
}

#[test]
fn a_base_image_is_out_since_it_was_seen_however_long_before_its_owner_made_it() {
    let until = |level, created| Soak::of(&update(level, created), &patient()).map(|soak| soak.until);
    let high = |created| until(SecurityLevel::High, created);
    for created in [None, Some("2026-11-23T01:00:00Z"), Some("2026-11-01T01:00:00Z"), Some("2027-11-23T01:00:00Z")] {
        assert_eq!(high(created), Some(at("2026-11-23T23:00:00Z")));
    }
    assert_eq!(until(SecurityLevel::Low, None), None);
    assert_eq!(until(SecurityLevel::Critical, None), None);
    assert_eq!(Soak::of(&update(SecurityLevel::High, None), &Policy::default()), None);
}

#[test]
fn what_a_person_asked_for_too_waits_for_no_base_image_to_have_been_out() {
    let target = target("python-ml");
    let compiled = |input: &RequestInput, updates: &[BaseImageUpdate]| {
        compile_request(input, &target, updates, &[], &patient(), now()).not_before.map(|soak| soak.until)
    };
    let mut input = RequestInput::only_if_due(&target);
    let (high, medium) = (update(SecurityLevel::High, None), update(SecurityLevel::Medium, None));
    assert_eq!(compiled(&input, std::slice::from_ref(&medium)), Some(at("2026-11-25T17:00:00Z")));
    assert_eq!(compiled(&input, std::slice::from_ref(&high)), Some(at("2026-11-23T23:00:00Z")));
    assert_eq!(compiled(&input, &[medium.clone(), high.clone()]), Some(at("2026-11-23T23:00:00Z")), "the first");
    input.only_if_due = false;
    assert_eq!(compiled(&input, &[medium]), None, "a person asks");
    assert_eq!(compiled(&input, &[]), None);
    assert_eq!(compiled(&RequestInput { urgent: true, ..input }, &[high]), None);
}

fn any_demand() -> impl Strategy<Value = Demand> {
    let urgency = prop::sample::select(vec![Urgency::Low, Urgency::Normal, Urgency::High, Urgency::Critical]);
    (urgency, 0..=100_u8, -48..240_i64, 1..600_i64, prop::option::of(-48..480_i64)).prop_map(
        |(urgency, priority, due, minutes, until)| {
            let hours = |hours| after(now(), SignedDuration::from_hours(hours));
            Demand {
                deadline: hours(due),
                expected: SignedDuration::from_mins(minutes),
                not_before: until.map(|until| soak(1, hours(until))),
                ..demand(urgency, priority)
            }
        },
    )
}

proptest! {
    #[test]
    fn a_wait_for_others_never_costs_a_deadline(demand in any_demand()) {
        let policy = Policy::default();
        let at = |demand: &Demand| slot_of(demand, &policy, now()).at;
        let (soaked, bare) = (at(&demand), at(&Demand { not_before: None, ..demand.clone() }));
        let latest = before(demand.deadline, demand.expected).max(now());
        prop_assert!(soaked >= bare.min(latest), "waiting makes nothing sooner than it would be or has to be");
        prop_assert!(soaked <= bare.max(latest), "{soaked} {bare} {latest}");
        if let Some(soak) = &demand.not_before
            && demand.urgency != Urgency::Critical
        {
            prop_assert!(soaked >= soak.until.min(latest));
        }
    }

    #[test]
    fn a_build_that_answers_two_requests_waits_for_the_sooner_of_them_whichever_joins_the_other(
        one in prop::option::of(0..9_i64), other in prop::option::of(0..9_i64), by_hand: bool,
    ) {
        let (one, other) = (one.map(|days| days * 11), other.map(|days| days * 11));
        let (one, other) = (waiting(&[1], one), CompilationRequest { by_hand, ..waiting(&[2], other) });
        let both = one.clone().absorbing(&other);
        prop_assert_eq!(&both.not_before, &other.clone().absorbing(&one).not_before);
        // None sorts first: no wait is the shortest.
        let expected = if by_hand { None } else { until(&one).min(until(&other)) };
        prop_assert_eq!(until(&both), expected);
    }
}

/// A request that answers these moves, and waits for so many hours for the last of them.
fn waiting(moves: &[u32], hours: Option<i64>) -> CompilationRequest {
    let target = target("python-ml");
    let ids: Vec<UpdateId> = moves.iter().map(|n| move_id(*n)).collect();
    let input = RequestInput::only_if_due(&target);
    let medium = update(SecurityLevel::Medium, None);
    let request = compile_request(&input, &target, &[medium], &[], &Policy::default(), now());
    let last = moves.last().copied().unwrap_or_default();
    let not_before = hours.map(|hours| soak(last, after(now(), SignedDuration::from_hours(hours))));
    CompilationRequest { base_image_updates: ids, not_before, ..request }
}

fn until(request: &CompilationRequest) -> Option<Timestamp> {
    request.not_before.as_ref().map(|soak| soak.until)
}
