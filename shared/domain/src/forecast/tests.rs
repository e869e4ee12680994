use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::architecture::Architecture;
use crate::duration::after;
use crate::fixtures::{self, at, cents, target};
use crate::id::AmiId;
use crate::ledger::{Balance, Booking, periods};
use crate::level::Urgency;
use crate::money::MicroDollars;
use crate::permit::Permit;
use crate::policy::BudgetLimits;
use crate::request::BuildTrigger;
use crate::schedule::{Turn, schedule};
use crate::slot::Demand;
use crate::soak::Soak;
use crate::trial::{Trial, TrialState};

const MORNING: &str = "2026-11-23T10:00:00Z";

fn image() -> AmiId {
    "ami-00000002".parse().unwrap()
}

fn build(number: usize, urgency: Urgency, cost: i64) -> Queued {
    let demand = Demand { by_hand: true, ..fixtures::demand(urgency, "2026-12-23T00:00:00Z") };
    fixtures::queued(target(&format!("t{number}")).build(1), demand, "2026-11-22T00:00:00Z", cost)
}

fn told(queue: &[Queued], running: &[Running], policy: &Policy) -> Vec<String> {
    let told = |outlook: Outlook| match outlook.start {
        Some(Foreseen { at, source, .. }) => format!("{} {at} {source}", outlook.build),
        None => format!("{} never", outlook.build),
    };
    forecast(queue, running, &Ledger::default(), &Load::default(), policy, at(MORNING)).into_iter().map(told).collect()
}

fn with_daily(daily: i64) -> Policy {
    Policy { budgets: BudgetLimits { daily: cents(daily), ..Policy::default().budgets }, ..Policy::default() }
}

#[test]
fn a_hundred_builds_with_money_for_five_a_night_take_twenty_nights() {
    let queue: Vec<Queued> = (0..100).map(|number| build(number, Urgency::High, 102)).collect();
    let foreseen = forecast(&queue, &[], &Ledger::default(), &Load::default(), &with_daily(520), at(MORNING));
    let mut nights: BTreeMap<String, usize> = BTreeMap::new();
    for outlook in &foreseen {
        *nights.entry(outlook.start.unwrap().at.to_string()[..10].to_owned()).or_default() += 1;
    }
    assert_eq!((nights.len(), nights.values().copied().max()), (20, Some(5)), "{nights:?}");
    assert_eq!(nights.keys().next_back().map(String::as_str), Some("2026-12-13"));
}

#[test]
fn builds_follow_each_other_on_the_builders_that_there_are() {
    let queue: Vec<Queued> = (0..4).map(|number| build(number, Urgency::Normal, 100)).collect();
    let running = [Running { build: target("t9").build(1), ends: at("2026-11-23T10:20:00Z") }];
    let policy = Policy { max_concurrent_builds: 2, ..Policy::default() };
    insta::assert_snapshot!(told(&queue, &running, &policy).join("\n"), @"
    t0-x86_64-1 2026-11-23T10:00:00Z monthly
    t1-x86_64-1 2026-11-23T10:20:00Z monthly
    t2-x86_64-1 2026-11-23T10:45:00Z monthly
    t3-x86_64-1 2026-11-23T11:05:00Z monthly
    ");
}

#[test]
fn what_no_budget_ever_pays_for_and_what_nobody_has_approved_never_starts() {
    let low = Queued { demand: fixtures::demand(Urgency::Low, "2026-12-23T00:00:00Z"), ..build(2, Urgency::Low, 100) };
    let queue = [build(1, Urgency::High, 60), low];
    assert_eq!(told(&queue, &[], &with_daily(50)), ["t1-x86_64-1 never", "t2-x86_64-1 never"]);
}

/// What the schedule itself does, asked again whenever a build ends or somebody is to be looked at again.
fn replayed(queue: &[Queued], running: &[Running], ledger: &Ledger, load: &Load, policy: &Policy) -> Vec<Outlook> {
    let (mut now, last) = (at(MORNING), after(at(MORNING), SignedDuration::from_hours(366 * 24)));
    let (mut waiting, mut ledger, mut load) = (queue.to_vec(), ledger.clone(), load.clone());
    let mut ends: Vec<(Timestamp, BuildId, Option<AmiId>)> =
        running.iter().map(|one| (one.ends, one.build.clone(), None)).collect();
    let mut starts = BTreeMap::new();
    while now < last {
        load.running = u32::try_from(ends.len()).unwrap();
        let mut next = last;
        for (build, turn) in schedule(&waiting, &ledger, &load, policy, now) {
            match turn {
                Turn::Wait { until, .. } => next = next.min(until),
                Turn::Stop { .. } => waiting.retain(|queued| queued.build != build),
                Turn::Go { source, bookings } => {
                    let index = waiting.iter().position(|queued| queued.build == build).unwrap();
                    let queued = waiting.remove(index);
                    ledger.apply(&bookings.iter().map(Booking::adjustment).collect::<Vec<_>>());
                    let end = after(now, queued.demand.expected);
                    starts.insert(build.clone(), Foreseen { at: now, ends: end, source });
                    for trial in
                        load.trials.iter_mut().filter(|trial| Some(&trial.image_id) == queued.base_image_id.as_ref())
                    {
                        *trial = trial.clone().after_start(&build, now);
                    }
                    ends.push((end, build, queued.base_image_id));
                    next = now;
                }
            }
        }
        if next > now {
            now = ends.iter().map(|(at, ..)| *at).chain([next]).min().unwrap();
        }
        let (over, still): (Vec<_>, Vec<_>) = ends.into_iter().partition(|(at, ..)| *at <= now);
        ends = still;
        for (_, build, image) in over {
            for trial in &mut load.trials {
                trial.passed |= Some(&trial.image_id) == image.as_ref() || trial.first.contains(&build);
            }
        }
        if waiting.is_empty() {
            break;
        }
    }
    let mut ordered: Vec<&Queued> = queue.iter().collect();
    ordered.sort_by_cached_key(|queued| queued.place(policy));
    let outlook = |queued: &Queued| Outlook { build: queued.build.clone(), start: starts.get(&queued.build).copied() };
    ordered.into_iter().map(outlook).collect()
}

fn any_permits() -> impl Strategy<Value = Vec<Permit>> {
    let urgency = prop::sample::select(vec![Urgency::Low, Urgency::Normal, Urgency::High, Urgency::Critical]);
    let trigger = prop::sample::select(vec![BuildTrigger::Security, BuildTrigger::Scheduled]);
    let permit =
        (urgency, trigger, 0..100_u8, -30..200_i64, prop::option::of(1..90_i64), prop::option::of(100..900_i64));
    let permit = permit.prop_map(|(urgency, trigger, priority, due, soak, cap)| {
        let demand = Demand { priority, trigger, ..fixtures::demand(urgency, MORNING) };
        Permit {
            deadline: after(at(MORNING), SignedDuration::from_hours(due)),
            max_cost: cap.map(cents),
            not_before: soak.map(|hours| Soak {
                until: after(at(MORNING), SignedDuration::from_hours(hours)),
                update: "ubuntu-22.04/x86_64/us-east-1/1".parse().unwrap(),
                age: SignedDuration::from_hours(48),
            }),
            ..Permit::demanded(&demand)
        }
    });
    prop::collection::vec(permit, 1..3)
}

fn any_queue() -> impl Strategy<Value = Vec<Queued>> {
    let fields = (any_permits(), 0..900_i64, 20..300_i64, any::<[bool; 3]>(), -90..0_i64);
    prop::collection::vec(fields, 1..25).prop_map(|builds| {
        let any_build = |(number, (permits, cost, minutes, [is_again, is_tried, by_hand], age)): (
            usize,
            (Vec<Permit>, _, _, [bool; 3], i64),
        )| {
            let mut queued = build(number, Urgency::Normal, cost);
            queued.demand = Demand {
                by_hand: by_hand && number % 4 == 0,
                expected: SignedDuration::from_mins(minutes),
                deadline: permits.iter().map(|permit| permit.deadline).min().unwrap(),
                ..queued.demand
            };
            let permits = permits.into_iter().fold(Vec::new(), |all, permit| permit.added_to(all));
            Queued {
                permits,
                is_again: is_again && number % 5 == 0,
                base_image_id: is_tried.then(image),
                queued_at: after(at(MORNING), SignedDuration::from_hours(age)),
                ..queued
            }
        };
        builds.into_iter().enumerate().map(any_build).collect()
    })
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let zone = prop::sample::select(vec!["UTC", "America/New_York", "Pacific/Apia"]);
    (zone, prop::array::uniform3(0..2_000_i64), 1..6_u32, any::<[bool; 3]>()).prop_map(
        |(zone, [daily, monthly, emergency], cap, [off_peak, urgent, overflow])| Policy {
            zone: zone.parse().unwrap(),
            budgets: BudgetLimits { daily: cents(daily), monthly: cents(3 * monthly), emergency: cents(emergency) },
            max_concurrent_builds: cap,
            prefer_off_peak: off_peak,
            urgent_window: urgent.then(|| "11:00-14:00".parse().unwrap()),
            emergency_overflow: overflow,
            ..Policy::default()
        },
    )
}

fn any_trial() -> impl Strategy<Value = Trial> {
    (0..4_usize, any::<bool>(), 0..3_i64).prop_map(|(first, passed, hours)| {
        let mut trial = Trial::new("ubuntu-22.04".parse().unwrap(), Architecture::X86_64, image());
        for number in 0..first {
            trial = trial.after_start(
                &target(&format!("r{number}")).build(1),
                after(at(MORNING), SignedDuration::from_hours(-hours)),
            );
        }
        Trial { passed: passed && first > 0, ..trial }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_foreseen_is_what_the_schedule_does_when_it_is_asked_again_and_again(
        queue in any_queue(), policy in any_policy(), trial in prop::option::of(any_trial()), others in 0..3_i64,
        amounts in prop::array::uniform3(0..900_i64),
    ) {
        let first = trial.iter().filter(|trial| trial.state() != TrialState::Passed).flat_map(|trial| trial.first.clone());
        let others = (0..others).map(|number| target(&format!("o{number}")).build(1));
        let ends = |number: i64| after(at(MORNING), SignedDuration::from_mins(7 + 13 * number));
        let running: Vec<Running> = first.chain(others).zip(0..).map(|(build, number)| Running { build, ends: ends(number) }).collect();
        let mut ledger = Ledger::default();
        for (source, amount) in [BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency].into_iter().zip(amounts) {
            let period = periods(source, at(MORNING), &policy.zone)[0];
            ledger.balances.insert(period, Balance { committed: cents(amount), spent: MicroDollars::ZERO });
        }
        let load = Load { trials: trial.into_iter().collect(), ..Load::default() };
        let foreseen = forecast(&queue, &running, &ledger, &load, &policy, at(MORNING));
        prop_assert_eq!(foreseen, replayed(&queue, &running, &ledger, &load, &policy));
    }

    #[test]
    fn the_order_of_the_queue_changes_nothing(queue in any_queue(), policy in any_policy(), rotate in 0..25_usize) {
        let mut other = queue.clone();
        let middle = rotate % other.len();
        other.rotate_left(middle);
        let foreseen = |queue: &[Queued]| forecast(queue, &[], &Ledger::default(), &Load::default(), &policy, at(MORNING));
        prop_assert_eq!(foreseen(&queue), foreseen(&other));
    }
}
