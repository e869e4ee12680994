//! The policy in force.

use jiff::Timestamp;
use prism_domain::notice::base_images_replaced;
use prism_domain::policy::{Policy, ReplacedBaseImage, replaced_base_images};
use prism_domain::unreadable::UnreadableRecord;

use crate::error::{Error, Result};
use crate::keys;
use crate::notices;
use crate::table::{Applied, Fault, Item, Record, Table, Write, count};

/// The policy in force: the built-in one until another is applied.
///
/// # Errors
///
/// If AWS fails; [`Error::Unreadable`], if what was applied cannot be read. Nothing is started then.
pub async fn current(table: &Table) -> Result<Policy> {
    let applied: Option<AppliedPolicy> = table.get(&keys::policy()).await?;
    Ok(applied.map(|AppliedPolicy(policy)| policy).unwrap_or_default())
}

/// The policy in force. `None` while it cannot be read; that is logged. The caller then starts nothing, and the hourly look
/// does the work once the policy is mended.
///
/// # Errors
///
/// If AWS fails.
pub async fn readable(table: &Table) -> Result<Option<Policy>> {
    match current(table).await {
        Ok(policy) => Ok(Some(policy)),
        Err(Error::Unreadable(record)) => {
            tracing::error!("{record}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A policy that was applied: it has a version, which transactions compare.
struct AppliedPolicy(Policy);

impl Record for AppliedPolicy {
    fn read(item: Item) -> Result<Self, Fault> {
        let policy = Policy::read(item)?;
        if policy.version == 0 {
            return Err(Fault { field: Some("version".to_owned()), reason: "it is missing, or 0".to_owned() });
        }
        Ok(Self(policy))
    }
}

/// What another policy takes the place of.
#[derive(Debug)]
pub struct InForce {
    /// The policy in force, or why that cannot be read.
    pub policy: Result<Policy, UnreadableRecord>,
    /// Its item, if one was applied.
    item: Option<Item>,
}

/// The policy in force with its item, for whoever applies another one.
///
/// # Errors
///
/// If AWS fails.
pub async fn in_force(table: &Table) -> Result<InForce> {
    Ok(InForce::read(table.name(), table.item(&keys::policy()).await?))
}

impl InForce {
    /// What an item of this table says, if there is one.
    #[must_use]
    pub fn read(table: &str, item: Option<Item>) -> Self {
        let key = keys::policy();
        let policy = item.clone().map_or_else(
            || Ok(Policy::default()),
            |item| {
                let read = AppliedPolicy::read(item).map(|AppliedPolicy(policy)| policy);
                read.map_err(|fault| fault.of(table, &key.pk, &key.sk))
            },
        );
        Self { policy, item }
    }

    /// The version of the next policy: one more than that of this one. Where no version can be read, it is the time in
    /// seconds, which no policy before can have had.
    #[must_use]
    pub fn next_version(&self, now: Timestamp) -> u64 {
        let version = match &self.policy {
            Ok(policy) => Some(policy.version),
            Err(_) => self.item.as_ref().and_then(|item| count(item, "version")),
        };
        let next = version.and_then(|version| version.checked_add(1));
        next.unwrap_or_else(|| u64::try_from(now.as_second()).unwrap_or(1))
    }

    /// The fields of the item that this version does not know: whatever takes its place does not have them.
    #[must_use]
    pub fn unknown_fields(&self) -> Vec<String> {
        let known: Item = serde_dynamo::to_item(Policy::default()).unwrap_or_default();
        let fields = self.item.iter().flat_map(|item| item.keys());
        let mut unknown: Vec<String> =
            fields.filter(|name| !known.contains_key(*name) && *name != "pk" && *name != "sk").cloned().collect();
        unknown.sort_unstable();
        unknown
    }

    /// The base images that another policy takes from their vendors, and this one does not.
    #[must_use]
    pub fn replaced_base_images(&self, next: &Policy) -> Vec<ReplacedBaseImage> {
        replaced_base_images(self.policy.as_ref().unwrap_or(&Policy::default()), next)
    }
}

/// Puts a policy in force, as the next version, in the place of the one that was read. Where it takes base images from
/// their vendors, people hear of it.
///
/// # Errors
///
/// If AWS fails, or somebody else applied one at the same time.
pub async fn apply(table: &Table, read: &InForce, policy: Policy, now: Timestamp) -> Result<Policy> {
    let next = Policy { version: read.next_version(now), ..policy };
    let mut writes = vec![match &read.item {
        None => Write::insert(&keys::policy(), &next)?,
        Some(item) => Write::overwrite(&keys::policy(), &next, item)?,
    }];
    if let Some(notice) = base_images_replaced(next.version, &read.replaced_base_images(&next), now) {
        writes.push(notices::leave(&notice)?);
    }
    match table.transact("applying the policy", writes).await? {
        Applied::Written => Ok(next),
        Applied::Lost(_) => Err(Error::lost_race("applying the policy")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn in_force(fields: serde_json::Value) -> InForce {
        InForce::read("prism-state", Some(serde_dynamo::to_item(fields).unwrap()))
    }

    fn now() -> Timestamp {
        "2026-11-23T17:00:00Z".parse().unwrap()
    }

    #[test]
    fn a_policy_that_can_be_read_is_followed_by_its_next_version() {
        let read = in_force(json!({"version": 4}));
        assert_eq!((read.policy.as_ref().unwrap().version, read.next_version(now())), (4, 5));
        let none = InForce::read("prism-state", None);
        assert_eq!(none.next_version(now()), 1);
    }

    #[test]
    fn a_policy_that_cannot_be_read_is_followed_by_a_version_that_no_policy_before_had() {
        let read = in_force(json!({"version": 4, "max_concurrent_builds": "many"}));
        assert_eq!(read.policy.as_ref().unwrap_err().field.as_deref(), Some("max_concurrent_builds"));
        assert_eq!(read.next_version(now()), 5);
        for version in [json!("four"), json!(1.5), json!(-1), json!(u64::MAX)] {
            let read = in_force(json!({"version": version, "zone": 7}));
            assert_eq!(read.next_version(now()), 1_795_453_200, "{version}");
        }
    }

    #[test]
    fn a_policy_without_a_version_cannot_be_read() {
        for fields in [json!({"max_concurrent_builds": 3}), json!({"version": 0})] {
            assert_eq!(in_force(fields).policy.unwrap_err().field.as_deref(), Some("version"));
        }
    }

    #[test]
    fn fields_that_only_a_newer_version_knows_are_named() {
        assert_eq!(in_force(json!({"pk": "POLICY", "version": 4, "colour": 5})).unknown_fields(), ["colour"]);
    }
}
