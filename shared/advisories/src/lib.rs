//! Vendor feeds: the bytes that a vendor publishes, turned into advisories.
//!
//! ```text
//! Feed::first ──► Request ── (somebody fetches it) ──► bytes ── Feed::read ──► Reading ──┐
//!                    ▲                                                                   │
//!                    └──────────────────────────── next ─────────────────────────────────┘
//! ```
//!
//! Nothing here fetches, reads a clock or a file. What is read is untrusted: every document has a limit, is read as
//! a stream, and gives either all that can be read of it or one error that names the feed. A record that is not of
//! the expected form is skipped and counted, with the reason.

mod error;
mod feed;
mod feeds;
mod index;
mod json;
mod pages;
mod reading;
mod record;
mod source;
mod updateinfo;
mod xml;

pub use error::{Fault, FeedError};
pub use feed::{Feed, Limits, Role};
pub use feeds::all;
pub use reading::{Reading, Request, Skipped, SkippedRecord};
