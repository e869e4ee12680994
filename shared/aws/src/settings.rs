//! The one place that reads the environment.

use crate::error::{Error, Result};

/// The value of an environment variable that has to be set.
///
/// # Errors
///
/// A sentence that names the variable, if it is missing or empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn required(name: &str) -> Result<String> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::malformed(format!("the environment variable {name}"), "it is not set")),
    }
}

/// The value of an environment variable that may be set.
#[must_use]
pub fn optional(name: &str) -> Option<String> {
    required(name).ok()
}

/// The value of an environment variable, parsed.
///
/// # Errors
///
/// A sentence that names the variable, if it is missing or is not what it should be.
pub fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(name: &str) -> Result<T> {
    required(name)?.parse().map_err(|error: T::Err| Error::malformed(format!("the environment variable {name}"), error))
}
