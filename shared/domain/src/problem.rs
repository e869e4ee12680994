//! What is wrong with an input: one sentence a fault, all faults at once.

use std::fmt;

use crate::visible::{is_unseen, written_out};

/// One fault of an input: the field, what was wrong with it, and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where: a path such as `packages.system[2]`.
    pub field: String,
    /// What was wrong and what is allowed, to stand behind the field: `is missing; give …`.
    pub message: String,
}

impl Problem {
    /// A fault of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.message)
    }
}

/// Every fault of one input, in the order in which they were found. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", sentence(.0))]
pub struct Problems(pub Vec<Problem>);

fn sentence(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Text from outside, fit for a log line, an e-mail or a terminal: control characters (line breaks, escapes) and what is
/// not seen (directions, spaces of no width) are shown as `\u{..}`, and what is over `limit` characters is cut with an
/// ellipsis.
#[must_use]
pub fn printable(text: &str, limit: usize) -> String {
    let end = text.char_indices().nth(limit).map(|(end, _)| end);
    let mut out = written_out(&text[..end.unwrap_or(text.len())], |c, before| c.is_control() || is_unseen(c, before));
    if end.is_some() {
        out.push('…');
    }
    out
}
