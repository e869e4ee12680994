use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::duration::after;
use crate::fixtures::{self, at, cents, target};
use crate::policy::BudgetLimits;
use crate::slot::Demand;

const MORNING: &str = "2026-11-23T10:00:00Z";

fn build(number: usize, urgency: Urgency, hours: i64) -> Queued {
    let deadline = after(at(MORNING), SignedDuration::from_hours(hours));
    let demand = Demand { deadline, ..fixtures::demand(urgency, MORNING) };
    fixtures::queued(target(&format!("t{number}")).build(1), demand, "2026-11-22T00:00:00Z", 102)
}

fn found(queue: &[Queued], policy: &Policy) -> Option<Remedy> {
    let (ledger, load) = (Ledger::default(), Load::default());
    remedy(&Facts { queue, running: &[], ledger: &ledger, load: &load, policy, now: at(MORNING) })
}

fn with_daily(daily: i64) -> Policy {
    let budgets = BudgetLimits { daily: cents(daily), ..Policy::default().budgets };
    Policy { budgets, max_concurrent_builds: 100, ..Policy::default() }
}

fn told(queue: &[Queued], policy: &Policy) -> String {
    found(queue, policy).map_or_else(String::new, |it| {
        format!("{} ({} of {} late; delays {})", it.change, it.saved, it.late, it.delayed.len())
    })
}

#[test]
fn who_is_late_for_money_is_saved_by_the_money_that_lacks() {
    let queue: Vec<Queued> = (0..20).map(|number| build(number, Urgency::High, 24)).collect();
    assert_eq!(told(&queue, &with_daily(520)), "raise daily_budget by $15.20 in the policy (15 of 15 late; delays 0)");
    assert_eq!(told(&queue, &with_daily(2_040)), "", "all of them are in time");
}

#[test]
fn who_is_late_for_builders_is_saved_by_as_many_as_are_needed() {
    let queue: Vec<Queued> = (0..20).map(|number| build(number, Urgency::High, 18)).collect();
    let policy = Policy { max_concurrent_builds: 2, ..with_daily(10_000) };
    assert_eq!(told(&queue, &policy), "set max_concurrent_builds to 10 in the policy (16 of 16 late; delays 0)");
}

#[test]
fn who_waits_for_approval_is_saved_by_that() {
    let policy = Policy { emergency_needs_approval: true, ..Policy::default() };
    let mut urgent = build(1, Urgency::Critical, 4);
    urgent.demand.causes.urgent_request = Some("exam".parse().unwrap());
    assert_eq!(told(&[urgent], &policy), "prism builds approve t1-x86_64-1 (1 of 1 late; delays 0)");
}

#[test]
fn what_nothing_saves_is_told_no_remedy() {
    assert_eq!(told(&[build(1, Urgency::High, -3)], &Policy::default()), "");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever is told was played: with that change, so many builds more are in time.
    #[test]
    fn a_remedy_saves_as_many_as_it_says_and_a_cent_less_does_not(
        hours in prop::collection::vec(-5..60_i64, 1..15), daily in 0..1_000_i64, builders in 1..5_u32,
    ) {
        let queue: Vec<Queued> =
            hours.into_iter().enumerate().map(|(number, hours)| build(number, Urgency::High, hours)).collect();
        let policy = Policy { max_concurrent_builds: builders, ..with_daily(daily) };
        let (ledger, load) = (Ledger::default(), Load::default());
        let facts = Facts { queue: &queue, running: &[], ledger: &ledger, load: &load, policy: &policy, now: at(MORNING) };
        let Some(Remedy { change, late, saved, .. }) = remedy(&facts) else { return Ok(()) };
        prop_assert!(saved > 0 && saved <= late);
        prop_assert_eq!(facts.late_with(&change), late - saved);
        if let Change::Budget { source, by } = change {
            let less = Change::Budget { source, by: by - MicroDollars(CENT) };
            prop_assert!(facts.late_with(&less) > late - saved);
        }
    }
}
