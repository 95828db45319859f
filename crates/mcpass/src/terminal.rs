//! What may reach a terminal.
//!
//! User agents, tool names and upstream messages are written by strangers. A terminal obeys
//! control characters in them, and a reader is misled by invisible ones and by those that turn
//! the direction of writing, so they are shown as what they are or left out.

use mcpass_domain::unseen::seen;

/// `text` without anything that a terminal obeys or a reader cannot see.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (c, is_hidden) in seen(text) {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_hidden => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::clean;

    #[test]
    fn escape_sequences_and_direction_marks_lose_their_power() {
        assert_eq!(clean("a\u{1b}[31mred"), "a\u{FFFD}[31mred");
        assert_eq!(clean("user\u{202E}nimda"), "user\u{FFFD}nimda");
        assert_eq!(clean("two\r\nlines"), "two  lines");
        for text in ["Grüße, 世界", "\u{2764}\u{FE0F} \u{1F469}\u{200D}\u{1F680}"] {
            assert_eq!(clean(text), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_is_a_control_character(text: String) {
            prop_assert!(!clean(&text).chars().any(char::is_control));
        }
    }
}
