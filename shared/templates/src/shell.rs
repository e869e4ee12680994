//! Quoting text for the shell on the builder.

/// The text as one word of a POSIX shell, within single quotes, where nothing is special but the quote.
///
/// AWSTOE replaces `{{ … }}` in a step's inputs before the shell sees them, and knows no escape for it,
/// so that two braces never stand together in what this returns: the quotes are closed and opened
/// between them, which the shell joins again.
/// Source: <https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html>.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    let mut previous = '\0';
    for c in text.chars() {
        if c == '\'' {
            out.push_str(r"'\''");
        } else {
            if c == '{' && previous == '{' {
                out.push_str("''");
            }
            out.push(c);
        }
        previous = c;
    }
    out.push('\'');
    out
}

/// Several words, each quoted, with a space between them.
pub(crate) fn quote_all(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    words.into_iter().map(|word| quote(word.as_ref())).collect::<Vec<_>>().join(" ")
}
