//! Whether a template has changed since its image was made.

use jiff::Timestamp;

use super::Source;
use crate::build::Channel;
use crate::id::Target;
use crate::policy::Policy;
use crate::request::Change;

/// Why a target is not rebuilt whose template is for another architecture by now.
pub const LEFT_BEHIND: &str = "its template is for another architecture now";

/// Why a target is not rebuilt whose template has changed.
pub(super) const NOT_FOR_A_CHANGE: &str = "its template has changed, and rebuild_on_change is false in the policy";

/// Whether an image was made of something else than its authors have written by now. Two versions of the hash tell nothing.
#[must_use]
pub fn has_changed(published: &Channel, source_hash: &str) -> bool {
    let version = |hash: &str| hash.split_once('-').map(|(version, _)| version.to_owned());
    published
        .built_from
        .as_ref()
        .is_some_and(|from| from.source_hash != source_hash && version(&from.source_hash) == version(source_hash))
}

/// Whether an image is of an architecture that its template has left, and nobody has asked for by its name.
#[must_use]
pub fn is_left_behind(published: &Channel, source: &Source) -> bool {
    let by_name = published.built_from.as_ref().is_none_or(|from| from.by_name);
    source.architecture.is_some_and(|own| own != published.build.target.architecture && !by_name)
}

/// What has changed about the template of a target, if it is rebuilt for that. `published`: its image; `elsewhere`: where it
/// has none, the one of its template on another architecture.
#[must_use]
pub fn change(
    target: &Target,
    (published, elsewhere): (Option<&Channel>, Option<&Channel>),
    source: &Source,
    policy: &Policy,
) -> Option<Change> {
    let source_hash = source.source_hash.clone()?;
    let is_due = match (published, elsewhere) {
        (Some(published), _) => {
            policy.rebuild_on_change && has_changed(published, &source_hash) && !is_left_behind(published, source)
        }
        (None, Some(elsewhere)) => {
            is_left_behind(elsewhere, source) && source.architecture == Some(target.architecture)
        }
        (None, None) => false,
    };
    is_due.then(|| Change { source_hash, since: source.changed_at.unwrap_or(Timestamp::MIN) })
}
