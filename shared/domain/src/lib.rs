//! Every decision of Prism Auto-AMI, as pure functions of values.
//!
//! No AWS, no async, no clock, no randomness: `now` is an argument. What is decided here is planned
//! as a value, and applied by `prism-aws`.

pub mod advisory;
pub mod architecture;
pub mod assessment;
pub mod build;
pub mod catalogue;
pub mod claim;
pub mod deadline;
pub mod decision;
pub mod duration;
pub mod estimate;
pub mod hash;
pub mod id;
pub mod ledger;
pub mod level;
pub mod money;
pub mod notice;
pub mod patch;
pub mod period;
pub mod policy;
mod prices;
pub mod problem;
pub mod request;
pub mod response;
pub mod schedule;
pub mod sight;
pub mod slot;
pub mod update;
pub mod version;
pub mod watch;
pub mod window;
pub mod zone;
