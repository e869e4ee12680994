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

/// What a build costs, by what it is charged for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildCost {
    /// The instances that build and test.
    pub instance: MicroDollars,
    /// The first month of the image's snapshot.
    pub storage: MicroDollars,
    /// Sending it to further regions, and its first month there.
    pub copies: MicroDollars,
}

impl BuildCost {
    /// All together.
    #[must_use]
    pub fn total(&self) -> MicroDollars {
        self.instance + self.storage + self.copies
    }
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
pub fn estimate(
    price_per_hour: MicroDollars,
    expected: SignedDuration,
    root_volume_gb: u32,
    regions: usize,
) -> BuildCost {
    cost(price_per_hour, expected, root_volume_gb, regions.max(1))
}

/// What a build has cost that ran so long and left its image in so many regions: none when it failed.
#[must_use]
pub fn actual(price_per_hour: MicroDollars, ran: SignedDuration, root_volume_gb: u32, regions: usize) -> BuildCost {
    cost(price_per_hour, ran, root_volume_gb, regions)
}

fn cost(price_per_hour: MicroDollars, ran: SignedDuration, root_volume_gb: u32, regions: usize) -> BuildCost {
    let charged = ran.max(SHORTEST_CHARGE).as_secs();
    let month = SNAPSHOT_GB_MONTH.times(root_volume_gb);
    let copy = month + TRANSFER_GB.times(root_volume_gb);
    let copies = u32::try_from(regions.saturating_sub(1)).unwrap_or(u32::MAX);
    BuildCost {
        instance: price_per_hour.per_hour_for(charged),
        storage: if regions == 0 { MicroDollars::ZERO } else { month },
        copies: copy.times(copies),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn minutes(minutes: &[i64]) -> Vec<SignedDuration> {
        minutes.iter().map(|m| SignedDuration::from_mins(*m)).collect()
    }

    #[test]
    fn a_build_costs_its_instances_its_snapshot_and_its_copies() {
        let price = hourly_price("m7i.large").unwrap();
        let cost = estimate(price, SignedDuration::from_mins(45), 30, 3);
        // 45 minutes at $0.1008; 30 GB at $0.05; twice 30 GB at $0.05 and $0.02.
        assert_eq!(cost.instance, MicroDollars(75_600));
        assert_eq!(cost.storage, MicroDollars(1_500_000));
        assert_eq!(cost.copies, MicroDollars(4_200_000));
        assert_eq!(cost.total(), MicroDollars(5_775_600));
    }

    #[test]
    fn a_build_is_expected_to_leave_its_image_at_home_at_least() {
        assert_eq!(estimate(MicroDollars::ZERO, SignedDuration::ZERO, 8, 0).storage, MicroDollars(400_000));
    }

    #[test]
    fn a_failed_build_costs_its_time_alone() {
        let cost = actual(MicroDollars::dollars(1), SignedDuration::from_mins(30), 100, 0);
        assert_eq!(cost, BuildCost { instance: MicroDollars(500_000), ..BuildCost::default() });
    }

    #[test]
    fn a_minute_is_charged_at_least() {
        let cost = |seconds| actual(MicroDollars(3_600), SignedDuration::from_secs(seconds), 0, 1).instance;
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
            let planned = estimate(MicroDollars(price), expected, gb, regions).total();
            prop_assert!(actual(MicroDollars(price), ran, gb, regions).total() <= planned);
        }

        #[test]
        fn no_past_is_any_trouble(past in prop::collection::vec(any::<i64>(), 0..30)) {
            let past: Vec<_> = past.into_iter().map(SignedDuration::from_secs).collect();
            prop_assert!(expected_duration(&past) >= SHORTEST_BUILD);
        }
    }
}
