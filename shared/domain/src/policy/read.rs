//! Reading a section of a policy field by field, gathering every fault.

use std::fmt::Display;
use std::str::FromStr;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use crate::advisory::Probability;
use crate::duration::parse_duration;
use crate::money::MicroDollars;
use crate::problem::{Problem, printable};

/// A section of the policy: a mapping, and which fields it may have.
pub(super) struct Section<'a> {
    path: String,
    fields: &'a Map<String, Value>,
    allowed: &'static [&'static str],
    problems: Vec<Problem>,
}

impl<'a> Section<'a> {
    /// A section at `path`; the policy itself has none.
    pub(super) fn new(path: &str, fields: &'a Map<String, Value>, allowed: &'static [&'static str]) -> Self {
        Self { path: path.to_owned(), fields, allowed, problems: Vec::new() }
    }

    /// A field's whole path.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(self.path_of(name), message));
    }

    /// Whether the field is there.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.contains_key(name)
    }

    /// Whether the field is a section.
    pub(super) fn is_section(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_object)
    }

    /// Whether the field is a list or a section without entries.
    pub(super) fn is_empty(&self, name: &str) -> bool {
        let field = self.fields.get(name);
        field.is_some_and(|value| *value == Value::Array(Vec::new()) || *value == Value::Object(Map::new()))
    }

    /// The field's value as `read` sees it; nothing when it is absent or at fault.
    pub(super) fn get<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        debug_assert!(self.allowed.contains(&name), "{name} is read but not allowed");
        match self.fields.get(name)? {
            Value::Null => {
                self.fault(name, "is empty; give it a value or leave it out");
                None
            }
            value => read(value).map_err(|message| self.fault(name, message)).ok(),
        }
    }

    /// Puts the field's value in place of the default, if it is there.
    pub(super) fn set<T>(&mut self, place: &mut T, name: &str, read: impl FnOnce(&Value) -> Result<T, String>) {
        if let Some(value) = self.get(name, read) {
            *place = value;
        }
    }

    /// The field, which has to be there.
    pub(super) fn need<T>(
        &mut self,
        name: &str,
        what: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        if !self.has(name) {
            self.fault(name, format!("is missing; {what}"));
        }
        self.get(name, read)
    }

    /// Reads a field that is a section of its own.
    pub(super) fn section<T>(
        &mut self,
        name: &str,
        allowed: &'static [&'static str],
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let fields = self.get(name, |value| {
            value
                .as_object()
                .cloned()
                .ok_or_else(|| format!("is not a section; it has the fields {}", allowed.join(", ")))
        })?;
        let mut section = Section::new(&self.path_of(name), &fields, allowed);
        let result = read(&mut section);
        self.problems.extend(section.finish());
        Some(result)
    }

    /// Reads a field that is a list of sections.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        allowed: &'static [&'static str],
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let form = format!("is not a list of entries with the fields {}", allowed.join(", "));
        let entries = self.get(name, |value| value.as_array().cloned().ok_or_else(|| form.clone())).unwrap_or_default();
        let mut list = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let path = self.path_of(&format!("{name}[{index}]"));
            let Some(fields) = entry.as_object() else {
                self.problems
                    .push(Problem::new(path, format!("is not an entry with the fields {}", allowed.join(", "))));
                continue;
            };
            let mut section = Section::new(&path, fields, allowed);
            list.extend(read(&mut section));
            self.problems.extend(section.finish());
        }
        list
    }

    /// Reads a field that is a list of names, each once.
    pub(super) fn names<T: FromStr<Err: Display> + PartialEq>(&mut self, name: &str) -> Option<Vec<T>> {
        let entries =
            self.get(name, |value| value.as_array().cloned().ok_or_else(|| "is not a list of names".to_owned()))?;
        let mut names = Vec::new();
        for (index, entry) in entries.iter().enumerate() {
            let place = format!("{name}[{index}]");
            match parsed::<T>(entry) {
                Ok(read) if names.contains(&read) => self.fault(&place, format!("{} is listed twice", shown(entry))),
                Ok(read) => names.push(read),
                Err(message) => self.fault(&place, message),
            }
        }
        Some(names)
    }

    /// Whether a fault was found.
    pub(super) fn at_fault(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Takes over the faults of another section.
    pub(super) fn absorb(&mut self, other: Section<'_>) {
        self.problems.extend(other.finish());
    }

    /// Every fault of the section; a field that it may not have is one.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        let unknown: Vec<String> =
            self.fields.keys().filter(|name| !self.allowed.contains(&name.as_str())).cloned().collect();
        for name in unknown {
            let message = super::input::unknown_field(&name, self.allowed);
            self.fault(&printable(&name, 60), message);
        }
        self.problems
    }
}

/// A value in a fault: text in quotes.
pub(super) fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", printable(text, 60)),
        None => printable(&value.to_string(), 60),
    }
}

/// Text.
pub(super) fn text(value: &Value) -> Result<String, String> {
    match value.as_str().map(str::trim) {
        Some(text) if !text.is_empty() && text.chars().count() <= 100 => Ok(printable(text, 100)),
        _ => Err(format!("{} is not a text of 1 to 100 characters", shown(value))),
    }
}

/// Anything that is written as text.
pub(super) fn parsed<T: FromStr<Err: Display>>(value: &Value) -> Result<T, String> {
    let text = value.as_str().ok_or_else(|| format!("{} is not a text", shown(value)))?;
    text.trim().parse().map_err(|error| format!("{} {error}", shown(value)))
}

/// A calendar day.
pub(super) fn date(value: &Value) -> Result<jiff::civil::Date, String> {
    let parsed = value.as_str().and_then(|text| text.trim().parse().ok());
    parsed.ok_or_else(|| format!("{} is not a date; write it as 2027-01-18", shown(value)))
}

/// Money, as a number or as text. A number's own digits are read, so that no binary fraction intervenes.
pub(super) fn money(value: &Value) -> Result<MicroDollars, String> {
    let text = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        _ => String::new(),
    };
    text.parse().map_err(|error| format!("{} {error}", shown(value)))
}

/// A probability that is at least the least that is kept of any vulnerability.
pub(super) fn probability(value: &Value) -> Result<Probability, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    match text.parse::<Probability>() {
        Ok(read) if read >= Probability::NOTABLE => Ok(read),
        Ok(_) => Err(format!("{} is too low; at least {}", shown(value), Probability::NOTABLE.decimal())),
        Err(error) => Err(format!("{} {error}", shown(value))),
    }
}

/// A length of time.
pub(super) fn duration(value: &Value) -> Result<SignedDuration, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    parse_duration(&text).map_err(|error| format!("{} {error}", shown(value)))
}

/// A length of time of at least `shortest`.
pub(super) fn duration_from(shortest: SignedDuration) -> impl FnOnce(&Value) -> Result<SignedDuration, String> {
    move |value| match duration(value)? {
        length if length >= shortest => Ok(length),
        _ => Err(format!("{} is too short; at least {}", shown(value), crate::duration::humanize(shortest))),
    }
}

/// A whole number from 1 to `most`.
pub(super) fn count(most: u32) -> impl FnOnce(&Value) -> Result<u32, String> {
    move |value| {
        let count =
            value.as_u64().and_then(|count| u32::try_from(count).ok()).filter(|count| (1..=most).contains(count));
        count.ok_or_else(|| format!("{} is not a whole number from 1 to {most}", shown(value)))
    }
}

/// Yes or no.
pub(super) fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{} is neither true nor false", shown(value)))
}
