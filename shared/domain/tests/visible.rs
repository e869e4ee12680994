//! What comes from outside is printed so that a reader sees all of it.

use prism_domain::problem::printable;
use prism_domain::visible::{is_hidden, visible, visible_json};
use proptest::prelude::*;

/// Every character that Unicode calls a format, a separator of lines or paragraphs, or to be ignored where it is not
/// supported.
const HIDDEN: &str = "[\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]{1,40}";

/// Text of everything, with more of what is awkward than there is elsewhere.
fn text() -> impl Strategy<Value = String> {
    "([ -~äλ漢🦀❤]|[\\p{Cf}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}]|\\p{Cc}|\\p{Any}){0,60}"
}

/// What stands for characters as `\u{..}` read back.
fn read_back(text: &str) -> String {
    let mut parts = text.split("\\u{");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').map(|(digits, rest)| (u32::from_str_radix(digits, 16), rest)) {
            Some((Ok(code), rest)) => out.extend(char::from_u32(code).into_iter().chain(rest.chars())),
            _ => out.extend(["\\u{", part]),
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn whatever_unicode_hides_is_written_out(hidden in HIDDEN) {
        prop_assert!(hidden.chars().all(is_hidden), "{:?}", hidden);
        let printed = printable(&hidden, usize::MAX);
        prop_assert!(printed.is_ascii(), "{:?}", printed);
        prop_assert_eq!(read_back(&printed), hidden);
    }

    #[test]
    fn a_reader_sees_all_of_it_on_one_line(text in text()) {
        let printed = printable(&text, usize::MAX);
        prop_assert!(!printed.chars().any(char::is_control), "{:?}", printed);
        let mut before = 'x';
        for c in printed.chars() {
            let form = matches!(c, '\u{FE0E}' | '\u{FE0F}') && !before.is_ascii() && !is_hidden(before);
            prop_assert!(!is_hidden(c) || form, "{:?} after {:?}", c, before);
            before = c;
        }
        prop_assert_eq!(&printable(&printed, usize::MAX), &printed, "printed again it is the same");
        prop_assert_eq!(&visible(&printed), &printed);
        if !text.contains("\\u{") {
            prop_assert_eq!(read_back(&printed), text, "and it says the same");
        }
    }

    #[test]
    fn a_screen_keeps_its_lines_and_colours_and_hides_nothing(text in text()) {
        let shown = visible(&text);
        let controls = |text: &str| text.chars().filter(|c| c.is_control()).collect::<String>();
        prop_assert_eq!(controls(&shown), controls(&text));
        prop_assert_eq!(&printable(&shown, usize::MAX), &printable(&text, usize::MAX));
    }

    #[test]
    fn json_says_the_same_in_characters_that_are_seen(text in text()) {
        let json = visible_json(&serde_json::to_string(&text).unwrap_or_default());
        prop_assert!(!json.chars().any(is_hidden));
        prop_assert_eq!(serde_json::from_str::<String>(&json).ok(), Some(text));
    }
}

#[test]
fn what_people_write_stays_as_it_is() {
    for text in ["Größe 3 µm", "漢字", "I ❤\u{FE0F} R", "naïve", "a\u{301}", "שלום", "🦀"] {
        assert_eq!(printable(text, 100), text);
    }
}

#[test]
fn text_that_looks_like_other_text_is_told_apart() {
    let cut = |text: &str| printable(text, 100);
    assert_eq!(cut("ubuntu\u{200B}-22.04"), "ubuntu\\u{200b}-22.04");
    assert_eq!(cut("\u{202E}gpj.exe"), "\\u{202e}gpj.exe");
    assert_eq!(cut("a\u{FE0F}b"), "a\\u{fe0f}b", "a form of nothing");
    assert_eq!(cut("❤\u{FE0F}\u{FE0F}"), "❤\u{FE0F}\\u{fe0f}", "one is enough");
    assert_eq!(cut("\u{E0041}\u{E0042}"), "\\u{e0041}\\u{e0042}", "tags, which spell text that nobody sees");
    assert_eq!(printable("ab\u{200B}c", 3), "ab\\u{200b}…");
}
