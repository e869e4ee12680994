//! What the calendar changes as time goes by: which windows are open, and what is left of which money.

use jiff::Timestamp;

use crate::ledger::{BudgetSource, Ledger, Period, periods};
use crate::money::MicroDollars;
use crate::policy::Policy;
use crate::slot::Hours;

/// The windows and the money at one moment.
#[derive(Debug)]
pub(super) struct Calendar<'a> {
    policy: &'a Policy,
    ledger: Ledger,
    now: Timestamp,
    urgent: Window,
    off_peak: Window,
    /// The periods of each source, and when the first of them ends.
    periods: [(Vec<Period>, Timestamp); 3],
}

/// A window that is open, or else the next one.
#[derive(Debug, Clone, Copy)]
struct Window {
    opens: Timestamp,
    closes: Timestamp,
}

const SOURCES: [BudgetSource; 3] = [BudgetSource::Daily, BudgetSource::Monthly, BudgetSource::Emergency];

impl<'a> Calendar<'a> {
    pub(super) fn new(ledger: &Ledger, policy: &'a Policy, now: Timestamp) -> Self {
        let window = |hours| next(hours, policy, now);
        Self {
            policy,
            ledger: ledger.clone(),
            now,
            urgent: window(Hours::Urgent),
            off_peak: window(Hours::OffPeak),
            periods: SOURCES.map(|source| of(source, policy, now)),
        }
    }

    /// Time goes by.
    pub(super) fn go_to(&mut self, now: Timestamp) {
        self.now = now;
        if self.urgent.closes <= now {
            self.urgent = next(Hours::Urgent, self.policy, now);
        }
        if self.off_peak.closes <= now {
            self.off_peak = next(Hours::OffPeak, self.policy, now);
        }
        for (source, periods) in SOURCES.into_iter().zip(&mut self.periods) {
            if periods.1 <= now {
                *periods = of(source, self.policy, now);
            }
        }
    }

    /// When something of it changes next.
    pub(super) fn next_change(&self) -> Timestamp {
        let window = |window: &Window| if window.opens > self.now { window.opens } else { window.closes };
        let windows = [window(&self.urgent), window(&self.off_peak)];
        windows.into_iter().chain(self.periods.iter().map(|(_, ends)| *ends)).min().unwrap_or(Timestamp::MAX)
    }

    pub(super) fn is_open(&self, hours: Hours) -> bool {
        match hours {
            Hours::Any => true,
            Hours::Urgent => self.urgent.opens <= self.now,
            Hours::OffPeak => self.off_peak.opens <= self.now,
        }
    }

    /// What is left to be booked from a source. Nothing, where the balance cannot be read.
    pub(super) fn left(&self, source: BudgetSource) -> Option<MicroDollars> {
        let is_unreadable = |period: &Period| self.ledger.unreadable.contains_key(period);
        let periods = self.periods_of(source);
        if self.ledger.unreadable_counter.is_some() || periods.iter().any(is_unreadable) {
            return None;
        }
        let left = |period: &Period| period.limit(self.policy) - self.ledger.balance(*period).committed;
        periods.iter().map(left).min()
    }

    fn periods_of(&self, source: BudgetSource) -> &[Period] {
        let index = SOURCES.iter().position(|one| *one == source).unwrap_or_default();
        &self.periods[index].0
    }

    /// Books a build that starts now.
    pub(super) fn book(&mut self, source: BudgetSource, amount: MicroDollars) {
        for period in self.periods_of(source).to_vec() {
            let balance = self.ledger.balances.entry(period).or_default();
            balance.committed = balance.committed + amount;
        }
    }
}

fn next(hours: Hours, policy: &Policy, now: Timestamp) -> Window {
    hours
        .next(policy, now)
        .map_or(Window { opens: now, closes: Timestamp::MAX }, |start| Window { opens: start.at, closes: start.closes })
}

fn of(source: BudgetSource, policy: &Policy, now: Timestamp) -> (Vec<Period>, Timestamp) {
    let periods = periods(source, now, &policy.zone);
    let ends = periods.iter().map(|period| period.ends(&policy.zone)).min().unwrap_or(Timestamp::MAX);
    (periods, ends)
}
