use proptest::prelude::*;

use super::*;
use crate::duration::after;
use crate::fixtures::{at, cents};

fn noon() -> Timestamp {
    at("2026-11-23T12:00:00Z")
}

fn ledger(committed: &[(&str, i64)]) -> Ledger {
    let balance = |dollars| Balance { committed: MicroDollars::dollars(dollars), spent: MicroDollars::ZERO };
    let balances = committed.iter().map(|(period, d)| (period.parse().unwrap(), balance(*d))).collect();
    Ledger { balances, ..Ledger::default() }
}

#[test]
fn the_last_cent_of_a_budget_can_be_spent() {
    let policy = Policy::default();
    let ledger = ledger(&[("daily#2026-11-23", 20)]);
    let bookings = check(&ledger, BudgetSource::Daily, MicroDollars::dollars(5), noon(), &policy).unwrap();
    assert_eq!(bookings[0].ceiling, MicroDollars::dollars(20));
    assert_eq!(bookings[1].ceiling, MicroDollars::dollars(495));
    let short = check(&ledger, BudgetSource::Daily, cents(501), noon(), &policy).unwrap_err();
    assert_eq!((short.period.to_string().as_str(), short.left()), ("daily#2026-11-23", MicroDollars::dollars(5)));
    assert_eq!(short.available_again, Some(at("2026-11-24T00:00:00Z")));
}

#[test]
fn of_two_short_periods_the_one_to_wait_for_longest_is_told() {
    let ledger = ledger(&[("daily#2026-11-23", 25), ("monthly#2026-11", 500)]);
    let short = check(&ledger, BudgetSource::Daily, cents(1), noon(), &Policy::default()).unwrap_err();
    assert_eq!(short.period.to_string(), "monthly#2026-11");
    assert_eq!(short.available_again, Some(at("2026-12-01T00:00:00Z")));
}

#[test]
fn more_than_a_whole_period_has_is_never_available() {
    let short = check(&Ledger::default(), BudgetSource::Daily, cents(2_501), noon(), &Policy::default()).unwrap_err();
    assert_eq!((short.limit, short.available_again), (MicroDollars::dollars(25), None));
}

#[test]
fn the_emergency_pot_is_apart_from_the_month() {
    let ledger = ledger(&[("monthly#2026-11", 500)]);
    assert!(check(&ledger, BudgetSource::Emergency, cents(1), noon(), &Policy::default()).is_ok());
}

#[test]
fn a_ceiling_is_never_negative() {
    let policy = Policy::default();
    for amount in [-5, 0, 2_500] {
        for booking in check(&Ledger::default(), BudgetSource::Daily, cents(amount), noon(), &policy).unwrap() {
            assert!(booking.ceiling >= MicroDollars::ZERO && booking.amount >= MicroDollars::ZERO);
        }
    }
}

fn reservation(dollars: i64) -> Reservation {
    let amount = MicroDollars::dollars(dollars);
    let bookings = check(&Ledger::default(), BudgetSource::Daily, amount, noon(), &Policy::default()).unwrap();
    Reservation::open(BudgetSource::Daily, &bookings)
}

#[test]
fn settling_books_what_it_cost_where_it_was_reserved_even_when_that_is_over_the_limit() {
    let mut ledger = ledger(&[("daily#2026-11-23", 25), ("monthly#2026-11", 25)]);
    ledger.apply(&settle(&reservation(5), MicroDollars::dollars(9)).unwrap());
    for period in ["daily#2026-11-23", "monthly#2026-11"] {
        let balance = ledger.balance(period.parse().unwrap());
        assert_eq!((balance.committed, balance.spent), (MicroDollars::dollars(29), MicroDollars::dollars(9)));
    }
}

#[test]
fn a_reservation_is_closed_once() {
    for state in [ReservationState::Released, ReservationState::Settled { amount: cents(1) }] {
        let closed = Reservation { state, ..reservation(5) };
        assert_eq!((settle(&closed, cents(1)), release(&closed)), (None, None));
    }
}

#[test]
fn a_reservation_survives_being_stored() {
    let settled = Reservation { state: ReservationState::Settled { amount: cents(250) }, ..reservation(5) };
    let stored = serde_json::to_value(&settled).unwrap();
    assert_eq!(stored["periods"], serde_json::json!(["daily#2026-11-23", "monthly#2026-11"]));
    assert_eq!(serde_json::from_value::<Reservation>(stored).unwrap(), settled);
    let ledger = ledger(&[("daily#2026-11-23", 25)]);
    assert_eq!(serde_json::from_value::<Ledger>(serde_json::to_value(&ledger).unwrap()).unwrap(), ledger);
}

/// The table as many functions see it: they read, later they write on conditions, and may do all of it again.
struct World {
    now: Timestamp,
    policy: Policy,
    table: Ledger,
    builds: Vec<InFlight>,
}

/// What a function holds for one build, and what the table says about that build.
#[derive(Default)]
struct InFlight {
    /// A plan that was made earlier, with the version of the policy that it was made under.
    plan: Option<(u64, BudgetSource, Vec<Booking>)>,
    reservation: Option<Reservation>,
}

#[derive(Debug, Clone)]
enum Step {
    Plan { build: usize, source: BudgetSource, cents: i64 },
    Reserve { build: usize },
    Settle { build: usize, cents: i64 },
    Release { build: usize },
    SettleLate { build: usize, cents: i64 },
    SetLimits { daily: i64, monthly: i64, emergency: i64 },
    Pass { hours: i64 },
}

impl World {
    /// Takes one step; panics when a reservation commits more than the limit that holds at that moment.
    fn take(&mut self, step: &Step) {
        match *step {
            Step::Plan { build, source, cents: amount } => {
                let planned = check(&self.table, source, cents(amount), self.now, &self.policy);
                self.builds[build].plan = planned.ok().map(|bookings| (self.policy.version, source, bookings));
            }
            Step::Reserve { build } => self.reserve(build),
            Step::Settle { build, cents: actual } => {
                self.close(build, |r| settle(r, cents(actual)), ReservationState::Settled { amount: cents(actual) });
            }
            Step::Release { build } => self.close(build, release, ReservationState::Released),
            Step::SettleLate { build, cents: actual } => {
                self.close(
                    build,
                    |r| settle_late(r, cents(actual)),
                    ReservationState::Settled { amount: cents(actual) },
                );
            }
            Step::SetLimits { daily, monthly, emergency } => {
                self.policy.version += 1;
                self.policy.budgets.daily = cents(daily);
                self.policy.budgets.monthly = cents(monthly);
                self.policy.budgets.emergency = cents(emergency);
            }
            Step::Pass { hours } => self.now = after(self.now, jiff::SignedDuration::from_hours(hours)),
        }
    }

    /// One transaction: the policy's version, the build without a reservation, each period below its ceiling.
    fn reserve(&mut self, build: usize) {
        let Some((version, source, bookings)) = self.builds[build].plan.clone() else { return };
        let free = bookings.iter().all(|b| self.table.balance(b.period).committed <= b.ceiling);
        if version != self.policy.version || self.builds[build].reservation.is_some() || !free {
            return;
        }
        self.table.apply(&bookings.iter().map(Booking::adjustment).collect::<Vec<_>>());
        for booking in &bookings {
            let committed = self.table.balance(booking.period).committed;
            assert!(committed <= booking.period.limit(&self.policy), "{} is overspent: {committed}", booking.period);
        }
        self.builds[build].reservation = Some(Reservation::open(source, &bookings));
    }

    fn close(&mut self, build: usize, plan: impl Fn(&Reservation) -> Option<Vec<Adjustment>>, state: ReservationState) {
        let Some(reservation) = &mut self.builds[build].reservation else { return };
        if let Some(changes) = plan(reservation) {
            self.table.apply(&changes);
            reservation.state = state;
        }
    }
}

const BUILDS: usize = 6;

fn any_step() -> impl Strategy<Value = Step> {
    let source = prop::sample::select(vec![BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency]);
    let limit = || 0..6_000_i64;
    prop_oneof![
        4 => (0..BUILDS, source, 0..1_500_i64).prop_map(|(build, source, cents)| Step::Plan { build, source, cents }),
        4 => (0..BUILDS).prop_map(|build| Step::Reserve { build }),
        2 => (0..BUILDS, 0..3_000_i64).prop_map(|(build, cents)| Step::Settle { build, cents }),
        1 => (0..BUILDS).prop_map(|build| Step::Release { build }),
        1 => (0..BUILDS, 0..3_000_i64).prop_map(|(build, cents)| Step::SettleLate { build, cents }),
        1 => (limit(), limit(), limit()).prop_map(|(daily, monthly, emergency)| Step::SetLimits { daily, monthly, emergency }),
        1 => (0..72_i64).prop_map(|hours| Step::Pass { hours }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn no_interleaving_overspends_or_leaks(steps in prop::collection::vec(any_step(), 1..120)) {
        let builds = (0..BUILDS).map(|_| InFlight::default()).collect();
        let mut world = World { now: noon(), policy: Policy::default(), table: Ledger::default(), builds };
        for step in &steps {
            world.take(step);
            for (period, balance) in &world.table.balances {
                let open: MicroDollars = world.builds.iter().filter_map(|b| b.reservation.as_ref())
                    .filter(|r| r.state == ReservationState::Open && r.periods.contains(period))
                    .map(|r| r.amount).sum();
                prop_assert_eq!(balance.committed, balance.spent + open, "{}", period);
            }
        }
        for build in 0..BUILDS {
            world.take(&Step::Settle { build, cents: 777 });
            world.take(&Step::Release { build });
        }
        for (period, balance) in &world.table.balances {
            prop_assert_eq!(balance.committed, balance.spent, "{} leaks", period);
        }
    }
}
