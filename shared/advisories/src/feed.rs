//! What a feed is, and what becomes of one of its documents.

use std::io::BufRead;

use jiff::Timestamp;

use crate::error::{Fault, FeedError};
use crate::pages;
use crate::reading::{Reading, Request, Step};
use crate::source::{Document, Meter, open};

/// A place where a vendor publishes.
///
/// **A run**: fetch [`first`](Self::first), give its bytes to [`read`](Self::read), then fetch what
/// [`Reading::next`] names, one after the other and in that order, until nothing is left or
/// [`Limits::documents`] are read. The first request of a run may be a conditional one (`If-None-Match` with the
/// `ETag` of a run that came to its end, and left nothing: [`Reading::more`]): *not modified* means that the run is
/// over.
#[derive(Debug, Clone, Copy)]
pub struct Feed {
    /// Its name, such as `ubuntu-notices`: lower-case letters, digits, hyphens and dots. Never changes.
    pub name: &'static str,
    /// Where it is, without a slash at the end; configuration may say otherwise. Every request is below it.
    pub base_url: &'static str,
    /// The names of the ecosystems that it tells of. Empty if it tells of vulnerabilities everywhere.
    pub ecosystems: &'static [&'static str],
    /// What its advisories are worth beside those of another feed.
    pub role: Role,
    /// How much it may send.
    pub limits: Limits,
    /// Where a run begins.
    pub(crate) start: Start,
    /// What one of its documents says.
    pub(crate) parse: fn(&Self, Document<'_>) -> Result<Reading, Fault>,
}

/// Where a run begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Start {
    /// At a document of this path.
    At(&'static str, Step),
    /// At the first page of a list, of which this tells the path of each.
    Pages(fn(u32) -> String),
}

impl Feed {
    /// The first request of a run. `cursor` is the newest [`Reading::cursor`] that was kept. Advisories that did
    /// not change at or after `since` are left out, so that a first run reads no further back than is needed.
    #[must_use]
    pub fn first(&self, cursor: Option<&str>, since: Timestamp) -> Request {
        match self.start {
            Start::At(path, step) => Request::new(path, step, since, cursor),
            Start::Pages(path) => Request::new(path(1), Step::Page(1), pages::since(cursor, since), None),
        }
    }

    /// Reads the document that the request asks for, decompressed or not (gzip is recognised).
    ///
    /// # Errors
    /// If the document as a whole is not what is expected; then nothing of it is read.
    pub fn read(&self, request: &Request, document: &mut dyn BufRead) -> Result<Reading, FeedError> {
        let limit = match request.step {
            Step::Mirrors => 64 * 1024,
            Step::Contents => 1024 * 1024,
            _ => self.limits.bytes,
        };
        let meter = Meter::new(request, limit);
        let source = open(document, &meter);
        let read = source.and_then(|source| (self.parse)(self, Document { request, meter, source }));
        read.map_err(|fault| FeedError { feed: self.name, fault })
    }
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
