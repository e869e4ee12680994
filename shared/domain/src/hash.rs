//! Short digests, for names that have to be the same for the same thing.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// 12 hexadecimal digits of a text's SHA-256.
#[must_use]
pub fn short(text: &str) -> String {
    Sha256::digest(text).iter().take(6).fold(String::new(), |mut digits, byte| {
        // Writing to a string does not fail.
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_digest_is_short_and_always_the_same() {
        assert_eq!(super::short("abc"), "ba7816bf8f01");
    }
}
