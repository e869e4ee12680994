//! DynamoDB's operations on tables with a partition and a sort key.

use std::collections::BTreeMap;

use prism_aws::keys::Key;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::TABLE;
use crate::expression::{Item, Names, holds, updated};

/// The items of a table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Items(BTreeMap<(String, String), Item>);

impl Items {
    /// Puts a value in.
    ///
    /// # Panics
    ///
    /// If it cannot be an item.
    pub fn put(&mut self, key: &Key, value: &impl Serialize) {
        let mut value = serde_json::to_value(value).unwrap();
        value["pk"] = json!(key.pk);
        value["sk"] = json!(key.sk);
        let item = typed(&value)["M"].as_object().cloned().expect("an item has attributes");
        self.0.insert((key.pk.clone(), key.sk.clone()), item);
    }

    /// An item as plain JSON.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Value> {
        let item = self.0.get(&(key.pk.clone(), key.sk.clone()))?;
        Some(plain(&json!({ "M": item })))
    }

    /// Changes an item as plain JSON.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn change(&mut self, key: &Key, change: impl FnOnce(&mut Value)) {
        let mut value = self.get(key).unwrap_or_else(|| panic!("there is no {key:?}"));
        change(&mut value);
        self.put(key, &value);
    }

    pub(crate) fn count(&self, pk: &str, sk_prefix: &str) -> usize {
        self.0.keys().filter(|(of, sk)| of == pk && sk.starts_with(sk_prefix)).count()
    }

    fn key(item: &Value) -> (String, String) {
        let part = |name: &str| item[name]["S"].as_str().unwrap_or_else(|| panic!("no {name}: {item}")).to_owned();
        (part("pk"), part("sk"))
    }
}

/// A value as DynamoDB's protocol has it.
fn typed(value: &Value) -> Value {
    match value {
        Value::Null => json!({ "NULL": true }),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(value) => json!({ "N": value.to_string() }),
        Value::String(value) => json!({ "S": value }),
        Value::Array(values) => json!({ "L": values.iter().map(typed).collect::<Vec<_>>() }),
        Value::Object(fields) => {
            json!({ "M": fields.iter().map(|(name, value)| (name.clone(), typed(value))).collect::<Map<_, _>>() })
        }
    }
}

fn plain(value: &Value) -> Value {
    let Some((kind, value)) = value.as_object().and_then(|typed| typed.iter().next()) else { return Value::Null };
    match (kind.as_str(), value) {
        ("N", Value::String(text)) => serde_json::from_str(text).unwrap(),
        ("L", Value::Array(values)) => values.iter().map(plain).collect(),
        ("M", Value::Object(fields)) => fields.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
        ("NULL", _) => Value::Null,
        (_, value) => value.clone(),
    }
}

/// The answer to a call.
pub fn answer(items: &mut Items, operation: &str, input: &Value) -> Result<Value, Value> {
    match operation {
        "GetItem" => {
            let found = items.0.get(&Items::key(&input["Key"]));
            Ok(found.map_or_else(|| json!({}), |item| json!({ "Item": item })))
        }
        "Query" => Ok(query(items, input)),
        "BatchGetItem" => {
            let keys = input["RequestItems"][TABLE]["Keys"].as_array().into_iter().flatten();
            let found: Vec<&Item> = keys.filter_map(|key| items.0.get(&Items::key(key))).collect();
            Ok(json!({ "Responses": { TABLE: found }, "UnprocessedKeys": {} }))
        }
        "TransactWriteItems" => transact(items, input),
        _ => panic!("DynamoDB in memory does not know {operation}"),
    }
}

fn query(items: &Items, input: &Value) -> Value {
    let names = Names::of(input);
    let condition = input["KeyConditionExpression"].as_str().unwrap_or_default();
    let mut found: Vec<&Item> = items.0.values().filter(|item| holds(condition, item, names)).collect();
    if input["ScanIndexForward"] == json!(false) {
        found.reverse();
    }
    if let Some(limit) = input["Limit"].as_u64() {
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    json!({ "Items": found, "Count": found.len() })
}

fn transact(items: &mut Items, input: &Value) -> Result<Value, Value> {
    let writes: Vec<(&String, &Value)> = input["TransactItems"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|write| write.as_object()?.iter().next())
        .collect();
    let key = |write: &Value| Items::key(if write["Key"].is_null() { &write["Item"] } else { &write["Key"] });
    let none = Item::new();
    let reasons: Vec<&str> = (writes.iter())
        .map(|(_, write)| {
            let item = items.0.get(&key(write)).unwrap_or(&none);
            let condition = write["ConditionExpression"].as_str();
            let is_met = condition.is_none_or(|condition| holds(condition, item, Names::of(write)));
            if is_met { "None" } else { "ConditionalCheckFailed" }
        })
        .collect();
    if reasons.iter().any(|reason| *reason != "None") {
        let reasons: Vec<Value> = reasons.iter().map(|code| json!({ "Code": code })).collect();
        return Err(json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "message": "Transaction cancelled", "CancellationReasons": reasons,
        }));
    }
    for (kind, write) in writes {
        let key = key(write);
        match kind.as_str() {
            "Put" => {
                items.0.insert(key, write["Item"].as_object().cloned().unwrap_or_default());
            }
            "Update" => {
                let mut item = items.0.get(&key).cloned().unwrap_or_default();
                item.extend(write["Key"].as_object().cloned().unwrap_or_default());
                let update = write["UpdateExpression"].as_str().unwrap_or_default();
                items.0.insert(key, updated(update, item, Names::of(write)));
            }
            "Delete" => {
                items.0.remove(&key);
            }
            _ => {}
        }
    }
    Ok(json!({}))
}
