//! XML as a stream of elements. No document type is taken, and so no entity but XML's own five: nothing expands, and
//! nothing outside the document is named.

use std::io::BufRead;

use quick_xml::XmlVersion;
use quick_xml::errors::Error;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::error::Fault;
use crate::source::Meter;

const DEPTH: usize = 32;

/// What happens at an element.
pub(crate) enum Node<'a> {
    /// It begins.
    Open(&'a BytesStart<'a>),
    /// It ends; with the text behind its last child, which is all its text if it has none.
    Close(&'a str),
}

/// Walks through the document and shows each element with the names from the root to it.
pub(crate) fn walk(
    source: Box<dyn BufRead + '_>,
    meter: &Meter,
    mut visit: impl FnMut(&[String], Node<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut reader = Reader::from_reader(source);
    let (mut buffer, mut path, mut text, mut began) = (Vec::new(), Vec::new(), String::new(), false);
    loop {
        buffer.clear();
        let event = match reader.read_event_into(&mut buffer) {
            Ok(event) => event,
            Err(error) => return Err(fault(&error, meter, &reader)),
        };
        let malformed = |why: &str| Fault::malformed("XML", at(&reader), why);
        match event {
            Event::Start(tag) | Event::Empty(tag) if path.is_empty() && began => {
                return Err(malformed(&format!("a second root, {}", tag.name().as_ref())));
            }
            Event::Start(tag) => {
                if path.len() == DEPTH {
                    return Err(malformed("more than 32 elements within each other"));
                }
                (began, text) = (true, String::new());
                path.push(tag.local_name().as_ref().to_owned());
                visit(&path, Node::Open(&tag))?;
            }
            Event::Empty(tag) => {
                (began, text) = (true, String::new());
                path.push(tag.local_name().as_ref().to_owned());
                visit(&path, Node::Open(&tag))?;
                visit(&path, Node::Close(""))?;
                path.pop();
            }
            Event::End(_) => {
                visit(&path, Node::Close(text.trim()))?;
                path.pop();
                text.clear();
            }
            Event::Text(part) => text.push_str(&part.xml10_content()),
            Event::CData(part) => text.push_str(&part),
            Event::GeneralRef(entity) => match entity.resolve_char_ref() {
                Ok(Some(character)) => text.push(character),
                Ok(None) => text.push_str(
                    quick_xml::escape::resolve_xml_entity(&entity)
                        .ok_or_else(|| malformed(&format!("the entity {} is not one of XML's five", &*entity)))?,
                ),
                Err(error) => return Err(malformed(&error.to_string())),
            },
            Event::DocType(_) => return Err(malformed("a document type, which is not taken")),
            Event::Eof if path.is_empty() && began => return Ok(()),
            Event::Eof if path.is_empty() => return Err(malformed("nothing is there")),
            Event::Eof => return Err(Fault::CutOff { at: at(&reader) }),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
        if path.is_empty() && !text.trim().is_empty() {
            return Err(malformed("text outside the root"));
        }
    }
}

/// An attribute's value; empty if it has none.
pub(crate) fn attribute(tag: &BytesStart<'_>, name: &str) -> Result<String, Fault> {
    let malformed = |why: String| Fault::malformed("XML", format!("in an element {}", tag.name().as_ref()), why);
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| malformed(error.to_string()))?;
        if attribute.key.as_ref() == name {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            return value.map(|value| value.into_owned()).map_err(|error| malformed(error.to_string()));
        }
    }
    Ok(String::new())
}

fn at<R>(reader: &Reader<R>) -> String {
    format!("at byte {}", reader.buffer_position())
}

fn fault<R>(error: &Error, meter: &Meter, reader: &Reader<R>) -> Fault {
    match error {
        Error::Io(error) => meter.fault(error, at(reader)),
        // Each of these is an end of the input in the middle of something.
        Error::Syntax(_) => Fault::CutOff { at: at(reader) },
        error => Fault::malformed("XML", at(reader), error.to_string()),
    }
}
