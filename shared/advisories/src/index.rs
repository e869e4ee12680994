//! Lists of records that changed, each a document of its own.

use std::collections::BTreeSet;

use jiff::Timestamp;
use prism_domain::advisory::{Advisory, AdvisoryId};

use crate::error::Fault;
use crate::feed::Feed;
use crate::reading::{Reading, Request, Step};
use crate::record::{Gathered, time};
use crate::source::Document;
use crate::source::each_line;

/// When a record last changed, and its name: one that may stand in a path.
pub(crate) type Entry = (Timestamp, AdvisoryId);

/// Of `modified,name`, as a cursor is written.
pub(crate) fn entry(line: &str) -> Option<Entry> {
    let (modified, name) = line.split_once(',')?;
    Some((time(modified)?, name.parse().ok()?))
}

/// Asks for the records that changed since those that were read, the oldest first: as many as one run may read, the
/// list itself among them. The cursor is when the last record that was read had changed, and its name, in their order:
/// so a run goes on after any of them.
pub(crate) fn read(
    feed: &Feed,
    document: Document<'_>,
    parse: fn(&str) -> Option<Entry>,
    path: impl Fn(&AdvisoryId) -> Option<String>,
) -> Result<Reading, Fault> {
    let Document { request, meter, source } = document;
    let known = request.cursor.as_deref().and_then(entry);
    let (mut gathered, mut changed, mut more) = (Gathered::new(request.since), BTreeSet::new(), false);
    each_line(source, &meter, |at, line| {
        let text = line.trim_end();
        let read = parse(text).ok_or_else(|| format!("is \"{text}\", which is not a time and a name"));
        let read = read.map(|entry| {
            let is_new = known.as_ref().map_or(entry.0 >= request.since, |known| entry > *known);
            if is_new && path(&entry.1).is_some() {
                changed.insert(entry);
            }
            Vec::new()
        });
        if changed.len() >= feed.limits.documents {
            changed.pop_last();
            more = true;
        }
        gathered.record(at, read)
    })?;
    let record =
        |(modified, name): &Entry| Some(request.then(path(name)?, Step::Record, Some(format!("{modified},{name}"))));
    Ok(Reading { more, next: changed.iter().filter_map(record).collect(), ..gathered.finish_whole()? })
}

/// What the document of one record says, if it is the record that was asked for: one whose file is called so.
pub(crate) fn record(
    request: &Request,
    id: &str,
    file: &str,
    advisories: Result<Vec<Advisory>, String>,
) -> Result<Reading, Fault> {
    if !request.path.ends_with(&format!("/{file}.json")) {
        return Err(Fault::unexpected(format!("is not the record that was asked for, but {id}")));
    }
    let mut gathered = Gathered::new(request.since);
    gathered.record(id, advisories)?;
    Ok(Reading { cursor: request.cursor.clone(), ..gathered.finish()? })
}
