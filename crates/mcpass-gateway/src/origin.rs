//! Is this request meant for us? `Host` and `Origin` against DNS rebinding and foreign pages
//! (MCP 2025-11-25, transports, "Security Warning").

use std::net::SocketAddr;

use http::{HeaderMap, header};

/// Names and origins that are ours.
#[derive(Debug)]
pub struct OurNames {
    /// Empty means any.
    hosts: Vec<String>,
    origins: Vec<String>,
}

impl OurNames {
    /// On a loopback address only loopback names and `allowed_hosts` are ours. On any other
    /// address every name is, unless `allowed_hosts` names some.
    pub fn new(listen: SocketAddr, allowed_hosts: &[String], allowed_origins: &[String]) -> Self {
        // A port says where a proxy listens, not who we are.
        let name = |host: &String| without_port(&host.to_lowercase()).to_owned();
        let mut hosts: Vec<String> = allowed_hosts.iter().map(name).collect();
        if listen.ip().is_loopback() || !hosts.is_empty() {
            hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(str::to_owned));
            hosts.push(match listen {
                SocketAddr::V4(address) => address.ip().to_string(),
                SocketAddr::V6(address) => format!("[{}]", address.ip()),
            });
        }
        let origins = allowed_origins
            .iter()
            .map(|origin| origin.trim_end_matches('/').to_lowercase())
            .collect();
        Self { hosts, origins }
    }

    /// Whether the request names us, and comes from no page that is not ours.
    pub fn accept(&self, headers: &HeaderMap) -> bool {
        let Some(host) = self.host(headers) else { return false };
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let origin = origin.to_str().unwrap_or("");
        origins.next().is_none() && (self.is_allowed_origin(origin) || same_place(origin, host))
    }

    /// Whether the request names us, wherever it comes from.
    pub fn is_named(&self, headers: &HeaderMap) -> bool {
        self.host(headers).is_some()
    }

    /// The host that a request names, if that is one of ours.
    fn host<'h>(&self, headers: &'h HeaderMap) -> Option<&'h str> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok()).unwrap_or("");
        let is_ours = self.hosts.is_empty() || self.is_our_host(without_port(host));
        (is_ours && hosts.next().is_none()).then_some(host)
    }

    fn is_our_host(&self, host: &str) -> bool {
        self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }

    /// Whether pages of this origin may call.
    pub fn is_allowed_origin(&self, origin: &str) -> bool {
        self.origins.iter().any(|ours| ours.eq_ignore_ascii_case(origin))
    }
}

fn same_place(origin: &str, host: &str) -> bool {
    let place = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    place.is_some_and(|place| !place.is_empty() && place.eq_ignore_ascii_case(host))
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        // A colon within brackets belongs to an IPv6 address.
        Some(at) if !host.get(at..).is_some_and(|rest| rest.contains(']')) => {
            host.get(..at).unwrap_or(host)
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepts(names: &OurNames, host: &str, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        names.accept(&headers)
    }

    #[test]
    fn on_loopback_only_loopback_names_are_ours() {
        let names = OurNames::new("127.0.0.1:7788".parse().unwrap(), &[], &[]);
        for host in ["127.0.0.1:7788", "localhost", "LOCALHOST:1", "[::1]:7788"] {
            assert!(accepts(&names, host, None), "{host}");
        }
        for host in ["evil.example.com", "127.0.0.1.evil.com", "", "localhost.evil.com:7788"] {
            assert!(!accepts(&names, host, None), "{host}");
        }
    }

    #[test]
    fn foreign_pages_are_refused_and_ours_are_not() {
        let allowed = ["https://app.example.com".to_owned()];
        let names = OurNames::new("127.0.0.1:7788".parse().unwrap(), &[], &allowed);
        let host = "localhost:7788";
        assert!(accepts(&names, host, Some("http://localhost:7788")));
        assert!(accepts(&names, host, Some("https://app.example.com")));
        for origin in ["http://evil.example.com", "null", "", "http://localhost:9999"] {
            assert!(!accepts(&names, host, Some(origin)), "{origin}");
        }
    }

    #[test]
    fn elsewhere_any_name_is_ours_until_some_are_given() {
        let any = OurNames::new("0.0.0.0:80".parse().unwrap(), &[], &[]);
        assert!(accepts(&any, "mcp.example.com", None));
        let some =
            OurNames::new("0.0.0.0:80".parse().unwrap(), &["mcp.example.com".to_owned()], &[]);
        assert!(accepts(&some, "mcp.example.com:80", None));
        let with_port = ["mcp.example.com:8443".to_owned()];
        let some = OurNames::new("0.0.0.0:80".parse().unwrap(), &with_port, &[]);
        assert!(accepts(&some, "mcp.example.com:8443", None));
        assert!(accepts(&some, "mcp.example.com", None));
        assert!(!accepts(&some, "other.example.com", None));
    }

    #[test]
    fn two_hosts_or_two_origins_are_one_too_many() {
        let names = OurNames::new("127.0.0.1:1".parse().unwrap(), &[], &[]);
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(!names.accept(&headers));
    }
}
