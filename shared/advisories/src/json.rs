//! JSON as a stream of records.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeOwned, DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::error::Fault;
use crate::source::Meter;

/// Reads a document that is one record.
pub(crate) fn whole<T: DeserializeOwned>(source: Box<dyn BufRead + '_>, meter: &Meter) -> Result<T, Fault> {
    meter.one_record();
    serde_json::from_reader(source).map_err(|error| fault(error, meter))
}

/// Walks through the records of the list that the document's member `field` is. What else the document has is passed
/// over. A record is handed on as its text, so that one that is not of the expected form is no fault of the document.
pub(crate) fn list(
    source: Box<dyn BufRead + '_>,
    meter: &Meter,
    field: &'static str,
    mut visit: impl FnMut(&str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut stopped = None;
    let found = {
        let each = |record: &str| visit(record).map_err(|fault| stopped = Some(fault)).is_ok();
        run(source, Member { field, list: List { meter, each } })
    };
    outcome(found, stopped, meter, field)
}

/// Walks through a document of objects within an object: `{"group": {"name": {…}}}`.
pub(crate) fn groups(
    source: Box<dyn BufRead + '_>,
    meter: &Meter,
    mut visit: impl FnMut(&str, &str, &str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut stopped = None;
    let read = {
        let each = |group: &str, name: &str, record: &str| {
            visit(group, name, record).map_err(|fault| stopped = Some(fault)).is_ok()
        };
        run(source, Groups { meter, each })
    };
    outcome(read.map(|()| true), stopped, meter, "")
}

fn run<'a, S: DeserializeSeed<'a>>(source: Box<dyn BufRead + 'a>, seed: S) -> serde_json::Result<S::Value> {
    let mut json = serde_json::Deserializer::from_reader(source);
    let value = seed.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

fn outcome(found: serde_json::Result<bool>, stopped: Option<Fault>, meter: &Meter, field: &str) -> Result<(), Fault> {
    match (stopped, found) {
        (Some(fault), _) => Err(fault),
        (None, Err(error)) => Err(fault(error, meter)),
        (None, Ok(false)) => Err(Fault::unexpected(format!("has no list {field}"))),
        (None, Ok(true)) => Ok(()),
    }
}

fn fault(error: serde_json::Error, meter: &Meter) -> Fault {
    let at = format!("at line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Io => meter.fault(&error.into(), at),
        Category::Eof => Fault::CutOff { at },
        Category::Syntax => Fault::malformed("JSON", at, error.to_string()),
        Category::Data => Fault::unexpected(format!("is not of the expected form: {error}")),
    }
}

/// A closure has stopped the walk; what it said is known elsewhere.
const STOPPED: &str = "stopped";

struct Member<F> {
    field: &'static str,
    list: F,
}

impl<'de, F: DeserializeSeed<'de, Value = ()>> DeserializeSeed<'de> for Member<F> {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: DeserializeSeed<'de, Value = ()>> Visitor<'de> for Member<F> {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut list = Some(self.list);
        while let Some(key) = map.next_key::<String>()? {
            match list.take_if(|_| key == self.field) {
                Some(list) => map.next_value_seed(list)?,
                None => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(list.is_none())
    }
}

struct List<'m, F> {
    meter: &'m Meter,
    each: F,
}

impl<'de, F: FnMut(&str) -> bool> DeserializeSeed<'de> for List<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&str) -> bool> Visitor<'de> for List<'_, F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<(), A::Error> {
        self.meter.next_record();
        while let Some(record) = list.next_element::<Box<RawValue>>()? {
            if !(self.each)(record.get()) {
                return Err(A::Error::custom(STOPPED));
            }
            self.meter.next_record();
        }
        Ok(())
    }
}

struct Groups<'m, F> {
    meter: &'m Meter,
    each: F,
}

impl<'de, F: FnMut(&str, &str, &str) -> bool> DeserializeSeed<'de> for Groups<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &str, &str) -> bool> Visitor<'de> for Groups<'_, F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of objects")
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut groups: A) -> Result<(), A::Error> {
        while let Some(group) = groups.next_key::<String>()? {
            groups.next_value_seed(Group { meter: self.meter, of: &group, each: &mut self.each })?;
        }
        Ok(())
    }
}

struct Group<'m, F> {
    meter: &'m Meter,
    of: &'m str,
    each: &'m mut F,
}

impl<'de, F: FnMut(&str, &str, &str) -> bool> DeserializeSeed<'de> for Group<'_, F> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: FnMut(&str, &str, &str) -> bool> Visitor<'de> for Group<'_, F> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        self.meter.next_record();
        while let Some(name) = records.next_key::<String>()? {
            let record = records.next_value::<Box<RawValue>>()?;
            if !(self.each)(self.of, &name, record.get()) {
                return Err(A::Error::custom(STOPPED));
            }
            self.meter.next_record();
        }
        Ok(())
    }
}

/// Reads one record of a document; the error is what is wrong with it.
pub(crate) fn record<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|error| format!("is not of the expected form: {error}"))
}
