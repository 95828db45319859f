//! Finds what has the shape of a token, to keep it out of where it must not be.
//!
//! This is the last line of defence, not the first: plaintexts live in types that do not print.

use std::borrow::Cow;
use std::ops::Range;

use mcpass_domain::secret::{LENGTH, PREFIX};

/// What stands where a token stood.
const MASK: &str = "mcp_[redacted]";

/// Whether something in `text` has the shape of a token: `mcp_` and 60 letters and digits.
pub(crate) fn has_token(text: &str) -> bool {
    find(text.as_bytes(), 0).is_some()
}

/// `text` with each token masked.
pub(crate) fn mask(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(mut found) = find(text, 0) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    loop {
        out.extend_from_slice(text.get(from..found.start).unwrap_or_default());
        out.extend_from_slice(MASK.as_bytes());
        from = found.end;
        match find(text, from) {
            Some(next) => found = next,
            None => break,
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The next place with the shape of a token. A longer run of letters and digits counts whole:
/// it may be a token with something stuck to it.
fn find(text: &[u8], from: usize) -> Option<Range<usize>> {
    let prefix = PREFIX.as_bytes();
    let mut at = from;
    while let Some(rest) = text.get(at..) {
        let start = at + rest.windows(prefix.len()).position(|window| window == prefix)?;
        let body = text.get(start + prefix.len()..).unwrap_or_default();
        let letters = body.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if letters >= LENGTH - prefix.len() {
            return Some(start..start + prefix.len() + letters);
        }
        at = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{SeededEntropy, TokenSecret};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_token_survives_whatever_surrounds_it(
            before in "\\PC{0,40}", after in "\\PC{0,40}", seeds in prop::collection::vec(any::<u64>(), 1..4),
        ) {
            let mut text = before;
            let mut tokens = Vec::new();
            for seed in seeds {
                let token = TokenSecret::generate(&SeededEntropy::new(seed)).unwrap();
                text.push_str(token.expose());
                text.push_str(&after);
                tokens.push(token);
            }
            prop_assert!(has_token(&text));
            let masked = String::from_utf8(mask(text.as_bytes()).into_owned()).unwrap();
            prop_assert!(!has_token(&masked));
            for token in tokens {
                prop_assert!(!masked.contains(&token.expose()[..24]));
            }
        }

        #[test]
        fn what_holds_no_token_stays_as_it_is(text in "[a-z0-9_ ]{0,60}") {
            prop_assert_eq!(&*mask(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn hints_and_ids_may_be_shown() {
        assert!(!has_token("mcp_Ab3dEf9h… tok_0000000000000000000000"));
    }
}
