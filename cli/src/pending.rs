//! What has become of a base image since the image was made that stands on it.

use std::cmp::Reverse;

use prism_domain::assessment::FixedCve;
use prism_domain::id::AmiId;
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::update::{BaseImageUpdate, Direction, UpdateType};
use serde::Serialize;

use crate::standing::{Base, Bases, TargetStanding};

/// What a target lacks of its base image's moves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pending {
    /// The moves that lead from its base image on to the present one, newest first; none that was taken back.
    pub updates: Vec<BaseImageUpdate>,
    /// The move by which the vendor took back the image that it stands on, or with a newer one that too.
    pub withdrawn: Option<BaseImageUpdate>,
}

/// What a target lacks; nothing where it has no image.
pub fn of(target: &TargetStanding, bases: &Bases) -> Pending {
    let Some(channel) = &target.channel else { return Pending::default() };
    let base = bases.get(&(channel.base.clone(), target.architecture));
    base.map(|base| pending(&channel.base_image_id, base)).unwrap_or_default()
}

/// What an image lacks that stands on `on`.
pub fn pending(on: &AmiId, base: &Base) -> Pending {
    if base.tracked.as_ref().is_none_or(|tracked| tracked.current.image_id == *on) {
        return Pending::default();
    }
    let since: Vec<&BaseImageUpdate> = base.updates.iter().take_while(|update| update.image_id != *on).collect();
    let mut path: Vec<&BaseImageUpdate> = Vec::new();
    for update in since.into_iter().rev() {
        // Back to where it has been on the way: what lay between came to nothing.
        match path.iter().position(|before| before.previous_image_id == update.image_id) {
            Some(place) => path.truncate(place),
            // Back beyond where it started: all that lay between came to nothing.
            None if update.direction == Direction::Back => path = Vec::from([update]),
            None => path.push(update),
        }
    }
    // Of one that is older than what is remembered it is not known whether it was taken back.
    let is_known = base.updates.iter().any(|update| [&update.image_id, &update.previous_image_id].contains(&on));
    let withdrawn = path.first().filter(|update| is_known && update.direction == Direction::Back);
    let withdrawn = withdrawn.map(|update| (*update).clone());
    let on_from_there = path.into_iter().rev().filter(|update| update.direction == Direction::Forward);
    Pending { updates: on_from_there.cloned().collect(), withdrawn }
}

/// What several moves come to, taken together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gist {
    /// The worst of their levels.
    pub level: SecurityLevel,
    /// How sure that one is.
    pub confidence: Confidence,
    /// Security if one of them is, or may be; else feature if one of them is.
    #[serde(rename = "type")]
    pub update_type: UpdateType,
    /// The vulnerability that weighs most, where one is known.
    pub worst: Option<FixedCve>,
    /// How many vulnerabilities they fix, as far as is known.
    pub cves: usize,
    /// Whether it is not known of one of them what it fixes.
    pub partly_unknown: bool,
}

/// What moves come to; nothing if there are none.
pub fn gist<'a>(updates: impl IntoIterator<Item = &'a BaseImageUpdate>) -> Option<Gist> {
    let updates: Vec<&BaseImageUpdate> = updates.into_iter().collect();
    let worst = updates.iter().max_by_key(|update| (update.security_level, update.confidence))?;
    let of_type = |wanted| updates.iter().any(|update| update.update_type == wanted);
    let update_type = if of_type(UpdateType::Security) {
        UpdateType::Security
    } else if of_type(UpdateType::Feature) {
        UpdateType::Feature
    } else {
        UpdateType::Maintenance
    };
    let mut cves: Vec<_> = updates.iter().flat_map(|update| &update.cves).collect();
    cves.sort_unstable();
    cves.dedup();
    Some(Gist {
        level: worst.security_level,
        confidence: worst.confidence,
        update_type,
        worst: updates.iter().flat_map(|update| &update.fixes).max_by_key(|fix| weight(fix)).cloned(),
        cves: cves.len(),
        partly_unknown: updates.iter().any(|update| update.confidence == Confidence::Unknown),
    })
}

/// By its level, then whether it is exploited, then how likely it is to be; the oldest id where all that is the same.
fn weight(fix: &FixedCve) -> impl Ord {
    (fix.level, fix.exploited_since.is_some(), fix.likelihood, Reverse(fix.cve.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{ami, back, base, update};

    fn lacks(on: u32, base: &Base) -> (Vec<u32>, Option<u32>) {
        let pending = pending(&ami(on), base);
        let ids = pending.updates.iter().map(|update| update.id.sequence).collect();
        (ids, pending.withdrawn.map(|update| update.id.sequence))
    }

    #[test]
    fn an_image_lacks_every_move_since_the_one_that_it_stands_on() {
        let base = base(vec![update(2, 2, 3), update(1, 1, 2)]);
        assert_eq!(lacks(3, &base), (vec![], None));
        assert_eq!(lacks(2, &base), (vec![2], None));
        assert_eq!(lacks(1, &base), (vec![2, 1], None));
        assert_eq!(lacks(99, &base), (vec![2, 1], None), "older than what is remembered");
    }

    #[test]
    fn what_was_taken_back_is_not_lacked_and_who_stands_on_it_is_told() {
        let base = base(vec![back(2, 2, 1), update(1, 1, 2)]);
        assert_eq!(lacks(1, &base), (vec![], None));
        assert_eq!(lacks(2, &base), (vec![], Some(2)));
    }

    #[test]
    fn after_a_withdrawn_image_the_way_goes_on() {
        // 1 → 2 → 3, back to 2, then on to 4.
        let base = base(vec![update(4, 2, 4), back(3, 3, 2), update(2, 2, 3), update(1, 1, 2)]);
        assert_eq!(lacks(1, &base), (vec![4, 1], None));
        assert_eq!(lacks(2, &base), (vec![4], None));
        assert_eq!(lacks(3, &base), (vec![4], Some(3)));
        assert_eq!(lacks(4, &base), (vec![], None));
    }

    #[test]
    fn whoever_stands_on_one_of_several_images_that_were_taken_back_at_once_is_told() {
        // 1 → 2 → 3, back to 1, then on to 4.
        let base = base(vec![update(4, 1, 4), back(3, 3, 1), update(2, 2, 3), update(1, 1, 2)]);
        assert_eq!(lacks(1, &base), (vec![4], None));
        assert_eq!(lacks(2, &base), (vec![4], Some(3)));
        assert_eq!(lacks(3, &base), (vec![4], Some(3)));
        assert_eq!(lacks(99, &base).1, None, "older than what is remembered");
    }

    #[test]
    fn nothing_is_lacked_of_a_base_image_that_was_never_seen() {
        assert_eq!(lacks(1, &Base::default()), (vec![], None));
    }

    #[test]
    fn the_worst_level_and_the_weightiest_vulnerability_stand_for_all() {
        use crate::samples::{cve, judged};
        let high = judged(update(1, 1, 2), SecurityLevel::High, vec![cve("CVE-2024-0001", SecurityLevel::High)]);
        let exploited = FixedCve {
            exploited_since: Some("2024-05-01".parse().unwrap()),
            ..cve("CVE-2024-0003", SecurityLevel::Critical)
        };
        let fixes = vec![cve("CVE-2024-0002", SecurityLevel::Critical), exploited];
        let critical = judged(update(2, 2, 3), SecurityLevel::Critical, fixes);
        let told = gist([&high, &critical]).unwrap();
        assert_eq!((told.level, told.cves, told.partly_unknown), (SecurityLevel::Critical, 3, false));
        assert_eq!(told.worst.unwrap().cve.as_str(), "CVE-2024-0003");
        assert_eq!(gist([]), None);
    }
}
