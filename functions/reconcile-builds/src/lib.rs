//! reconcile-builds: finds what events have lost, and hands each find to the function that mends it:
//! executions that ended without closing their build, images whose end nobody told, parameters that are
//! not what their channel says, images whose packages nobody has kept, notices that were not sent, updates that were not responded to.
//!
//! It has others look, and asks again for rebuilds whose execution was lost. People hear from it of records that cannot be
//! read: what it is about waits for those, and nothing else does.

mod behind;
mod building;
mod changed;
mod channels;
mod finds;
mod unreadable;

use std::collections::BTreeSet;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use jiff::Timestamp;
use prism_aws::environment::Environment;
use prism_aws::error::Result;
use prism_aws::functions::Functions;
use prism_aws::image_builder::ImageBuilder;
use prism_aws::runtime::Function;
use prism_aws::table::{Readings, Table};
use prism_aws::workflow::Workflow;
use prism_domain::id::Region;
use prism_domain::unreadable::UnreadableRecord;
use serde::{Serialize, Serializer};
use serde_json::Value;
use tokio::time::{Duration, Instant};

use finds::count;

/// How often Step Functions is asked that throttles.
const ATTEMPTS: u32 = 8;

/// The function.
#[derive(Debug)]
pub struct ReconcileBuilds {
    table: Table,
    workflow: Workflow,
    image_builder: ImageBuilder,
    config: SdkConfig,
    functions: Functions,
    prefix: String,
    region: Region,
    menders: Menders,
}

/// The functions that mend.
#[derive(Debug)]
struct Menders {
    close_build: String,
    finish_image: String,
    publish_image: String,
    notify: String,
    respond_to_update: String,
}

/// What was found, and handed on.
#[derive(Debug, Default, Serialize)]
pub struct Output {
    /// Builds whose execution has ended without closing them.
    unclosed: usize,
    /// Ended builds that may have left something behind.
    uncleared: usize,
    /// Images that ended without anybody being told.
    untold: usize,
    /// Channels whose parameters are not right.
    unpublished: usize,
    /// Published images of which it is not kept what is installed.
    unlisted: usize,
    /// Notices that were not sent.
    unsent: usize,
    /// Updates that were not responded to.
    unanswered: usize,
    /// Rebuilds that were asked for and lost, and are asked for again.
    unasked: usize,
    /// Rebuilds for changed templates that are asked for.
    changed: usize,
    /// Claims for which there was no time: the next look begins with others.
    unlooked: usize,
    /// Looks that failed, and are made again the next time.
    failed: usize,
    /// Records that cannot be read.
    #[serde(serialize_with = "number")]
    unreadable: BTreeSet<UnreadableRecord>,
}

/// How many there are: the notice names them.
fn number<S: Serializer>(records: &BTreeSet<UnreadableRecord>, to: S) -> Result<S::Ok, S::Error> {
    records.len().serialize(to)
}

impl Output {
    /// The values of what was read. What cannot be read is told of at the end.
    fn readable<T>(&mut self, readings: Readings<T>) -> Vec<T> {
        self.unreadable.extend(readings.unreadable);
        readings.values
    }
}

impl Function for ReconcileBuilds {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(environment: &Environment) -> Result<Self> {
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(500))
            .with_max_backoff(Duration::from_secs(5));
        let patient = environment.config.to_builder().retry_config(retries).build();
        Ok(Self {
            table: environment.table()?,
            workflow: Workflow::new(&patient, environment.required("STATE_MACHINE_ARN")?),
            image_builder: ImageBuilder::new(&environment.config),
            config: environment.config.clone(),
            functions: Functions::new(&environment.config),
            prefix: environment.required("PARAMETER_PREFIX")?.to_owned(),
            region: environment.region()?,
            menders: Menders {
                close_build: environment.required("CLOSE_BUILD_FUNCTION")?.to_owned(),
                finish_image: environment.required("FINISH_IMAGE_FUNCTION")?.to_owned(),
                publish_image: environment.required("PUBLISH_IMAGE_FUNCTION")?.to_owned(),
                notify: environment.required("NOTIFY_FUNCTION")?.to_owned(),
                respond_to_update: environment.required("RESPOND_TO_UPDATE_FUNCTION")?.to_owned(),
            },
        })
    }

    async fn handle(&self, _hint: Value, now: Timestamp) -> Result<Output> {
        let began = Instant::now();
        let mut output = Output::default();
        // What people wait for comes first, and what takes longest comes last.
        self.notices(now, &mut output).await;
        count(self.updates(now, &mut output).await, &mut output);
        count(self.clearings(now, &mut output).await, &mut output);
        count(self.channels(now, &mut output).await, &mut output);
        count(self.claims(began, now, &mut output).await, &mut output);
        count(self.others(&mut output).await, &mut output);
        count(self.tell_of_unreadable(&output, now).await, &mut output);
        tracing::info!(?output, "reconciled");
        Ok(output)
    }
}
