//! The edge: what Prism Auto-AMI reads from AWS and writes to it.
//!
//! Stores, parameters, workflows and Image Builder behind small functions that speak in the values of
//! `prism-domain`. Here and in `prism-ec2` alone stands an `aws-sdk-*` crate.

pub mod advisories;
pub mod approvals;
pub mod base_images;
pub mod builds;
pub mod claims;
pub mod clearings;
pub mod clock;
pub mod environment;
pub mod error;
pub mod fault;
pub mod functions;
pub mod image_builder;
pub mod inventory;
pub mod journal;
pub mod keys;
pub mod known_images;
pub mod ledger;
pub mod looks;
pub mod notices;
pub mod pace;
pub mod packages;
mod packed;
pub mod pages;
pub mod parameters;
pub mod patches;
pub mod policies;
pub mod queue;
pub mod race;
pub mod requests;
pub mod runtime;
pub mod standing;
pub mod stream;
pub mod table;
pub mod templates;
pub mod tokens;
pub mod topic;
pub mod trials;
pub mod unreadable;
pub mod workflow;

pub use error::{Error, Result};
