//! `prism templates auto-ami security-status`: what it shows.

mod affected;
mod missing;

use std::collections::{BTreeMap, BTreeSet};

use anstyle::Style;
use jiff::{SignedDuration, Timestamp};
use prism_aws::advisories::FeedState;
use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::duration::after;
use prism_domain::id::{AmiId, BaseImageName, TemplateName, UpdateId};
use prism_domain::level::SecurityLevel;
use prism_domain::problem::printable;
use serde::Serialize;
use termtree::Tree;

use crate::look::{BOLD, Look, WARN, branch, of_level, paint, some};
use crate::output::Answer;
use crate::pending::Gist;
use crate::wrong::Wrong;

pub use affected::{Affected, Plan};
pub use missing::Missing;

use affected::{TOLD, headline, plans};

/// After how long without a look at base images that is told.
const STALE: SignedDuration = SignedDuration::from_hours(2);

/// How templates stand to the updates of their base images.
#[derive(Debug, Serialize)]
pub struct SecurityStatus {
    pub at: Timestamp,
    /// The worst first.
    pub available: Vec<Available>,
    /// Images that lack fixes though their base image has not moved, the worst first.
    pub missing: Vec<Missing>,
    /// What all have by now, newest first.
    pub recent: Vec<Recent>,
    pub withdrawn: Vec<WithdrawnRow>,
    pub troubles: Vec<WrongRow>,
    /// When base images were last looked at.
    pub looked_at: Option<Timestamp>,
    /// How the vendors' feeds stand.
    pub feeds: Vec<FeedRow>,
}

/// How a vendor's feed stands.
#[derive(Debug, Serialize)]
pub struct FeedRow {
    pub feed: String,
    /// When it was last read to its end.
    pub good_at: Option<Timestamp>,
    /// Since when it is down, and why.
    pub failing_since: Option<Timestamp>,
    pub reason: Option<String>,
}

impl From<&FeedState> for FeedRow {
    fn from(state: &FeedState) -> Self {
        Self {
            feed: state.feed.clone(),
            good_at: state.good_at,
            failing_since: state.failure.as_ref().map(|failure| failure.since),
            reason: state.failure.as_ref().map(|failure| failure.reason.clone()),
        }
    }
}

impl FeedRow {
    /// What is wrong with it; nothing if nothing is.
    fn line(&self, look: &Look) -> Option<String> {
        let (since, reason) = (self.failing_since?, printable(self.reason.as_deref()?, 200));
        let known = match self.good_at {
            Some(at) => format!("what is known of it is of {}", look.ago(at)),
            None => "nothing is known of it".to_owned(),
        };
        Some(format!("{} {reason} (since {}; {known})", self.feed, look.ago(since)))
    }
}

/// What templates lack of a base image's updates.
#[derive(Debug, Serialize)]
pub struct Available {
    pub base: BaseImageName,
    pub architectures: BTreeSet<Architecture>,
    /// Whether other architectures of it that templates stand on lack something else, or nothing.
    #[serde(skip)]
    pub differs: bool,
    #[serde(flatten)]
    pub gist: Gist,
    /// Since when there is the first of them.
    pub since: Timestamp,
    pub updates: Vec<UpdateId>,
    pub affected: Vec<Affected>,
}

/// What all have by now.
#[derive(Debug, Serialize)]
pub struct Recent {
    pub base: BaseImageName,
    pub architectures: BTreeSet<Architecture>,
    /// Whether templates stand on other architectures of it too, of which this is not told.
    #[serde(skip)]
    pub differs: bool,
    #[serde(flatten)]
    pub gist: Gist,
    pub completed_at: Timestamp,
    pub updates: Vec<UpdateId>,
}

/// An image in use that its vendor has taken back.
#[derive(Debug, Serialize)]
pub struct WithdrawnRow {
    /// The move back.
    pub update: UpdateId,
    pub withdrawn: AmiId,
    /// What the base image went back to.
    pub image: AmiId,
    pub since: Timestamp,
    pub affected: Vec<Affected>,
}

/// What is wrong with a base image, and who stands on it.
#[derive(Debug, Serialize)]
pub struct WrongRow {
    #[serde(flatten)]
    pub wrong: Wrong,
    pub templates: BTreeSet<TemplateName>,
}

impl Available {
    /// Takes in another architecture that lacks the same.
    pub fn join(&mut self, other: Self) {
        self.architectures.extend(other.architectures);
        self.gist.cves = self.gist.cves.max(other.gist.cves);
        self.gist.partly_unknown |= other.gist.partly_unknown;
        self.since = self.since.min(other.since);
        self.updates.extend(other.updates);
        self.affected.extend(other.affected);
        self.affected
            .sort_by(|one, other| (&one.template, one.architecture).cmp(&(&other.template, other.architecture)));
    }
}

impl Answer for SecurityStatus {
    fn text(&self, look: &Look) -> String {
        let mut parts = vec![paint(BOLD, "SECURITY UPDATE STATUS")];
        parts.extend(SecurityLevel::ALL.into_iter().filter_map(|level| self.of_level(level, look)));
        parts.extend(section(WARN, "Missing Fixes:", self.missing.iter().map(|row| row.tree(look))));
        if self.available.is_empty() && self.missing.is_empty() {
            parts.push("No security updates are pending.".to_owned());
        }
        let recent = self.recent.iter().map(|row| Tree::new(row.line(look)));
        parts.extend(section(BOLD, "Recent Security Updates:", recent));
        parts.extend(section(WARN, "Withdrawn Images In Use:", self.withdrawn.iter().map(|row| row.tree(look))));
        parts.extend(section(WARN, "Base Images In Trouble:", self.trouble(look)));
        parts.extend(section(WARN, "Feeds Down:", self.feeds.iter().filter_map(|row| row.line(look)).map(Tree::new)));
        parts.join("\n\n")
    }
}

/// A heading and what stands below it; nothing if nothing does.
fn section(style: Style, head: &str, rows: impl IntoIterator<Item = Tree<String>>) -> Option<String> {
    let tree = branch(paint(style, head), rows);
    (!tree.leaves.is_empty()).then(|| tree.to_string().trim_end().to_owned())
}

impl SecurityStatus {
    fn of_level(&self, level: SecurityLevel, look: &Look) -> Option<String> {
        let word = match level {
            SecurityLevel::Critical => "Critical",
            SecurityLevel::High => "High",
            SecurityLevel::Medium => "Medium",
            SecurityLevel::Low => "Low",
        };
        let rows = self.available.iter().filter(|row| row.gist.level == level).map(|row| row.tree(look));
        section(of_level(level), &format!("{word} Updates Available:"), rows)
    }

    fn trouble(&self, look: &Look) -> Vec<Tree<String>> {
        let mut rows: Vec<Tree<String>> = self.troubles.iter().map(|row| row.tree(look)).collect();
        match self.looked_at {
            None => rows.push(Tree::new("none has been looked at yet".to_owned())),
            Some(at) if after(at, STALE) <= look.now => {
                let at = look.instant(at);
                rows.push(Tree::new(format!("all were last looked at {at}: what moved since then is not known")));
            }
            Some(_) => {}
        }
        rows
    }
}

impl Available {
    fn tree(&self, look: &Look) -> Tree<String> {
        let mut facts = vec![format!("Affected templates: {}", some(self.names(), TOLD))];
        facts.extend(plans(&self.affected, look));
        let level = match self.gist.level {
            SecurityLevel::Critical | SecurityLevel::High => String::new(),
            lower => format!(" --level {lower}"),
        };
        facts.push(match self.gist.update_type {
            UpdateType::Security => {
                format!("Manual rebuild: prism templates auto-ami build --security-update{level}")
            }
            UpdateType::Feature | UpdateType::Maintenance => {
                "Manual rebuild: prism templates auto-ami build NAME".to_owned()
            }
        });
        let title = paint(BOLD, title(&self.base, &self.architectures, self.differs));
        branch(format!("{title}: {}", what(&self.gist)), facts)
    }

    /// Each template once; its architecture where it has another that is not affected, or that is told elsewhere.
    fn names(&self) -> Vec<String> {
        let mut of: BTreeMap<&TemplateName, BTreeSet<Architecture>> = BTreeMap::new();
        for affected in &self.affected {
            of.entry(&affected.template).or_default().insert(affected.architecture);
        }
        let name = |(name, on): (&TemplateName, BTreeSet<Architecture>)| {
            if on.len() == self.architectures.len() || self.architectures.len() == 1 {
                return name.to_string();
            }
            format!("{name} ({})", listed(&on))
        };
        of.into_iter().map(name).collect()
    }
}

/// A base image, with its architectures where they have to be told.
fn title(base: &BaseImageName, on: &BTreeSet<Architecture>, differs: bool) -> String {
    if differs { format!("{base} ({})", listed(on)) } else { base.to_string() }
}

fn listed(architectures: &BTreeSet<Architecture>) -> String {
    architectures.iter().map(|architecture| architecture.as_str()).collect::<Vec<_>>().join(", ")
}

/// What updates bring, in a few words: `CVE-2024-1234 (kernel vulnerability) and 3 more`.
pub fn what(gist: &Gist) -> String {
    let unknown = format!("what it fixes is not known; counts as {} until it is", gist.level);
    match (&gist.worst, gist.update_type) {
        (Some(worst), _) => {
            let more = gist.cves.saturating_sub(1);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let rest = if gist.partly_unknown { "; what else it fixes is not known" } else { "" };
            format!("{}{more}{rest}", headline(worst))
        }
        (None, _) if gist.partly_unknown => unknown,
        (None, UpdateType::Security) if gist.cves > 0 => super::base_images_explain_view::vulnerabilities(gist.cves),
        (None, UpdateType::Security) => "security update".to_owned(),
        (None, UpdateType::Feature) => "feature update".to_owned(),
        (None, UpdateType::Maintenance) => "maintenance update".to_owned(),
    }
}

impl Recent {
    fn line(&self, look: &Look) -> String {
        let what = match self.gist.update_type {
            UpdateType::Security => "Security patches applied",
            UpdateType::Feature => "Feature update",
            UpdateType::Maintenance => "Maintenance update",
        };
        let title = title(&self.base, &self.architectures, self.differs);
        format!("{title}: {what} (completed {})", look.done(self.completed_at))
    }
}

impl WithdrawnRow {
    fn tree(&self, look: &Look) -> Tree<String> {
        let image = &self.update.image;
        let Self { withdrawn, image: now, .. } = self;
        let (name, on, done) = (&image.name, image.architecture, look.done(self.since));
        let head = format!("{name} ({on}): its vendor took {withdrawn} back {done}, and has {now} in its place");
        let names = self.affected.iter().map(|affected| affected.template.to_string());
        let mut facts = vec![format!("Affected templates: {}", some(names, TOLD))];
        facts.extend(plans(&self.affected, look));
        facts.push("Manual rebuild: prism templates auto-ami build NAME".to_owned());
        branch(head, facts)
    }
}

impl WrongRow {
    fn tree(&self, look: &Look) -> Tree<String> {
        let mut tree = Tree::new(self.wrong.line(look));
        if !self.templates.is_empty() {
            tree.push(format!("Templates on it: {}", some(self.templates.iter().map(ToString::to_string), TOLD)));
        }
        tree
    }
}
