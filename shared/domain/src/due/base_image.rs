//! On which image of its base a rebuild stands.

use jiff::Timestamp;

use crate::id::AmiId;
use crate::policy::Policy;
use crate::soak::Soak;
use crate::update::{BaseImageUpdate, TrackedImage};

/// The image to build on, and the moves that lead to it, newest first. It is the newest one that has been out for the
/// policy's `minimum_age`. `path` has the moves since the published image, newest first; if it is empty, the current image is
/// chosen. If no image has been out for long enough, a rebuild that brings something else (`has_more`) stays on `stands_on`,
/// and one that brings nothing else waits for the first of them. `None`: nothing is known of the images.
pub(super) fn choose(
    stands_on: &AmiId,
    path: &[BaseImageUpdate],
    has_more: bool,
    tracked: Option<&TrackedImage>,
    policy: &Policy,
    now: Timestamp,
) -> Option<(Vec<BaseImageUpdate>, AmiId)> {
    let tracked = tracked?;
    if path.is_empty() {
        return Some((Vec::new(), tracked.current.image_id.clone()));
    }
    let until = |update: &BaseImageUpdate| Soak::of(update, policy).map_or(now, |soak| soak.until.max(now));
    let known: Vec<usize> = (0..path.len()).filter(|at| tracked.image(&path[*at].image_id).is_some()).collect();
    let ready = known.iter().find(|at| until(&path[**at]) <= now);
    if ready.is_none() && has_more && tracked.image(stands_on).is_some() {
        return Some((Vec::new(), stands_on.clone()));
    }
    let first = ready.or_else(|| known.iter().min_by_key(|at| until(&path[**at])))?;
    Some((path[*first..].to_vec(), path[*first].image_id.clone()))
}
