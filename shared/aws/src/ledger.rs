//! The ledger's items, and the writes that book money in them.

use prism_domain::ledger::{Adjustment, Balance, Booking, Ledger, Period};
use prism_domain::policy::Policy;
use prism_domain::unreadable::UnreadableRecord;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::keys;
use crate::table::{Fault, Item, Readings, Record, Table, Write, number, text};

/// How many builds run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    count: u32,
}

/// The balances of these periods.
///
/// # Errors
///
/// If AWS fails.
pub async fn read(table: &Table, periods: impl IntoIterator<Item = Period>) -> Result<Ledger> {
    let mut ledger = Ledger::default();
    for period in periods {
        match table.get::<Balance>(&keys::balance(&period)).await {
            Ok(balance) => ledger.balances.extend(balance.map(|balance| (period, balance))),
            Err(Error::Unreadable(record)) => ledger.unreadable.extend([(period, *record)]),
            Err(error) => return Err(error),
        }
    }
    Ok(ledger)
}

/// How many builds run.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`], if the counter cannot be read.
pub async fn running(table: &Table) -> Result<u32> {
    Ok(table.get::<Running>(&keys::running()).await?.unwrap_or_default().count)
}

/// What of these balances, or of the counter of running builds, cannot be read.
///
/// # Errors
///
/// If AWS fails.
pub async fn unreadable(table: &Table, periods: impl IntoIterator<Item = Period>) -> Result<Option<UnreadableRecord>> {
    let ledger = read(table, periods).await?;
    match running(table).await {
        Err(Error::Unreadable(record)) => Ok(Some(*record)),
        running => running.map(|_| ledger.unreadable.into_values().next()),
    }
}

/// Everything that is in the ledger, read and let go: which of it cannot be read.
///
/// # Errors
///
/// If AWS fails.
pub async fn all_unreadable(table: &Table) -> Result<Vec<UnreadableRecord>> {
    let all: Readings<AnyItem> = table.query(keys::LEDGER, "").await?;
    Ok(all.unreadable)
}

/// A balance, or the counter of running builds.
struct AnyItem;

impl Record for AnyItem {
    fn read(item: Item) -> Result<Self, Fault> {
        let counts = item.get("sk").is_some_and(|sk| *sk == text(&keys::running().sk));
        if counts { Running::read(item).map(|_| Self) } else { Balance::read(item).map(|_| Self) }
    }
}

/// The writes that reserve what is booked: each holds only while what is committed leaves room for it, the
/// policy that allows it is still in force, and a place among the running builds is free.
///
/// # Errors
///
/// If a write cannot be built.
pub fn reserve(bookings: &[Booking], policy: &Policy) -> Result<Vec<Write>> {
    let mut writes = Vec::new();
    for booking in bookings {
        writes.push(Write::update(
            &keys::balance(&booking.period),
            "ADD committed :amount, spent :nothing",
            Some("attribute_not_exists(committed) OR committed <= :ceiling"),
            &[(":amount", number(booking.amount.0)), (":nothing", number(0)), (":ceiling", number(booking.ceiling.0))],
        )?);
    }
    writes.push(
        Write::update(
            &keys::running(),
            "ADD #count :one",
            Some("attribute_not_exists(#count) OR #count < :cap"),
            &[(":one", number(1)), (":cap", number(policy.max_concurrent_builds))],
        )?
        .naming("#count", "count"),
    );
    writes.push(hold_to_policy(policy)?);
    Ok(writes)
}

/// The condition that the policy that was read is still in force.
///
/// # Errors
///
/// If a write cannot be built.
pub fn hold_to_policy(policy: &Policy) -> Result<Write> {
    if policy.version == 0 {
        Write::check(&keys::policy(), "attribute_not_exists(pk)", &[])
    } else {
        Write::check(&keys::policy(), "version = :version", &[(":version", number(policy.version))])
    }
}

/// The writes that change balances.
///
/// # Errors
///
/// If a write cannot be built.
pub fn book(adjustments: &[Adjustment]) -> Result<Vec<Write>> {
    let write = |change: &Adjustment| {
        Write::update(
            &keys::balance(&change.period),
            "ADD committed :committed, spent :spent",
            None,
            &[(":committed", number(change.committed_delta.0)), (":spent", number(change.spent_delta.0))],
        )
    };
    adjustments.iter().map(write).collect()
}

/// The writes that settle or release a reservation, and free its place among the running builds.
///
/// # Errors
///
/// If a write cannot be built.
pub fn close(adjustments: &[Adjustment]) -> Result<Vec<Write>> {
    let mut writes = book(adjustments)?;
    writes.push(
        Write::update(&keys::running(), "ADD #count :less", None, &[(":less", number(-1))])?.naming("#count", "count"),
    );
    Ok(writes)
}
