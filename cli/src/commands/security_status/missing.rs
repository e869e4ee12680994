//! Images in use that lack fixes that no move of their base image brings, or none that is as urgent.

use jiff::Timestamp;
use prism_domain::assessment::FixedCve;
use prism_domain::id::Target;
use prism_domain::level::SecurityLevel;
use prism_domain::patch::{Patch, PatchId};
use prism_domain::policy::Policy;
use serde::Serialize;
use termtree::Tree;

use super::{User, Users, affected};
use crate::commands::security_status_view::{Affected, headline, plans};
use crate::look::{BOLD, Look, branch, paint};
use crate::progress::each;
use crate::stack::Stack;
use crate::standing::Everything;

/// How many findings of an image are read: each is of all that it lacked then.
const FINDINGS: usize = 10;

/// An image in use that lacks fixes on the base image that it has.
#[derive(Debug, Serialize)]
pub struct Missing {
    #[serde(flatten)]
    pub affected: Affected,
    /// Whether its template has images of other architectures.
    #[serde(skip)]
    pub differs: bool,
    /// The finding.
    pub patch: PatchId,
    pub level: SecurityLevel,
    /// Since when that is known.
    pub since: Timestamp,
    /// The vulnerability that weighs most, where one is known.
    pub worst: Option<FixedCve>,
    /// How many vulnerabilities the fixes are for.
    pub cves: usize,
    /// How many advisories tell of them.
    pub advisories: usize,
}

/// The newest findings of every image in use.
pub async fn read(stack: &Stack, all: &Everything) -> anyhow::Result<Vec<Patch>> {
    let targets = all.templates.iter().flat_map(|standing| &standing.targets);
    let targets: Vec<Target> =
        targets.filter_map(|target| Some(target.channel.as_ref()?.build.target.clone())).collect();
    let found = each(targets, |target| {
        let table = stack.table.clone();
        async move { Ok(prism_aws::patches::newest(&table, &target, FINDINGS).await?) }
    });
    Ok(found.await?.into_iter().flatten().collect())
}

/// What images in use lack by the newest finding of each, the worst first. One whose base image has moved for a reason that
/// is as bad gets the fixes with that.
pub fn missing(users: &Users<'_>, patches: &[Patch], policy: &Policy, now: Timestamp) -> Vec<Missing> {
    let mut rows: Vec<Missing> = (users.values().flatten())
        .filter_map(|user| {
            let build = &user.target.channel.as_ref()?.build;
            let patch = patches.iter().filter(|patch| patch.id.build == *build).max_by_key(|patch| patch.found_at)?;
            let is_worse = user.lacks.updates.iter().all(|update| update.security_level < patch.level);
            is_worse.then(|| row(user, patch, policy, now))
        })
        .collect();
    rows.sort_by(|one, other| (other.level, &one.patch).cmp(&(one.level, &other.patch)));
    rows
}

fn row(user: &User<'_>, patch: &Patch, policy: &Policy, now: Timestamp) -> Missing {
    Missing {
        affected: affected(user, policy, now),
        differs: user.standing.targets.len() > 1,
        patch: patch.id.clone(),
        level: patch.level,
        since: patch.found_at,
        worst: patch.fixes.first().cloned(),
        cves: patch.fixes.len(),
        advisories: patch.advisories.len(),
    }
}

impl Missing {
    pub fn tree(&self, look: &Look) -> Tree<String> {
        let template = &self.affected.template;
        let title =
            if self.differs { format!("{template} ({})", self.affected.architecture) } else { template.to_string() };
        let what = match (&self.worst, self.cves, self.advisories) {
            (Some(worst), 0 | 1, _) => headline(worst),
            (Some(worst), cves, _) => format!("{} and {} more", headline(worst), cves - 1),
            (None, _, 1) => "the fixes of 1 advisory".to_owned(),
            (None, _, advisories) => format!("the fixes of {advisories} advisories"),
        };
        let mut facts = plans(std::slice::from_ref(&self.affected), look);
        facts.push(format!("Manual rebuild: prism templates auto-ami build {template}"));
        branch(format!("{}: {what}", paint(BOLD, title)), facts)
    }
}
