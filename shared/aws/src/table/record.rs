//! Reading items as values. An item that cannot be read is set aside by its key: it never keeps another one from being
//! read.

use prism_domain::unreadable::UnreadableRecord;
use serde::de::DeserializeOwned;

use super::Item;
use crate::error::Result;

/// A value that an item holds. Fields that it does not know are ignored: a newer version may have written them.
pub trait Record: Sized {
    /// Reads an item, which has `pk` and `sk` as well.
    ///
    /// # Errors
    ///
    /// Which field cannot be read, and why.
    fn read(item: Item) -> Result<Self, Fault>;
}

/// What is wrong with an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field; none: the item as a whole.
    pub field: Option<String>,
    /// What is wrong with it.
    pub reason: String,
}

impl<T: DeserializeOwned> Record for T {
    fn read(item: Item) -> Result<Self, Fault> {
        let value =
            serde_dynamo::AttributeValue::M(item.into_iter().map(|(name, value)| (name, value.into())).collect());
        let deserializer = serde_dynamo::Deserializer::from_attribute_value(value);
        serde_path_to_error::deserialize(deserializer).map_err(|error| {
            let path = error.path().to_string();
            Fault::at(&path, &error.into_inner().to_string())
        })
    }
}

impl Fault {
    /// The fault of a field. A path of `.` is the item as a whole. A field that is missing is named by the reason alone.
    fn at(path: &str, reason: &str) -> Self {
        let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        let parts: Vec<&str> = [path].into_iter().filter(|path| *path != ".").chain(missing).collect();
        let field = (!parts.is_empty()).then(|| parts.join("."));
        let reason = if missing.is_some() { "it is missing".to_owned() } else { lower_first(reason) };
        Self { field, reason }
    }

    /// The same fault of the item of this key.
    #[must_use]
    pub fn of(&self, table: &str, pk: &str, sk: &str) -> UnreadableRecord {
        UnreadableRecord::new(table, pk, sk, self.field.as_deref(), &self.reason)
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The result of reading many items: the values, and the items that cannot be read. The caller decides what those mean.
#[derive(Debug, Clone)]
#[must_use]
pub struct Readings<T> {
    /// The values, in the order of their keys.
    pub values: Vec<T>,
    /// The items that cannot be read, in the order of theirs.
    pub unreadable: Vec<UnreadableRecord>,
}

impl<T> Default for Readings<T> {
    fn default() -> Self {
        Self { values: Vec::new(), unreadable: Vec::new() }
    }
}

impl<T: Record> Readings<T> {
    /// Reads one more item, of this table.
    pub fn take(&mut self, table: &str, item: Item) {
        let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned().unwrap_or_default();
        let (pk, sk) = (part("pk"), part("sk"));
        match T::read(item) {
            Ok(value) => self.values.push(value),
            Err(fault) => self.unreadable.push(fault.of(table, &pk, &sk)),
        }
    }
}

impl<T> Readings<T> {
    /// The values, for a caller that needs every one.
    ///
    /// # Errors
    ///
    /// The first record that cannot be read.
    pub fn all(self) -> Result<Vec<T>> {
        match self.unreadable.into_iter().next() {
            Some(record) => Err(record.into()),
            None => Ok(self.values),
        }
    }

    /// The values, for a caller that can work without the unreadable items. Each of those is logged.
    #[must_use]
    pub fn logged(self) -> Vec<T> {
        for record in &self.unreadable {
            tracing::error!(pk = record.pk, sk = record.sk, "set aside: {record}");
        }
        self.values
    }

    /// The values. The records that cannot be read go to `aside`.
    #[must_use]
    pub fn set_aside(mut self, aside: &mut Vec<UnreadableRecord>) -> Vec<T> {
        aside.append(&mut self.unreadable);
        self.values
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Shelf {
        name: String,
        books: Vec<Book>,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Book {
        state: State,
        pages: u32,
    }

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum State {
        Lent,
        Here,
    }

    fn item(sk: &str, books: &serde_json::Value) -> Item {
        serde_dynamo::to_item(json!({"pk": "SHELVES", "sk": sk, "name": "novels", "books": books})).unwrap()
    }

    fn fault(books: &serde_json::Value) -> (Option<String>, String) {
        let Fault { field, reason } = Shelf::read(item("a", books)).unwrap_err();
        (field, reason)
    }

    #[test]
    fn a_fault_names_the_field_and_what_is_wrong_with_it() {
        let field = |name: &str| Some(name.to_owned());
        let (at, reason) = fault(&json!([{"state": "here", "pages": 1}, {"state": "sold", "pages": 2}]));
        assert_eq!(
            (at, reason.as_str()),
            (field("books[1].state"), "unknown variant `sold`, expected `lent` or `here`")
        );
        assert_eq!(fault(&json!([{"state": "lent"}])), (field("books[0].pages"), "it is missing".to_owned()));
        assert_eq!(
            fault(&json!([{"state": "lent", "pages": "many"}])),
            (field("books[0].pages"), "expected num".to_owned())
        );
        assert_eq!(fault(&json!(7)), (field("books"), "expected seq".to_owned()));
        let nothing = Shelf::read(Item::new()).unwrap_err();
        assert_eq!(nothing, Fault { field: field("name"), reason: "it is missing".to_owned() });
    }

    #[test]
    fn a_field_that_only_a_newer_version_knows_is_ignored() {
        let read = Shelf::read(item("a", &json!([{"state": "lent", "pages": 3, "smell": "old"}]))).unwrap();
        assert_eq!(read.books, [Book { state: State::Lent, pages: 3 }]);
    }

    #[test]
    fn an_item_that_cannot_be_read_is_set_aside_by_its_own_key_and_all_others_are_read() {
        let mut readings: Readings<Shelf> = Readings::default();
        for (sk, state) in [("a", "here"), ("b", "sold"), ("c", "lent")] {
            readings.take("library", item(sk, &json!([{"state": state, "pages": 1}])));
        }
        assert_eq!(readings.values.len(), 2);
        let mut aside = Vec::new();
        assert_eq!(readings.set_aside(&mut aside).len(), 2);
        let told: Vec<&str> = aside.iter().map(|record| record.sk.as_str()).collect();
        assert_eq!((told, aside[0].pk.as_str(), aside[0].table.as_str()), (vec!["b"], "SHELVES", "library"));
    }
}
