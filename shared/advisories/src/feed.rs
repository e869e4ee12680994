//! What a feed is, and what becomes of one of its documents.

use std::io::BufRead;

use jiff::Timestamp;
use prism_domain::advisory::{Advisory, Threats};
use prism_domain::problem::printable;
use serde::{Deserialize, Serialize};

use crate::error::FeedError;

/// A place where a vendor publishes.
///
/// **A run**: fetch [`first`](Self::first), give its bytes to [`read`](Self::read), then fetch what
/// [`Reading::next`] names, one after the other and in that order, until nothing is left or
/// [`Limits::documents`] are read. The first request of a run may be a conditional one (`If-None-Match` with the
/// `ETag` of a run that came to its end, and left nothing: [`Reading::more`]): *not modified* means that the run is
/// over.
pub trait Feed: Send + Sync {
    /// Its name, such as `ubuntu-notices`: lower-case letters, digits, hyphens and dots. Never changes.
    fn name(&self) -> &'static str;

    /// Where it is, without a slash at the end; configuration may say otherwise. Every request is below it.
    fn base_url(&self) -> &'static str;

    /// The names of the ecosystems that it tells of. Empty if it tells of vulnerabilities everywhere.
    fn ecosystems(&self) -> &'static [&'static str];

    /// What its advisories are worth beside those of another feed.
    fn role(&self) -> Role {
        Role::Main
    }

    /// How much it may send.
    fn limits(&self) -> Limits;

    /// The first request of a run. `cursor` is the newest [`Reading::cursor`] that was kept. Advisories that did
    /// not change at or after `since` are left out, so that a first run reads no further back than is needed.
    fn first(&self, cursor: Option<&str>, since: Timestamp) -> Request;

    /// Reads the document that the request asks for, decompressed or not (gzip is recognised).
    ///
    /// # Errors
    /// If the document as a whole is not what is expected; then nothing of it is read.
    fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError>;
}

/// What a feed's advisories are worth where two feeds tell of the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It says all that its vendor says: what it says replaces what was known.
    Main,
    /// It says less (no fixed versions, or no ratings), but sooner, or also when the main feed is down: what it says
    /// is kept only where nothing is known under that id in that ecosystem.
    Hint,
}

/// How much a feed may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The bytes of one document, decompressed.
    pub bytes: u64,
    /// The documents of one run. A run that stops there goes on, or begins again, the next time.
    pub documents: usize,
}

/// One document to fetch. It can be stored as it is, and read later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What to give to the next run's [`Feed::first`]: to be kept as soon as this reading, and all before it in this
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
