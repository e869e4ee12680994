//! Reading no more than is allowed.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result};
use std::rc::Rc;

use flate2::bufread::MultiGzDecoder;
use prism_domain::problem::printable;

use crate::error::Fault;
use crate::reading::Request;

/// A document that is being read.
pub(crate) struct Document<'a> {
    /// What was asked for.
    pub(crate) request: &'a Request,
    /// What may still be read of it.
    pub(crate) meter: Meter,
    /// Its bytes, decompressed.
    pub(crate) source: Box<dyn BufRead + 'a>,
}

/// What may still be read: of what is sent, of the document that it makes, and of the record at hand.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    sent: Rc<Cell<u64>>,
    document: Rc<Cell<u64>>,
    record: Rc<Cell<u64>>,
    limit: u64,
}

impl Meter {
    /// The longest record or element of any feed, with a wide margin: a kernel's advisory has a few hundred
    /// kilobytes.
    pub(crate) const RECORD: u64 = 4 * 1024 * 1024;

    pub(crate) fn new(request: &Request, limit: u64) -> Self {
        let limit = limit.min(request.at_most);
        let cell = |value| Rc::new(Cell::new(value));
        Self { sent: cell(limit), document: cell(limit), record: cell(Self::RECORD), limit }
    }

    /// A record begins.
    pub(crate) fn next_record(&self) {
        self.record.set(Self::RECORD);
    }

    /// The document is one record: its limit is the document's.
    pub(crate) fn one_record(&self) {
        self.record.set(self.limit);
    }

    /// What an error of the reader means.
    pub(crate) fn fault(&self, error: &Error, at: String) -> Fault {
        match error.kind() {
            ErrorKind::FileTooLarge if self.sent.get() == 0 || self.document.get() == 0 => {
                Fault::TooLarge { limit: self.limit }
            }
            ErrorKind::FileTooLarge => Fault::RecordTooLarge { limit: Self::RECORD },
            ErrorKind::UnexpectedEof => Fault::CutOff { at },
            // What flate2 says of bytes that are not gzip's.
            ErrorKind::InvalidInput | ErrorKind::InvalidData => Fault::malformed("gzip", at, error.to_string()),
            _ => Fault::Interrupted { why: printable(&error.to_string(), 200) },
        }
    }
}

/// A reader that stops where one of its meters has nothing left.
struct Metered<R> {
    inner: R,
    meters: Vec<Rc<Cell<u64>>>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let read = self.inner.read(out)?;
        for meter in &self.meters {
            let left = meter.get().checked_sub(read as u64);
            meter.set(left.unwrap_or(0));
            left.ok_or_else(|| Error::new(ErrorKind::FileTooLarge, "more than is allowed"))?;
        }
        Ok(read)
    }
}

/// Small, so that a meter is not used up by reading ahead.
const CHUNK: usize = 8 * 1024;

/// The document as it is to be parsed: decompressed if it is gzip's, and metered.
pub(crate) fn open<'a>(
    document: &'a mut dyn BufRead,
    meter: &Meter,
) -> std::result::Result<Box<dyn BufRead + 'a>, Fault> {
    // What is sent has a meter of its own: empty gzip members make nothing, for ever.
    let sent = Metered { inner: document, meters: vec![Rc::clone(&meter.sent)] };
    let mut sent = BufReader::with_capacity(CHUNK, sent);
    let begin = sent.fill_buf().map_err(|error| meter.fault(&error, "at its beginning".to_owned()))?;
    let is_gzip = begin.starts_with(&[0x1f, 0x8b]);
    let inner: Box<dyn Read + 'a> = if is_gzip { Box::new(MultiGzDecoder::new(sent)) } else { Box::new(sent) };
    let meters = vec![Rc::clone(&meter.document), Rc::clone(&meter.record)];
    Ok(Box::new(BufReader::with_capacity(CHUNK, Metered { inner, meters })))
}

/// Shows each line of a document, with its end, and where it is.
pub(crate) fn each_line(
    mut source: Box<dyn BufRead + '_>,
    meter: &Meter,
    mut visit: impl FnMut(&str, &str) -> std::result::Result<(), Fault>,
) -> std::result::Result<(), Fault> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        let at = format!("at line {number}");
        line.clear();
        meter.next_record();
        if source.read_until(b'\n', &mut line).map_err(|error| meter.fault(&error, at.clone()))? == 0 {
            break;
        }
        match str::from_utf8(&line) {
            Ok(text) => visit(&at, text)?,
            Err(error) => return Err(Fault::malformed("UTF-8", at, error.to_string())),
        }
    }
    Ok(())
}
