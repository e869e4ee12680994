//! Lists of records that changed, each a document of its own.

use std::collections::BTreeSet;
use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::AdvisoryId;

use crate::error::Fault;
use crate::feed::{Reading, Request, Skipped, Step};
use crate::record::{all_skipped, time};
use crate::source::Meter;

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
    mut source: Box<dyn BufRead + '_>,
    meter: &Meter,
    request: &Request,
    documents: usize,
    parse: fn(&str) -> Option<Entry>,
    path: impl Fn(&AdvisoryId) -> Option<String>,
) -> Result<Reading, Fault> {
    let known = request.cursor.as_deref().and_then(entry);
    let (mut changed, mut skipped, mut records, mut more) = (BTreeSet::new(), Skipped::default(), 0, false);
    let mut line = Vec::new();
    loop {
        line.clear();
        meter.next_record();
        let at = || format!("at line {}", records + 1);
        if source.read_until(b'\n', &mut line).map_err(|error| meter.fault(&error, at()))? == 0 {
            break;
        }
        let text =
            str::from_utf8(&line).map_err(|error| Fault::malformed("UTF-8", at(), error.to_string()))?.trim_end();
        match parse(text) {
            None => skipped.add(&at(), &format!("is \"{text}\", which is not a time and a name")),
            Some(entry) => {
                let is_new = known.as_ref().map_or(entry.0 >= request.since, |known| entry > *known);
                if is_new && path(&entry.1).is_some() {
                    changed.insert(entry);
                }
            }
        }
        records += 1;
        if changed.len() >= documents {
            changed.pop_last();
            more = true;
        }
    }
    all_skipped(records, &skipped)?;
    if records == 0 {
        return Err(Fault::unexpected("has no records"));
    }
    let record =
        |(modified, name): &Entry| Some(request.then(path(name)?, Step::Record, Some(format!("{modified},{name}"))));
    Ok(Reading { skipped, more, next: changed.iter().filter_map(record).collect(), ..Reading::default() })
}
