//! Whether a form was sent by one of our own pages.
//!
//! Two independent defences, both of which have to hold. The browser says where a form comes
//! from, as `identity::comes_from_us` reads it; and each form of ours holds a text that follows from the
//! cookie that was sent with it, which no other site can read.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::show::hex;

/// The name of the hidden field.
pub(crate) const FIELD: &str = "csrf";

/// The text that forms hold which are sent with this cookie.
pub(crate) fn token(cookie: &str) -> String {
    let digest = Sha256::new().chain_update(b"mcpass form\0").chain_update(cookie).finalize();
    hex(digest.get(..16).unwrap_or_default())
}

/// Whether a form holds the text that was expected of it.
pub(crate) fn is_bound(expected: &str, sent: &str) -> bool {
    !expected.is_empty() && bool::from(expected.as_bytes().ct_eq(sent.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_bound_to_its_cookie() {
        assert!(is_bound(&token("a"), &token("a")));
        assert!(!is_bound(&token("a"), &token("b")));
        assert!(!is_bound(&token("a"), ""));
        assert!(!is_bound("", ""));
        assert_eq!(token("a").len(), 32);
    }
}
