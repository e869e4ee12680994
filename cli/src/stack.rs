//! The stack that a command talks to.

use anyhow::{Context as _, anyhow, bail};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use jiff::Timestamp;
use prism_aws::error::Error;
use prism_aws::functions::Functions;
use prism_aws::parameters::Parameters;
use prism_aws::policies;
use prism_aws::table::Table;
use prism_aws::workflow::Workflow;
use prism_domain::id::Region;
use prism_domain::policy::Policy;
use serde::Deserialize;
use tokio::time::Duration;

use crate::args::Global;
use crate::fault::warn;

#[derive(Debug, Deserialize)]
struct Names {
    table: String,
    advisories: String,
    state_machine: String,
    approve_state_machine: String,
    schedule_builds: String,
}

/// A deployed stack.
#[derive(Debug, Clone)]
pub struct Stack {
    /// Its table.
    pub table: Table,
    /// Its table of advisories.
    pub advisories: Table,
    /// Its state machine that builds images.
    pub workflow: Workflow,
    /// Its state machine that approves builds.
    pub approvals: Workflow,
    /// Its functions.
    pub functions: Functions,
    /// The one that looks at the queue.
    pub schedule_builds: String,
    /// Where it is.
    pub region: Region,
    /// The instant that everything it answers counts from.
    pub now: Timestamp,
}

impl Stack {
    /// The policy in force; the built-in one where that cannot be read, which is told beside the answer.
    pub async fn policy(&self) -> anyhow::Result<Policy> {
        match policies::current(&self.table).await {
            Err(Error::Unreadable(record)) => {
                warn(&format!(
                    "{record}; what follows is told by the built-in policy. To mend it: {}",
                    record.remedy()
                ));
                Ok(Policy::default())
            }
            policy => Ok(policy?),
        }
    }

    /// Finds the stack that the options name.
    pub async fn find(options: &Global, now: Timestamp) -> anyhow::Result<Self> {
        let config = sdk_config(options).await;
        let Some(region) = config.region() else {
            bail!(
                "no AWS region is set: give --region, set AWS_REGION, or choose a profile that has one with --profile"
            );
        };
        let region: Region = region.as_ref().parse().map_err(|error| anyhow!("\"{region}\" {error}"))?;
        // Where a stack writes the names of its parts.
        let name = format!("/prism/stacks/{}", options.stack);
        let mut values = Parameters::new(&config).values(std::slice::from_ref(&name)).await.with_context(|| {
            let at = config.endpoint_url().map(|url| format!(" at {url}")).unwrap_or_default();
            format!("the stack {} could not be looked up in {region}{at}", options.stack)
        })?;
        let Some(names) = values.remove(&name) else {
            bail!(
                "there is no stack {} in {region} (no parameter {name}): deploy it there, or name another one with --stack or --region",
                options.stack
            );
        };
        let names: Names = serde_json::from_str(&names).map_err(|error| {
            anyhow!("the parameter {name} cannot be read: {error}; deploy the stack again with this version")
        })?;
        Ok(Self {
            table: Table::new(&config, names.table),
            advisories: Table::new(&config, names.advisories),
            workflow: Workflow::new(&config, names.state_machine),
            approvals: Workflow::new(&config, names.approve_state_machine),
            functions: Functions::new(&config),
            schedule_builds: names.schedule_builds,
            region,
            now,
        })
    }
}

async fn sdk_config(options: &Global) -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(20))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12()).timeout_config(timeouts);
    if let Some(region) = &options.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        // Who names a profile means it, whatever credentials are in the environment.
        let credentials = ProfileFileCredentialsProvider::builder().profile_name(profile).build();
        loader = loader.profile_name(profile).credentials_provider(credentials);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    loader.load().await
}
