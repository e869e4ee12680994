//! What is asked of a feed, and what one of its documents says.

use jiff::Timestamp;
use prism_domain::advisory::{Advisory, Threats};
use prism_domain::problem::printable;

/// One document to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query, to put behind the base URL as they are: begins with a slash, is ASCII, and has neither
    /// `..` nor anything that would have to be encoded.
    pub path: String,
    /// Advisories that did not change at or after this are left out.
    pub(crate) since: Timestamp,
    /// Which kind of document it is.
    pub(crate) step: Step,
    /// What is known of earlier runs, or what the run will have reached: the feed's own.
    pub(crate) cursor: Option<String>,
    /// No more bytes than this are read of a document.
    pub(crate) at_most: u64,
}

/// Which kind of document is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The list of places where a repository is.
    Mirrors,
    /// A repository's table of contents.
    Contents,
    /// The list of records that changed.
    Index,
    /// A page, from 1.
    Page(u32),
    /// One record of an index.
    Record,
    /// All there is.
    Whole,
}

impl Request {
    pub(crate) fn new(path: impl Into<String>, step: Step, since: Timestamp, cursor: Option<&str>) -> Self {
        Self { path: path.into(), since, step, cursor: cursor.map(str::to_owned), at_most: u64::MAX }
    }

    /// The next document of the same run.
    pub(crate) fn then(&self, path: impl Into<String>, step: Step, cursor: Option<String>) -> Self {
        Self { path: path.into(), step, cursor, ..self.clone() }
    }

    /// The same for one who has less room: in this run, no document of more bytes than this is read.
    #[must_use]
    pub fn at_most(self, bytes: u64) -> Self {
        Self { at_most: bytes, ..self }
    }

    /// What the run goes on with if this document is gone or wrong, and would be so again: one record of many counts
    /// as skipped for this reason. `None` if the run makes no sense without the document.
    #[must_use]
    pub fn skip(&self, reason: &str) -> Option<Reading> {
        (self.step == Step::Record).then(|| {
            let mut reading = Reading { cursor: self.cursor.clone(), ..Reading::default() };
            let name = self.path.rsplit('/').next().unwrap_or_default();
            reading.skipped.add(name, reason);
            reading
        })
    }
}

/// What a document says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Its advisories.
    pub advisories: Vec<Advisory>,
    /// What it says of attacks: all that its feed knows, to replace what the feed said before.
    pub threats: Option<Threats>,
    /// What could not be read.
    pub skipped: Skipped,
    /// What is to be fetched next, in this order.
    pub next: Vec<Request>,
    /// More changed than one run may read: the next run goes on there, and has to ask unconditionally.
    pub more: bool,
    /// What to give to the next run's [`Feed::first`](crate::feed::Feed::first): to be kept as soon as this reading, and all before it in this
    /// run, are.
    pub cursor: Option<String>,
}

/// Records that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Skipped {
    /// How many.
    pub count: usize,
    /// The first of them, ten at most.
    pub first: Vec<SkippedRecord>,
}

/// A record that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedRecord {
    /// Which: its id, or its place. Printable.
    pub record: String,
    /// Why, such as `has the id "…", which is not an advisory id`. Printable.
    pub reason: String,
}

impl Skipped {
    pub(crate) fn add(&mut self, record: &str, reason: &str) {
        self.count += 1;
        if self.first.len() < 10 {
            self.first.push(SkippedRecord { record: printable(record, 80), reason: printable(reason, 200) });
        }
    }
}
