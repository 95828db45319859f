//! Where a browser came to: by which name, and whether over https.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, header};

/// What proxies add to requests that they hand on, and browsers do not send.
const OF_PROXIES: [&str; 4] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Whether the browser came over https: as the proxy in front says, or, where people reach this
/// server over https (`public_url`), because it came to no other place. The one other place is this
/// machine itself, for who is on it: by a loopback name, with nothing of a proxy. A proxy that
/// neither keeps the `Host` nor says anything cannot be told from that.
///
/// Whoever lies about it gets a cookie that their own browser does not send.
pub(super) fn is_https(public_url: Option<&str>, headers: &HeaderMap) -> bool {
    let scheme = text(headers, "x-forwarded-proto").split(',').next().unwrap_or_default().trim();
    if scheme.eq_ignore_ascii_case("https") {
        return true;
    }
    let Some(public) = secure(public_url) else { return false };
    let host = text(headers, header::HOST.as_str());
    let is_proxied = headers.contains_key("x-forwarded-proto")
        || OF_PROXIES.into_iter().any(|name| headers.contains_key(HeaderName::from_static(name)));
    is_same_place(host, public) || !is_loopback(host) || is_proxied
}

/// The host and port of a public address with https.
pub(super) fn secure(public_url: Option<&str>) -> Option<&str> {
    public_url?.strip_prefix("https://")
}

/// Whether both name one place of https, for which the port 443 need not be said.
fn is_same_place(one: &str, other: &str) -> bool {
    let without = |host: &str| host.strip_suffix(":443").unwrap_or(host).to_ascii_lowercase();
    without(one) == without(other)
}

/// Whether a `Host` header names the machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map_or_else(|| host.rsplit_once(':').map_or(host, |(name, _)| name), |(name, _)| name);
    let is_address = name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    name.eq_ignore_ascii_case("localhost") || is_address
}

/// A header's text; empty if there is none.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:7788", "[::1]:7788", "[::1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "example.com", "localhost.evil:80", "10.0.0.1:80", "[::2]:80"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn https_is_what_the_proxy_says_or_what_the_public_address_says() {
        let secure = Some("https://mcpass.example.com");
        let plain = Some("http://127.0.0.1:7788");
        for (public, lines, expected) in [
            (secure, vec![("host", "mcpass.example.com")], true),
            (secure, vec![("host", "MCPASS.example.com:443")], true),
            // A proxy that does not keep the host: on another machine, or on this one.
            (secure, vec![("host", "mcpass:7788")], true),
            (secure, vec![("host", "127.0.0.1:7788"), ("x-forwarded-for", "192.0.2.1")], true),
            (secure, vec![("host", "127.0.0.1:7788"), ("x-forwarded-proto", "http")], true),
            // Whoever is on this machine.
            (secure, vec![("host", "127.0.0.1:7788")], false),
            (secure, vec![("host", "localhost:7788")], false),
            (Some("https://localhost:8443"), vec![("host", "localhost:8443")], true),
            (Some("https://localhost:8443"), vec![("host", "localhost:7788")], false),
            (plain, vec![("host", "127.0.0.1:7788")], false),
            (plain, vec![("host", "10.0.0.7:7788"), ("x-forwarded-for", "192.0.2.1")], false),
            (plain, vec![("host", "a.example"), ("x-forwarded-proto", "HTTPS, http")], true),
            (None, vec![("host", "a.example")], false),
        ] {
            let pairs = lines.iter().map(|(name, value)| {
                (HeaderName::from_static(name), value.parse::<http::HeaderValue>().unwrap())
            });
            assert_eq!(is_https(public, &pairs.collect()), expected, "{public:?} {lines:?}");
        }
    }
}
