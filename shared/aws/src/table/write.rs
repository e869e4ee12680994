//! The writes of a transaction.

use aws_sdk_dynamodb::types::builders::DeleteBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use serde::Serialize;

use super::{Item, attributes, item, number};
use crate::error::{Error, Result};
use crate::keys::Key;

/// How many fields of an item are compared with what was read: an expression has at most 300 operators, and 4 KB.
/// Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.
const COMPARED: usize = 100;

/// One write of a transaction.
#[derive(Debug, Clone)]
pub struct Write(TransactWriteItem);

impl Write {
    pub(super) fn at(&self, table: &str) -> TransactWriteItem {
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

    /// Writes a value if the number in `field` is still what was read; 0: if there is none.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn replace<T: Serialize>(key: &Key, value: &T, field: &str, read: u64) -> Result<Self> {
        match read {
            0 => Self::insert(key, value),
            _ => Self::put_if(key, value, &format!("{field} = :read"), &[(":read", number(read))]),
        }
    }

    /// Writes a value in the place of an item, whatever that holds, if it is still what was read.
    ///
    /// # Errors
    ///
    /// If the value cannot be an item.
    pub fn overwrite<T: Serialize>(key: &Key, value: &T, read: &Item) -> Result<Self> {
        let mut fields: Vec<(&String, &AttributeValue)> =
            read.iter().filter(|(name, _)| *name != "pk" && *name != "sk").collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        fields.truncate(COMPARED);
        let comparisons = (0..fields.len()).map(|place| format!("#f{place} = :f{place}"));
        let condition: Vec<String> = std::iter::once("attribute_exists(pk)".to_owned()).chain(comparisons).collect();
        let condition = condition.join(" AND ");
        let values: Vec<String> = (0..fields.len()).map(|place| format!(":f{place}")).collect();
        let values: Vec<(&str, AttributeValue)> =
            values.iter().zip(&fields).map(|(name, (_, value))| (name.as_str(), (*value).clone())).collect();
        let write = put(key, value, Some(&condition), &values)?;
        let named = fields.iter().enumerate();
        Ok(named.fold(write, |write, (place, (name, _))| write.naming(&format!("#f{place}"), name)))
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
        let update = Update::builder()
            .set_key(Some(attributes(key)))
            .table_name("")
            .update_expression(expression)
            .set_condition_expression(condition.map(str::to_owned))
            .set_expression_attribute_values(named(values));
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
        let delete = Delete::builder().set_key(Some(attributes(key))).condition_expression(condition);
        removal(delete.set_expression_attribute_values(named(values)))
    }

    /// Writes nothing, and holds the transaction to a condition.
    ///
    /// # Errors
    ///
    /// If the SDK refuses to build it, which it does only without a key.
    pub fn check(key: &Key, condition: &str, values: &[(&str, AttributeValue)]) -> Result<Self> {
        let check = ConditionCheck::builder()
            .set_key(Some(attributes(key)))
            .table_name("")
            .condition_expression(condition)
            .set_expression_attribute_values(named(values));
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
    let put = Put::builder()
        .set_item(Some(item(key, value)?))
        .table_name("")
        .set_condition_expression(condition.map(str::to_owned))
        .set_expression_attribute_values(named(values));
    let put = put.build().map_err(|error| Error::malformed(format!("{} {}", key.pk, key.sk), error))?;
    Ok(Write(TransactWriteItem::builder().put(put).build()))
}

/// The values of an expression by their names, if it has any.
fn named(values: &[(&str, AttributeValue)]) -> Option<Item> {
    let named = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    (!values.is_empty()).then(|| named.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_item_is_overwritten_only_if_every_field_is_still_what_was_read() {
        let key = crate::keys::policy();
        let read: Item = serde_dynamo::to_item(json!({ "pk": key.pk, "sk": key.sk, "version": 3, "zone": 7 })).unwrap();
        let Write(write) = Write::overwrite(&key, &json!({ "version": 4 }), &read).unwrap();
        let put = write.put.unwrap();
        assert_eq!(put.condition_expression.as_deref(), Some("attribute_exists(pk) AND #f0 = :f0 AND #f1 = :f1"));
        let (names, values) = (put.expression_attribute_names.unwrap(), put.expression_attribute_values.unwrap());
        assert_eq!((names["#f0"].as_str(), names["#f1"].as_str()), ("version", "zone"));
        assert_eq!((&values[":f0"], &values[":f1"]), (&read["version"], &read["zone"]));
        assert_eq!(put.item["version"], number(4));
    }
}
