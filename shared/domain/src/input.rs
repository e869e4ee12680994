//! Reads the input of a state machine, field by field. All faults are told at once.

use std::fmt::Display;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::problem::{Problem, Problems, printable};

/// The longest reason that a person may give, in printable characters.
const REASON_LIMIT: usize = 200;

/// How much of a value is repeated in a fault.
const REPEATED: usize = 80;

/// The fields of an input, and the faults that were found in them so far.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    fields: &'a Map<String, Value>,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    /// The fields of `value`. `example`: an input that is right.
    ///
    /// # Errors
    ///
    /// If it is no JSON object.
    pub(crate) fn new(value: &'a Value, example: &str) -> Result<Self, Problems> {
        match value.as_object() {
            Some(fields) => Ok(Self { fields, problems: Vec::new() }),
            None => Err(Problems(vec![Problem::new("the input", format!("is not a JSON object such as {example}"))])),
        }
    }

    /// The result, or every fault that was found.
    ///
    /// # Errors
    ///
    /// If there is a fault.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Problems> {
        match read {
            Some(read) if self.problems.is_empty() => Ok(read),
            _ => Err(Problems(self.problems)),
        }
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(field, message));
    }

    /// The value of a field. Null counts as absent.
    pub(crate) fn get(&self, field: &str) -> Option<&'a Value> {
        self.fields.get(field).filter(|value| !value.is_null())
    }

    /// Whether a field is written, even as null.
    pub(crate) fn has(&self, field: &str) -> bool {
        self.fields.contains_key(field)
    }

    /// A field that has to be there. `missing`: what to do where it is not.
    pub(crate) fn required<T: FromStr<Err: Display>>(&mut self, field: &str, missing: &str) -> Option<T> {
        if self.get(field).is_none() {
            self.fault(field, format!("is missing; {missing}"));
        }
        self.parsed(field)
    }

    /// A field that is written as text, or as a number.
    pub(crate) fn parsed<T: FromStr<Err: Display>>(&mut self, field: &str) -> Option<T> {
        let text = self.text(field)?;
        let fault = |error: T::Err| self.fault(field, format!("\"{}\" {error}", printable(&text, REPEATED)));
        text.parse().map_err(fault).ok()
    }

    /// The same with a fault of its own.
    pub(crate) fn parsed_as<T: FromStr>(&mut self, field: &str, fault: &str) -> Option<T> {
        let text = self.text(field)?;
        let fault = |_| self.fault(field, format!("\"{}\" {fault}", printable(&text, REPEATED)));
        text.parse().map_err(fault).ok()
    }

    /// Text, or a number as text.
    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        match self.get(field)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => {
                self.fault(field, "is neither text nor a number");
                None
            }
        }
    }

    /// True or false; false where it is absent.
    pub(crate) fn flag(&mut self, field: &str) -> bool {
        match self.get(field) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(_) => {
                self.fault(field, "is neither true nor false");
                false
            }
        }
    }

    /// A person's words, made printable: what is printable already stays as it is, so that it can be read again. Blank
    /// words are none.
    pub(crate) fn reason(&mut self) -> Option<String> {
        let reason = printable(&self.text("reason")?, usize::MAX);
        if reason.chars().count() > REASON_LIMIT {
            self.fault("reason", format!("is longer than {REASON_LIMIT} characters"));
        }
        Some(reason).filter(|reason| !reason.trim().is_empty())
    }

    /// Refuses fields that are neither `allowed` nor `hidden`. `what`: what they would be a field of.
    pub(crate) fn refuse_unknown(&mut self, allowed: &[&str], hidden: &[&str], what: &str) {
        let known = |key: &str| allowed.contains(&key) || hidden.contains(&key);
        let unknown: Vec<&String> = self.fields.keys().filter(|key| !known(key)).collect();
        for key in unknown {
            let name = format!("\"{}\"", printable(key, REPEATED));
            self.fault(&name, format!("is not a field of {what}; allowed are {}", allowed.join(", ")));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn reason(text: &str) -> Result<Option<String>, String> {
        let value = json!({ "reason": text });
        let mut reader = Reader::new(&value, "{}").unwrap();
        let reason = reader.reason();
        reader.finish(Some(reason)).map_err(|problems| problems.to_string())
    }

    proptest! {
        #[test]
        fn a_reason_that_is_read_is_read_again_as_it_is(text in "\\PC{0,30}|[\r\n\u{200d}\u{202e}a ]{0,60}") {
            if let Ok(Some(read)) = reason(&text) {
                prop_assert_eq!(reason(&read), Ok(Some(read.clone())));
            }
        }
    }

    #[test]
    fn the_limit_of_a_reason_counts_what_is_printed() {
        assert!(reason(&"x".repeat(200)).is_ok() && reason(&"x".repeat(201)).is_err());
        assert!(reason(&"\u{200d}".repeat(30)).is_err(), "each is eight characters when it is printed");
    }

    #[test]
    fn blank_words_are_no_reason() {
        assert_eq!((reason(""), reason("  ")), (Ok(None), Ok(None)));
    }
}
