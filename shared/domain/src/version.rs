//! Which of two versions of a package is newer, by the order of the distribution that it is of.

use std::cmp::Ordering;

use rpm_version::Evr;

use crate::advisory::VersionOrder;

/// Compares two versions, each written `[epoch:]version[-release]`; nothing where versions have no order. Any text
/// has its place: one that is no version compares as the distribution's own tools would compare its characters.
#[must_use]
pub fn compare(order: VersionOrder, one: &str, other: &str) -> Option<Ordering> {
    match order {
        VersionOrder::Rpm => Some(Evr::parse(one).cmp(&Evr::parse(other))),
        VersionOrder::Dpkg => Some(dpkg(one, other)),
        VersionOrder::None => None,
    }
}

/// As [`compare`], of what is installed and the version that has a fix. Tools that list what is installed often drop
/// parts of rpm's versions: Systems Manager's inventory, from which Image Builder's lists come, has the version alone
/// (<https://github.com/aws/amazon-ssm-agent/blob/mainline/agent/plugins/inventory/gatherers/application/dataProvider_unix.go>).
/// Where one of the two has no epoch, epochs are left out: otherwise whatever has one would seem to lack every fix for
/// ever. Where what is installed has no release and the versions are the same, nothing can be told.
#[must_use]
pub fn compare_installed(order: VersionOrder, installed: &str, fixed: &str) -> Option<Ordering> {
    if order != VersionOrder::Rpm {
        return compare(order, installed, fixed);
    }
    let (installed, fixed) = match (installed.split_once(':'), fixed.split_once(':')) {
        (None, Some((_, fixed))) => (installed, fixed),
        (Some((_, installed)), None) => (installed, fixed),
        _ => (installed, fixed),
    };
    match (has_release(installed), fixed.rsplit_once('-')) {
        (false, Some((fixed, _))) => compare(order, installed, fixed).filter(|ordering| ordering.is_ne()),
        _ => compare(order, installed, fixed),
    }
}

/// Whether one of rpm's versions has a release: it is what follows the hyphen, of which the rest has none.
/// Source: <https://rpm-software-management.github.io/rpm/manual/tags.html>.
#[must_use]
pub fn has_release(version: &str) -> bool {
    version.contains('-')
}

/// Epoch, upstream version, revision. Own code, since it is short, and the crate for it brings a date library, regular
/// expressions and large numbers into every function.
/// Source: <https://manpages.debian.org/bookworm/dpkg-dev/deb-version.7.en.html>.
fn dpkg(one: &str, other: &str) -> Ordering {
    let parts = |text: &'_ str| -> [String; 3] {
        let (epoch, rest) = text.split_once(':').unwrap_or(("", text));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, ""));
        [epoch, upstream, revision].map(str::to_owned)
    };
    let (one, other) = (parts(one), parts(other));
    one.iter()
        .zip(&other)
        .map(|(one, other)| dpkg_part(one.as_bytes(), other.as_bytes()))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// In turns, what has no digits, by its characters, and a number; a part that is not there counts as a zero.
fn dpkg_part(mut one: &[u8], mut other: &[u8]) -> Ordering {
    while !one.is_empty() || !other.is_empty() {
        while is_word(one) || is_word(other) {
            let ordering = weight(one).cmp(&weight(other));
            if ordering.is_ne() {
                return ordering;
            }
            (one, other) = (one.get(1..).unwrap_or_default(), other.get(1..).unwrap_or_default());
        }
        let (first, second) = (number(&mut one), number(&mut other));
        let ordering = first.len().cmp(&second.len()).then_with(|| first.cmp(second));
        if ordering.is_ne() {
            return ordering;
        }
    }
    Ordering::Equal
}

/// Whether a text begins with something else than a digit.
fn is_word(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| !byte.is_ascii_digit())
}

/// A tilde is before the end, the end before letters, letters before the rest.
fn weight(text: &[u8]) -> i32 {
    match text.first() {
        None | Some(b'0'..=b'9') => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    }
}

/// Takes the number that a text begins with, without its leading zeros.
fn number<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests;
