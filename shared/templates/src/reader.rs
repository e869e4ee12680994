//! Reading fields out of a tree, collecting every fault on the way.

use std::collections::BTreeMap;

use prism_domain::problem::{Problem, Problems, printable};
use serde_json::{Map, Value};
use strsim::osa_distance;

use crate::allow::Rule;

/// The longest piece of an author's text that a sentence repeats, in characters.
const SHOWN: usize = 60;

/// Collects faults. Every reading answers nothing where it found one, so that the rest is read too.
#[derive(Default)]
pub(crate) struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    /// The value, if nothing was wrong anywhere.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, Problems> {
        match value {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(Problems(self.problems)),
        }
    }

    pub(crate) fn report(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(field, message));
    }

    /// The fields of a mapping. One that is not `allowed` is named, with the nearest that is.
    pub(crate) fn fields<'a>(&mut self, path: &str, value: &'a Value, allowed: &[&str]) -> Option<Fields<'a>> {
        let Value::Object(map) = value else {
            self.report(named(path), format!("is {}; it holds fields: {}", kind(value), allowed.join(", ")));
            return None;
        };
        for key in map.keys().filter(|key| !allowed.contains(&key.as_str())) {
            let hint = nearest(key, allowed).map(|near| format!("did you mean {near}? ")).unwrap_or_default();
            let field = below(path, &printable(key, SHOWN));
            self.report(&field, format!("is not a known field; {hint}allowed are {}", allowed.join(", ")));
        }
        Some(Fields { path: path.to_owned(), map })
    }

    /// The fields of a field that is a mapping, if it is there.
    pub(crate) fn within<'a>(&mut self, fields: &Fields<'a>, name: &str, allowed: &[&str]) -> Option<Fields<'a>> {
        let (path, value) = fields.get(name)?;
        self.fields(&path, value, allowed)
    }

    /// What `read` makes of a field, if it is there.
    pub(crate) fn optional<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        read: impl FnOnce(&mut Self, &str, &Value) -> Option<T>,
    ) -> Option<T> {
        let (path, value) = fields.get(name)?;
        read(self, &path, value)
    }

    /// A field that is text of a kind, if it is there.
    pub(crate) fn optional_text(&mut self, fields: &Fields, name: &str, rule: &Rule) -> Option<String> {
        self.optional(fields, name, |reader, path, value| reader.text(path, value, rule))
    }

    /// A list's items, each with its path. A single text is a list of one.
    pub(crate) fn items<'a>(&mut self, path: &str, value: &'a Value) -> Vec<(String, &'a Value)> {
        match value {
            Value::Array(items) => items.iter().enumerate().map(|(i, item)| (format!("{path}[{i}]"), item)).collect(),
            Value::String(_) => vec![(path.to_owned(), value)],
            other => {
                self.report(path, format!("is {}; give a list", kind(other)));
                Vec::new()
            }
        }
    }

    /// Text of a kind. A number is taken for its text, as people leave the quotes away.
    pub(crate) fn text(&mut self, path: &str, value: &Value, rule: &Rule) -> Option<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => {
                self.report(path, format!("is {}, which is not {}; {}", kind(other), rule.what, rule.allowed));
                return None;
            }
        };
        if (rule.holds)(&text) {
            return Some(text);
        }
        self.report(path, format!("is {}, which is not {}; {}", shown(&text), rule.what, rule.allowed));
        None
    }

    /// A field that is a list of texts of a kind, no two of them the same by `key`.
    pub(crate) fn texts(&mut self, fields: &Fields, name: &str, rule: &Rule, key: fn(&str) -> String) -> Vec<String> {
        self.list(fields, name, |reader, path, item| reader.text(path, item, rule), |text: &String| key(text))
    }

    /// A field that is a list, no two of its items the same by `key`; an empty one, if the field is not there.
    pub(crate) fn list<T>(
        &mut self,
        fields: &Fields,
        name: &str,
        read: impl Fn(&mut Self, &str, &Value) -> Option<T>,
        key: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let Some((path, value)) = fields.get(name) else { return Vec::new() };
        let (mut list, mut seen) = (Vec::new(), BTreeMap::new());
        for (path, item) in self.items(&path, value) {
            let Some(item) = read(self, &path, item) else { continue };
            let key = key(&item);
            if let Some(first) = seen.get(&key) {
                self.report(&path, format!("repeats {} of {first}; name each once", shown(&key)));
            } else {
                seen.insert(key, path);
            }
            list.push(item);
        }
        list
    }

    /// A whole number of a range.
    pub(crate) fn number(&mut self, path: &str, value: &Value, range: std::ops::RangeInclusive<u32>) -> Option<u32> {
        let number = value.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| range.contains(n));
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.report(path, format!("is {}; allowed are whole numbers from {low} to {high}", said(value)));
        }
        number
    }

    /// `true` or `false`.
    pub(crate) fn truth(&mut self, path: &str, value: &Value) -> Option<bool> {
        let truth = value.as_bool();
        if truth.is_none() {
            self.report(path, format!("is {}; write true or false", said(value)));
        }
        truth
    }

    /// What the text stands for.
    pub(crate) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        path: &str,
        value: &Value,
    ) -> Option<T> {
        let text = match value {
            Value::String(text) => text.clone(),
            // The shortest decimals that stand for the number: the digits that its author wrote.
            Value::Number(number) => number.to_string(),
            other => kind(other).to_owned(),
        };
        match text.parse() {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                self.report(path, format!("is {}, which {error}", shown(&text)));
                None
            }
        }
    }
}

/// The fields of one mapping. A field without a value is one that is not there.
pub(crate) struct Fields<'a> {
    path: String,
    map: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// A field's path and value.
    pub(crate) fn get(&self, name: &str) -> Option<(String, &'a Value)> {
        let value = self.map.get(name).filter(|value| !value.is_null())?;
        Some((below(&self.path, name), value))
    }

    /// Every field, by name.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, &'a String, &'a Value)> {
        self.map.iter().map(|(key, value)| (below(&self.path, &printable(key, SHOWN)), key, value))
    }
}

/// An author's text, fit to stand in a sentence.
pub(crate) fn shown(text: &str) -> String {
    format!("\"{}\"", printable(text, SHOWN))
}

/// A value, as a sentence may name it.
fn said(value: &Value) -> String {
    match value {
        Value::String(text) => shown(text),
        Value::Number(number) => number.to_string(),
        other => kind(other).to_owned(),
    }
}

/// The path of a field within another.
pub(crate) fn below(path: &str, name: &str) -> String {
    let name = if name.is_empty() { "\"\"" } else { name };
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn named(path: &str) -> &str {
    if path.is_empty() { "template" } else { path }
}

/// What a value is, in words.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(true) => "true, a truth value",
        Value::Bool(false) => "false, a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// The allowed name that is spelled most like `text`, if any is near.
pub(crate) fn nearest<'a>(text: &str, allowed: &[&'a str]) -> Option<&'a str> {
    let text = text.to_ascii_lowercase();
    if text.len() > 40 {
        return None;
    }
    let (distance, near) = allowed.iter().map(|name| (osa_distance(&text, name), *name)).min()?;
    (distance <= near.len() / 2).then_some(near)
}
