//! Lists that are published page by page, the newest first.

use jiff::{SignedDuration, Timestamp};

use crate::feed::{Reading, Request, Step};
use crate::record::time;

/// How far back a run reads: to a day before the newest that is known, since a record may be shown later than it was
/// dated.
pub(crate) fn since(cursor: Option<&str>, since: Timestamp) -> Timestamp {
    let known = cursor.and_then(time).and_then(|newest| newest.checked_sub(SignedDuration::from_hours(24)).ok());
    known.map_or(since, |known| known.max(since))
}

/// What a page tells of the run.
pub(crate) struct Page {
    newest: Option<Timestamp>,
    oldest: Option<Timestamp>,
}

impl Page {
    pub(crate) fn new(request: &Request) -> Self {
        Self { newest: request.cursor.as_deref().and_then(time), oldest: None }
    }

    /// A record of this time is on it.
    pub(crate) fn see(&mut self, published: &str) {
        let published = time(published);
        self.newest = self.newest.max(published);
        self.oldest = self.oldest.into_iter().chain(published).min();
    }

    /// Asks for the next page, unless this one is not full or reaches back far enough; then the run is over, and has
    /// come as far as the newest record.
    pub(crate) fn go_on(&self, request: &Request, is_full: bool, path: impl Fn(u32) -> String, reading: &mut Reading) {
        let newest = self.newest.map(|newest| newest.to_string());
        let number = if let Step::Page(number) = request.step { number } else { 1 };
        match number.checked_add(1) {
            Some(next) if is_full && self.oldest.is_some_and(|oldest| oldest >= request.since) => {
                reading.next.push(request.then(path(next), Step::Page(next), newest));
            }
            _ => reading.cursor = newest,
        }
    }
}
