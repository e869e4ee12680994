//! Planning the response to a move: who is rebuilt and when; and telling people, before anything is started.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use prism_aws::base_images::{self, UpdateRecord};
use prism_aws::error::Result;
use prism_aws::pages::{self, PageRecord};
use prism_aws::table::Applied;
use prism_aws::{fault, journal, notices, policies, templates, trials};
use prism_domain::decision::{Decision, DecisionKind};
use prism_domain::estimate;
use prism_domain::id::{Target, TemplateName};
use prism_domain::notice;
use prism_domain::policy::Policy;
use prism_domain::response::{Dependant, Response, respond};
use prism_domain::seen_image::SeenImage;
use prism_domain::trial::{self, Trial};
use prism_domain::unreadable::UnreadableRecord;
use prism_domain::update::Direction;
use prism_templates::{Template, resolve};
use serde_json::json;

use crate::RespondToUpdate;

/// How many writes a transaction may have.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const WRITES: usize = 100;

/// So many templates are read one by one; for more, all that there are.
const FEW: usize = 50;

impl RespondToUpdate {
    /// Decides for every dependant, in one go and few reads, and leaves the one notice with the first page.
    pub(crate) async fn plan(&self, record: &UpdateRecord, now: Timestamp) -> Result<()> {
        let update = &record.update;
        let image = &update.id.image;
        // Builds stand on the images of this region; what others move to is watched, and nothing more.
        let current = if image.region == self.region { base_images::tracked(&self.table, image).await? } else { None };
        let Some(current) = current else { return self.finish(record, now).await };
        // The hourly look finds a move that was not answered.
        let Some(policy) = policies::readable(&self.table).await? else { return Ok(()) };
        let (dependants, unreadable) = self.dependants(record).await?;
        let response = respond(update, &current, dependants, &policy, now);
        self.skip(record, &response).await?;
        let waiting = response.hindered.iter().map(|(target, _)| target);
        let waiting = waiting.filter(|target| unreadable.contains_key(&target.template));
        let targets: Vec<Target> = response.plans.iter().map(|plan| &plan.target).chain(waiting).cloned().collect();
        if !targets.is_empty() {
            self.announce(record, &response, &targets, &current.current, &policy, now).await
        } else if is_told(record, &response) {
            let writes = vec![
                base_images::announced_and_responded(record, now)?,
                notices::leave(&notice_of(record, &response, &policy, now))?,
            ];
            let _: Applied = self.table.transact(&format!("announcing update {}", update.id), writes).await?;
            fault::point("respond-to-update.told");
            tracing::info!(
                update_id = %update.id, kept = response.kept.len(), hindered = response.hindered.len(),
                "told of a move on which nobody is rebuilt"
            );
            Ok(())
        } else {
            self.finish(record, now).await
        }
    }

    /// Everybody who stands on the base image, by one query, and what of it can be built: by another one, where they
    /// are many. Answers also which templates cannot be read, and why: their executions are started with the others, and
    /// wait until they can be.
    async fn dependants(&self, record: &UpdateRecord) -> Result<(Vec<Dependant>, Unreadable)> {
        let image = &record.update.id.image;
        let listed = base_images::dependants(&self.table, &image.name, image.architecture).await?.logged();
        let mut known: BTreeMap<TemplateName, Template> = BTreeMap::new();
        let mut disabled: BTreeMap<TemplateName, String> = BTreeMap::new();
        let records = if listed.len() > FEW {
            templates::all(&self.table).await?
        } else {
            let names = listed.iter().map(|listed| listed.target.template.clone()).collect();
            templates::with_ancestors(&self.table, names).await?
        };
        let mut unreadable: Unreadable = records.unreadable.iter().filter_map(unreadable_template).collect();
        for record in records.logged() {
            disabled.extend(record.disabled.map(|reason| (record.name.clone(), reason)));
            known.insert(record.name, record.template);
        }
        for name in known.keys() {
            if let Some(reason) = inherited(name, &known, &unreadable) {
                unreadable.insert(name.clone(), reason);
            }
        }
        let first = estimate::expected_duration(&[]);
        let dependant = |listed: base_images::Dependant| Dependant {
            left_behind: listed.by_name == Some(false) && has_left(&listed.target, &known),
            hindrance: hindrance(&listed.target.template, &known, &disabled, &unreadable),
            expected: listed.expected.unwrap_or(first),
            base_image_id: listed.base_image_id,
            target: listed.target,
        };
        let dependants = listed.into_iter().map(dependant).collect();
        Ok((dependants, unreadable))
    }

    /// Says in the journal who is not rebuilt, and why: under the same keys, if it is said again.
    async fn skip(&self, record: &UpdateRecord, response: &Response) -> Result<()> {
        let update = &record.update;
        let left: Vec<&(Target, String)> = response.skipped.iter().chain(&response.hindered).collect();
        for left in left.chunks(WRITES) {
            let mut writes = Vec::with_capacity(left.len());
            for (target, reason) in left {
                let decision = Decision {
                    kind: DecisionKind::Skip,
                    subject: format!("{target}:{}", update.id),
                    reasons: vec![reason.clone()],
                    inputs: json!({ "update": update.id, "level": update.security_level, "round": record.round }),
                    at: record.since(),
                };
                writes.push(journal::write(&target.template, &decision)?);
            }
            let _: Applied = self.table.transact("writing the journal", writes).await?;
            fault::point("respond-to-update.skipped");
        }
        Ok(())
    }

    /// Writes the plan, and then in one transaction the notice and the first page: people hear of it before anything
    /// is started. If somebody else was faster, it is their plan that counts.
    async fn announce(
        &self,
        record: &UpdateRecord,
        response: &Response,
        targets: &[Target],
        current: &SeenImage,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<()> {
        if response.plans.len() > trial::WITHOUT {
            let image = &record.update.id.image;
            let trial = Trial::new(image.name.clone(), image.architecture, current.image_id.clone());
            // Lost: there is one already.
            let _: Applied =
                self.table.transact("beginning a trial of a base image", vec![trials::write(&trial)?]).await?;
        }
        let plan = pages::write_plan(&self.table, record, targets, self.page_size(), now).await?;
        fault::point("respond-to-update.planned");
        let first = PageRecord::first(record, plan.clone(), now);
        let mut writes = vec![pages::insert(&first)?];
        // One that an earlier version told of is not told of again.
        if record.announced_at.is_none() {
            writes.push(base_images::announced(record, now)?);
            writes.push(notices::leave(&notice_of(record, response, policy, now))?);
        }
        let applied = self.table.transact(&format!("announcing update {}", record.update.id), writes).await?;
        fault::point("respond-to-update.announced");
        if applied != Applied::Written {
            return Ok(());
        }
        tracing::info!(
            update_id = %record.update.id, round = record.round, level = %record.update.security_level,
            builds = targets.len(), skipped = response.skipped.len(), hindered = response.hindered.len(),
            pages = plan.pages, "planned"
        );
        // The usual few need not wait for the stream to bring their page: it finds nothing left to do.
        if plan.pages == 1 { self.start(record, &first, &plan, now).await } else { Ok(()) }
    }
}

fn notice_of(record: &UpdateRecord, response: &Response, policy: &Policy, now: Timestamp) -> notice::Notice {
    let update = &record.update;
    match update.direction {
        Direction::Back => notice::update_withdrawn(update, record.round, response, &policy.zone, now),
        Direction::Forward => notice::update_available(update, record.round, response, &policy.zone, now),
    }
}

/// Whether people hear of a move on which nobody is rebuilt, and have not yet: somebody should be and cannot, or stands on
/// an image that was withdrawn, which no judgement makes worse.
fn is_told(record: &UpdateRecord, response: &Response) -> bool {
    let concerns = match record.update.direction {
        Direction::Back => !response.kept.is_empty() && record.round == 0,
        Direction::Forward => !response.hindered.is_empty(),
    };
    concerns && record.announced_at.is_none()
}

/// Templates that cannot be read, or that inherit from one that cannot, and why.
type Unreadable = BTreeMap<TemplateName, String>;

fn unreadable_template(record: &UnreadableRecord) -> Option<(TemplateName, String)> {
    Some((record.sk.parse().ok()?, record.to_string()))
}

/// Why one that a template inherits from cannot be read, if so.
fn inherited(name: &TemplateName, known: &BTreeMap<TemplateName, Template>, unreadable: &Unreadable) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut ahead = vec![name];
    while let Some(name) = ahead.pop() {
        if let Some(reason) = unreadable.get(name) {
            return Some(reason.clone());
        }
        if seen.insert(name) {
            ahead.extend(known.get(name).into_iter().flat_map(|template| &template.inherits));
        }
    }
    None
}

/// Whether a template is for another architecture than this target's.
fn has_left(target: &Target, known: &BTreeMap<TemplateName, Template>) -> bool {
    resolve(&target.template, known).is_ok_and(|resolved| resolved.architecture() != target.architecture)
}

/// Why a template is not rebuilt, or not yet, if so.
fn hindrance(
    name: &TemplateName,
    known: &BTreeMap<TemplateName, Template>,
    disabled: &BTreeMap<TemplateName, String>,
    unreadable: &Unreadable,
) -> Option<String> {
    if let Some(reason) = unreadable.get(name).filter(|_| !disabled.contains_key(name)) {
        return Some(format!("it is rebuilt once its template can be read: {reason}"));
    }
    if !known.contains_key(name) {
        return Some("the template is gone".to_owned());
    }
    match disabled.get(name) {
        Some(reason) => Some(format!("the template is disabled: {reason}")),
        None => resolve(name, known).err().map(|problems| problems.to_string()),
    }
}
