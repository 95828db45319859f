//! Small things that stand on many pages: times, states, numbers.
//!
//! Each is a type that writes itself as HTML, so that it looks the same everywhere and no page
//! can forget to escape it.

mod agent;
mod bars;
mod number;
mod qr;
mod state;
mod when;

pub(crate) use agent::browser;
pub(crate) use bars::{Meter, Span, Strip};
pub(crate) use number::{bytes, chars, count, duration, hex, several};
pub(crate) use qr::Qr;
pub(crate) use state::{Badge, Tone};
pub(crate) use when::{When, is_due, readable};

/// Says that a template's output is HTML already.
macro_rules! is_html {
    ($($name:ty),*) => {$(
        impl askama::filters::HtmlSafe for $name {}
    )*};
}
pub(crate) use is_html;

/// A text without what would change the text around it or could not be seen: control characters
/// and marks of direction become `�`. For places where markup cannot isolate it: titles,
/// attributes, exports.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { '\u{fffd}' }).collect()
}

/// At most `most` characters of a text, then an ellipsis.
pub(crate) fn cut(text: &str, most: usize) -> String {
    let mut chars = text.chars();
    let mut start: String = chars.by_ref().take(most).collect();
    if chars.next().is_some() {
        start.push('…');
    }
    start
}

/// Unicode Standard Annex 9: embeddings, overrides and isolates; and the controls of C0 and C1.
const fn is_harmless(c: char) -> bool {
    !matches!(c,
        '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'
        | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_made_visible() {
        assert_eq!(plain("a\u{202e}b\u{7}c\u{1f600}"), "a\u{fffd}b\u{fffd}c\u{1f600}");
        assert_eq!((cut("abc", 3), cut("abcd", 3)), ("abc".to_owned(), "abc…".to_owned()));
    }
}
