//! Images in use that lack fixes that no move of their base image brings, or none that is as urgent.

use prism_domain::patch::Patch;

use super::{User, Users};
use crate::commands::security_status_view::Missing;

/// What images in use lack by the newest finding of each, the worst first. One whose base image has moved for a reason that
/// is as bad gets the fixes with that.
pub fn missing(users: &Users<'_>) -> Vec<Missing> {
    let mut rows: Vec<Missing> = (users.values().flatten())
        .filter_map(|user| {
            let patch = user.target.patches.iter().max_by_key(|patch| patch.found_at)?;
            let is_worse = user.lacks.updates.iter().all(|update| update.security_level < patch.level);
            is_worse.then(|| row(user, patch))
        })
        .collect();
    rows.sort_by(|one, other| (other.level, &one.patch).cmp(&(one.level, &other.patch)));
    rows
}

fn row(user: &User<'_>, patch: &Patch) -> Missing {
    Missing {
        affected: user.affected(),
        differs: user.standing.targets.len() > 1,
        patch: patch.id.clone(),
        level: patch.level,
        since: patch.found_at,
        worst: patch.fixes.first().cloned(),
        cves: patch.fixes.len(),
        advisories: patch.advisories.len(),
    }
}
