//! Builds: what one is, what it froze, how it ended.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::approval::Approval;
use crate::bounded::JOINED;
use crate::estimate::Rates;
use crate::id::{AmiId, BaseImageName, BuildId, Region, RequestId};
use crate::ledger::Reservation;
use crate::patch::{FrozenPatch, Patch};
use crate::request::CompilationRequest;
use crate::text::shown_as_stored;

/// By which words EC2 says that it has no capacity, or that the account may have no more of something.
/// Source: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html>.
const OF_EC2: [&str; 4] =
    ["InsufficientInstanceCapacity", "InstanceLimitExceeded", "VcpuLimitExceeded", "RequestLimitExceeded"];

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
    /// The newest of the requests that joined it later.
    pub joined: Vec<RequestId>,
    /// How many joined it, if more than those.
    #[serde(default)]
    pub joined_count: u32,
    /// A person's approval of it, or of the build whose place it took.
    pub approval: Option<Approval>,
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
    /// A build that has just been queued for a request.
    #[must_use]
    pub const fn new(id: BuildId, request_id: RequestId, execution: String, request: CompilationRequest) -> Self {
        Self {
            id,
            request_id,
            execution,
            request,
            joined: Vec::new(),
            joined_count: 0,
            approval: None,
            frozen: None,
            reservation: None,
            run: None,
            outcome: None,
            published_at: None,
            ending: None,
            revision: 0,
        }
    }

    /// Whether Image Builder has run it and failed, for another reason than that EC2 had no instance for it.
    #[must_use]
    pub fn failed_for_what_it_is(&self) -> bool {
        match self.outcome.as_ref().map(|outcome| &outcome.result) {
            Some(ImageResult::Failed { message, .. }) => !OF_EC2.iter().any(|word| message.contains(word)),
            _ => false,
        }
    }

    /// Whether what it froze brings what an image was found to lack: it carries the patch; or it began after the finding,
    /// since every build brings the system up to date, unless the fix is in a release that it has to name.
    #[must_use]
    pub fn brings(&self, patch: &Patch) -> bool {
        let carried = self.frozen.as_ref().and_then(|frozen| frozen.patch.as_ref());
        let carried = carried.is_some_and(|carried| carried.ids.contains(&patch.id));
        let began_before = self.run.as_ref().is_some_and(|run| run.started_at <= patch.found_at);
        carried || (patch.release.is_none() && !began_before)
    }

    /// Whether the image that it has published lacks this: it was found to, or an image before it on the same base image
    /// was, and this build does not bring it.
    #[must_use]
    pub fn lacks(&self, patch: &Patch) -> bool {
        let is_same_base = self.frozen.as_ref().is_some_and(|it| it.base_image_id == patch.base_image_id);
        patch.id.build == self.id || (is_same_base && !self.brings(patch))
    }

    /// How many requests joined it.
    #[must_use]
    pub fn joins(&self) -> u32 {
        self.joined_count.max(u32::try_from(self.joined.len()).unwrap_or(u32::MAX))
    }

    /// The same after a request has joined it.
    #[must_use]
    pub fn joined_by(mut self, request: RequestId) -> Self {
        self.joined_count = self.joins().saturating_add(1);
        self.joined.push(request);
        self
    }

    /// The same build, small enough for an item: older requests that joined are counted and no longer named, and the request
    /// is bounded.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.joined_count = self.joins();
        let older = self.joined.len().saturating_sub(JOINED);
        self.joined.drain(..older);
        self.request = self.request.bounded();
        self
    }

    /// How long Image Builder has run or ran, as of `now`.
    #[must_use]
    pub fn ran(&self, now: Timestamp) -> Option<jiff::SignedDuration> {
        let run = self.run.as_ref()?;
        let ended = self.outcome.as_ref().map_or(now, |outcome| outcome.ended_at);
        Some(run.started_at.duration_until(ended).max(jiff::SignedDuration::ZERO))
    }

    /// Whether it has ended and its image is not published, so that nobody will use what it has left.
    #[must_use]
    pub const fn ended_unpublished(&self) -> bool {
        self.ending.is_some() && self.published_at.is_none()
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
    /// What the template was. Absent where an earlier version froze it.
    pub built_from: Option<BuiltFrom>,
    /// The template, resolved.
    pub template: serde_json::Value,
    /// What it has to bring beside the template, if it answers patches.
    pub patch: Option<FrozenPatch>,
    /// The regions that get the image.
    pub regions: Vec<Region>,
    /// What its cost is worked out from, both what is reserved and what is settled. Absent where the version before
    /// froze it.
    pub rates: Option<Rates>,
    /// The policy's version that allowed the build.
    pub policy_version: u64,
}

/// What a template was when a build of it was frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuiltFrom {
    /// The hash of what its authors, and those of the templates that it inherits from, wrote.
    pub source_hash: String,
    /// Its revision.
    pub revision: u64,
    /// Whether somebody asked for this architecture by its name: it is rebuilt though the template is for another one.
    pub by_name: bool,
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

shown_as_stored!(EndingKind);

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
            Self::Ended(kind) => return kind.fmt(f),
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
    /// What its template was. Absent where an earlier version published it.
    pub built_from: Option<BuiltFrom>,
    /// When it changed.
    pub since: Timestamp,
    /// Counts its changes, from 1.
    pub version: u64,
    /// The version whose parameters have been read back as right in every region.
    pub verified_version: u64,
    /// By region, the version at which its parameter was last read back as right. A region that is missing here counts as
    /// `verified_version`: an earlier version of the functions wrote no regions.
    #[serde(default)]
    pub verified: BTreeMap<Region, u64>,
}

impl Channel {
    /// The version at which the parameter of a region was last read back as right.
    fn verified_at(&self, region: &Region) -> u64 {
        self.verified.get(region).copied().unwrap_or(self.verified_version)
    }

    /// The regions that have its AMI and whose launch parameter has not been read back as right.
    #[must_use]
    pub fn unverified(&self) -> Vec<Region> {
        self.amis.keys().filter(|region| self.verified_at(region) != self.version).cloned().collect()
    }

    /// The channel after its parameters have been read back: as right in these regions, and in no others.
    #[must_use]
    pub fn verified_in(self, right: &BTreeSet<Region>) -> Self {
        let marked = |region: &Region| match self.verified_at(region) {
            _ if right.contains(region) => self.version,
            before if before == self.version => 0,
            before => before,
        };
        let verified = self.amis.keys().map(|region| (region.clone(), marked(region))).collect();
        let all = self.amis.keys().all(|region| right.contains(region));
        let verified_version = if all { self.version } else { self.verified_version.min(self.version - 1) };
        Self { verified_version, verified, ..self }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn region(name: &str) -> Region {
        name.parse().unwrap()
    }

    /// As an earlier version wrote it.
    fn channel(version: u64, verified_version: u64) -> Channel {
        serde_json::from_value(json!({
            "build": "python-ml-x86_64-3", "base": "ubuntu-22.04", "base_image_id": "ami-00000001",
            "amis": { "us-east-1": "ami-00000002", "eu-central-1": "ami-00000003" },
            "since": "2026-11-23T20:00:05Z", "version": version, "verified_version": verified_version,
        }))
        .unwrap()
    }

    #[test]
    fn a_channel_that_an_earlier_version_wrote_is_verified_in_all_regions_or_in_none() {
        assert_eq!(channel(3, 3).unverified(), []);
        assert_eq!(channel(3, 2).unverified(), [region("eu-central-1"), region("us-east-1")]);
    }

    #[test]
    fn each_region_is_verified_by_itself() {
        let marked = channel(3, 2).verified_in(&[region("us-east-1")].into());
        assert_eq!(marked.unverified(), [region("eu-central-1")]);
        assert_eq!(marked.verified_version, 2, "an earlier version sees that it is not right everywhere");
        let marked = marked.verified_in(&[region("us-east-1"), region("eu-central-1")].into());
        assert_eq!((marked.unverified(), marked.verified_version), (vec![], 3));
    }

    #[test]
    fn a_parameter_that_was_right_and_is_no_more_is_not_verified() {
        let marked = channel(3, 3).verified_in(&[region("us-east-1")].into());
        assert_eq!(marked.unverified(), [region("eu-central-1")]);
        assert_ne!(marked.verified_version, marked.version);
    }

    #[test]
    fn the_next_image_is_not_verified_anywhere() {
        let marked = channel(3, 2).verified_in(&[region("us-east-1"), region("eu-central-1")].into());
        assert_eq!(Channel { version: 4, ..marked }.unverified().len(), 2);
    }
}
