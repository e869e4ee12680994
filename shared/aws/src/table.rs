//! The state table: reading values, and writing them under conditions.

mod batch;
mod record;
mod write;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, WriteRequest};
use prism_domain::id::Region;
use serde::Serialize;
use tokio::time::{Duration, sleep};

use crate::error::{Error, Result};
use crate::keys::Key;

pub use record::{Fault, Readings, Record};
pub use write::Write;

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
    region: Option<Region>,
}

/// Which sort keys of a partition are read.
#[derive(Debug, Clone, Copy)]
enum Range<'a> {
    /// Those that begin so.
    Prefix(&'a str),
    /// This one, and those after it.
    From(&'a str),
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

impl Table {
    /// The table of this name.
    #[must_use]
    pub fn new(config: &aws_config::SdkConfig, name: impl Into<String>) -> Self {
        let region = config.region().and_then(|region| region.as_ref().parse().ok());
        Self { client: Client::new(config), name: name.into(), region }
    }

    /// The region that it is in, which is the stack's.
    ///
    /// # Errors
    ///
    /// If the SDK was given none.
    pub fn region(&self) -> Result<&Region> {
        self.region.as_ref().ok_or_else(|| Error::malformed("the region", "it is not set"))
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value of a key, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails; [`Error::Unreadable`], if the item is not such a value.
    pub async fn get<T: Record>(&self, key: &Key) -> Result<Option<T>> {
        let item = self.item(key).await?;
        item.map(|item| self.value(key, item)).transpose()
    }

    /// The item of a key as it stands, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn item(&self, key: &Key) -> Result<Option<Item>> {
        self.look_up(key, None, "reading").await
    }

    /// The value of a key's item.
    ///
    /// # Errors
    ///
    /// [`Error::Unreadable`], if the item is not such a value.
    pub fn value<T: Record>(&self, key: &Key, item: Item) -> Result<T> {
        T::read(item).map_err(|fault| fault.of(&self.name, &key.pk, &key.sk).into())
    }

    /// Whether there is an item of a key, as of now, without reading the rest of it.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn is_there(&self, key: &Key) -> Result<bool> {
        Ok(self.look_up(key, Some("pk"), "looking for").await?.is_some())
    }

    /// A key's item: the attributes that `only` names, or all of them.
    async fn look_up(&self, key: &Key, only: Option<&str>, action: &str) -> Result<Option<Item>> {
        let asked = self.client.get_item().table_name(&self.name).set_key(Some(attributes(key))).consistent_read(true);
        let answer = asked.set_projection_expression(only.map(str::to_owned)).send().await;
        let answer = answer.map_err(|error| Error::from_sdk(format!("{action} {} {}", key.pk, key.sk), error))?;
        Ok(answer.item)
    }

    /// The values of a partition whose sort keys begin so, oldest first, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn query<T: Record>(&self, pk: &str, sk_prefix: &str) -> Result<Readings<T>> {
        self.readings(pk, Range::Prefix(sk_prefix), None).await
    }

    /// The last `limit` values of a partition whose sort keys begin so, newest first, as of now. Items that cannot be
    /// read count as well.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn newest<T: Record>(&self, pk: &str, sk_prefix: &str, limit: usize) -> Result<Readings<T>> {
        self.readings(pk, Range::Prefix(sk_prefix), Some(limit)).await
    }

    /// The values of a partition from a sort key on, oldest first, as of now.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn query_from<T: Record>(&self, pk: &str, from: &str) -> Result<Readings<T>> {
        self.readings(pk, Range::From(from), None).await
    }

    /// Hands out the items of a partition, as of now, one by one, for who makes no value of each of them: an item takes
    /// several times the room of what it says.
    ///
    /// # Errors
    ///
    /// If AWS fails.
    pub async fn each(&self, pk: &str, take: impl FnMut(Item)) -> Result<()> {
        self.hand_out(pk, Range::Prefix(""), None, take).await
    }

    /// Hands out the items of a partition, as of now, one by one. `newest`: so many items from the end, the last one first.
    async fn hand_out(
        &self,
        pk: &str,
        range: Range<'_>,
        newest: Option<usize>,
        mut take: impl FnMut(Item),
    ) -> Result<()> {
        let (condition, sk) = match range {
            Range::Prefix("") => ("pk = :pk", None),
            Range::Prefix(prefix) => ("pk = :pk AND begins_with(sk, :sk)", Some(prefix)),
            Range::From(from) => ("pk = :pk AND sk >= :sk", Some(from)),
        };
        let mut query = self.client.query().table_name(&self.name).consistent_read(true);
        query = query.key_condition_expression(condition).expression_attribute_values(":pk", text(pk));
        if let Some(sk) = sk {
            query = query.expression_attribute_values(":sk", text(sk));
        }
        query = query.scan_index_forward(newest.is_none());
        query = query.set_limit(newest.and_then(|newest| i32::try_from(newest).ok()));
        let mut items = query.into_paginator().items().send();
        for _ in 0..newest.unwrap_or(usize::MAX) {
            let next = items.try_next().await;
            let next = next.map_err(|error| Error::from_sdk(format!("reading {pk} {}", sk.unwrap_or("*")), error));
            let Some(item) = next? else { break };
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

    async fn readings<T: Record>(&self, pk: &str, range: Range<'_>, newest: Option<usize>) -> Result<Readings<T>> {
        let mut readings = Readings::default();
        // As values at once: items take several times their room.
        self.hand_out(pk, range, newest, |item| readings.take(&self.name, item)).await?;
        Ok(readings)
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

fn attributes(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))])
}

/// A number of an item, if it has one that counts something.
#[must_use]
pub fn count(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
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

#[cfg(test)]
mod newer_items;
