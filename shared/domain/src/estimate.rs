//! What a build will cost, and what it has cost: an estimate of the bill in both cases.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::money::MicroDollars;

pub use crate::prices::hourly_price;

/// A gigabyte of standard snapshots for a month, us-east-1. Source: <https://aws.amazon.com/ebs/pricing/>.
const SNAPSHOT_GB_MONTH: MicroDollars = MicroDollars(50_000);

/// A gigabyte sent from one region to another, us-east-1, which copying a snapshot is charged for.
/// Sources: <https://aws.amazon.com/ec2/pricing/on-demand/#Data_Transfer> and
/// <https://docs.aws.amazon.com/whitepapers/latest/how-aws-pricing-works/amazon-ebs.html>.
const TRANSFER_GB: MicroDollars = MicroDollars(20_000);

/// How long a build is expected to run when none has run yet.
const FIRST_BUILD: SignedDuration = SignedDuration::from_mins(45);

/// How many of the last builds tell how long the next one will run.
const BUILDS_REMEMBERED: usize = 9;

/// No build is expected to be done sooner: starting the instances alone takes minutes.
const SHORTEST_BUILD: SignedDuration = SignedDuration::from_mins(10);

/// Instances are charged by the second, and for a minute at least.
/// Source: <https://aws.amazon.com/ec2/pricing/on-demand/>.
const SHORTEST_CHARGE: SignedDuration = SignedDuration::from_mins(1);

/// What the cost of a build is worked out from, beside how long it runs and in how many regions its image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// What its builder costs an hour.
    pub builder_per_hour: MicroDollars,
    /// The size of its root volume.
    pub root_volume_gb: u32,
}

/// What a build is expected to take and to cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// How long it will run.
    pub duration: SignedDuration,
    /// What it will cost.
    pub cost: MicroDollars,
}

/// How long the next build will run: 45 minutes for the first; after that the median of the last nine, which one
/// outlier can't move, plus a quarter, since a reservation that is too small overspends and one that is
/// too large is given back within the hour. `past`: oldest first.
#[must_use]
pub fn expected_duration(past: &[SignedDuration]) -> SignedDuration {
    let mut last = past[past.len().saturating_sub(BUILDS_REMEMBERED)..].to_vec();
    last.sort_unstable();
    let Some(median) = last.get(last.len() / 2) else { return FIRST_BUILD };
    let seconds = median.as_secs().clamp(0, 7 * 24 * 3_600);
    // Whole minutes, up.
    let minutes = (seconds * 5 / 4 + 59) / 60;
    SignedDuration::from_mins(minutes).max(SHORTEST_BUILD)
}

/// What a build will cost that runs as long as expected and is published in so many regions, home included.
#[must_use]
pub fn estimate(rates: Rates, expected: SignedDuration, regions: usize) -> MicroDollars {
    actual(rates, expected, regions.max(1))
}

/// The cost of a build that ran for `ran` and published its image in so many `regions`, 0 if it failed: its instances, a month
/// of the image's snapshot, and for each further region the transfer of the snapshot and a month of it there.
#[must_use]
pub fn actual(rates: Rates, ran: SignedDuration, regions: usize) -> MicroDollars {
    let instances = rates.builder_per_hour.per_hour_for(ran.max(SHORTEST_CHARGE).as_secs());
    let Some(copies) = regions.checked_sub(1) else { return instances };
    let month = SNAPSHOT_GB_MONTH.times(rates.root_volume_gb);
    let copy = month + TRANSFER_GB.times(rates.root_volume_gb);
    instances + month + copy.times(u32::try_from(copies).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rates(builder_per_hour: MicroDollars, root_volume_gb: u32) -> Rates {
        Rates { builder_per_hour, root_volume_gb }
    }

    fn minutes(minutes: &[i64]) -> Vec<SignedDuration> {
        minutes.iter().map(|m| SignedDuration::from_mins(*m)).collect()
    }

    #[test]
    fn a_build_costs_its_instances_its_snapshot_and_its_copies_and_a_failed_one_its_time_alone() {
        let price = hourly_price("m7i.large").unwrap();
        let cost = |regions| actual(rates(price, 30), SignedDuration::from_mins(45), regions);
        // 45 minutes at $0.1008; 30 GB at $0.05; twice 30 GB at $0.05 and $0.02.
        assert_eq!([cost(0), cost(1), cost(3)].map(|cost| cost.0), [75_600, 1_575_600, 5_775_600]);
    }

    #[test]
    fn a_build_is_expected_to_leave_its_image_at_home_at_least() {
        let cost = estimate(rates(MicroDollars::ZERO, 8), SignedDuration::ZERO, 0);
        assert_eq!(cost, MicroDollars(400_000));
    }

    #[test]
    fn a_minute_is_charged_at_least() {
        let cost = |seconds| actual(rates(MicroDollars(3_600), 0), SignedDuration::from_secs(seconds), 1);
        assert_eq!([cost(-5), cost(0), cost(59), cost(60), cost(61)].map(|c| c.0), [60, 60, 60, 60, 61]);
    }

    #[test]
    fn the_next_build_runs_as_long_as_most_did_and_a_quarter_more() {
        let told = |past: &[i64]| expected_duration(&minutes(past)).as_mins();
        assert_eq!(told(&[]), 45);
        assert_eq!(told(&[40]), 50);
        assert_eq!(told(&[20, 20, 300]), 25);
        assert_eq!(told(&[1]), 10);
        // Only the last nine count.
        assert_eq!(told(&[100, 100, 100, 100, 100, 100, 20, 20, 20, 20, 20, 20, 20, 20, 20]), 25);
    }

    proptest! {
        #[test]
        fn an_estimate_covers_what_a_build_of_the_expected_length_costs(
            price in 0..10_000_000_i64, ran in 0..600_000_i64, expected in 0..600_000_i64, gb in 0..2_000_u32, regions in 0..20_usize,
        ) {
            let (ran, expected) = (SignedDuration::from_secs(ran.min(expected)), SignedDuration::from_secs(expected));
            let rates = rates(MicroDollars(price), gb);
            prop_assert!(actual(rates, ran, regions) <= estimate(rates, expected, regions));
        }

        #[test]
        fn no_past_is_any_trouble(past in prop::collection::vec(any::<i64>(), 0..30)) {
            let past: Vec<_> = past.into_iter().map(SignedDuration::from_secs).collect();
            prop_assert!(expected_duration(&past) >= SHORTEST_BUILD);
        }
    }
}
