//! What may be said of an HTTP upstream, by hand or in the configuration file.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderName, HeaderValue, Uri};
use mcpass_domain::server::HttpUpstream;

use super::credential::{self, HINT, REFUSED};
use super::field::{check_path, in_range};
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

const URL_HINT: &str = "write the MCP endpoint in full, such as http://127.0.0.1:3000/mcp";
const MAX_HEADERS: usize = 50;
const MAX_URL: usize = 2_000;
const MAX_VALUE: usize = 8_000;
/// Connections that one server may be given at most.
const MAX_CONNECTIONS: u32 = 100_000;

/// Checks an upstream: its address, its headers, its timeouts, what TLS needs. Whether its files
/// are there is found out when they are read.
///
/// # Errors
/// When something cannot be used; the error names the field.
pub fn check(upstream: HttpUpstream) -> Result<HttpUpstream, ApiError> {
    let connections = || {
        let message = format!("max_connections goes from 1 to {MAX_CONNECTIONS}");
        ApiError::invalid("max_connections", message)
    };
    let is_possible = (1..=MAX_CONNECTIONS).contains(&upstream.max_connections);
    ApiError::all([
        check_url(&upstream.url).err(),
        check_headers(&upstream.headers).err(),
        in_range("connect_timeout", upstream.connect_timeout).err(),
        in_range("first_byte_timeout", upstream.first_byte_timeout).err(),
        (!is_possible).then(connections),
        check_tls(&upstream).err(),
    ])?;
    Ok(upstream)
}

fn check_headers(headers: &BTreeMap<String, String>) -> Result<(), ApiError> {
    if headers.len() > MAX_HEADERS {
        let message = format!("a server has at most {MAX_HEADERS} headers");
        return Err(ApiError::invalid("headers", message));
    }
    // Names of headers have no case (RFC 9110, section 5.1): one would take the other's place.
    let mut known = BTreeSet::new();
    if let Some(name) = headers.keys().find(|name| !known.insert(name.to_ascii_lowercase())) {
        let shown: String = name.chars().take(64).collect();
        let message = format!("the header `{shown}` is there twice, in other letters");
        return Err(ApiError::invalid("headers", message));
    }
    headers.iter().try_for_each(|(name, value)| check_header(name, value))
}

/// Files for TLS, where TLS is spoken: elsewhere they would silently protect nothing.
fn check_tls(upstream: &HttpUpstream) -> Result<(), ApiError> {
    let identity = upstream.client_identity.as_ref();
    for (field, path) in [
        ("ca_file", upstream.ca_file.as_ref()),
        ("client_certificate", identity.map(|identity| &identity.certificate)),
        ("client_key", identity.map(|identity| &identity.key)),
    ] {
        let Some(path) = path else { continue };
        check_path(field, path)?;
        if !upstream.url.starts_with("https:") {
            let message = format!("{field} means nothing without TLS");
            return Err(ApiError::invalid(field, message)
                .with_hint("give the server an https:// URL, or leave the file out"));
        }
    }
    Ok(())
}

fn check_url(url: &str) -> Result<(), ApiError> {
    let fail = |why: &str, hint: &str| {
        // A URL may hold credentials: what is wrong with it is said, it is not repeated.
        Err(ApiError::invalid("url", format!("this URL cannot be used: {why}")).with_hint(hint))
    };
    if url.len() > MAX_URL {
        return fail("it is longer than 2,000 bytes", URL_HINT);
    }
    if !url.is_ascii() {
        return fail("it holds a character that a URL writes as %…", URL_HINT);
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
    if credential::is_literal_in_header(name, value) {
        return fail(REFUSED, HINT);
    }
    match credential::check_form(value) {
        Ok(()) => Ok(()),
        Err(error) => fail(&error.to_string(), HINT),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use mcpass_domain::server::ClientIdentity;

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
            "http://x/\u{202E}",
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
            ("X-Team", "${geheim}"),
            ("X-Team", "a ${env:TEAM"),
        ] {
            let error = with_header(name, value).unwrap_err();
            assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        }
    }

    fn field_of(url: &str, change: impl FnOnce(&mut HttpUpstream)) -> Option<String> {
        let mut upstream = HttpUpstream::new(url);
        change(&mut upstream);
        check(upstream).err().and_then(|error| error.field)
    }

    #[test]
    fn times_and_counts_have_a_range() {
        let field = field_of("http://x/", |upstream| upstream.connect_timeout = Duration::ZERO);
        assert_eq!(field.as_deref(), Some("connect_timeout"));
        for count in [0, MAX_CONNECTIONS + 1] {
            let field = field_of("http://x/", |upstream| upstream.max_connections = count);
            assert_eq!(field.as_deref(), Some("max_connections"));
        }
        assert_eq!(field_of("http://x/", |upstream| upstream.max_connections = 1), None);
    }

    #[test]
    fn files_for_tls_need_tls_and_a_whole_path() {
        let identity = || ClientIdentity { certificate: "/c.pem".into(), key: "/k.pem".into() };
        let ca = |path: &str| {
            let path = path.to_owned();
            move |upstream: &mut HttpUpstream| upstream.ca_file = Some(path)
        };
        assert_eq!(field_of("https://x/", ca("/ca.pem")), None);
        assert_eq!(
            field_of("https://x/", |upstream| upstream.client_identity = Some(identity())),
            None
        );
        assert_eq!(field_of("https://x/", ca("ca.pem")).as_deref(), Some("ca_file"));
        assert_eq!(field_of("http://x/", ca("/ca.pem")).as_deref(), Some("ca_file"));
        let relative = |upstream: &mut HttpUpstream| {
            upstream.client_identity = Some(ClientIdentity { key: "k.pem".into(), ..identity() });
        };
        assert_eq!(field_of("https://x/", relative).as_deref(), Some("client_key"));
    }
}
