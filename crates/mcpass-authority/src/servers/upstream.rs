//! What may be said of an HTTP upstream, by hand or in the configuration file.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use mcpass_domain::redact;
use mcpass_domain::server::HttpUpstream;

use crate::api::ApiError;

/// Headers that the gateway sets itself, or that belong to one connection (RFC 9110 section
/// 7.6.1) or to the MCP transport.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "last-event-id",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Parts of the names of headers that hold credentials.
const SENSITIVE: &[&str] =
    &["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "credential"];

const URL_HINT: &str = "write the MCP endpoint in full, such as http://127.0.0.1:3000/mcp";
const MAX_HEADERS: usize = 50;
const MAX_URL: usize = 2_000;
const MAX_VALUE: usize = 8_000;
const MAX_TIMEOUT: Duration = Duration::from_hours(24);

/// Checks an upstream: its address, its headers, its timeouts.
///
/// # Errors
/// When something cannot be used; the error names the field.
pub fn check(upstream: HttpUpstream) -> Result<HttpUpstream, ApiError> {
    check_url(&upstream.url)?;
    if upstream.headers.len() > MAX_HEADERS {
        let message = format!("a server has at most {MAX_HEADERS} headers");
        return Err(ApiError::invalid("headers", message));
    }
    for (name, value) in &upstream.headers {
        check_header(name, value)?;
    }
    for (field, timeout) in [
        ("connect_timeout", upstream.connect_timeout),
        ("first_byte_timeout", upstream.first_byte_timeout),
    ] {
        if timeout < Duration::from_millis(1) || timeout > MAX_TIMEOUT {
            return Err(ApiError::invalid(field, format!("{field} goes from 1ms to 24h")));
        }
    }
    Ok(upstream)
}

/// Whether a header's value is a credential written out in full instead of a reference.
pub(crate) fn is_sensitive_literal(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let holds_secret = SENSITIVE.iter().any(|part| name.contains(part));
    (holds_secret && !has_reference(value)) || redact::holds_token(value)
}

fn has_reference(value: &str) -> bool {
    ["${env:", "${file:"].iter().any(|start| {
        value.split_once(start).is_some_and(|(_, rest)| rest.find('}').is_some_and(|end| end > 0))
    })
}

fn check_url(url: &str) -> Result<(), ApiError> {
    let fail = |why: &str, hint: &str| {
        // A URL may hold credentials: what is wrong with it is said, it is not repeated.
        Err(ApiError::invalid("url", format!("this URL cannot be used: {why}")).with_hint(hint))
    };
    if url.len() > MAX_URL {
        return fail("it is longer than 2,000 bytes", URL_HINT);
    }
    if url.contains('#') {
        return fail("it has a fragment (#…), which is never sent", URL_HINT);
    }
    let Ok(parsed) = url.parse::<Uri>() else {
        return fail("it is not one", URL_HINT);
    };
    let Some(authority) = parsed.authority() else {
        return fail("it has no host", URL_HINT);
    };
    if !matches!(parsed.scheme_str(), Some("http" | "https")) {
        return fail("it does not begin with http:// or https://", URL_HINT);
    }
    if authority.as_str().contains('@') {
        return fail(
            "it holds a user name or password",
            "send credentials as a header: --header 'Authorization: Bearer ${env:NAME}'",
        );
    }
    if authority.host().is_empty()
        || (authority.port().is_none() && authority.as_str().ends_with(':'))
    {
        return fail("it has no host or port", URL_HINT);
    }
    Ok(())
}

fn check_header(name: &str, value: &str) -> Result<(), ApiError> {
    let shown: String = name.chars().take(64).collect();
    let fail = |why: &str, hint: &str| {
        let message = format!("the header `{shown}` cannot be used: {why}");
        Err(ApiError::invalid("headers", message).with_hint(hint))
    };
    let Ok(parsed) = name.parse::<HeaderName>() else {
        return fail("that is not a header's name", "a name has only letters, digits and -");
    };
    if RESERVED.contains(&parsed.as_str()) {
        return fail("mcpass sets it itself", "leave it out");
    }
    if value.len() > MAX_VALUE || HeaderValue::from_str(value).is_err() {
        return fail("its value is too long or holds a control character", "write it in one line");
    }
    if is_sensitive_literal(name, value) {
        return fail(
            "it holds a credential, which mcpass does not keep",
            "name where it is instead: ${env:NAME} or ${file:PATH}",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_header(name: &str, value: &str) -> Result<HttpUpstream, ApiError> {
        let mut upstream = HttpUpstream::new("http://127.0.0.1:1/mcp");
        upstream.headers.insert(name.to_owned(), value.to_owned());
        check(upstream)
    }

    #[test]
    fn addresses() {
        for good in ["http://127.0.0.1:3000/mcp", "https://x.example/mcp?a=b", "http://[::1]:80"] {
            assert!(check(HttpUpstream::new(good)).is_ok(), "{good}");
        }
        for bad in [
            "",
            "/mcp",
            "127.0.0.1:3000",
            "ftp://x/",
            "http://",
            "http://x:",
            "http://ana:geheim@x/",
            "http://x/#top",
            "http://x y/",
            "file:///etc/passwd",
        ] {
            let error = check(HttpUpstream::new(bad)).unwrap_err();
            assert_eq!(error.field.as_deref(), Some("url"), "{bad}");
            assert!(!format!("{error:?}").contains("geheim"));
        }
    }

    #[test]
    fn credentials_come_by_reference() {
        for (name, value) in [
            ("Authorization", "Bearer ${env:UPSTREAM}"),
            ("X-Api-Key", "${file:/run/secrets/key}"),
            ("X-Team", "platform"),
        ] {
            assert!(with_header(name, value).is_ok(), "{name}");
        }
        for (name, value) in [
            ("Authorization", "Bearer geheim"),
            ("cookie", "session=geheim"),
            ("X-API-Key", "geheim"),
            ("X-Auth-Token", "geheim ${env:}"),
            ("Host", "x"),
            ("Mcp-Session-Id", "x"),
            ("a b", "x"),
            ("X-A", "x\r\nX-B: y"),
        ] {
            let error = with_header(name, value).unwrap_err();
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
    }

    #[test]
    fn timeouts_have_a_range() {
        let mut upstream = HttpUpstream::new("http://x/");
        upstream.connect_timeout = Duration::ZERO;
        assert_eq!(check(upstream).unwrap_err().field.as_deref(), Some("connect_timeout"));
    }
}
