//! What is wrong with a document.

use prism_domain::problem::printable;

/// A document that could not be read. Nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the feed {feed} {fault}")]
pub struct FeedError {
    /// Whose document it is.
    pub feed: &'static str,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a document. Reads on from the feed's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is longer than the feed's limit, once it is decompressed.
    #[error("sent a document of more than {limit} bytes, which is its limit")]
    TooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// One of its records is longer than anything that is expected.
    #[error("sent a record of more than {limit} bytes, which is the limit of one")]
    RecordTooLarge {
        /// The limit, in bytes.
        limit: u64,
    },
    /// It has more records than its limit.
    #[error("sent a document of more than {limit} records, which is its limit")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// It ends before its end.
    #[error("sent a document that is cut off {at}")]
    CutOff {
        /// Where, such as `at line 3, column 7`.
        at: String,
    },
    /// It is not well formed.
    #[error("sent a document that is not {format} {at}: {why}")]
    Malformed {
        /// What it should be, such as `JSON`.
        format: &'static str,
        /// Where.
        at: String,
        /// Why not.
        why: String,
    },
    /// It is well formed, but not what is expected.
    #[error("sent a document that {why}")]
    Unexpected {
        /// What it is, or lacks.
        why: String,
    },
    /// It has records, and none of them is of the expected form.
    #[error("sent a document none of whose {count} records can be read; of the first, {first}")]
    NothingReadable {
        /// How many.
        count: usize,
        /// The first, and what is wrong with it.
        first: String,
    },
    /// It could not be had.
    #[error("stopped sending: {why}")]
    Interrupted {
        /// What the reader said.
        why: String,
    },
}

impl FeedError {
    /// Whether the same document may be well when it is asked for again: it did not come to its end.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self.fault, Fault::CutOff { .. } | Fault::Interrupted { .. })
    }
}

impl Fault {
    /// A document that is well formed, but not what is expected: `why` reads on from `a document that`.
    pub(crate) fn unexpected(why: impl AsRef<str>) -> Self {
        Self::Unexpected { why: printable(why.as_ref(), 200) }
    }

    pub(crate) fn malformed(format: &'static str, at: String, why: impl AsRef<str>) -> Self {
        Self::Malformed { format, at, why: printable(why.as_ref(), 200) }
    }
}
