//! JSON, compressed, for what is too large for an item of at most 400 KB.
//! Source: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

/// The most bytes that a value may unfold to.
const MOST: u64 = 8 * 1024 * 1024;

/// A value, compressed. Errors call it `what`.
pub(crate) fn pack<T: Serialize + ?Sized>(what: &str, value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value).map_err(|error| Error::malformed(what, error))?;
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    let packed = encoder.write_all(&json).and_then(|()| encoder.finish());
    packed.map_err(|error| Error::malformed(what, error))
}

/// A value that was compressed; an error, if it is not one, or would be unreasonably large.
pub(crate) fn unpack<T: DeserializeOwned>(what: &str, packed: &[u8]) -> Result<T> {
    let mut json = Vec::new();
    let read = DeflateDecoder::new(packed).take(MOST).read_to_end(&mut json);
    read.map_err(|error| Error::malformed(what, error))?;
    serde_json::from_slice(&json).map_err(|error| Error::malformed(what, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked_and_small() {
        let cves: Vec<String> = (0..500).map(|n| format!("CVE-2026-{n:05}")).collect();
        let packed = pack("a list", &cves).unwrap();
        assert_eq!(unpack::<Vec<String>>("a list", &packed).unwrap(), cves);
        assert!(packed.len() < 2_000, "{}", packed.len());
    }

    #[test]
    fn what_is_no_value_or_unpacks_without_end_is_an_error() {
        let bomb = pack("a text", &"x".repeat(usize::try_from(MOST).unwrap() + 10)).unwrap();
        assert!(bomb.len() < 20_000);
        let text = pack("a text", "cut off").unwrap();
        for packed in [b"".as_slice(), b"no text", &text[..4], &bomb] {
            assert!(unpack::<String>("a text", packed).is_err());
        }
    }
}
