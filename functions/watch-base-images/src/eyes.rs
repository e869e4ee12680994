//! What a look at a region sees with, and until when.

use std::cell::Cell;

use aws_config::SdkConfig;
use prism_aws::base_images::Calls;
use prism_aws::pace::Pacer;
use prism_aws::parameters::Parameters;
use prism_aws::table::Table;
use prism_domain::id::Region;
use prism_domain::policy::Policy;
use prism_ec2::Images;
use tokio::time::{Duration, Instant};

use crate::look::Watched;

/// How often a second parameters are asked for in a region. An account may ask 40 times; others need to as well.
/// Source: <https://docs.aws.amazon.com/general/latest/gr/ssm.html>.
const ASKED_A_SECOND: u32 = 30;

/// How many writes are under way at a time for a region.
pub const WRITES_AT_ONCE: usize = 16;

/// Until when a run may read, ask and write. The function has 120 seconds, of which some are left for the summaries.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Until when it may read what is known.
    pub reads: Instant,
    /// Until when it may look.
    pub looks: Instant,
    /// Until when it may write.
    pub writes: Instant,
}

impl Budget {
    /// That of a run which begins now.
    pub fn from_now() -> Self {
        let now = Instant::now();
        let reads = now + Duration::from_secs(20);
        Self { reads, looks: now + Duration::from_secs(75), writes: now + Duration::from_secs(100) }
    }
}

/// What sees into a region.
#[derive(Debug)]
pub struct Eyes {
    /// Which region.
    pub region: Region,
    /// Its parameters.
    pub parameters: Parameters,
    /// Its images.
    pub images: Images,
    /// How often its parameters may be asked for.
    pub pacer: Pacer,
}

impl Eyes {
    /// The region of `config`.
    pub fn new(region: &Region, config: &SdkConfig) -> Self {
        Self {
            region: region.clone(),
            parameters: Parameters::new(config),
            images: Images::new(config),
            pacer: Pacer::per_second(ASKED_A_SECOND),
        }
    }
}

/// One look at a region.
#[derive(Debug)]
pub struct RegionLook<'a> {
    pub eyes: &'a Eyes,
    pub table: &'a Table,
    pub advisories: &'a Table,
    pub watched: &'a [Watched<'a>],
    pub policy: &'a Policy,
    pub budget: Budget,
    pub calls: Cell<Calls>,
    /// Whether a source was too busy to answer.
    pub throttled: Cell<bool>,
}

impl RegionLook<'_> {
    /// Counts a call.
    pub fn count(&self, call: impl FnOnce(&mut Calls)) {
        let mut calls = self.calls.get();
        call(&mut calls);
        self.calls.set(calls);
    }
}
