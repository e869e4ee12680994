//! `prism base-images explain`: what it shows.

use jiff::Timestamp;
use prism_aws::base_images::UpdateRecord;
use prism_domain::assessment::FixedCve;
use prism_domain::id::{AmiId, BuildId, TemplateName, UpdateId};
use prism_domain::level::Confidence;
use prism_domain::problem::printable;
use prism_domain::update::{BaseImageUpdate, Direction};
use serde::Serialize;
use termtree::Tree;

use super::status::not_rebuilt;
use crate::condition::Condition;
use crate::look::{BAD, BOLD, DIM, GOOD, Look, WARN, branch, count, of_level, paint, some};
use crate::output::Answer;

/// How many templates are told in text.
const TOLD: usize = 50;

/// A move of a base image, with everything that is known of it.
#[derive(Debug, Serialize)]
pub struct Explained {
    title: String,
    #[serde(flatten)]
    record: UpdateRecord,
    /// The newest moves of its other architectures, where none was named.
    others: Vec<UpdateId>,
    /// The later move by which its vendor took it back, if it did.
    taken_back_by: Option<UpdateId>,
    /// How the templates stand that stand on it; nothing of another region than the stack's, where none does.
    templates: Option<Vec<TemplateRow>>,
    /// How many vulnerabilities are told.
    #[serde(skip)]
    limit: usize,
}

/// How a template stands to a move.
#[derive(Debug, Serialize)]
pub struct TemplateRow {
    pub template: TemplateName,
    /// Why it is not rebuilt by itself, if it is not.
    pub disabled: Option<String>,
    #[serde(flatten)]
    pub stands: Stands,
}

/// Whether a template's image stands on what a base image moved to.
#[derive(Debug, Serialize)]
#[serde(tag = "stands", rename_all = "snake_case")]
pub enum Stands {
    /// On that, or on something newer.
    Has { build: BuildId, since: Timestamp, newer: bool },
    /// On something older.
    Lacks { condition: Condition },
}

/// What is shown of a move: at most so many vulnerabilities in text.
pub fn explained(
    mut record: UpdateRecord,
    title: String,
    others: Vec<UpdateId>,
    taken_back_by: Option<UpdateId>,
    templates: Option<Vec<TemplateRow>>,
    limit: usize,
) -> Explained {
    record.update.fixes.sort_by_key(|fix| std::cmp::Reverse(fix.level));
    Explained { title, record, others, taken_back_by, templates, limit }
}

/// `1 vulnerability`, `3 vulnerabilities`.
pub fn vulnerabilities(number: usize) -> String {
    if number == 1 { "1 vulnerability".to_owned() } else { format!("{number} vulnerabilities") }
}

impl Answer for Explained {
    fn text(&self, look: &Look) -> String {
        let update = &self.record.update;
        let image = &update.id.image;
        let level = paint(of_level(update.security_level), update.security_level);
        let head = format!("{}: {} update, {level}", paint(BOLD, &update.id), update.update_type);
        let title = printable(&self.title, 100);
        let went = match update.direction {
            Direction::Forward => "moved".to_owned(),
            Direction::Back => {
                paint(WARN, "went back to an older image, since its vendor has withdrawn the newer one,")
            }
        };
        let (at, of) = (look.instant(update.updated_at), format!("{}, {}", image.architecture, image.region));
        let (to, from) = (&update.image_id, &update.previous_image_id);
        let mut tree = branch(head, [format!("{title} ({of}) {went} {at}")]);
        tree.push(side("To", to, &update.image_name, update.image_created_at, look));
        tree.push(side("From", from, &update.previous_image_name, update.previous_created_at, look));
        if let Some(back) = &self.taken_back_by {
            tree.push(paint(WARN, format!("Its vendor took it back: prism base-images explain {back}")));
        }
        if !update.between.is_empty() {
            let names = update.between.iter().map(|name| printable(name, 128));
            tree.push(format!("Releases between, never seen: {}", some(names, 10)));
        }
        if let Some(url) = &update.changelog_url {
            tree.push(format!("What changed, by its publisher: {}", printable(url, 200)));
        }
        tree.push(judged(update, look));
        tree.push(branch("Why", update.reasons.iter().map(|reason| printable(reason, 400))));
        tree.extend(self.fixes());
        tree.push(self.stands(look));
        let mut text = tree.to_string();
        for other in &self.others {
            text.push_str(&paint(DIM, format!("\nAnother architecture moved too: prism base-images explain {other}")));
        }
        text
    }
}

fn side(word: &str, ami: &AmiId, name: &str, made: Option<Timestamp>, look: &Look) -> String {
    let made = made.map(|at| format!(", made {}", look.instant(at))).unwrap_or_default();
    format!("{word}: {ami} {}{made}", printable(name, 128))
}

/// When it was judged, and how sure that is.
fn judged(update: &BaseImageUpdate, look: &Look) -> String {
    let sure = match update.confidence {
        Confidence::Unknown => "nothing is known of either image, and the level is a precaution",
        Confidence::Likely => "derived from the dates or releases of the two images",
        Confidence::Certain => "derived from what is installed in both images",
    };
    match update.assessed_at {
        Some(at) => format!("Judged: {}; confidence {}: {sure}", look.instant(at), update.confidence),
        None => format!("Judged: not on evidence yet; confidence {}: {sure}", update.confidence),
    }
}

impl Explained {
    fn fixes(&self) -> Option<Tree<String>> {
        let update = &self.record.update;
        if update.cves.is_empty() {
            return None;
        }
        let mut tree = branch(
            format!("Fixes {}, the worst first", vulnerabilities(update.cves.len())),
            update.fixes.iter().take(self.limit).map(told),
        );
        let more = update.cves.len().saturating_sub(self.limit);
        if more > 0 {
            tree.push(paint(DIM, format!("and {more} more: --limit {} shows all", update.cves.len())));
        }
        Some(tree)
    }

    fn stands(&self, look: &Look) -> Tree<String> {
        let Some(templates) = &self.templates else {
            let why = "since builds stand on the image of the stack's own region";
            return Tree::new(format!("Templates: none is built on it, {why}"));
        };
        if templates.is_empty() {
            return Tree::new("Templates: none has an image that stands on it".to_owned());
        }
        let mut ordered: Vec<&TemplateRow> = templates.iter().collect();
        ordered.sort_by_key(|row| matches!(row.stands, Stands::Has { .. }));
        let has = templates.iter().filter(|row| matches!(row.stands, Stands::Has { .. })).count();
        let head = format!("Templates: {has} of {} have it", templates.len());
        let mut tree = branch(head, ordered.iter().take(TOLD).map(|row| row.line(self.record.update.updated_at, look)));
        if templates.len() > TOLD {
            tree.push(format!("and {} more: --output json has all", count(templates.len() - TOLD, "template")));
        }
        tree
    }
}

/// A vulnerability, in a line.
fn told(fix: &FixedCve) -> String {
    let mut facts = Vec::new();
    // A vendor rates advisories, most of them of several vulnerabilities; what has none was rated by what was found.
    facts.extend(fix.rating.map(|rating| match &fix.advisory {
        Some(_) => format!("its advisory is rated {rating} by the vendor"),
        None => format!("rated {rating} by Amazon Inspector"),
    }));
    facts.extend(
        fix.exploited_since.map(|day| paint(BAD, format!("known to be exploited since {}", day.strftime("%-d %b %Y")))),
    );
    facts.extend(fix.likelihood.map(|likelihood| format!("{likelihood} likely to be exploited within 30 days")));
    facts.extend(fix.package.as_ref().map(|package| {
        let name = printable(&package.name, 100);
        let fixed = printable(&package.fixed, 100);
        match &package.installed {
            Some(installed) => format!("{name} {} → {fixed}", printable(installed, 100)),
            None => format!("{name} → {fixed}"),
        }
    }));
    facts.extend(fix.advisory.iter().map(ToString::to_string));
    let level = paint(of_level(fix.level), fix.level);
    let facts = if facts.is_empty() { String::new() } else { format!(": {}", facts.join("; ")) };
    format!("{} {level}{facts}", fix.cve)
}

impl TemplateRow {
    fn line(&self, moved: Timestamp, look: &Look) -> String {
        match &self.stands {
            Stands::Has { build, since, newer } => {
                let how = if *since >= moved { "rebuilt on" } else { "stands on" };
                let done = paint(GOOD, format!("✓ {how} {}", if *newer { "something newer" } else { "it" }));
                format!("{}: {done} ({build}, {})", self.template, look.ago(*since))
            }
            Stands::Lacks { condition } => {
                format!("{}: {}{}", self.template, condition.line(look), not_rebuilt(self.disabled.as_deref()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prism_domain::id::Target;
    use prism_domain::level::SecurityLevel;

    use super::*;
    use crate::commands::base_images_explain::rows;
    use crate::look::tests::{look, plain};
    use crate::samples::{self, ami, at, back, cve, judged, kernel, update};

    fn record(update: BaseImageUpdate) -> UpdateRecord {
        UpdateRecord { round: 0, announced_at: Some(update.updated_at), responded_at: Some(update.updated_at), update }
    }

    fn critical() -> BaseImageUpdate {
        let many = (1..=4).map(|n| cve(&format!("CVE-2024-{n:04}"), SecurityLevel::Medium));
        let fixes = std::iter::once(kernel()).chain(many).collect();
        let judged = judged(update(1, 1, 2), SecurityLevel::Critical, fixes);
        BaseImageUpdate {
            image_created_at: Some(at("2026-11-18T03:00:00Z")),
            between: vec!["ubuntu-jammy-22.04-amd64-server-20261118.1".into()],
            changelog_url: Some("https://ubuntu.com/security/notices?release=jammy".into()),
            ..judged
        }
    }

    /// `basics` has it, `python-ml` waits for it in a build that was on its way, `genomics` lacks it.
    fn templates(update: &BaseImageUpdate) -> Vec<TemplateRow> {
        let all = samples::everything();
        let architecture = update.id.image.architecture;
        let targets =
            ["basics", "genomics", "python-ml"].map(|name| Target { template: name.parse().unwrap(), architecture });
        rows(update, std::slice::from_ref(update), &all, &targets)
    }

    #[test]
    fn a_move_is_explained_vulnerability_by_vulnerability_and_template_by_template() {
        let update = critical();
        let templates = templates(&update);
        let told = explained(record(update), "Ubuntu 22.04 LTS".into(), Vec::new(), None, Some(templates), 3);
        insta::assert_snapshot!(plain(&told.text(&look())));
        insta::assert_json_snapshot!(told);
    }

    #[test]
    fn a_move_of_which_nothing_is_known_says_so_and_one_that_was_taken_back_too() {
        let other = UpdateId {
            image: prism_domain::id::TrackedImageId {
                architecture: prism_domain::architecture::Architecture::Arm64,
                ..update(1, 1, 2).id.image
            },
            sequence: 1,
        };
        let told = explained(
            record(update(1, 1, 2)),
            "Ubuntu 22.04 LTS".into(),
            vec![other],
            Some(update(2, 2, 1).id),
            Some(Vec::new()),
            20,
        );
        insta::assert_snapshot!(plain(&told.text(&look())));
    }

    #[test]
    fn a_move_back_says_so_and_one_elsewhere_has_no_templates() {
        let mut update = back(2, 2, 1);
        update.id.image.region = "eu-west-1".parse().unwrap();
        let told = explained(record(update), "Ubuntu 22.04 LTS".into(), Vec::new(), None, None, 20);
        insta::assert_snapshot!(plain(&told.text(&look())));
    }

    /// How `basics` stands to a move, which stands on the second image of its base.
    fn stands(update: &BaseImageUpdate, since: &[BaseImageUpdate]) -> Stands {
        let target = Target { template: "basics".parse().unwrap(), architecture: update.id.image.architecture };
        rows(update, since, &samples::everything(), &[target]).remove(0).stands
    }

    #[test]
    fn a_template_lacks_what_was_taken_back_in_favour_of_what_it_stands_on() {
        let (taken_back, back) = (update(1, 2, 3), back(2, 3, 2));
        assert!(matches!(stands(&taken_back, &[back.clone(), taken_back.clone()]), Stands::Lacks { .. }));
        assert!(matches!(stands(&back, std::slice::from_ref(&back)), Stands::Has { newer: false, .. }));
    }

    #[test]
    fn a_template_that_stands_on_something_newer_has_it() {
        let older = update(1, 3, 1);
        let newer = update(2, 1, 2);
        assert!(matches!(stands(&older, &[newer, older.clone()]), Stands::Has { newer: true, .. }));
        assert_eq!(ami(2), samples::everything().templates[0].targets[0].channel.as_ref().unwrap().base_image_id);
    }
}
