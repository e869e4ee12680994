//! Images in use that lack fixes that no move of their base image brings.

use jiff::Timestamp;
use prism_domain::assessment::FixedCve;
use prism_domain::level::SecurityLevel;
use prism_domain::patch::PatchId;
use serde::Serialize;
use termtree::Tree;

use super::affected::{Affected, headline, plans};
use crate::look::{BOLD, Look, branch, paint};

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
