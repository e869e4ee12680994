//! `prism base-images history`.

use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_domain::architecture::Architecture;
use prism_domain::assessment::UpdateType;
use prism_domain::id::{AmiId, BaseImageName, Region, TrackedImageId, UpdateId};
use prism_domain::level::{Confidence, SecurityLevel};
use prism_domain::problem::printable;
use prism_domain::update::{Direction, TrackedImage};
use serde::Serialize;
use termtree::Tree;

use super::base_images::{meant, region};
use crate::fault::warn_of_unreadable;
use crate::look::{BOLD, DIM, Look, WARN, branch, of_level, paint};
use crate::output::Answer;
use crate::progress::each;
use crate::stack::Stack;

/// The moves of a base image.
#[derive(Debug, Serialize)]
pub struct History {
    name: BaseImageName,
    title: String,
    region: Region,
    /// What it is now, on each architecture.
    now: Vec<Now>,
    /// Newest first.
    moves: Vec<Move>,
}

#[derive(Debug, Serialize)]
struct Now {
    #[serde(flatten)]
    image: TrackedImageId,
    ami: Option<AmiId>,
    image_name: Option<String>,
    since: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Move {
    id: UpdateId,
    at: Timestamp,
    #[serde(rename = "type")]
    update_type: UpdateType,
    level: SecurityLevel,
    confidence: Confidence,
    direction: Direction,
    from: Image,
    to: Image,
    /// The names of the releases between the two that were never seen.
    between: Vec<String>,
    /// How many vulnerabilities it fixes, as far as is known.
    cves: usize,
    reason: Option<String>,
    /// When people were told of it; nothing if it concerned nobody.
    announced_at: Option<Timestamp>,
    /// When everything that it asked for was done, even if that was nothing.
    responded_at: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct Image {
    ami: AmiId,
    name: String,
}

/// Reads the moves of a base image: so many at most, of one architecture or of all.
pub async fn read(
    stack: &Stack,
    name: &str,
    architecture: Option<Architecture>,
    watched_in: Option<&Region>,
    limit: usize,
) -> anyhow::Result<History> {
    let region = region(stack, watched_in).await?;
    let meant = meant(stack, &region, name).await?;
    let known = each(stack, meant.images(architecture, &region), |stack, id| async move {
        let tracked = base_images::tracked(&stack.table, &id).await?;
        let updates = warn_of_unreadable(base_images::newest_updates(&stack.table, &id, limit).await?);
        Ok((id, tracked, updates))
    });
    Ok(history(meant.name, meant.title, region, known.await?, limit))
}

fn history(
    name: BaseImageName,
    title: String,
    region: Region,
    known: Vec<(TrackedImageId, Option<TrackedImage>, Vec<UpdateRecord>)>,
    limit: usize,
) -> History {
    let mut now = Vec::new();
    let mut moves: Vec<Move> = Vec::new();
    for (image, tracked, updates) in known {
        let since = tracked.as_ref().map(|tracked| tracked.since);
        let (ami, image_name) = tracked.map(|it| (it.current.image_id, it.current.image_name)).unzip();
        now.push(Now { image, ami, image_name, since });
        moves.extend(updates.into_iter().map(Move::from));
    }
    moves.sort_by(|one, other| (other.at, &one.id).cmp(&(one.at, &other.id)));
    moves.truncate(limit);
    History { name, title, region, now, moves }
}

impl From<UpdateRecord> for Move {
    fn from(record: UpdateRecord) -> Self {
        let update = record.update;
        Self {
            at: update.updated_at,
            update_type: update.update_type,
            level: update.security_level,
            confidence: update.confidence,
            direction: update.direction,
            from: Image { ami: update.previous_image_id, name: update.previous_image_name },
            to: Image { ami: update.image_id, name: update.image_name },
            between: update.between,
            cves: update.cves.len(),
            reason: update.reasons.into_iter().next(),
            announced_at: record.announced_at,
            responded_at: record.responded_at,
            id: update.id,
        }
    }
}

impl Answer for History {
    fn text(&self, look: &Look) -> String {
        let mut lines = vec![format!("{} ({}, {})", paint(BOLD, &self.name), printable(&self.title, 100), self.region)];
        lines.extend(self.now.iter().map(|now| now.line(look)));
        if self.moves.is_empty() {
            let seen = self.now.iter().any(|now| now.ami.is_some());
            let told =
                if seen { "It has not moved since it was first seen." } else { "It has not been seen there yet." };
            lines.push(told.to_owned());
            return lines.join("\n");
        }
        lines.push(format!("Moved, newest first, times in {}:", look.zone.name()));
        let trees: String = self.moves.iter().map(|it| it.tree(look).to_string()).collect();
        let why = paint(DIM, "Why, vulnerability by vulnerability: prism base-images explain MOVE");
        format!("{}\n\n{trees}\n{why}", lines.join("\n"))
    }
}

impl Now {
    fn line(&self, look: &Look) -> String {
        let architecture = self.image.architecture;
        match (&self.ami, &self.image_name, self.since) {
            (Some(ami), Some(name), Some(since)) => {
                format!("Now ({architecture}): {ami} {}, since {}", printable(name, 128), look.instant(since))
            }
            _ => format!("Now ({architecture}): not seen yet"),
        }
    }
}

impl Move {
    fn tree(&self, look: &Look) -> Tree<String> {
        let word = paint(of_level(self.level), format!("{}, {}", self.update_type, self.level));
        let ago = paint(DIM, format!("({})", look.ago(self.at)));
        let head = format!("{} {} {word}, confidence {} {ago}", look.stamp(self.at), self.id, self.confidence);
        let mut facts = vec![
            format!("to {} {}", self.to.ami, printable(&self.to.name, 128)),
            format!("from {} {}", self.from.ami, printable(&self.from.name, 128)),
        ];
        if self.direction == Direction::Back {
            facts.push(paint(WARN, "it went back: its vendor has withdrawn the newer image"));
        }
        if !self.between.is_empty() {
            facts.push(format!("releases between that were never seen: {}", self.between.len()));
        }
        if self.cves > 0 {
            facts.push(format!("fixes {}", super::base_images_explain_view::vulnerabilities(self.cves)));
        }
        facts.extend(self.reason.iter().map(|reason| format!("why: {}", printable(reason, 200))));
        facts.extend(match (self.announced_at, self.responded_at) {
            (Some(_), Some(at)) => Some(format!("answered {}, and people were told", look.ago(at))),
            (None, Some(at)) => Some(format!("answered {}: it concerned nobody", look.ago(at))),
            (Some(at), None) => Some(format!("people were told {}, and it is being answered", look.ago(at))),
            (None, None) => None,
        });
        branch(head, facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::{look, plain};
    use crate::samples::{self, back, base, judged, kernel, update};

    fn record(update: prism_domain::update::BaseImageUpdate) -> UpdateRecord {
        let responded_at = (update.direction == Direction::Forward).then_some(update.updated_at);
        UpdateRecord { update, round: 0, announced_at: responded_at, responded_at }
    }

    #[test]
    fn a_history_tells_every_move_newest_first() {
        let mut skipped = judged(update(2, 2, 3), SecurityLevel::Critical, vec![kernel()]);
        skipped.between = vec!["ubuntu-jammy-22.04-amd64-server-20261119.1".into()];
        let updates = vec![back(3, 3, 2), skipped, update(1, 1, 2)];
        let tracked = base(updates.clone()).tracked;
        let id = tracked.as_ref().unwrap().id.clone();
        let unseen = TrackedImageId { architecture: Architecture::Arm64, ..id.clone() };
        let known = vec![(id.clone(), tracked, updates.into_iter().map(record).collect()), (unseen, None, Vec::new())];
        let told = history(id.name, "Ubuntu 22.04 LTS".into(), samples::region(), known, 20);
        insta::assert_snapshot!(plain(&told.text(&look())));
        insta::assert_json_snapshot!(told);
    }

    #[test]
    fn a_move_tells_whether_it_concerned_anybody_and_how_far_it_is_answered() {
        let at = |text: &str| Some(text.parse().unwrap());
        let told = |announced_at, responded_at| {
            let record = UpdateRecord { announced_at, responded_at, ..record(update(1, 1, 2)) };
            let tree = plain(&Move::from(record).tree(&look()).to_string());
            tree.lines().last().unwrap().to_owned()
        };
        let (earlier, later) = (at("2026-11-23T15:00:00Z"), at("2026-11-23T16:00:00Z"));
        assert_eq!(told(None, later), "└── answered 1 hour ago: it concerned nobody");
        assert_eq!(told(earlier, later), "└── answered 1 hour ago, and people were told");
        assert_eq!(told(earlier, None), "└── people were told 2 hours ago, and it is being answered");
        assert!(told(None, None).starts_with("└── why: "));
    }

    #[test]
    fn what_never_moved_says_so() {
        let tracked = samples::tracked("debian-12", "ami-00000002");
        let id = tracked.id.clone();
        let known = vec![(id.clone(), Some(tracked), Vec::new())];
        let told = history(id.name, "Debian 12".into(), samples::region(), known, 20);
        insta::assert_snapshot!(plain(&told.text(&look())));
    }

    #[test]
    fn what_was_never_seen_says_so() {
        let id = samples::tracked("debian-12", "ami-00000002").id;
        let told = history(id.name.clone(), "Debian 12".into(), samples::region(), vec![(id, None, Vec::new())], 20);
        assert!(told.text(&look()).ends_with("Now (x86_64): not seen yet\nIt has not been seen there yet."));
    }
}
