//! Which is the first of many that costs no more than what is left.

/// Places in an order, some of them taken by an amount.
#[derive(Debug)]
pub(super) struct Cheapest {
    /// A heap in an array: each node has the least amount below it. The leaves are the places.
    least: Vec<i64>,
    leaves: usize,
}

/// The amount of a place that is not taken.
const NOBODY: i64 = i64::MAX;

impl Cheapest {
    /// So many places, none of them taken.
    pub(super) fn new(places: usize) -> Self {
        let leaves = places.next_power_of_two();
        Self { least: vec![NOBODY; 2 * leaves], leaves }
    }

    /// Takes a place, or leaves it.
    pub(super) fn set(&mut self, place: usize, amount: Option<i64>) {
        let mut node = self.leaves + place;
        self.least[node] = amount.unwrap_or(NOBODY);
        while node > 1 {
            node /= 2;
            self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]);
        }
    }

    /// The first place that is taken by at most this amount.
    pub(super) fn first(&self, at_most: i64) -> Option<usize> {
        let fits = |node: usize| self.least[node] != NOBODY && self.least[node] <= at_most;
        if !fits(1) {
            return None;
        }
        let mut node = 1;
        while node < self.leaves {
            node = if fits(2 * node) { 2 * node } else { 2 * node + 1 };
        }
        Some(node - self.leaves)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_that_fits_is_the_one_that_a_search_finds(
            amounts in prop::collection::vec(prop::option::of(0..9_i64), 1..40), at_most in 0..9_i64,
        ) {
            let mut places = Cheapest::new(amounts.len());
            for (place, amount) in amounts.iter().enumerate() {
                places.set(place, *amount);
            }
            let found = amounts.iter().position(|amount| amount.is_some_and(|amount| amount <= at_most));
            prop_assert_eq!(places.first(at_most), found);
        }
    }
}
