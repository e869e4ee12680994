//! What a function is started with.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use aws_config::SdkConfig;
use prism_domain::id::Region;

use crate::error::{Error, Result};
use crate::table::Table;
use crate::workflow::Workflow;

/// What a function is started with: the SDK's configuration and the variables of its environment. It is read once.
#[derive(Debug, Clone)]
pub struct Environment {
    /// The SDK's configuration.
    pub config: SdkConfig,
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// An environment with these variables.
    pub fn new(config: SdkConfig, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { config, variables: variables.into_iter().collect() }
    }

    /// The environment of this process.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
    pub fn of_process(config: SdkConfig) -> Self {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| name.into_string().ok().zip(value.into_string().ok()));
        Self::new(config, variables)
    }

    /// A variable that has to be set.
    ///
    /// # Errors
    ///
    /// A sentence that names the variable, if it is missing or empty.
    pub fn required(&self, name: &str) -> Result<&str> {
        let missing = || Error::malformed(format!("the environment variable {name}"), "it is not set");
        self.optional(name).ok_or_else(missing)
    }

    /// A variable that may be set.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A variable, parsed.
    ///
    /// # Errors
    ///
    /// A sentence that names the variable, if it is missing or is not what it should be.
    pub fn parsed<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        let malformed = |error: T::Err| Error::malformed(format!("the environment variable {name}"), error);
        self.required(name)?.parse().map_err(malformed)
    }

    /// The state table, named by `TABLE_NAME`.
    ///
    /// # Errors
    ///
    /// If the variable, or the region, is not set.
    pub fn table(&self) -> Result<Table> {
        Ok(Table::new(&self.config, self.required("TABLE_NAME")?))
    }

    /// The table of advisories, named by `ADVISORIES_TABLE_NAME`.
    ///
    /// # Errors
    ///
    /// If the variable, or the region, is not set.
    pub fn advisories(&self) -> Result<Table> {
        Ok(Table::new(&self.config, self.required("ADVISORIES_TABLE_NAME")?))
    }

    /// The state machine whose executions build, of `STATE_MACHINE_ARN`.
    ///
    /// # Errors
    ///
    /// If the variable is not set.
    pub fn workflow(&self) -> Result<Workflow> {
        Ok(Workflow::new(&self.config, self.required("STATE_MACHINE_ARN")?))
    }

    /// The home region: the stack's own.
    ///
    /// # Errors
    ///
    /// If it is not set.
    pub fn region(&self) -> Result<Region> {
        self.parsed("AWS_REGION")
    }
}
