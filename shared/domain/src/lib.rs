//! Every decision of Prism Auto-AMI, as pure functions of values.
//!
//! No AWS, no async, no clock, no randomness: `now` is an argument. What is decided here is planned
//! as a value, and applied by `prism-aws`.

pub mod advisory;
pub mod approval;
pub mod approving;
pub mod architecture;
pub mod assessment;
pub mod attempts;
pub mod bounded;
pub mod build;
pub mod catalogue;
pub mod claim;
pub mod closing;
pub mod decision;
pub mod due;
pub mod duration;
pub mod estimate;
pub mod fields;
#[cfg(test)]
mod fixtures;
pub mod forecast;
pub mod hash;
pub mod hold;
pub mod id;
mod input;
pub mod lacking;
pub mod ledger;
pub mod level;
pub mod money;
pub mod notice;
pub mod pacing;
pub mod patch;
pub mod period;
pub mod permit;
pub mod policy;
mod prices;
pub mod problem;
pub mod provenance;
pub mod queued;
pub mod remedy;
pub mod removal;
pub mod request;
pub mod response;
pub mod root_volume;
pub mod schedule;
pub mod seen_image;
pub mod sight;
pub mod slot;
pub mod soak;
pub mod text;
pub mod trial;
pub mod unreadable;
pub mod update;
pub mod version;
pub mod visible;
pub mod watch;
pub mod window;
pub mod zone;
