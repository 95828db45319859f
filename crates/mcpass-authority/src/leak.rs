//! Finding plaintext tokens where none should be.

use mcpass_domain::secret::{self, LENGTH, PREFIX};

/// Letters and digits after `mcp_` from which on a text is more likely a cut-off token than a
/// hint (8) or a name.
const SUSPICIOUS: usize = 24;
/// Letters and digits after `mcp_` that a hint shows.
const HINT: usize = 8;

/// Whether a valid token stands anywhere in `text`. The checksum makes a false alarm as good as
/// impossible.
pub(crate) fn holds_token(text: &str) -> bool {
    text.match_indices(PREFIX).any(|(at, _)| {
        text.as_bytes().get(at..at + LENGTH).is_some_and(|token| secret::check(token).is_ok())
    })
}

/// The text with everything that looks like a token, whole or cut off, shown as its hint.
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(PREFIX) {
        let (before, token) = rest.split_at(at);
        masked.push_str(before);
        let body = token.bytes().skip(PREFIX.len()).take_while(u8::is_ascii_alphanumeric).count();
        // What is no token may still hold the beginning of one, so only its prefix is done with.
        let shown = if body >= SUSPICIOUS { PREFIX.len() + HINT } else { PREFIX.len() };
        let done = if body >= SUSPICIOUS { PREFIX.len() + body } else { PREFIX.len() };
        masked.push_str(token.get(..shown).unwrap_or(PREFIX));
        if done > shown {
            masked.push('…');
        }
        rest = token.get(done..).unwrap_or("");
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{SeededEntropy, TokenSecret};

    use super::*;

    #[test]
    fn tokens_are_found_and_masked_wherever_they_stand() {
        let token = TokenSecret::generate(&SeededEntropy::new(1)).unwrap();
        for text in [
            token.expose().to_owned(),
            format!("a mcp_ b{}c", token.expose()),
            format!("mcp_{}", token.expose()),
            format!("é{0}\n{0}", token.expose()),
        ] {
            assert!(holds_token(&text), "{text}");
            assert!(!mask(&text).contains(&token.expose()[20..]), "{}", mask(&text));
        }
        let cut = &token.expose()[..50];
        assert!(!holds_token(cut));
        assert!(!mask(cut).contains(&cut[20..]));
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        for text in ["", "mcp_", "mcp_reader", "mcp_Ab3dEf9h…", "tok_0123456789abcdefghijkl", "é"]
        {
            assert!(!holds_token(text));
            assert_eq!(mask(text), text);
        }
    }
}
