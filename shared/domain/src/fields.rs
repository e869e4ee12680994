//! Reading what people wrote field by field, gathering every fault.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use jiff::SignedDuration;
use serde_json::{Map, Value};
use strsim::osa_distance;

use crate::advisory::Probability;
use crate::duration::{humanize, parse_duration};
use crate::problem::{Problem, Problems, printable};

/// The longest piece of an author's text that a sentence repeats, in characters.
const SHOWN: usize = 60;

/// How a kind of file is read.
#[derive(Debug)]
pub struct Form {
    /// Whether a field without a value counts as one that is not there. Otherwise it is a fault.
    pub empty_is_absent: bool,
    /// Where a field belongs that stands in the wrong place: `under security_updates`.
    pub belongs: fn(&str) -> Option<String>,
}

/// A section of a file: a mapping, and which fields it may have.
#[derive(Debug)]
pub struct Section<'a> {
    form: &'static Form,
    path: String,
    fields: &'a Map<String, Value>,
    allowed: &'a [&'a str],
    problems: Vec<Problem>,
}

impl<'a> Section<'a> {
    /// A section at `path`; the file itself has none.
    #[must_use]
    pub fn new(form: &'static Form, path: &str, fields: &'a Map<String, Value>, allowed: &'a [&'a str]) -> Self {
        Self { form, path: path.to_owned(), fields, allowed, problems: Vec::new() }
    }

    /// A field's whole path.
    pub(crate) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Notes a fault of a field.
    pub fn fault(&mut self, name: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(self.path_of(name), message));
    }

    /// Whether the field is there. One without a value is, unless the form says otherwise.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !(self.form.empty_is_absent && value.is_null()))
    }

    /// Whether the field is a section.
    pub(crate) fn is_section(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(Value::is_object)
    }

    /// Whether the field is a list or a section without entries.
    #[must_use]
    pub fn is_empty(&self, name: &str) -> bool {
        let field = self.fields.get(name);
        field.is_some_and(|value| *value == Value::Array(Vec::new()) || *value == Value::Object(Map::new()))
    }

    /// The field's value as `read` sees it; nothing when it is absent or at fault.
    pub fn get<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        let value = self.value(name)?;
        read(value).map_err(|message| self.fault(name, message)).ok()
    }

    fn value(&mut self, name: &str) -> Option<&'a Value> {
        debug_assert!(self.allowed.contains(&name), "{name} is read but not allowed");
        let value = self.fields.get(name)?;
        if value.is_null() {
            if !self.form.empty_is_absent {
                self.fault(name, "is empty; give it a value or leave it out");
            }
            return None;
        }
        Some(value)
    }

    /// Puts the field's value in place of the default, if it is there.
    pub(crate) fn set<T>(&mut self, place: &mut T, name: &str, read: impl FnOnce(&Value) -> Result<T, String>) {
        if let Some(value) = self.get(name, read) {
            *place = value;
        }
    }

    /// The field, which has to be there.
    pub fn need<T>(&mut self, name: &str, what: &str, read: impl FnOnce(&Value) -> Result<T, String>) -> Option<T> {
        if !self.has(name) {
            self.fault(name, format!("is missing; {what}"));
        }
        self.get(name, read)
    }

    /// Reads a field that is a section of its own.
    pub fn section<T>(&mut self, name: &str, allowed: &[&str], read: impl FnOnce(&mut Section<'_>) -> T) -> Option<T> {
        let value = self.value(name)?;
        self.section_at(name, value, allowed, read)
    }

    /// Reads what stands at a place, such as `users[0]`, as a section.
    pub fn section_at<T>(
        &mut self,
        place: &str,
        value: &Value,
        allowed: &[&str],
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Option<T> {
        let Some(fields) = value.as_object() else {
            self.fault(place, format!("is not a mapping; its fields are {}", allowed.join(", ")));
            return None;
        };
        let mut section = Section::new(self.form, &self.path_of(place), fields, allowed);
        let result = read(&mut section);
        self.problems.extend(section.problems());
        Some(result)
    }

    /// Reads a field that is a list. `read` gets each entry and its place, such as `users[0]`. A text is a list of one.
    pub fn entries<T>(
        &mut self,
        name: &str,
        mut read: impl FnMut(&mut Self, &str, &Value) -> Option<T>,
    ) -> Vec<(String, T)> {
        let places: Vec<(String, &Value)> = match self.value(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                list.iter().enumerate().map(|(i, entry)| (format!("{name}[{i}]"), entry)).collect()
            }
            Some(text @ Value::String(_)) => vec![(name.to_owned(), text)],
            Some(_) => {
                self.fault(name, "is not a list");
                Vec::new()
            }
        };
        places.into_iter().filter_map(|(place, entry)| read(self, &place, entry).map(|read| (place, read))).collect()
    }

    /// Reads a field that is a list, no two of its entries the same by `key`.
    pub fn distinct<T>(
        &mut self,
        name: &str,
        read: impl FnMut(&mut Self, &str, &Value) -> Option<T>,
        key: impl Fn(&T) -> String,
    ) -> Vec<T> {
        let mut seen: BTreeMap<String, String> = BTreeMap::new();
        let mut list = Vec::new();
        for (place, entry) in self.entries(name, read) {
            let key = key(&entry);
            if let Some(first) = seen.get(&key) {
                let message =
                    format!("repeats \"{}\" of {}; name each once", printable(&key, SHOWN), self.path_of(first));
                self.fault(&place, message);
            } else {
                seen.insert(key, place);
            }
            list.push(entry);
        }
        list
    }

    /// Reads a field that is a list of sections.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        allowed: &[&str],
        mut read: impl FnMut(&mut Section<'_>) -> Option<T>,
    ) -> Vec<T> {
        let entries = self.entries(name, |section, place, entry| section.section_at(place, entry, allowed, &mut read));
        entries.into_iter().filter_map(|(_, entry)| entry).collect()
    }

    /// Reads a field that is a list of names, each once.
    pub(crate) fn names<T: FromStr<Err: Display> + ToString>(&mut self, name: &str) -> Option<Vec<T>> {
        let is_list = self.fields.get(name).is_some_and(|value| value.is_array() || value.is_string());
        let names = self.distinct(
            name,
            |section, place, entry| parsed(entry).map_err(|message| section.fault(place, message)).ok(),
            T::to_string,
        );
        is_list.then_some(names)
    }

    /// Whether a fault was found.
    pub(crate) fn at_fault(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Takes over the faults of another section.
    pub(crate) fn absorb(&mut self, other: Section<'_>) {
        self.problems.extend(other.problems());
    }

    /// Every fault of the section; a field that it may not have is one.
    #[must_use]
    pub fn problems(mut self) -> Vec<Problem> {
        for name in self.fields.keys().filter(|name| !self.allowed.contains(&name.as_str())) {
            let message = match (self.form.belongs)(name) {
                Some(place) => format!("is not a field here; it belongs {place}"),
                None => format!("is not a field here; {}", hint(name, self.allowed)),
            };
            self.fault(&printable(name, SHOWN), message);
        }
        self.problems
    }

    /// What was read, if nothing is at fault.
    ///
    /// # Errors
    /// Every fault of the section.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, Problems> {
        match (read, self.problems()) {
            (Some(read), problems) if problems.is_empty() => Ok(read),
            (_, problems) => Err(Problems(problems)),
        }
    }
}

/// Which allowed name may have been meant, or else all that are allowed.
#[must_use]
pub fn hint(name: &str, allowed: &[&str]) -> String {
    let name: String = name.to_ascii_lowercase().chars().take(SHOWN).collect();
    let nearest = allowed.iter().map(|candidate| (osa_distance(&name, candidate), *candidate)).min();
    match nearest {
        Some((distance, meant)) if distance <= (meant.len() / 2).min(1 + meant.len() / 4) => {
            format!("did you mean {meant}?")
        }
        _ => format!("allowed are {}", allowed.join(", ")),
    }
}

/// A value in a fault: text in quotes.
#[must_use]
pub fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) => format!("\"{}\"", printable(text, SHOWN)),
        None => printable(&value.to_string(), SHOWN),
    }
}

/// Text.
pub(crate) fn text(value: &Value) -> Result<String, String> {
    match value.as_str().map(str::trim) {
        Some(text) if !text.is_empty() && text.chars().count() <= 100 => Ok(printable(text, 100)),
        _ => Err(format!("{} is not a text of 1 to 100 characters", shown(value))),
    }
}

/// What a text stands for, or a number as its author wrote it.
///
/// # Errors
/// What was wrong and what is allowed.
pub fn parsed<T: FromStr<Err: Display>>(value: &Value) -> Result<T, String> {
    let text = text_of(value).unwrap_or_default();
    text.trim().parse().map_err(|error| format!("{} {error}", shown(value)))
}

/// A text, or a number's own digits, so that no binary fraction intervenes.
#[must_use]
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A calendar day.
pub(crate) fn date(value: &Value) -> Result<jiff::civil::Date, String> {
    let parsed = value.as_str().and_then(|text| text.trim().parse().ok());
    parsed.ok_or_else(|| format!("{} is not a date; write it as 2027-01-18", shown(value)))
}

/// A probability that is at least the least that is kept of any vulnerability.
pub(crate) fn probability(value: &Value) -> Result<Probability, String> {
    let text = text_of(value).unwrap_or_default();
    match text.parse::<Probability>() {
        Ok(read) if read >= Probability::NOTABLE => Ok(read),
        Ok(_) => Err(format!("{} is too low; at least {}", shown(value), Probability::NOTABLE.decimal())),
        Err(error) => Err(format!("{} {error}", shown(value))),
    }
}

/// A length of time.
pub(crate) fn duration(value: &Value) -> Result<SignedDuration, String> {
    let text = text_of(value).unwrap_or_default();
    parse_duration(&text).map_err(|error| format!("{} {error}", shown(value)))
}

/// A length of time of at least `shortest`.
pub(crate) fn duration_from(shortest: SignedDuration) -> impl FnOnce(&Value) -> Result<SignedDuration, String> {
    move |value| match duration(value)? {
        length if length >= shortest => Ok(length),
        _ => Err(format!("{} is too short; at least {}", shown(value), humanize(shortest))),
    }
}

/// A whole number of a range.
pub fn number(range: RangeInclusive<u32>) -> impl FnOnce(&Value) -> Result<u32, String> {
    move |value| {
        let number =
            value.as_u64().and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("{} is not a whole number from {least} to {most}", shown(value)))
    }
}

/// Yes or no.
///
/// # Errors
/// What was wrong and what is allowed.
pub fn flag(value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("{} is neither true nor false", shown(value)))
}
