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

/// A number below `below` that is the same for the same text, and spread evenly over all texts.
#[must_use]
pub fn spread(text: &str, below: u64) -> u64 {
    let digest = Sha256::digest(text);
    let number = digest.iter().take(7).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    number % below.max(1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_digest_is_short_and_always_the_same() {
        assert_eq!(super::short("abc"), "ba7816bf8f01");
    }

    #[test]
    fn texts_are_spread_over_all_numbers_below_a_limit() {
        let numbers: Vec<u64> = (0..1_000).map(|number| super::spread(&number.to_string(), 10)).collect();
        for digit in 0..10 {
            let count = numbers.iter().filter(|number| **number == digit).count();
            assert!((60..140).contains(&count), "{digit}: {count}");
        }
    }
}
