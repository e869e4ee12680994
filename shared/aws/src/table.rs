//! The state table: reading values, and writing them under conditions.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::builders::DeleteBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, PutRequest, TransactWriteItem, Update, WriteRequest,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Duration, sleep};

use crate::error::{Error, Result};
use crate::keys::Key;

/// How often a transaction is tried again when another one touches the same items at the same time.
const CONFLICT_TRIES: u32 = 8;

/// How many items one `BatchWriteItem` takes.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>.
const BATCH_WRITE: usize = 25;

/// An item as DynamoDB has it.
pub type Item = HashMap<String, AttributeValue>;

/// The state table.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
}

/// What a conditional write came to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Applied {
    /// All of it is written.
    Written,
    /// None of it is: these writes' conditions did not hold, by their place in the transaction.
    Lost(Vec<usize>),
}

/// One write of a transaction.
#[derive(Debug, Clone)]
pub struct Write(TransactWriteItem);

impl Table {
    /// The table of this name.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, name: impl Into<String>) -> Self {
        Self { client: Client::new(config), name: name.into() }
    }

    /// The value of a key, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails, or the item is not such a value.
    pub async fn get<T: DeserializeOwned>(&self, key: &Key) -> Result<Option<T>> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(attributes(key)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("reading {} {}", key.pk, key.sk), error))?;
        answer.item.map(|item| value(item, key)).transpose()
    }

    /// Whether there is an item of a key, as of now, without reading the rest of it.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn is_there(&self, key: &Key) -> Result<bool> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(attributes(key)))
            .projection_expression("pk")
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| Error::from_sdk(format!("looking for {} {}", key.pk, key.sk), error))?;
        Ok(answer.item.is_some())
    }

    /// The values of a partition whose sort keys begin so, oldest first, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails, or an item is not such a value.
    pub async fn query<T: DeserializeOwned>(&self, pk: &str, sk_prefix: &str) -> Result<Vec<T>> {
        self.values(pk, sk_prefix, None, false).await
    }

    /// The last `limit` values of a partition whose sort keys begin so, newest first, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails, or an item is not such a value.
    pub async fn newest<T: DeserializeOwned>(&self, pk: &str, sk_prefix: &str, limit: usize) -> Result<Vec<T>> {
        self.values(pk, sk_prefix, Some(limit), true).await
    }

    /// The values of a partition from a sort key on, oldest first, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails, or an item is not such a value.
    pub async fn query_from<T: DeserializeOwned>(&self, pk: &str, from: &str) -> Result<Vec<T>> {
        let (mut values, mut start) = (Vec::new(), None);
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression("pk = :pk AND sk >= :from")
                .expression_attribute_values(":pk", text(pk))
                .expression_attribute_values(":from", text(from))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| Error::from_sdk(format!("reading {pk} from {from}"), error))?;
            for item in page.items.unwrap_or_default() {
                values.push(value(item, &Key { pk: pk.to_owned(), sk: from.to_owned() })?);
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(values);
            }
        }
    }

    /// Hands out the items of a partition, as of now, one by one, for who makes no value of each of them: an item takes
    /// several times the room of what it says.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn each(&self, pk: &str, mut take: impl FnMut(Item)) -> Result<()> {
        let mut items = self
            .client
            .query()
            .table_name(&self.name)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let failed = |error| Error::from_sdk(format!("reading {pk}"), error);
        while let Some(item) = items.try_next().await.map_err(failed)? {
            take(item);
        }
        Ok(())
    }

    /// Puts items whatever there is, in no order: for what can be made anew. Some may be written though it fails.
    ///
    /// # Errors
    ///
    /// If AWS fails, or does not take all of them after several tries.
    pub async fn put_all(&self, action: &str, items: Vec<Item>) -> Result<()> {
        for batch in items.chunks(BATCH_WRITE) {
            let mut left = batch.iter().map(|item| put_request(item.clone())).collect::<Result<Vec<_>>>()?;
            for attempt in 0.. {
                let request = self.client.batch_write_item().request_items(&self.name, left);
                let answer = request.send().await.map_err(|error| Error::from_sdk(action, error))?;
                left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
                if left.is_empty() {
                    break;
                }
                if attempt == CONFLICT_TRIES {
                    return Err(Error::lost_race(action));
                }
                back_off(attempt).await;
            }
        }
        Ok(())
    }

    async fn values<T: DeserializeOwned>(
        &self,
        pk: &str,
        sk_prefix: &str,
        limit: Option<usize>,
        newest_first: bool,
    ) -> Result<Vec<T>> {
        let key = Key { pk: pk.to_owned(), sk: sk_prefix.to_owned() };
        let mut values = Vec::new();
        let mut from = None;
        loop {
            let condition = if sk_prefix.is_empty() { "pk = :pk" } else { "pk = :pk AND begins_with(sk, :sk)" };
            let mut query = self
                .client
                .query()
                .table_name(&self.name)
                .key_condition_expression(condition)
                .expression_attribute_values(":pk", text(pk))
                .consistent_read(true)
                .scan_index_forward(!newest_first)
                .set_limit(limit.and_then(|limit| i32::try_from(limit - values.len()).ok()))
                .set_exclusive_start_key(from);
            if !sk_prefix.is_empty() {
                query = query.expression_attribute_values(":sk", text(sk_prefix));
            }
            let page =
                query.send().await.map_err(|error| Error::from_sdk(format!("reading {pk} {sk_prefix}"), error))?;
            // As values at once: items take several times their room.
            for item in page.items.unwrap_or_default() {
                values.push(value(item, &key)?);
            }
            from = page.last_evaluated_key;
            if from.is_none() || limit.is_some_and(|limit| values.len() >= limit) {
                return Ok(values);
            }
        }
    }

    /// Writes all or nothing. A conflict with another transaction is tried again a few times.
    ///
    /// # Errors
    ///
    /// If AWS fails, or conflicts do not end. Conditions that do not hold are an answer, not an error.
    pub async fn transact(&self, action: &str, writes: Vec<Write>) -> Result<Applied> {
        for attempt in 0..CONFLICT_TRIES {
            let request = self
                .client
                .transact_write_items()
                .set_transact_items(Some(writes.iter().map(|w| w.at(&self.name)).collect()));
            let Err(error) = request.send().await else { return Ok(Applied::Written) };
            match cancellation(&error) {
                Some(codes) if codes.iter().any(|code| code == "ConditionalCheckFailed") => {
                    let failed = |(place, code): (usize, &String)| (code == "ConditionalCheckFailed").then_some(place);
                    return Ok(Applied::Lost(codes.iter().enumerate().filter_map(failed).collect()));
                }
                Some(codes) if codes.iter().all(|code| is_passing(code)) => back_off(attempt).await,
                _ => return Err(Error::from_sdk(action, error)),
            }
        }
        Err(Error::lost_race(action))
    }
}

/// Waits a random while, longer at each attempt: conflicts of the same writers do not meet again.
pub async fn back_off(attempt: u32) {
    let most = 20_u64 << attempt.min(6);
    sleep(Duration::from_millis(fastrand::u64(most / 4..=most))).await;
}

/// Cancellation codes that another try may not meet.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
fn is_passing(code: &str) -> bool {
    matches!(code, "None" | "TransactionConflict" | "ThrottlingError" | "ProvisionedThroughputExceeded")
}

fn cancellation(error: &SdkError<TransactWriteItemsError>) -> Option<Vec<String>> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error.as_service_error()? else {
        return None;
    };
    Some(cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None").to_owned()).collect())
}

impl Write {
    fn at(&self, table: &str) -> TransactWriteItem {
        let mut write = self.0.clone();
        write.put.iter_mut().for_each(|put| table.clone_into(&mut put.table_name));
        write.update.iter_mut().for_each(|update| table.clone_into(&mut update.table_name));
        write.delete.iter_mut().for_each(|delete| table.clone_into(&mut delete.table_name));
        write.condition_check.iter_mut().for_each(|check| table.clone_into(&mut check.table_name));
        write
    }

    /// Writes a value whatever there is.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn put<T: Serialize>(key: &Key, value: &T) -> Result<Self> {
        put(key, value, None, &[])
    }

    /// Writes a value if there is none.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn insert<T: Serialize>(key: &Key, value: &T) -> Result<Self> {
        put(key, value, Some("attribute_not_exists(pk)"), &[])
    }

    /// Writes a value if the number in `field` is still what was read; `None`: if there is none.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn replace<T: Serialize>(key: &Key, value: &T, field: &str, read: Option<u64>) -> Result<Self> {
        match read {
            None => Self::insert(key, value),
            Some(read) => put(key, value, Some(&format!("{field} = :read")), &[(":read", number(read))]),
        }
    }

    /// An item that is written with this condition, for what the other kinds do not say.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn put_if<T: Serialize>(
        key: &Key,
        value: &T,
        condition: &str,
        values: &[(&str, AttributeValue)],
    ) -> Result<Self> {
        put(key, value, Some(condition), values)
    }

    /// Changes an item, or makes it, under a condition.
    ///
    /// # Errors
    ///
    /// If the SDK refuses to build it, which it does only without a key.
    pub fn update(
        key: &Key,
        expression: &str,
        condition: Option<&str>,
        values: &[(&str, AttributeValue)],
    ) -> Result<Self> {
        let mut update = Update::builder()
            .set_key(Some(attributes(key)))
            .table_name("")
            .update_expression(expression)
            .set_condition_expression(condition.map(str::to_owned));
        for (name, value) in values {
            update = update.expression_attribute_values(*name, value.clone());
        }
        let update = update.build().map_err(|error| Error::malformed("a write", error))?;
        Ok(Self(TransactWriteItem::builder().update(update).build()))
    }

    /// Removes an item, if there is one.
    ///
    /// # Errors
    ///
    /// If the SDK refuses to build it, which it does only without a key.
    pub fn delete(key: &Key) -> Result<Self> {
        removal(Delete::builder().set_key(Some(attributes(key))))
    }

    /// Removes an item under a condition.
    ///
    /// # Errors
    ///
    /// If the SDK refuses to build it, which it does only without a key.
    pub fn delete_if(key: &Key, condition: &str, values: &[(&str, AttributeValue)]) -> Result<Self> {
        let mut delete = Delete::builder().set_key(Some(attributes(key))).condition_expression(condition);
        for (name, value) in values {
            delete = delete.expression_attribute_values(*name, value.clone());
        }
        removal(delete)
    }

    /// Writes nothing, and holds the transaction to a condition.
    ///
    /// # Errors
    ///
    /// If the SDK refuses to build it, which it does only without a key.
    pub fn check(key: &Key, condition: &str, values: &[(&str, AttributeValue)]) -> Result<Self> {
        let mut check =
            ConditionCheck::builder().set_key(Some(attributes(key))).table_name("").condition_expression(condition);
        for (name, value) in values {
            check = check.expression_attribute_values(*name, value.clone());
        }
        let check = check.build().map_err(|error| Error::malformed("a write", error))?;
        Ok(Self(TransactWriteItem::builder().condition_check(check).build()))
    }

    /// The same change, with a placeholder for a name that DynamoDB reserves.
    #[must_use]
    pub fn naming(mut self, placeholder: &str, attribute: &str) -> Self {
        let names = match &mut self.0 {
            TransactWriteItem { update: Some(update), .. } => &mut update.expression_attribute_names,
            TransactWriteItem { put: Some(put), .. } => &mut put.expression_attribute_names,
            TransactWriteItem { delete: Some(delete), .. } => &mut delete.expression_attribute_names,
            TransactWriteItem { condition_check: Some(check), .. } => &mut check.expression_attribute_names,
            _ => return self,
        };
        names.get_or_insert_default().insert(placeholder.to_owned(), attribute.to_owned());
        self
    }

    /// The same write, of an item that DynamoDB removes at this second of the epoch, or within days of it.
    #[must_use]
    pub fn expiring(mut self, at: jiff::Timestamp) -> Self {
        if let Some(put) = &mut self.0.put {
            put.item.insert("ttl".to_owned(), AttributeValue::N(at.as_second().to_string()));
        }
        self
    }
}

fn put_request(item: Item) -> Result<WriteRequest> {
    let put = PutRequest::builder().set_item(Some(item)).build();
    let put = put.map_err(|error| Error::malformed("an item", error))?;
    Ok(WriteRequest::builder().put_request(put).build())
}

/// A value as the item of a key.
///
/// # Errors
///
/// If the value cannot be an item.
pub fn item<T: Serialize>(key: &Key, value: &T) -> Result<Item> {
    let mut item: Item =
        serde_dynamo::to_item(value).map_err(|error| Error::malformed(format!("{} {}", key.pk, key.sk), error))?;
    item.extend(attributes(key));
    Ok(item)
}

fn removal(delete: DeleteBuilder) -> Result<Write> {
    let delete = delete.table_name("").build().map_err(|error| Error::malformed("a write", error))?;
    Ok(Write(TransactWriteItem::builder().delete(delete).build()))
}

fn put<T: Serialize>(
    key: &Key,
    value: &T,
    condition: Option<&str>,
    values: &[(&str, AttributeValue)],
) -> Result<Write> {
    let unwritable = |error: &dyn std::fmt::Display| Error::malformed(format!("{} {}", key.pk, key.sk), error);
    let mut put = Put::builder()
        .set_item(Some(item(key, value)?))
        .table_name("")
        .set_condition_expression(condition.map(str::to_owned));
    for (name, value) in values {
        put = put.expression_attribute_values(*name, value.clone());
    }
    let put = put.build().map_err(|error| unwritable(&error))?;
    Ok(Write(TransactWriteItem::builder().put(put).build()))
}

/// The value of a key's item.
///
/// # Errors
///
/// If the item is not such a value.
pub fn value<T: DeserializeOwned>(item: Item, key: &Key) -> Result<T> {
    serde_dynamo::from_item(item).map_err(|error| Error::malformed(format!("the record {} {}", key.pk, key.sk), error))
}

fn attributes(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))])
}

/// A text attribute.
#[must_use]
pub fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

/// A number attribute.
#[must_use]
pub fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
