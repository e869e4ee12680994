//! Builds: what one is, what it froze, how it ended.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AmiId, BaseImageName, BuildId, Region, RequestId};
use crate::ledger::Reservation;
use crate::patch::FrozenPatch;
use crate::request::CompilationRequest;

/// One build, from its request to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Which build.
    pub id: BuildId,
    /// The request that it answers first.
    pub request_id: RequestId,
    /// The ARN of the execution that carries it out.
    pub execution: String,
    /// What was asked for.
    pub request: CompilationRequest,
    /// The requests that joined it later.
    pub joined: Vec<RequestId>,
    /// What it is made of, once its money is reserved.
    pub frozen: Option<Frozen>,
    /// The money that is reserved for it.
    pub reservation: Option<Reservation>,
    /// Its run in Image Builder, once that has started.
    pub run: Option<ImageRun>,
    /// How Image Builder ended, once that is known.
    pub outcome: Option<ImageOutcome>,
    /// When its image became the published one.
    pub published_at: Option<Timestamp>,
    /// How it ended.
    pub ending: Option<Ending>,
    /// Counts the writes: every write names the revision that it read.
    pub revision: u64,
}

impl Build {
    /// How long Image Builder has run or ran, as of `now`.
    #[must_use]
    pub fn ran(&self, now: Timestamp) -> Option<jiff::SignedDuration> {
        let run = self.run.as_ref()?;
        let ended = self.outcome.as_ref().map_or(now, |outcome| outcome.ended_at);
        Some(run.started_at.duration_until(ended).max(jiff::SignedDuration::ZERO))
    }

    /// Where the build is, in one word.
    #[must_use]
    pub fn state(&self) -> BuildState {
        match (&self.ending, &self.outcome, &self.run, &self.reservation) {
            (Some(ending), ..) => BuildState::Ended(ending.kind),
            (None, Some(_), ..) => BuildState::Finishing,
            (None, None, Some(_), _) => BuildState::Building,
            (None, None, None, Some(_)) => BuildState::Starting,
            (None, None, None, None) => BuildState::Queued,
        }
    }
}

/// What a build is made of. Frozen in the write that reserves its money, so that neither a template
/// nor a base image that moves later changes what is built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frozen {
    /// The base image's name.
    pub base: BaseImageName,
    /// The base image that the recipe pins.
    pub base_image_id: AmiId,
    /// The device of that image's root volume, where EC2 tells.
    pub root_device: Option<String>,
    /// The hash of what the template puts on it.
    pub content_hash: String,
    /// The template, resolved.
    pub template: serde_json::Value,
    /// What it has to bring beside the template, if it answers patches.
    pub patch: Option<FrozenPatch>,
    /// The regions that get the image.
    pub regions: Vec<Region>,
    /// The policy's version that allowed the build.
    pub policy_version: u64,
}

/// A run of EC2 Image Builder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRun {
    /// The ARN of the image build version.
    pub arn: String,
    /// When it was started.
    pub started_at: Timestamp,
}

/// How Image Builder ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageOutcome {
    /// Whether there is an image.
    pub result: ImageResult,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The ARN of the image build version.
    pub arn: String,
}

/// The result of an Image Builder run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ImageResult {
    /// The image is there and its tests passed.
    Available {
        /// The AMI in each region that has it.
        amis: BTreeMap<Region, AmiId>,
    },
    /// It failed.
    Failed {
        /// The step that failed, where Image Builder tells: untrusted text, made printable.
        step: Option<String>,
        /// What Image Builder says: untrusted text, made printable.
        message: String,
    },
    /// It was cancelled.
    Cancelled,
}

/// How a build ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// In one word.
    pub kind: EndingKind,
    /// In a sentence.
    pub message: String,
    /// When.
    pub at: Timestamp,
}

/// How a build ended, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EndingKind {
    /// Its image is published.
    Complete,
    /// There is no image of it.
    Failed,
    /// A person or a rule stopped it.
    Stopped,
    /// A more urgent request took its place.
    Superseded,
}

/// Where a build is, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BuildState {
    /// It waits for its turn.
    Queued,
    /// Its money is reserved; Image Builder is about to start.
    Starting,
    /// Image Builder runs.
    Building,
    /// Image Builder has ended; its image is being published, or the build closed.
    Finishing,
    /// It ended.
    Ended(EndingKind),
}

impl fmt::Display for BuildState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Starting => "starting",
            Self::Building => "building",
            Self::Finishing => "finishing",
            Self::Ended(EndingKind::Complete) => "complete",
            Self::Ended(EndingKind::Failed) => "failed",
            Self::Ended(EndingKind::Stopped) => "stopped",
            Self::Ended(EndingKind::Superseded) => "superseded",
        })
    }
}

/// An image of the inventory: what a build made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// The build that made it.
    pub build: BuildId,
    /// The AMI in each region.
    pub amis: BTreeMap<Region, AmiId>,
    /// The base image's name.
    pub base: BaseImageName,
    /// The base image it stands on.
    pub base_image_id: AmiId,
    /// The hash of what the template put on it.
    pub content_hash: String,
    /// When it was published.
    pub published_at: Timestamp,
}

/// A channel: the image that launches of a target use. The truth; the public parameter derives from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Channel {
    /// The build whose image it is.
    pub build: BuildId,
    /// The AMI in each region.
    pub amis: BTreeMap<Region, AmiId>,
    /// The base image's name.
    pub base: BaseImageName,
    /// The base image it stands on.
    pub base_image_id: AmiId,
    /// When it changed.
    pub since: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
    /// The version whose parameters have been read back as right.
    pub verified_version: u64,
}
