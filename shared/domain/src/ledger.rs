//! The money: what is committed in each period, and how a build reserves, settles or gives back.
//!
//! `committed` is what is reserved and not yet settled, plus what is spent. A build reserves its
//! estimate before it starts, and closes that reservation once: settled to what it cost, or released
//! when it never started. Closing goes to the periods in which the money was reserved, however late,
//! and never fails for being over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::unreadable::UnreadableRecord;
use crate::zone::Zone;

pub use crate::period::{BudgetSource, Month, Period, periods};

/// What is committed and spent in one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// What open reservations hold, and what is spent.
    pub committed: MicroDollars,
    /// What closed builds cost.
    pub spent: MicroDollars,
}

/// The balances of all periods that have any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// By period.
    pub balances: BTreeMap<Period, Balance>,
    /// The balances that cannot be read: nobody knows what is left in these periods.
    pub unreadable: BTreeMap<Period, UnreadableRecord>,
    /// The counter of running builds, if it cannot be read: nobody knows whether a place is free.
    pub unreadable_counter: Option<UnreadableRecord>,
}

impl Ledger {
    /// The balance of a period.
    #[must_use]
    pub fn balance(&self, period: Period) -> Balance {
        self.balances.get(&period).copied().unwrap_or_default()
    }

    /// What a build of this source needs to know now, and cannot be read.
    #[must_use]
    pub fn unreadable(&self, source: BudgetSource, now: Timestamp, zone: &Zone) -> Option<&UnreadableRecord> {
        let needed = periods(source, now, zone);
        needed.iter().find_map(|period| self.unreadable.get(period)).or(self.unreadable_counter.as_ref())
    }

    /// Writes changes into the balances.
    pub fn apply(&mut self, adjustments: &[Adjustment]) {
        for change in adjustments {
            let balance = self.balances.entry(change.period).or_default();
            balance.committed = balance.committed + change.committed_delta;
            balance.spent = balance.spent + change.spent_delta;
        }
    }
}

/// What reserving has to check and add in one period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booking {
    /// The period.
    pub period: Period,
    /// What is added to what is committed.
    pub amount: MicroDollars,
    /// The money may be reserved only while no more than this is committed: the limit less the amount.
    /// Never negative, so that a period in which nothing is booked yet may be taken for 0.
    pub ceiling: MicroDollars,
}

impl Booking {
    /// What it adds.
    #[must_use]
    pub const fn adjustment(&self) -> Adjustment {
        Adjustment { period: self.period, committed_delta: self.amount, spent_delta: MicroDollars::ZERO }
    }
}

/// A change of a period's balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adjustment {
    /// The period.
    pub period: Period,
    /// To add to what is committed; may be negative.
    pub committed_delta: MicroDollars,
    /// To add to what is spent.
    pub spent_delta: MicroDollars,
}

/// The period that can't pay. Of several, the one that has to be waited for longest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shortfall {
    /// The period.
    pub period: Period,
    /// Its limit.
    pub limit: MicroDollars,
    /// What is committed of it.
    pub committed: MicroDollars,
    /// What the build needs.
    pub needed: MicroDollars,
    /// When the next period begins; none when the build costs more than a whole period has.
    pub available_again: Option<Timestamp>,
}

impl Shortfall {
    /// What is left in the period.
    #[must_use]
    pub fn left(&self) -> MicroDollars {
        (self.limit - self.committed).max(MicroDollars::ZERO)
    }
}

/// What a build of this source that costs this much has to book now.
///
/// # Errors
/// When a period can't pay for it.
pub fn check(
    ledger: &Ledger,
    source: BudgetSource,
    amount: MicroDollars,
    now: Timestamp,
    policy: &Policy,
) -> Result<Vec<Booking>, Shortfall> {
    let amount = amount.max(MicroDollars::ZERO);
    let bookings: Vec<Booking> = periods(source, now, &policy.zone)
        .into_iter()
        .map(|period| Booking { period, amount, ceiling: period.limit(policy) - amount })
        .collect();
    let shortfall = |booking: &Booking| {
        let (period, limit) = (booking.period, booking.period.limit(policy));
        let committed = ledger.balance(period).committed;
        let available_again = (amount <= limit).then(|| period.ends(&policy.zone));
        (committed > booking.ceiling).then_some(Shortfall { period, limit, committed, needed: amount, available_again })
    };
    let worst = bookings.iter().filter_map(shortfall).max_by_key(|s| s.available_again.unwrap_or(Timestamp::MAX));
    worst.map_or(Ok(bookings), Err)
}

/// The money of one build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    /// Who pays.
    pub source: BudgetSource,
    /// Where it is booked, and where it will be settled.
    pub periods: Vec<Period>,
    /// How much was reserved.
    pub amount: MicroDollars,
    /// Whether it is still open.
    pub state: ReservationState,
}

/// Whether a reservation is still open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum ReservationState {
    /// The money is held.
    Open,
    /// The build cost this.
    Settled {
        /// What it cost.
        amount: MicroDollars,
    },
    /// The build never started.
    Released,
}

impl Reservation {
    /// A new one, of what `check` allowed: it books the same amount in each period.
    #[must_use]
    pub fn open(source: BudgetSource, bookings: &[Booking]) -> Self {
        let periods = bookings.iter().map(|booking| booking.period).collect();
        let amount = bookings.iter().map(|booking| booking.amount).max().unwrap_or(MicroDollars::ZERO);
        Self { source, periods, amount, state: ReservationState::Open }
    }

    fn close(&self, cost: MicroDollars) -> Option<Vec<Adjustment>> {
        let change = |&period| Adjustment { period, committed_delta: cost - self.amount, spent_delta: cost };
        (self.state == ReservationState::Open).then(|| self.periods.iter().map(change).collect())
    }
}

/// What settling changes, however much more or less than the reserved amount the build cost. `None` when the
/// reservation is closed already: each is closed once.
#[must_use]
pub fn settle(reservation: &Reservation, actual: MicroDollars) -> Option<Vec<Adjustment>> {
    reservation.close(actual.max(MicroDollars::ZERO))
}

/// What giving all of it back changes. `None` when the reservation is closed already.
#[must_use]
pub fn release(reservation: &Reservation) -> Option<Vec<Adjustment>> {
    reservation.close(MicroDollars::ZERO)
}

/// What booking a cost changes that showed only after the money was given back: Image Builder had started after
/// all. `None` unless it was given back.
#[must_use]
pub fn settle_late(reservation: &Reservation, actual: MicroDollars) -> Option<Vec<Adjustment>> {
    let cost = actual.max(MicroDollars::ZERO);
    let change = |&period| Adjustment { period, committed_delta: cost, spent_delta: cost };
    (reservation.state == ReservationState::Released).then(|| reservation.periods.iter().map(change).collect())
}

#[cfg(test)]
mod tests;
