//! Reading many items by their keys.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use super::{CONFLICT_TRIES, Item, Readings, Record, Table, attributes, back_off, text};
use crate::error::{Error, Result};
use crate::keys::Key;

/// How many items one `BatchGetItem` takes.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const BATCH: usize = 100;

impl Table {
    /// The values of those keys that there are, as of now, in no order.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn get_all<T: Record>(&self, keys: &[Key]) -> Result<Readings<T>> {
        let mut readings = Readings::default();
        for batch in batches(keys) {
            for item in self.batch(&batch, None).await? {
                readings.take(&self.name, item);
            }
        }
        Ok(readings)
    }

    /// Those of the keys that there are items of, as of now, without reading the rest of them.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn which_are_there(&self, keys: &[Key]) -> Result<BTreeSet<Key>> {
        let mut there = BTreeSet::new();
        for batch in batches(keys) {
            there.extend(self.batch(&batch, Some("pk, sk")).await?.iter().map(key_of));
        }
        Ok(there)
    }

    /// The sort keys of a partition, without reading the rest of its items: at most `most`, the first ones.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn sort_keys(&self, pk: &str, most: usize) -> Result<Vec<String>> {
        let query = self.client.query().table_name(&self.name).consistent_read(true).projection_expression("pk, sk");
        let query = query.key_condition_expression("pk = :pk").expression_attribute_values(":pk", text(pk));
        let limited = query.set_limit(i32::try_from(most).ok());
        let mut items = limited.into_paginator().items().send();
        let mut keys = Vec::new();
        while keys.len() < most {
            let next = items.try_next().await;
            let Some(item) = next.map_err(|error| Error::from_sdk(format!("listing {pk}"), error))? else { break };
            keys.push(key_of(&item).sk);
        }
        Ok(keys)
    }

    /// What DynamoDB did not come to is asked for again, for as long as something comes of that.
    async fn batch(&self, keys: &[Key], projection: Option<&str>) -> Result<Vec<Item>> {
        let action = "reading many records";
        let asked = KeysAndAttributes::builder()
            .set_keys(Some(keys.iter().map(attributes).collect()))
            .set_projection_expression(projection.map(str::to_owned))
            .consistent_read(true);
        let mut left = asked.build().map_err(|error| Error::malformed(action, error))?;
        let (mut items, mut in_vain): (Vec<Item>, u32) = (Vec::with_capacity(keys.len()), 0);
        loop {
            let answer = self.client.batch_get_item().request_items(&self.name, left).send().await;
            let answer = answer.map_err(|error| Error::from_sdk(action, error))?;
            let found = answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default();
            in_vain = if found.is_empty() { in_vain + 1 } else { 0 };
            items.extend(found);
            match answer.unprocessed_keys.unwrap_or_default().remove(&self.name) {
                Some(unprocessed) if !unprocessed.keys.is_empty() => left = unprocessed,
                _ => return Ok(items),
            }
            if in_vain == CONFLICT_TRIES {
                return Err(Error::lost_race(action));
            }
            back_off(in_vain).await;
        }
    }
}

/// In batches, each key once: DynamoDB refuses one that is asked for twice.
fn batches(keys: &[Key]) -> Vec<Vec<Key>> {
    let distinct: Vec<Key> = keys.iter().collect::<BTreeSet<_>>().into_iter().cloned().collect();
    distinct.chunks(BATCH).map(<[Key]>::to_vec).collect()
}

fn key_of(item: &Item) -> Key {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
    Key { pk: part("pk"), sk: part("sk") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_batch_has_a_key_twice_or_more_keys_than_dynamodb_takes() {
        let keys: Vec<Key> = (0..450).map(|number| Key { pk: "a".into(), sk: (number % 250).to_string() }).collect();
        let batches = batches(&keys);
        assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(batches.concat().into_iter().collect::<BTreeSet<_>>().len(), 250);
    }
}
