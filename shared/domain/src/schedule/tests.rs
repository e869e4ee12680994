use crate::estimate::Expectation;
use crate::money::MicroDollars;
use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::estimate::{Rates, actual, estimate};
use crate::fixtures::{self, at, cents, target};
use crate::ledger::{Balance, Reservation, periods};
use crate::level::Urgency;
use crate::policy::BudgetLimits;
use crate::request::BuildTrigger;
use crate::slot::Demand;
use crate::unreadable::UnreadableRecord;

const NIGHT: &str = "2026-11-23T03:00:00Z";
const NOON: &str = "2026-11-23T12:00:00Z";

fn queued(name: &str, urgency: Urgency, cost: i64) -> Queued {
    let demand = Demand { by_hand: true, ..fixtures::demand(urgency, "2026-12-23T00:00:00Z") };
    fixtures::queued(target(name).build(1), demand, "2026-11-22T00:00:00Z", cost)
}

fn ami() -> crate::id::AmiId {
    "ami-00000002".parse().unwrap()
}

fn load(running: u32) -> Load {
    Load { running, ..Load::default() }
}

fn committed(period: &str, cost: i64) -> Ledger {
    let balance = Balance { committed: cents(cost), spent: MicroDollars::ZERO };
    Ledger { balances: [(period.parse().unwrap(), balance)].into(), ..Ledger::default() }
}

/// The turn of a build that is alone, in one line.
fn told(queued: &Queued, ledger: &Ledger, policy: &Policy, now: &str) -> String {
    match turn_of(queued, ledger, &load(0), policy, at(now)) {
        Turn::Go { source, .. } => format!("go: {source}"),
        Turn::Wait { until, reason, .. } => format!("{until}: {reason}"),
        Turn::Stop { reason } => reason,
    }
}

#[test]
fn a_further_attempt_does_not_wait_for_another_window() {
    let turn = |is_again, trigger| {
        let mut build = Queued { is_again, ..queued("python-ml", Urgency::High, 420) };
        build.demand.trigger = trigger;
        told(&build, &Ledger::default(), &Policy::default(), NOON)
    };
    assert!(turn(false, BuildTrigger::Security).contains("waits for the off-peak window"));
    assert_eq!(turn(true, BuildTrigger::Security), "go: daily");
    assert!(turn(true, BuildTrigger::Scheduled).contains("waits for the off-peak window"), "it keeps to it");
}

#[test]
fn a_build_whose_slot_came_while_the_first_ones_ran_follows_them_at_once() {
    let mut trial = Trial::new("ubuntu-22.04".parse().unwrap(), crate::architecture::Architecture::X86_64, ami());
    trial.passed = true;
    let load = Load { trials: vec![trial], ..Load::default() };
    let turn = |queued_at: &str| {
        let build =
            Queued { base_image_id: Some(ami()), queued_at: at(queued_at), ..queued("python-ml", Urgency::High, 420) };
        turn_of(&build, &Ledger::default(), &load, &Policy::default(), at(NOON))
    };
    assert!(matches!(turn("2026-11-22T17:00:00Z"), Turn::Go { .. }), "its slot was in the night before");
    assert!(matches!(turn("2026-11-23T11:00:00Z"), Turn::Wait { .. }), "its slot is in the next night");
}

#[test]
fn a_build_on_an_image_that_does_not_exist_any_more_waits_for_another_one() {
    let gone = serde_json::json!({
        "id": { "name": "debian-12", "architecture": "x86_64", "region": "us-east-1" }, "kind": "absent",
        "detail": "names ami-00000002, which does not exist any more", "since": NIGHT, "told_at": null,
        "gone": "ami-00000002",
    });
    let load = Load { gone: vec![serde_json::from_value(gone).unwrap()], ..Load::default() };
    let turn = |base_image_id| {
        let build = Queued { base_image_id, ..queued("python-ml", Urgency::High, 420) };
        turn_of(&build, &Ledger::default(), &load, &Policy::default(), at(NIGHT))
    };
    let Turn::Wait { reason, .. } = turn(Some(ami())) else { panic!("it should wait") };
    let expected =
        "waits for another image of debian-12, whose parameter names ami-00000002, which does not exist any more";
    assert_eq!(reason, expected);
    assert!(matches!(turn(Some("ami-00000003".parse().unwrap())), Turn::Go { .. }));
    assert!(matches!(turn(None), Turn::Go { .. }));
}

#[test]
fn a_build_whose_time_has_come_goes_with_what_to_reserve() {
    let build = queued("python-ml", Urgency::High, 420);
    let turn = turn_of(&build, &Ledger::default(), &Load::default(), &Policy::default(), at(NIGHT));
    let Turn::Go { source: BudgetSource::Daily, bookings } = turn else { panic!("{turn:?}") };
    assert_eq!(
        bookings.iter().map(|b| b.period.to_string()).collect::<Vec<_>>(),
        ["daily#2026-11-23", "monthly#2026-11"]
    );
    assert!(bookings.iter().all(|b| b.amount == cents(420)));
}

#[test]
fn a_build_waits_for_its_window_and_says_so() {
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::High, 420), &Ledger::default(), &Policy::default(), "2026-11-23T17:00:00Z"),
        @"2026-11-24T02:00:00Z: waits for the off-peak window, which opens 02:00 UTC");
}

#[test]
fn a_build_waits_for_money_until_it_and_its_window_are_there() {
    let policy = Policy::default();
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::High, 420), &committed("daily#2026-11-23", 2_190), &policy, NIGHT),
        @"2026-11-24T02:00:00Z: waits for tomorrow's daily budget: $3.10 of $25.00 is left and the build needs $4.20");
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::Normal, 420), &committed("monthly#2026-11", 49_690), &policy, NIGHT),
        @"2026-11-24T03:00:00Z: waits for next month's budget: $3.10 of $500.00 is left and the build needs $4.20");
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::Critical, 420), &committed("emergency#2026-11", 5_100), &policy, NIGHT),
        @"go: daily");
    let policy = Policy { emergency_overflow: false, ..policy };
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::Critical, 420), &committed("emergency#2026-11", 5_100), &policy, NIGHT),
        @"2026-11-24T03:00:00Z: waits for next month's emergency budget: $0.00 of $50.00 is left and the build needs $4.20; raise emergency_budget in the policy to start it now");
}

#[test]
fn a_build_that_no_budget_can_ever_pay_says_which_limit_to_raise() {
    insta::assert_snapshot!(told(&queued("python-ml", Urgency::High, 2_501), &Ledger::default(), &Policy::default(), NIGHT),
        @"2026-11-24T03:00:00Z: needs $25.01, more than the whole daily budget of $25.00: raise daily_budget in the policy to build it");
}

#[test]
fn a_build_over_its_own_limit_or_of_a_disabled_template_stops() {
    let mut build = queued("python-ml", Urgency::High, 850);
    build.max_cost = Some(cents(800));
    insta::assert_snapshot!(told(&build, &Ledger::default(), &Policy::default(), NIGHT),
        @"stops, since it would cost $8.50 and may cost $8.00 at most");
    build.disabled = Some("prefer-fresh-builds".to_owned());
    insta::assert_snapshot!(told(&build, &Ledger::default(), &Policy::default(), NIGHT),
        @"stops, since its template is disabled: prefer-fresh-builds");
}

#[test]
fn a_build_waits_for_a_person_and_stops_if_that_rejects_it() {
    let mut policy = Policy { emergency_needs_approval: true, ..Policy::default() };
    let mut build = queued("python-ml", Urgency::Critical, 850);
    build.demand.causes.urgent_request = Some("exam".parse().unwrap());
    insta::assert_snapshot!(told(&build, &Ledger::default(), &policy, NIGHT),
        @"2026-11-24T03:00:00Z: waits for approval of $8.50 of emergency money: prism builds approve python-ml-x86_64-1");
    policy.emergency_needs_approval = false;
    assert_eq!(told(&build, &Ledger::default(), &policy, NIGHT), "go: emergency");
    build.ends = Some("was rejected: exam week".to_owned());
    assert_eq!(told(&build, &Ledger::default(), &policy, NIGHT), "was rejected: exam week");
}

#[test]
fn a_build_waits_for_a_free_builder() {
    let build = queued("python-ml", Urgency::Critical, 100);
    let turn = turn_of(&build, &Ledger::default(), &load(5), &Policy::default(), at(NIGHT));
    let reason = "waits for a free builder: 5 of 5 builds are running".to_owned();
    assert_eq!(turn, Turn::Wait { until: at("2026-11-23T04:00:00Z"), waits_for: WaitsFor::Builder, reason });
}

fn unreadable(sk: &str) -> UnreadableRecord {
    UnreadableRecord::new("prism-state", "LEDGER", sk, Some("committed"), "expected num")
}

#[test]
fn an_unreadable_balance_holds_back_the_builds_that_it_would_pay_for_and_no_other() {
    let day = "daily#2026-11-23";
    let ledger = Ledger { unreadable: [(day.parse().unwrap(), unreadable(day))].into(), ..Ledger::default() };
    let turn = |urgency| told(&queued("python-ml", urgency, 100), &ledger, &Policy::default(), NIGHT);
    insta::assert_snapshot!(turn(Urgency::High), @"2026-11-23T04:00:00Z: waits, since the record LEDGER daily#2026-11-23 in the table prism-state cannot be read: field committed: expected num");
    assert_eq!((turn(Urgency::Critical).as_str(), turn(Urgency::Normal).as_str()), ("go: emergency", "go: monthly"));
}

#[test]
fn nothing_starts_while_nobody_knows_how_many_builds_run() {
    let ledger = Ledger { unreadable_counter: Some(unreadable("running")), ..Ledger::default() };
    for urgency in [Urgency::Critical, Urgency::High, Urgency::Normal] {
        let turn = told(&queued("python-ml", urgency, 100), &ledger, &Policy::default(), NIGHT);
        assert!(turn.starts_with("2026-11-23T04:00:00Z: waits, since the record LEDGER running in"), "{turn}");
    }
}

#[test]
fn the_most_urgent_take_what_there_is_and_the_rest_wait() {
    let policy = Policy { max_concurrent_builds: 3, ..Policy::default() };
    let mut soon = queued("c-soon", Urgency::High, 900);
    soon.demand.deadline = at("2026-12-01T00:00:00Z");
    let mut popular = queued("b-popular", Urgency::High, 900);
    popular.demand.priority = 90;
    let queue = [
        queued("f-normal", Urgency::Normal, 900),
        queued("e-normal", Urgency::Normal, 900),
        queued("d-high", Urgency::High, 900),
        popular,
        soon,
        queued("a-critical", Urgency::Critical, 900),
    ];
    let turns = schedule(&queue, &Ledger::default(), &load(0), &policy, at(NIGHT));
    let lines: Vec<String> = turns
        .iter()
        .map(|(build, turn)| match turn {
            Turn::Go { source, .. } => format!("{build} goes: {source}"),
            Turn::Wait { reason, .. } | Turn::Stop { reason } => format!("{build} {reason}"),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    a-critical-x86_64-1 goes: emergency
    c-soon-x86_64-1 goes: daily
    b-popular-x86_64-1 goes: daily
    d-high-x86_64-1 waits for tomorrow's daily budget: $7.00 of $25.00 is left and the build needs $9.00
    e-normal-x86_64-1 waits for a free builder: 0 of 3 builds are running and 3 are about to start
    f-normal-x86_64-1 waits for a free builder: 0 of 3 builds are running and 3 are about to start
    ");
}

#[test]
fn a_build_counts_once_in_its_queue_and_by_what_it_costs_now() {
    let policy = Policy { max_concurrent_builds: 2, ..Policy::default() };
    let (first, queued) = (queued("a-first", Urgency::Critical, 100), queued("python-ml", Urgency::High, 420));
    let queue = [first, queued.clone()];
    let turn = |queued: &Queued| turn_in_queue(&queue, queued, &Ledger::default(), &load(0), &policy, at(NIGHT));
    assert!(is_go(&turn(&queued)), "of two builders one is left");
    let dearer = Expectation { duration: SignedDuration::from_mins(10), cost: cents(2_501) };
    let Turn::Wait { reason, .. } = turn(&queued.clone().frozen_as(&ami(), dearer, None)) else {
        panic!("it has no money")
    };
    assert!(reason.starts_with("needs $25.01"), "{reason}");
    let Turn::Stop { reason } = turn(&queued.frozen_as(&ami(), dearer, Some(cents(500)))) else {
        panic!("it costs too much")
    };
    assert_eq!(reason, "stops, since it would cost $25.01 and may cost $5.00 at most");
}

type Drawn = (Urgency, BuildTrigger, u8, i64, Option<i64>, i64, bool, Option<i64>);

fn any_queue() -> impl Strategy<Value = Vec<Queued>> {
    let urgency = prop::sample::select(vec![Urgency::Low, Urgency::Normal, Urgency::High, Urgency::Critical]);
    let trigger = prop::sample::select(vec![BuildTrigger::Popularity, BuildTrigger::Security, BuildTrigger::Manual]);
    let max_cost = prop::option::weighted(0.2, 0..2_000_i64);
    let build = (
        urgency,
        trigger,
        0..=100_u8,
        0..2_000_i64,
        max_cost,
        -48..240_i64,
        prop::bool::weighted(0.8),
        prop::option::weighted(0.1, 0..48_i64),
    );
    prop::collection::vec(build, 0..25).prop_map(|builds| {
        let build = |(number, (urgency, trigger, priority, cost, max_cost, due, by_hand, later)): (usize, Drawn)| {
            let mut queued = queued(&format!("template-{number}"), urgency, cost);
            queued.demand = Demand {
                trigger,
                priority,
                by_hand,
                deadline: after(at(NIGHT), SignedDuration::from_hours(due)),
                not_before: later.map(|hours| crate::soak::Soak {
                    until: after(at(NIGHT), SignedDuration::from_hours(hours)),
                    update: "ubuntu-22.04/x86_64/us-east-1/1".parse().unwrap(),
                    age: SignedDuration::from_hours(48),
                }),
                ..queued.demand
            };
            queued.max_cost = max_cost.map(cents);
            queued.disabled = (number % 11 == 10).then(|| "by hand".to_owned());
            queued
        };
        builds.into_iter().enumerate().map(build).collect()
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let zone = prop::sample::select(vec!["UTC", "America/New_York", "Pacific/Apia"]);
    (zone, 0..6_000_i64, 0..9_000_i64, 0..6_000_i64, 1..12_u32, any::<[bool; 2]>()).prop_map(
        |(zone, daily, monthly, emergency, cap, [off_peak, approval])| {
            let budgets = BudgetLimits { daily: cents(daily), monthly: cents(monthly), emergency: cents(emergency) };
            Policy {
                zone: zone.parse().unwrap(),
                budgets,
                max_concurrent_builds: cap,
                prefer_off_peak: off_peak,
                emergency_needs_approval: approval,
                ..Policy::default()
            }
        },
    )
}

/// What is committed already, over the limit now and then, in the periods of the instant.
fn any_ledger(now: Timestamp, policy: &Policy, amounts: [i64; 3]) -> Ledger {
    let sources = [BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency];
    let mut ledger = Ledger::default();
    for (source, amount) in sources.into_iter().zip(amounts) {
        let period = periods(source, now, &policy.zone)[0];
        ledger.balances.insert(period, Balance { committed: cents(amount), spent: MicroDollars::ZERO });
    }
    ledger
}

/// The same policy with so many cents more a day, a month and for emergencies.
fn richer(policy: &Policy, [daily, monthly, emergency]: [i64; 3]) -> Policy {
    let budgets = BudgetLimits {
        daily: policy.budgets.daily + cents(daily),
        monthly: policy.budgets.monthly + cents(monthly),
        emergency: policy.budgets.emergency + cents(emergency),
    };
    Policy { budgets, ..policy.clone() }
}

fn is_go(turn: &Turn) -> bool {
    matches!(turn, Turn::Go { .. })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn no_schedule_overspends_or_overloads_and_every_build_has_one_turn(
        queue in any_queue(), policy in any_policy(), amounts in prop::array::uniform3(0..4_000_i64),
        running in 0..10_u32, hour in 0..48_i64,
    ) {
        let now = after(at(NIGHT), SignedDuration::from_hours(hour));
        let mut ledger = any_ledger(now, &policy, amounts);
        let turns = schedule(&queue, &ledger, &load(running), &policy, now);

        let named: BTreeSet<&BuildId> = turns.iter().map(|(build, _)| build).collect();
        prop_assert_eq!(turns.len(), queue.len());
        prop_assert_eq!(named.len(), queue.len());
        let going = turns.iter().filter(|(_, turn)| is_go(turn)).count();
        prop_assert!(going <= policy.max_concurrent_builds.saturating_sub(running) as usize);

        for (_, turn) in &turns {
            match turn {
                Turn::Go { bookings, .. } => {
                    ledger.apply(&bookings.iter().map(Booking::adjustment).collect::<Vec<_>>());
                    for booking in bookings {
                        prop_assert!(ledger.balance(booking.period).committed <= booking.period.limit(&policy));
                    }
                }
                Turn::Wait { until, reason, .. } => {
                    prop_assert!(*until > now && *until <= after(now, LONGEST_WAIT), "{until} {reason}");
                }
                Turn::Stop { .. } => {}
            }
        }
    }

    /// Whatever became of the template, the regions and the policy since the build was queued.
    #[test]
    fn what_a_build_costs_beyond_its_reservation_is_the_time_beyond_what_was_expected(
        queue in any_queue(), policy in any_policy(), rich in 0..2_000_000_i64, limit in prop::option::of(0..2_000_000_i64),
        price in 0..3_000_000_i64, gb in 1..20_000_u32, regions in 1..12_usize, kept in any::<bool>(),
        expected in 600..60_000_i64, ran in 0..90_000_i64,
    ) {
        let budgets = BudgetLimits { daily: cents(rich), monthly: cents(rich), emergency: cents(rich) };
        let policy = Policy { budgets, ..policy };
        let rates = Rates { builder_per_hour: MicroDollars(price), root_volume_gb: gb };
        let duration = SignedDuration::from_secs(expected);
        let cost = estimate(rates, duration, regions);
        let limit = limit.map(cents);
        for queued in &queue {
            let frozen = queued.clone().frozen_as(&ami(), Expectation { duration, cost }, limit);
            let turn = turn_in_queue(&queue, &frozen, &Ledger::default(), &load(0), &policy, at(NIGHT));
            let Turn::Go { source, bookings } = turn else { continue };
            let reservation = Reservation::open(source, &bookings);
            prop_assert!(limit.is_none_or(|most| reservation.amount <= most));
            for booking in &bookings {
                prop_assert!(booking.amount == reservation.amount && reservation.amount <= booking.period.limit(&policy));
            }
            let settled = actual(rates, SignedDuration::from_secs(ran), if kept { regions } else { 0 });
            let longer = rates.builder_per_hour.per_hour_for(ran.max(60) - expected);
            prop_assert!(settled - reservation.amount <= longer, "{settled} of {}", reservation.amount);
        }
    }

    #[test]
    fn the_order_of_the_queue_does_not_matter(queue in any_queue(), policy in any_policy(), rotate in 0..25_usize) {
        let mut other = queue.clone();
        other.reverse();
        let middle = rotate % other.len().max(1);
        other.rotate_left(middle);
        let turns = |queue: &[Queued]| schedule(queue, &Ledger::default(), &Load::default(), &policy, at(NIGHT));
        prop_assert_eq!(turns(&queue), turns(&other));
    }

    #[test]
    fn more_money_takes_a_start_away_only_for_a_build_further_ahead_that_starts_or_that_takes_other_money(
        queue in any_queue(), policy in any_policy(), amounts in prop::array::uniform3(0..4_000_i64), more in prop::array::uniform3(0..4_000_i64),
    ) {
        let richer = richer(&policy, more);
        let ledger = any_ledger(at(NIGHT), &policy, amounts);
        let turns = |policy: &Policy| schedule(&queue, &ledger, &Load::default(), policy, at(NIGHT));
        let (before, after) = (turns(&policy), turns(&richer));
        let paid_by = |turn: &Turn| match turn {
            Turn::Go { source, .. } => Some(*source),
            Turn::Wait { .. } | Turn::Stop { .. } => None,
        };
        let first_change = before.iter().zip(&after).find(|(one, other)| paid_by(&one.1) != paid_by(&other.1));
        prop_assert!(first_change.is_none_or(|(_, richer)| is_go(&richer.1)), "{:?}", first_change);
    }

    #[test]
    fn more_money_or_less_load_never_keeps_a_lone_build_from_starting(
        queue in any_queue(), policy in any_policy(), amounts in prop::array::uniform3(0..4_000_i64), more in prop::array::uniform3(0..4_000_i64), running in 1..12_u32,
    ) {
        let richer = richer(&policy, more);
        let ledger = any_ledger(at(NIGHT), &policy, amounts);
        for build in &queue {
            if is_go(&turn_of(build, &ledger, &load(running), &policy, at(NIGHT))) {
                let better = turn_of(build, &ledger, &load(running - 1), &richer, at(NIGHT));
                prop_assert!(is_go(&better), "{:?}", better);
            }
        }
    }

    #[test]
    fn who_would_not_go_alone_does_not_go_in_a_queue(
        queue in any_queue(), policy in any_policy(), amounts in prop::array::uniform3(0..4_000_i64), running in 0..12_u32,
    ) {
        let (ledger, load) = (any_ledger(at(NIGHT), &policy, amounts), load(running));
        let turns = schedule(&queue, &ledger, &load, &policy, at(NIGHT));
        for build in queue.iter().filter(|build| !is_go(&turn_of(build, &ledger, &load, &policy, at(NIGHT)))) {
            let told = turns.iter().find(|(id, _)| *id == build.build);
            prop_assert!(told.is_some_and(|(_, turn)| !is_go(turn)), "{:?}", told);
        }
    }

    #[test]
    fn a_build_waits_at_most_until_it_goes_or_is_told_something_new(queue in any_queue(), policy in any_policy()) {
        // Woken at the time that it was given, a build that waited for a window alone starts.
        for build in &queue {
            if let Turn::Wait { until, reason, .. } = turn_of(build, &Ledger::default(), &Load::default(), &policy, at(NIGHT)) {
                let again = turn_of(build, &Ledger::default(), &Load::default(), &policy, until);
                prop_assert!(!reason.contains("window") || until >= after(at(NIGHT), LONGEST_WAIT)
                    || is_go(&again) || matches!(&again, Turn::Wait { reason, .. } if !reason.contains("window")), "{reason} then {again:?}");
            }
        }
    }
}
