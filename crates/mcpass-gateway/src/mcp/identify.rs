//! Phase 1: whose token is this?

use http::{HeaderMap, header};
use mcpass_domain::{Denial, Reason, TokenDigest, secret};

use crate::trail::Facts;

/// The token of `Authorization: Bearer`, read from nowhere else, its shape and checksum
/// checked before anything is looked up. The scheme's case does not matter (RFC 9110, section
/// 11.1); a second header could be meant for somebody else on the way.
pub(crate) fn bearer(headers: &HeaderMap, facts: &mut Facts<'_>) -> Result<TokenDigest, Denial> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(Reason::MissingToken)?.as_bytes();
    if values.next().is_some() {
        return Err(Reason::MalformedToken.into());
    }
    let space = value.iter().position(|byte| *byte == b' ').ok_or(Reason::MalformedToken)?;
    let (scheme, token) = value.split_at(space);
    if !scheme.eq_ignore_ascii_case(b"bearer") {
        return Err(Reason::MissingToken.into());
    }
    digest(token.trim_ascii(), facts)
}

/// The digest of what should be a token.
pub(crate) fn digest(token: &[u8], facts: &mut Facts<'_>) -> Result<TokenDigest, Denial> {
    if token.starts_with(secret::PREFIX.as_bytes()) && token.len() > 12 {
        facts.hint = Some(mcpass_domain::Hint::of(token));
    }
    secret::check(token).map_err(|why| Denial {
        reason: Reason::MalformedToken,
        exceeded: None,
        detail: Some(why.to_string()),
    })?;
    Ok(TokenDigest::of(token))
}

#[cfg(test)]
mod tests {
    use mcpass_domain::Surface;

    use super::*;

    fn identified(values: &[&[u8]]) -> Result<TokenDigest, Reason> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, http::HeaderValue::from_bytes(value).unwrap());
        }
        let none = HeaderMap::new();
        let mut facts = Facts::new(Surface::Mcp, [127, 0, 0, 1].into(), &none);
        bearer(&headers, &mut facts).map_err(|denial| denial.reason)
    }

    #[test]
    fn the_bearer_is_read_strictly_and_from_one_place() {
        let token = secret::TokenSecret::generate(&mcpass_domain::SeededEntropy::new(1)).unwrap();
        let text = token.expose();
        let with = |scheme: &str| format!("{scheme} {text}").into_bytes();
        assert_eq!(identified(&[&with("Bearer")]), Ok(token.digest()));
        assert_eq!(identified(&[&with("bearer")]), Ok(token.digest()));
        assert_eq!(identified(&[&with("Bearer ")]), Ok(token.digest()));
        assert_eq!(identified(&[]), Err(Reason::MissingToken));
        assert_eq!(identified(&[&with("Basic")]), Err(Reason::MissingToken));
        assert_eq!(identified(&[&with("Bearer"), &with("Bearer")]), Err(Reason::MalformedToken));
        for bad in [
            format!("Bearer {}", &text[..63]),
            format!("Bearer {text}x"),
            format!("Bearer{text}"),
            format!("Bearer {}", text.to_uppercase()),
            "Bearer ".to_owned(),
            format!("Bearer {}\u{0455}", &text[..62]),
        ] {
            assert_eq!(identified(&[bad.as_bytes()]), Err(Reason::MalformedToken), "{bad}");
        }
    }
}
