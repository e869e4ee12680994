use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::approval::{Approval, Causes};
use crate::duration::after;
use crate::fixtures::{self, at, cents, target};
use crate::ledger::{Balance, BudgetSource, Ledger, periods};
use crate::policy::BudgetLimits;
use crate::schedule::{Load, Turn, turn_of};

const MORNING: &str = "2026-11-23T10:00:00Z";

/// A build that costs $4 and is due in a day.
fn build(permits: Vec<Permit>) -> Queued {
    let demand = fixtures::demand(Urgency::Normal, "2026-11-24T10:00:00Z");
    Queued { permits, ..fixtures::queued(target("python-ml").build(1), demand, MORNING, 400) }
}

fn permit(urgency: Urgency) -> Permit {
    Permit::demanded(&fixtures::demand(urgency, "2026-11-24T10:00:00Z"))
}

fn told(queued: &Queued, policy: &Policy, now: &str) -> String {
    match turn_of(queued, &Ledger::default(), &Load::default(), policy, at(now)) {
        Turn::Go { source, .. } => format!("go: {source}"),
        Turn::Wait { until, reason, .. } => format!("{until}: {reason}"),
        Turn::Stop { reason } => reason,
    }
}

/// When a build that is alone starts: asked again whenever it is told to look again, for forty days.
fn starts(queued: &Queued, ledger: &Ledger, policy: &Policy) -> Option<Timestamp> {
    let mut now = at(MORNING);
    while now < after(at(MORNING), SignedDuration::from_hours(40 * 24)) {
        match turn_of(queued, ledger, &Load::default(), policy, now) {
            Turn::Go { .. } => return Some(now),
            Turn::Wait { until, .. } => now = until,
            Turn::Stop { .. } => return None,
        }
    }
    None
}

fn with_emergency(emergency: i64) -> Policy {
    let budgets = BudgetLimits { emergency: cents(emergency), ..Policy::default().budgets };
    Policy { budgets, ..Policy::default() }
}

#[test]
fn a_medium_update_that_turns_out_to_be_high_still_starts_on_the_month_s_money() {
    let medium = permit(Urgency::Normal).added_to(Vec::new());
    assert_eq!(told(&build(medium.clone()), &Policy::default(), MORNING), "go: monthly");
    let high = build(permit(Urgency::High).added_to(medium));
    assert_eq!(told(&high, &Policy::default(), MORNING), "go: monthly");
    assert!(
        told(&build(vec![permit(Urgency::High)]), &Policy::default(), MORNING)
            .contains("waits for the off-peak window")
    );
}

#[test]
fn a_critical_build_without_emergency_money_starts_as_a_high_one_and_says_so() {
    let critical = build(vec![permit(Urgency::Critical)]);
    assert_eq!(told(&critical, &with_emergency(400), MORNING), "go: emergency");
    insta::assert_snapshot!(told(&critical, &with_emergency(300), MORNING), @"2026-11-24T02:00:00Z: waits for the off-peak window, which opens 02:00 UTC; emergency money does not pay for it: $3.00 of $3.00 is left and the build needs $4.00; raise emergency_budget in the policy to start it now");
    assert_eq!(told(&critical, &with_emergency(300), "2026-11-24T02:00:00Z"), "go: daily");
    let strict = Policy { emergency_overflow: false, ..with_emergency(300) };
    assert!(told(&critical, &strict, MORNING).starts_with("2026-11-24T10:00:00Z: needs $4.00, more than the whole"));
}

#[test]
fn a_critical_build_that_waits_for_its_approval_starts_as_a_high_one_and_a_person_s_urgent_one_does_not() {
    let policy = Policy { emergency_needs_approval: true, ..Policy::default() };
    let critical = build(vec![permit(Urgency::Critical)]);
    insta::assert_snapshot!(told(&critical, &policy, MORNING), @"2026-11-24T02:00:00Z: waits for the off-peak window, which opens 02:00 UTC; to start it at once: prism builds approve python-ml-x86_64-1");
    assert_eq!(told(&critical, &policy, "2026-11-24T02:00:00Z"), "go: daily");
    let urgent = Permit { urgent_request: true, by_hand: true, ..permit(Urgency::Critical) };
    let by_hand = build(vec![urgent.clone()]);
    assert!(told(&by_hand, &policy, "2026-11-24T02:00:00Z").contains("waits for approval of $4.00 of emergency money"));
    let with_an_update = build(permit(Urgency::High).added_to(vec![urgent]));
    assert_eq!(told(&with_an_update, &policy, "2026-11-24T02:00:00Z"), "go: daily");
}

#[test]
fn a_low_update_that_waits_for_approval_beside_what_a_person_asked_for_asks_for_nothing() {
    let by_hand = Permit { by_hand: true, ..permit(Urgency::Normal) };
    let both = build(permit(Urgency::Low).added_to(vec![by_hand]));
    let policy = Policy { prefer_off_peak: true, ..Policy::default() };
    let told = told(&both, &policy, MORNING);
    assert!(told.contains("waits for the off-peak window") && !told.contains("approve"), "{told}");
    assert_eq!(crate::approving::needs_approval(&both, &policy), None);
}

#[test]
fn a_limit_of_one_level_stops_nothing_that_another_level_lets_start() {
    let mut policy = with_emergency(1000);
    policy.max_cost_by_level.critical = Some(cents(100));
    let of = |level: SecurityLevel| Permit { max_cost_level: Some(level), ..permit(level.into()) };
    let critical = build(vec![of(SecurityLevel::Critical)]);
    assert_eq!(told(&critical, &policy, MORNING), "stops, since it would cost $4.00 and may cost $1.00 at most");
    let raised = build(of(SecurityLevel::Critical).added_to(vec![of(SecurityLevel::Medium)]));
    assert_eq!(told(&raised, &policy, MORNING), "go: monthly");
}

#[test]
fn two_permits_of_a_kind_become_one_that_lets_the_build_do_what_either_does() {
    let one = Permit { max_cost: Some(cents(300)), ..permit(Urgency::High) };
    let other = Permit { max_cost: None, by_hand: true, deadline: at("2026-11-23T18:00:00Z"), ..permit(Urgency::High) };
    let [both] = other.clone().added_to(vec![one]).try_into().unwrap();
    assert_eq!(both, other);
}

fn any_permit() -> impl Strategy<Value = Permit> {
    let urgency = prop::sample::select(vec![Urgency::Low, Urgency::Normal, Urgency::High, Urgency::Critical]);
    let soak = prop::option::of(1..80_i64);
    let cap = prop::option::of(100..900_i64);
    (urgency, 0..=100_u8, any::<[bool; 3]>(), -20..200_i64, soak, cap).prop_map(
        |(urgency, priority, [off_peak_only, by_hand, urgent_request], due, soak, cap)| Permit {
            urgency,
            priority,
            off_peak_only,
            deadline: after(at(MORNING), SignedDuration::from_hours(due)),
            not_before: soak.map(|hours| Soak {
                until: after(at(MORNING), SignedDuration::from_hours(hours)),
                update: "ubuntu-22.04/x86_64/us-east-1/1".parse().unwrap(),
                age: SignedDuration::from_hours(48),
            }),
            by_hand,
            urgent_request: urgent_request && urgency == Urgency::Critical,
            max_cost: cap.map(cents),
            max_cost_level: None,
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    (any::<[bool; 5]>(), prop::array::uniform3(0..900_i64)).prop_map(
        |([off_peak, emergency, low, overflow, urgent_window], [daily, monthly, of_emergencies])| Policy {
            prefer_off_peak: off_peak,
            emergency_needs_approval: emergency,
            low_needs_approval: low,
            emergency_overflow: overflow,
            urgent_window: urgent_window.then(|| "12:00-14:00".parse().unwrap()),
            budgets: BudgetLimits { daily: cents(daily), monthly: cents(monthly), emergency: cents(of_emergencies) },
            ..Policy::default()
        },
    )
}

fn any_ledger() -> impl Strategy<Value = Ledger> {
    prop::array::uniform3(0..900_i64).prop_map(|amounts| {
        let mut ledger = Ledger::default();
        for (source, amount) in
            [BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency].into_iter().zip(amounts)
        {
            let period = periods(source, at(MORNING), &Policy::default().zone)[0];
            ledger.balances.insert(period, Balance { committed: cents(amount), spent: MicroDollars::ZERO });
        }
        ledger
    })
}

fn is_later(one: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    one.unwrap_or(Timestamp::MAX) > other.unwrap_or(Timestamp::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn one_more_request_never_makes_a_lone_build_later(
        permits in prop::collection::vec(any_permit(), 1..4), more in any_permit(), policy in any_policy(), ledger in any_ledger(),
    ) {
        let permits = permits.into_iter().fold(Vec::new(), |all, permit| permit.added_to(all));
        let (before, after) = (build(permits.clone()), build(more.added_to(permits)));
        let (one, other) = (starts(&before, &ledger, &policy), starts(&after, &ledger, &policy));
        prop_assert!(!is_later(other, one), "{one:?}, then {other:?}");
    }

    #[test]
    fn an_approval_more_money_or_a_nearer_deadline_never_makes_a_lone_build_later(
        permits in prop::collection::vec(any_permit(), 1..4), policy in any_policy(), ledger in any_ledger(),
        more in prop::array::uniform3(0..900_i64), sooner in 0..100_i64,
    ) {
        let permits = permits.into_iter().fold(Vec::new(), |all, permit| permit.added_to(all));
        let lone = build(permits.clone());
        let before = starts(&lone, &ledger, &policy);
        let causes = Causes { source_hash: Some("0123456789ab".into()), ..Causes::default() };
        let approval = Approval {
            build: lone.build.clone(), causes, urgency: Urgency::Critical, amount: lone.estimate,
            execution: "arn".into(), reason: None, at: at(MORNING),
        };
        let approved = Queued { approval: Some(approval), ..lone.clone() };
        prop_assert!(!is_later(starts(&approved, &ledger, &policy), before), "approved");
        let BudgetLimits { daily, monthly, emergency } = policy.budgets;
        let [a, b, c] = more.map(cents);
        let budgets = BudgetLimits { daily: daily + a, monthly: monthly + b, emergency: emergency + c };
        let richer = Policy { budgets, ..policy.clone() };
        prop_assert!(!is_later(starts(&lone, &ledger, &richer), before), "richer");
        let nearer = permits.into_iter().map(|permit| {
            let deadline = crate::duration::before(permit.deadline, SignedDuration::from_hours(sooner));
            Permit { deadline, ..permit }
        });
        prop_assert!(!is_later(starts(&build(nearer.collect()), &ledger, &policy), before), "due sooner");
    }
}
