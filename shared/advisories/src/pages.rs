//! Lists that are published page by page, the newest first.

use jiff::{SignedDuration, Timestamp};
use prism_domain::advisory::Advisory;
use serde::de::DeserializeOwned;

use crate::error::Fault;
use crate::json;
use crate::reading::{Reading, Step};
use crate::record::{Gathered, time};
use crate::source::Document;

/// How far back a run reads: to a day before the newest that is known, since a record may be shown later than it was
/// dated.
pub(crate) fn since(cursor: Option<&str>, since: Timestamp) -> Timestamp {
    let known = cursor.and_then(time).and_then(|newest| newest.checked_sub(SignedDuration::from_hours(24)).ok());
    known.map_or(since, |known| known.max(since))
}

/// What a record tells: when it was published, its id, and its advisories.
type Told<'a> = (&'a str, &'a str, Result<Vec<Advisory>, String>);

/// Reads a page, and asks for the next one, unless this one has fewer records than `full` or reaches back far enough;
/// then the run is over, and has come as far as the newest record.
pub(crate) fn read<T: DeserializeOwned>(
    document: Document<'_>,
    full: usize,
    path: fn(u32) -> String,
    field: &'static str,
    what: &str,
    told: fn(&T) -> Told<'_>,
) -> Result<Reading, Fault> {
    let Document { request, meter, source } = document;
    let mut gathered = Gathered::new(request.since);
    let (mut newest, mut oldest) = (request.cursor.as_deref().and_then(time), None);
    json::list(source, &meter, field, |text| match json::record::<T>(text) {
        Ok(record) => {
            let (published, id, advisories) = told(&record);
            let published = time(published);
            newest = newest.max(published);
            oldest = oldest.into_iter().chain(published).min();
            gathered.record(id, advisories)
        }
        Err(reason) => gathered.record(what, Err(reason)),
    })?;
    let is_full = gathered.records() >= full;
    let mut reading = gathered.finish()?;
    let newest = newest.map(|newest| newest.to_string());
    let number = if let Step::Page(number) = request.step { number } else { 1 };
    match number.checked_add(1) {
        Some(next) if is_full && oldest.is_some_and(|oldest| oldest >= request.since) => {
            reading.next.push(request.then(path(next), Step::Page(next), newest));
        }
        _ => reading.cursor = newest,
    }
    Ok(reading)
}
