//! What is kept of an advisory when its feed tells of it again.

use std::collections::{BTreeMap, BTreeSet};

use super::{Advisory, AdvisoryId};

impl Advisory {
    /// This advisory, as its feed tells of it now. What the feed leaves open, though it was known before, stays known:
    /// another feed may have told it. Reading the same twice changes nothing any more.
    #[must_use]
    pub fn told_anew(&self, now: &Self) -> Self {
        let or_before = |now: &Vec<_>, before: &Vec<_>| if now.is_empty() { before.clone() } else { now.clone() };
        Self {
            id: now.id.clone(),
            ecosystem: now.ecosystem.clone(),
            kind: now.kind,
            severity: now.severity.or(self.severity),
            title: if now.title.is_empty() { self.title.clone() } else { now.title.clone() },
            cves: if now.cves.is_empty() { self.cves.clone() } else { now.cves.clone() },
            fixed: or_before(&now.fixed, &self.fixed),
            issued: now.issued.min(self.issued),
            updated: now.updated.max(self.updated),
        }
    }

    /// This advisory, and what another record of it in the same reading tells.
    fn and(mut self, other: &Self) -> Self {
        let cves: BTreeSet<_> = self.cves.drain(..).chain(other.cves.iter().cloned()).collect();
        let fixed: BTreeSet<_> = self.fixed.drain(..).chain(other.fixed.iter().cloned()).collect();
        Self {
            severity: self.severity.max(other.severity),
            cves: cves.into_iter().collect(),
            fixed: fixed.into_iter().collect(),
            issued: self.issued.min(other.issued),
            updated: self.updated.max(other.updated),
            ..self
        }
    }
}

/// Those of the advisories that a feed tells of whose content is another one than what is known, as they are to be kept.
#[must_use]
pub fn news(known: &[Advisory], read: Vec<Advisory>) -> Vec<Advisory> {
    let known: BTreeMap<&AdvisoryId, &Advisory> = known.iter().map(|advisory| (&advisory.id, advisory)).collect();
    let mut told: BTreeMap<AdvisoryId, Advisory> = BTreeMap::new();
    for advisory in read {
        let told_already = told.remove(&advisory.id);
        let whole = told_already.map_or_else(|| advisory.clone(), |before| before.and(&advisory));
        told.insert(advisory.id, whole);
    }
    let is_news = |now: Advisory| match known.get(&now.id) {
        None => Some(now),
        Some(before) => Some(before.told_anew(&now)).filter(|kept| kept != *before),
    };
    told.into_values().filter_map(is_news).collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::{advisory, fix};
    use crate::level::SecurityLevel;

    fn at(hours: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hours)
    }

    /// As a feed with everything tells it.
    fn rich(updated: i64) -> Advisory {
        let fixed = [("kernel6.12", "1:6.12.20-23.97.amzn2023")];
        Advisory {
            severity: Some(SecurityLevel::High),
            title: "kernel6.12".into(),
            cves: vec!["CVE-2025-22023".parse().unwrap()],
            updated: at(updated),
            ..advisory("ALAS2023-2025-935", "amazon-linux-2023", at(0), &fixed)
        }
    }

    /// As a feed with little tells it.
    fn poor(updated: i64) -> Advisory {
        Advisory { title: "kernel6.12 (important)".into(), fixed: Vec::new(), ..rich(updated) }
    }

    #[test]
    fn what_its_feed_tells_now_counts_whatever_the_date() {
        let more = Advisory {
            severity: Some(SecurityLevel::Critical),
            cves: vec!["CVE-2025-22023".parse().unwrap(), "CVE-2025-22024".parse().unwrap()],
            ..rich(0)
        };
        let [kept] = news(&[rich(1)], vec![more.clone()]).try_into().unwrap();
        assert_eq!(kept, Advisory { updated: at(1), ..more });
        let [kept] = news(&[kept], vec![rich(1)]).try_into().unwrap();
        assert_eq!(kept, rich(1), "what it takes back is gone");
    }

    #[test]
    fn what_a_feed_leaves_open_stays_known() {
        let kept = rich(1).told_anew(&poor(5));
        assert_eq!((kept.fixed.len(), kept.updated, kept.title.as_str()), (1, at(5), "kernel6.12 (important)"));
    }

    #[test]
    fn what_is_known_already_is_no_news() {
        assert!(news(&[rich(1)], vec![rich(1), rich(0)]).is_empty());
        assert_eq!(news(&[rich(1)], vec![rich(2)]).len(), 1);
    }

    #[test]
    fn two_records_of_one_reading_are_one_advisory() {
        let other = Advisory {
            cves: vec!["CVE-2025-22024".parse().unwrap()],
            fixed: vec![fix("kernel6.12-tools", "1:6.12.20-23.97.amzn2023")],
            ..rich(1)
        };
        let [kept] = news(&[], vec![rich(1), other]).try_into().unwrap();
        assert_eq!((kept.cves.len(), kept.fixed.len()), (2, 2));
    }

    proptest! {
        #[test]
        fn what_was_read_is_no_news_when_it_is_read_again(readings in prop::collection::vec((0_i64..4, any::<bool>()), 1..6)) {
            let mut known: Vec<Advisory> = Vec::new();
            for (date, is_rich) in readings {
                let reading = if is_rich { rich(date) } else { poor(date) };
                if let [kept] = news(&known, vec![reading.clone()]).as_slice() {
                    known = vec![kept.clone()];
                }
                prop_assert_eq!(news(&known, vec![reading]), vec![]);
            }
        }
    }
}
