//! A look that builds nothing, and the transaction that writes why.

use jiff::Timestamp;
use prism_aws::error::Result;
use prism_aws::table::Table;
use prism_aws::{claims, journal};
use prism_domain::claim::Claim;
use prism_domain::decision::{Decision, DecisionKind};
use serde_json::json;

/// That nothing is built.
#[derive(Debug)]
pub struct Nothing {
    /// The claim.
    pub claim: Claim,
    /// Why, in a sentence.
    pub reason: String,
    /// When to look again.
    pub until: Option<Timestamp>,
    /// Whether the journal tells it: something is due, and held back.
    pub is_told: bool,
}

impl Nothing {
    /// Writes that nobody has to look at the target until then. Answers the reason. `None`: somebody else wrote first.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn apply(self, table: &Table, now: Timestamp) -> Result<Option<String>> {
        let Self { claim, reason, until, is_told } = self;
        let target = claim.target.clone();
        let mut writes = Vec::new();
        if claim.revision > 0 || until.is_some() {
            writes.push(claims::write(&Claim { wanted: until, ..claim })?);
        }
        if is_told {
            let decision = Decision {
                kind: DecisionKind::Skip,
                subject: target.to_string(),
                reasons: vec![reason.clone()],
                inputs: json!({ "until": until }),
                at: now,
            };
            writes.push(journal::write(&target.template, &decision)?);
        }
        if writes.is_empty() {
            return Ok(Some(reason));
        }
        Ok(table.transact(&format!("saying that nothing is built of {target}"), writes).await?.then(reason))
    }
}
