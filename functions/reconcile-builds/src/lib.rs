//! reconcile-builds: finds what events have lost, and hands each find to the function that mends it:
//! executions that ended without closing their build, images whose end nobody told, parameters that are
//! not what their channel says, images whose packages nobody has kept, notices that were not sent, updates that were not responded to.
//!
//! It decides nothing and writes nothing: it has others look, and asks again for rebuilds whose execution was lost.

mod asking;
mod building;
mod finds;

use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use prism_aws::error::Result;
use prism_aws::functions::Functions;
use prism_aws::image_builder::ImageBuilder;
use prism_aws::parameters::Parameters;
use prism_aws::runtime::Function;
use prism_aws::settings;
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_domain::id::Region;
use serde::Serialize;
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
    parameters: Parameters,
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
    /// Claims for which there was no time: the next look begins with others.
    unlooked: usize,
    /// Looks that failed, and are made again the next time.
    failed: usize,
}

impl Function for ReconcileBuilds {
    /// Whatever the event says: it is a hint to look.
    type Input = Value;
    type Output = Output;

    fn new(config: &SdkConfig) -> Result<Self> {
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(500))
            .with_max_backoff(Duration::from_secs(5));
        let patient = config.to_builder().retry_config(retries).build();
        Ok(Self {
            table: Table::new(config, settings::required("TABLE_NAME")?),
            workflow: Workflow::new(&patient, settings::required("STATE_MACHINE_ARN")?),
            image_builder: ImageBuilder::new(config),
            parameters: Parameters::new(config),
            functions: Functions::new(config),
            prefix: settings::required("PARAMETER_PREFIX")?,
            region: settings::parsed("AWS_REGION")?,
            menders: Menders {
                close_build: settings::required("CLOSE_BUILD_FUNCTION")?,
                finish_image: settings::required("FINISH_IMAGE_FUNCTION")?,
                publish_image: settings::required("PUBLISH_IMAGE_FUNCTION")?,
                notify: settings::required("NOTIFY_FUNCTION")?,
                respond_to_update: settings::required("RESPOND_TO_UPDATE_FUNCTION")?,
            },
        })
    }

    async fn handle(&self, _hint: Value) -> Result<Output> {
        let began = Instant::now();
        let mut output = Output::default();
        // What people wait for comes first, and what takes longest comes last.
        self.notices(&mut output).await;
        let looked = self.updates(&mut output).await;
        count(looked, &mut output);
        let looked = self.clearings(&mut output).await;
        count(looked, &mut output);
        let looked = self.channels(&mut output).await;
        count(looked, &mut output);
        let looked = self.claims(began, &mut output).await;
        count(looked, &mut output);
        tracing::info!(?output, "reconciled");
        Ok(output)
    }
}
