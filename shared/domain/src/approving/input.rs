//! The input of the state machine `approve-build`.

use serde::Serialize;
use serde_json::Value;

use crate::id::BuildId;
use crate::input::Reader;
use crate::problem::Problems;

/// The fields that a person may give, in the order in which they are told.
const FIELDS: [&str; 3] = ["build", "reject", "reason"];

/// What a person decides about a build. `{"build": "python-ml-x86_64-17"}` approves it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ApprovalInput {
    /// The build.
    pub build: BuildId,
    /// Whether it is rejected instead.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub reject: bool,
    /// Why, in a person's words: untrusted text, made printable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl ApprovalInput {
    /// As the state machine takes it.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads the input of an execution.
    ///
    /// # Errors
    ///
    /// All its faults at once.
    pub fn from_value(value: &Value) -> Result<Self, Problems> {
        let mut reader = Reader::new(value, r#"{"build": "python-ml-x86_64-17"}"#)?;
        let build = reader.required("build", "name the build to approve, such as python-ml-x86_64-17");
        let (reject, reason) = (reader.flag("reject"), reader.reason());
        reader.refuse_unknown(&FIELDS, &[], "an approval");
        reader.finish(build.map(|build| Self { build, reject, reason }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_build_alone_is_an_approval_and_every_field_survives_the_way_through_the_state_machine() {
        for value in [
            json!({"build": "python-ml-x86_64-17"}),
            json!({"build": "python-ml-x86_64-17", "reject": true, "reason": "not in the exam week"}),
        ] {
            assert_eq!(ApprovalInput::from_value(&value).unwrap().to_value(), value);
        }
    }

    #[test]
    fn all_faults_are_told_at_once_and_by_name() {
        let refused = |value: &Value| ApprovalInput::from_value(value).unwrap_err().to_string();
        insta::assert_snapshot!(refused(&json!({"build": "python-ml", "reject": "yes", "reason": [], "amount": 9})),
            @r#"build "python-ml" is not a build id; it looks like python-ml-x86_64-17; reject is neither true nor false; reason is neither text nor a number; "amount" is not a field of an approval; allowed are build, reject, reason"#);
        insta::assert_snapshot!(refused(&json!({})),
            @"build is missing; name the build to approve, such as python-ml-x86_64-17");
        insta::assert_snapshot!(refused(&json!([])),
            @r#"the input is not a JSON object such as {"build": "python-ml-x86_64-17"}"#);
        assert!(
            refused(&json!({"build": "python-ml-x86_64-17", "reason": "x".repeat(201)})).contains("longer than 200")
        );
    }
}
