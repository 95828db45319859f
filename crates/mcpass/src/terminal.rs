//! What may reach a terminal.
//!
//! User agents, tool names and upstream messages are written by strangers. A terminal obeys
//! control characters in them, and a reader is misled by invisible ones and by those that turn
//! the direction of writing, so they are shown as what they are or left out.

/// `text` without anything that a terminal obeys or a reader cannot see.
pub(crate) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that take no room or turn the direction of writing (Unicode: `Cf` and the line and
/// paragraph separators, as far as they can mislead).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
        | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}')
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
        assert_eq!(clean("Grüße, 世界"), "Grüße, 世界");
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_is_a_control_character(text: String) {
            prop_assert!(!clean(&text).chars().any(char::is_control));
        }
    }
}
