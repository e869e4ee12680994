//! How the response to a move of a base image goes on: whom it rebuilds, page by page, and how far it has come.
//!
//! A plan is written before people hear of it, and is not changed afterwards. A page is an item of its own, whose
//! stream entry asks for that part of the plan; the last thing that is done with a page is to insert the next one. So
//! whoever dies goes on where it stopped, and no other record of the stream waits for longer than a page takes.

use jiff::{SignedDuration, Timestamp};
use prism_domain::hash;
use prism_domain::id::{Target, TemplateName, UpdateId};
use prism_domain::update::BaseImageUpdate;
use serde::{Deserialize, Serialize};

use crate::base_images::{self, UpdateRecord};
use crate::error::{Error, Result};
use crate::keys::{self, Key};
use crate::table::{Applied, Table, Write};

/// For how long plans and pages are kept, for who wants to know what happened.
const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How many templates a part of a plan names: far below the 400 KB that an item may have, and few enough that nobody
/// waits long for a page.
pub const MOST: usize = 250;

/// How far the response to a move has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRecord {
    /// The move.
    pub update: UpdateId,
    /// The round of the response.
    pub round: u32,
    /// The part of the plan that is to be started, from 1; 0: there is no plan yet.
    pub page: u32,
    /// Which plan; nothing as long as there is none.
    pub plan: Option<Plan>,
    /// When the page before was done.
    pub at: Timestamp,
}

/// Whom the response to a move rebuilds: which of the items in the table belong to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// A digest of its templates: whoever plans the same finds the same, and another plan is no part of it.
    pub name: String,
    /// How many parts it has, at least 1.
    pub pages: u32,
}

/// A part of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Part {
    templates: Vec<TemplateName>,
}

impl PageRecord {
    /// The first page of a plan.
    #[must_use]
    pub fn first(record: &UpdateRecord, plan: Plan, at: Timestamp) -> Self {
        Self { update: record.update.id.clone(), round: record.round, page: 1, plan: Some(plan), at }
    }

    /// The page after this one, if its plan has more.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> Option<Self> {
        let more = self.plan.as_ref().is_some_and(|plan| self.page < plan.pages);
        more.then(|| Self { page: self.page + 1, at, ..self.clone() })
    }
}

/// Writes whom the response to a move rebuilds, in parts of at most `size`. Doing it again writes the same.
///
/// # Errors
///
/// If AWS fails.
pub async fn write_plan(
    table: &Table,
    record: &UpdateRecord,
    targets: &[Target],
    size: usize,
    now: Timestamp,
) -> Result<Plan> {
    let names: Vec<&str> = targets.iter().map(|target| target.template.as_str()).collect();
    let name = hash::short(&names.join(" "));
    let parts = targets.chunks(size.clamp(1, MOST));
    let mut pages = 0;
    for part in parts {
        pages += 1;
        let part = Part { templates: part.iter().map(|target| target.template.clone()).collect() };
        let key = keys::plan(&record.update.id, record.round, &name, pages);
        let write = Write::put(&key, &part)?.expiring(now + KEPT);
        let _: Applied = table.transact(&format!("planning the response to {}", record.update.id), vec![write]).await?;
    }
    Ok(Plan { name, pages })
}

/// Whom a page rebuilds.
///
/// # Errors
///
/// If AWS fails, or that part of the plan is not there.
pub async fn targets(table: &Table, page: &PageRecord, plan: &Plan) -> Result<Vec<Target>> {
    let key = keys::plan(&page.update, page.round, &plan.name, page.page);
    let part: Option<Part> = table.get(&key).await?;
    let part = part.ok_or_else(|| Error::malformed(format!("{} {}", key.pk, key.sk), "it is not there"))?;
    let architecture = page.update.image.architecture;
    Ok(part.templates.into_iter().map(|template| Target { template, architecture }).collect())
}

/// The page of a key, if there is one.
///
/// # Errors
///
/// If AWS fails, or the item is no page.
pub async fn at(table: &Table, key: &Key) -> Result<Option<PageRecord>> {
    table.get(key).await
}

/// The newest page of the response to a move, in the round that it is in.
///
/// # Errors
///
/// If AWS fails.
pub async fn newest(table: &Table, record: &UpdateRecord) -> Result<Option<PageRecord>> {
    let id = &record.update.id;
    let partition = keys::base_image(&id.image.name, id.image.architecture);
    Ok(table.newest(&partition, &keys::pages_of(id, record.round), 1).await?.all()?.pop())
}

/// The writes that begin another round of the response to a move, since it is judged anew: the move as it is judged
/// now, if it is still in the round that was read, and the page that asks for a plan.
///
/// # Errors
///
/// If they cannot be items.
pub fn next_round(record: &UpdateRecord, judged: BaseImageUpdate, now: Timestamp) -> Result<Vec<Write>> {
    let next = UpdateRecord { update: judged, round: record.round + 1, announced_at: None, responded_at: None };
    let page = PageRecord { update: next.update.id.clone(), round: next.round, page: 0, plan: None, at: now };
    Ok(vec![base_images::replace(record, &next)?, insert(&page)?])
}

/// Writes a page, if it is not there.
///
/// # Errors
///
/// If it cannot be an item.
pub fn insert(page: &PageRecord) -> Result<Write> {
    Ok(Write::insert(&keys::page(&page.update, page.round, page.page), page)?.expiring(page.at + KEPT))
}
