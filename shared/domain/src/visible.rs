//! What a reader sees: characters that cannot be seen, or that change how others are shown, are written out.
//!
//! Text from outside may hold them to look like other text, or to hide some.
//! Sources: <https://www.unicode.org/reports/tr36/>, and for the characters
//! <https://www.unicode.org/Public/UCD/latest/ucd/DerivedCoreProperties.txt> (`Default_Ignorable_Code_Point`) and
//! <https://www.unicode.org/Public/UCD/latest/ucd/extracted/DerivedGeneralCategory.txt> (`Cf`, `Zl`, `Zp`).

use std::fmt::Write as _;

/// Whether a character is not seen, or changes how others are: formats, directions, fillers, line and paragraph
/// separators, variation selectors. Control characters are not among these.
#[must_use]
pub const fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{AD}'
            | '\u{34F}'
            | '\u{600}'..='\u{605}'
            | '\u{61C}'
            | '\u{6DD}'
            | '\u{70F}'
            | '\u{890}'..='\u{891}'
            | '\u{8E2}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{110BD}'
            | '\u{110CD}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Whether a character chooses how the one before it is drawn, as text or as an emoji. Alone it is not seen.
const fn chooses_a_form(c: char) -> bool {
    matches!(c, '\u{FE0E}' | '\u{FE0F}')
}

/// Whether a character is invisible after the character `before`.
pub(crate) fn is_unseen(c: char, before: Option<char>) -> bool {
    let has_form = |before: char| !before.is_ascii() && !before.is_whitespace() && !is_hidden(before);
    is_hidden(c) && !(chooses_a_form(c) && before.is_some_and(has_form))
}

/// The same text, in which what is hidden is shown as `\u{..}`. For a whole screen or e-mail, whose line breaks and
/// colours are its own: a part that comes from outside needs [`printable`](crate::problem::printable).
#[must_use]
pub fn visible(text: &str) -> String {
    written_out(text, is_unseen)
}

/// The text with some characters written as `\u{..}`: those for which `is_escaped` holds, which is given each character and
/// the one before it.
pub(crate) fn written_out(text: &str, is_escaped: impl Fn(char, Option<char>) -> bool) -> String {
    let (mut out, mut before) = (String::with_capacity(text.len()), None);
    for c in text.chars() {
        if is_escaped(c, before) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
        before = Some(c);
    }
    out
}

/// A JSON document that says the same, in which what is hidden, or controls a terminal, is escaped as JSON does it.
#[must_use]
pub fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_hidden(c) || matches!(c, '\u{7F}'..='\u{9F}') {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    out
}
