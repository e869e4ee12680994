//! What two readings of the same advisory tell together. Two feeds may tell of one, and not as much; and a feed may
//! tell more of it later.

use std::collections::BTreeMap;

use super::{Advisory, AdvisoryId, AdvisoryKind};

impl Advisory {
    /// This advisory, and what another reading of it tells: the one that was updated later counts, and the other fills
    /// what it leaves open. Reading the same twice, in whatever order, changes nothing any more.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let (counts, fills) = if other.updated > self.updated { (other, self) } else { (self, other) };
        let either = |one: &Vec<_>, another: &Vec<_>| if one.is_empty() { another.clone() } else { one.clone() };
        Self {
            id: counts.id.clone(),
            ecosystem: counts.ecosystem.clone(),
            kind: if fills.kind == AdvisoryKind::Security { fills.kind } else { counts.kind },
            severity: counts.severity.or(fills.severity),
            title: if counts.title.is_empty() { fills.title.clone() } else { counts.title.clone() },
            cves: if counts.cves.is_empty() { fills.cves.clone() } else { counts.cves.clone() },
            fixed: either(&counts.fixed, &fills.fixed),
            issued: counts.issued.min(fills.issued),
            updated: counts.updated,
        }
    }
}

/// Those of the read advisories that are new, or tell more than what is known, as they are to be kept.
#[must_use]
pub fn news(known: &[Advisory], read: Vec<Advisory>) -> Vec<Advisory> {
    let known: BTreeMap<&AdvisoryId, &Advisory> = known.iter().map(|advisory| (&advisory.id, advisory)).collect();
    let mut news: BTreeMap<AdvisoryId, Advisory> = BTreeMap::new();
    for advisory in read {
        let before = news.get(&advisory.id).or_else(|| known.get(&advisory.id).copied());
        let merged = before.map_or_else(|| advisory.clone(), |before| before.merged(&advisory));
        if before != Some(&merged) {
            news.insert(merged.id.clone(), merged);
        }
    }
    news.into_values().collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::advisory::Fix;
    use crate::level::SecurityLevel;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    /// As a feed with everything tells it.
    fn rich(updated: i64) -> Advisory {
        Advisory {
            id: "ALAS2023-2025-935".parse().unwrap(),
            ecosystem: "amazon-linux-2023".parse().unwrap(),
            kind: AdvisoryKind::Security,
            severity: Some(SecurityLevel::High),
            title: "kernel6.12".into(),
            cves: vec!["CVE-2025-22023".parse().unwrap()],
            fixed: vec![Fix { package: "kernel6.12".into(), version: "1:6.12.20-23.97.amzn2023".into() }],
            issued: at(0),
            updated: at(updated),
        }
    }

    /// As a feed with little tells it.
    fn poor(updated: i64) -> Advisory {
        Advisory { title: "kernel6.12 (important)".into(), fixed: Vec::new(), ..rich(updated) }
    }

    #[test]
    fn a_feed_that_tells_less_takes_nothing_away() {
        let kept = rich(1).merged(&poor(5));
        assert_eq!((kept.fixed.len(), kept.updated, kept.title.as_str()), (1, at(5), "kernel6.12 (important)"));
    }

    #[test]
    fn what_is_known_already_is_no_news() {
        assert!(news(&[rich(1)], vec![rich(1), poor(1)]).is_empty());
        assert_eq!(news(&[rich(1)], vec![rich(2)]).len(), 1);
        assert_eq!(news(&[], vec![poor(1), rich(1)]), [Advisory { title: poor(1).title, ..rich(1) }]);
    }

    proptest! {
        /// Two feeds in turn, whatever their dates, come to rest: nothing is written again and again.
        #[test]
        fn readings_in_turn_come_to_rest(dates in prop::collection::vec((0_i64..4, any::<bool>()), 1..12)) {
            let readings: Vec<Advisory> = dates.into_iter().map(|(date, is_rich)| if is_rich { rich(date) } else { poor(date) }).collect();
            let mut kept = readings[0].clone();
            for _ in 0..2 {
                for reading in &readings {
                    kept = kept.merged(reading);
                }
            }
            for reading in &readings {
                prop_assert_eq!(&kept.merged(reading), &kept);
            }
        }
    }
}
