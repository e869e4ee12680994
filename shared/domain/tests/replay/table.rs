//! What was assigned against what is known.

use std::collections::BTreeMap;
use std::fmt;

use prism_domain::level::SecurityLevel;

/// Counts each pair of a level that is known, if one is, and a level that was assigned.
#[derive(Default)]
pub struct Confusion(BTreeMap<(Option<SecurityLevel>, SecurityLevel), usize>);

impl Confusion {
    pub fn count(&mut self, known: Option<SecurityLevel>, assigned: SecurityLevel) {
        *self.0.entry((known, assigned)).or_default() += 1;
    }

    fn at(&self, known: Option<SecurityLevel>, assigned: SecurityLevel) -> usize {
        self.0.get(&(known, assigned)).copied().unwrap_or(0)
    }

    /// How many were assigned what is known, more, and less.
    pub fn same_over_under(&self) -> (usize, usize, usize) {
        let of = |holds: fn(SecurityLevel, SecurityLevel) -> bool| {
            let counted =
                self.0.iter().filter(|((known, assigned), _)| known.is_some_and(|known| holds(*assigned, known)));
            counted.map(|(_, count)| count).sum()
        };
        (of(|assigned, known| assigned == known), of(|assigned, known| assigned > known), of(|a, known| a < known))
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| known \\ assigned | critical | high | medium | low |\n|---|---|---|---|---|")?;
        for known in SecurityLevel::ALL.map(Some).into_iter().chain([None]) {
            let name = known.map_or("none", SecurityLevel::as_str);
            let [critical, high, medium, low] = SecurityLevel::ALL.map(|assigned| self.at(known, assigned));
            writeln!(f, "| {name} | {critical} | {high} | {medium} | {low} |")?;
        }
        let (same, over, under) = self.same_over_under();
        writeln!(f, "\nsame {same}, over {over}, under {under}")
    }
}

/// How many levels lie between two.
pub fn apart(one: SecurityLevel, other: SecurityLevel) -> usize {
    let rank = |level| SecurityLevel::ALL.iter().position(|known| *known == level).unwrap();
    rank(one).abs_diff(rank(other))
}
