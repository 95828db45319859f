//! Finds what has the shape of a token, to keep it out of where it must not be.
//!
//! This is the last line of defence, not the first: plaintexts live in
//! [`TokenSecret`](crate::TokenSecret), which does not print. But people and programs put tokens
//! into names, addresses and arguments, and what they put there is recorded and logged.

use std::borrow::Cow;
use std::ops::Range;

use crate::secret::{HINT, LENGTH, PREFIX};

/// Letters and digits after `mcp_` from which on a text is more likely a cut-off token than a
/// hint (8) or a name.
const SUSPICIOUS: usize = 24;
/// What stands for the part that is left out.
const ELLIPSIS: &str = "…";

/// Whether something in `text` has the shape of a whole token: `mcp_` and 60 letters and digits.
pub fn holds_token(text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = find(text.as_bytes(), from) {
        if found.len() >= LENGTH {
            return true;
        }
        from = found.end;
    }
    false
}

/// The text with everything that looks like a token, whole or cut off, shown as its hint.
pub fn mask(text: &str) -> Cow<'_, str> {
    match mask_bytes(text.as_bytes()) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        // What is left out is ASCII, so what stays is UTF-8 as before.
        Cow::Owned(masked) => Cow::Owned(String::from_utf8_lossy(&masked).into_owned()),
    }
}

/// As [`mask`], for what may not be UTF-8.
pub fn mask_bytes(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut found) = find(text, 0) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    loop {
        out.extend_from_slice(text.get(from..found.start + HINT).unwrap_or_default());
        out.extend_from_slice(ELLIPSIS.as_bytes());
        from = found.end;
        match find(text, from) {
            Some(next) => found = next,
            None => break,
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The next place that looks like a token. A longer run of letters and digits counts whole: it may
/// be a token with something stuck to it.
fn find(text: &[u8], from: usize) -> Option<Range<usize>> {
    let prefix = PREFIX.as_bytes();
    let mut at = from;
    loop {
        // Most texts have no underscore, and looking for a single byte is next to free.
        let underscore = at + memchr::memchr(b'_', text.get(at..)?)?;
        at = underscore + 1;
        let Some(start) = at.checked_sub(prefix.len()).filter(|start| *start >= from) else {
            continue;
        };
        if text.get(start..at) != Some(prefix) {
            continue;
        }
        let body = text.get(at..).unwrap_or_default();
        let letters = body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if letters >= SUSPICIOUS {
            return Some(start..at + letters);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::TokenSecret;
    use crate::time::SeededEntropy;

    fn token(seed: u64) -> TokenSecret {
        TokenSecret::generate(&SeededEntropy::new(seed)).unwrap()
    }

    proptest! {
        #[test]
        fn no_token_survives_whatever_surrounds_it(
            before in "\\PC{0,40}", after in "\\PC{0,40}", seeds in prop::collection::vec(any::<u64>(), 1..4),
        ) {
            let tokens: Vec<TokenSecret> = seeds.into_iter().map(token).collect();
            let mut text = before;
            for token in &tokens {
                text.push_str(token.expose());
                text.push_str(&after);
            }
            prop_assert!(holds_token(&text));
            let masked = mask(&text);
            prop_assert!(!holds_token(&masked));
            for token in &tokens {
                prop_assert!(!masked.contains(&token.expose()[..24]));
            }
        }

        #[test]
        fn texts_without_the_prefix_stay_as_they_are(text in "[^_]{0,80}") {
            prop_assert!(matches!(mask(&text), Cow::Borrowed(_)));
        }

        #[test]
        fn bytes_that_are_no_text_are_masked_too(noise in prop::collection::vec(any::<u8>(), 0..20), seed: u64) {
            let token = token(seed);
            let text = [&noise, token.expose().as_bytes(), &noise].concat();
            let masked = mask_bytes(&text);
            prop_assert!(!masked.windows(24).any(|window| window == &token.expose().as_bytes()[..24]));
        }
    }

    #[test]
    fn tokens_whole_or_cut_off_become_their_hint() {
        let token = token(1);
        let hint = token.hint();
        assert_eq!(mask(token.expose()), hint.to_string());
        assert_eq!(mask(&token.expose()[..50]), hint.to_string());
        assert!(!holds_token(&token.expose()[..50]));
        assert_eq!(mask(&format!("mcp_{}!", token.expose())), format!("mcp_{hint}!"));
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "mcp_", "mcp_reader", "mcp_Ab3dEf9h…", "tok_0123456789abcdefghijkl", "é_"]
        {
            assert!(!holds_token(text) && matches!(mask(text), Cow::Borrowed(_)), "{text}");
        }
    }
}
