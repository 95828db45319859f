//! Whether a form was sent by one of our own pages.
//!
//! Two independent defences, both of which have to hold. The browser says where a form comes
//! from (`Origin`, `Sec-Fetch-Site`); and each form of ours holds a text that follows from the
//! cookie that was sent with it, which no other site can read.

use http::{HeaderMap, header};
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

/// Whether the browser says that the form is from a page of this host: by `Sec-Fetch-Site`, or,
/// where that is missing, by `Origin`. Our pages send no referrer, and so browsers give their
/// origin as `null`; `Sec-Fetch-Site` is then there, but for plain http to another machine, where
/// pages say where they come from (`gate`). A program that is no browser says nothing, and has no
/// cookie to be misused either.
pub(crate) fn is_same_site(headers: &HeaderMap) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site.as_bytes() == b"same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let origin = origin.to_str().unwrap_or_default();
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn says(pairs: &[(&'static str, &'static str)]) -> bool {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        is_same_site(&pairs.collect())
    }

    #[test]
    fn forms_of_other_sites_are_told_by_their_origin() {
        assert!(says(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(says(&[("host", "a"), ("origin", "https://A")]));
        assert!(says(&[("host", "a"), ("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(says(&[("host", "a")]), "no browser");
        for origin in ["http://evil", "null", "http://a.evil", "http://a:2", "ftp://a", ""] {
            assert!(!says(&[("host", "a"), ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "none", ""] {
            let headers = [("host", "a"), ("origin", "http://a"), ("sec-fetch-site", site)];
            assert!(!says(&headers), "{site}");
        }
        assert!(!says(&[("origin", "http://")]), "no host to compare with");
    }

    #[test]
    fn a_form_is_bound_to_its_cookie() {
        assert!(is_bound(&token("a"), &token("a")));
        assert!(!is_bound(&token("a"), &token("b")));
        assert!(!is_bound(&token("a"), ""));
        assert!(!is_bound("", ""));
        assert_eq!(token("a").len(), 32);
    }
}
