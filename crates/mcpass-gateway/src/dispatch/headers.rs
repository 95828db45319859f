//! Which of a client's headers an upstream gets.

use http::{HeaderMap, HeaderValue, header};
use mcpass_protocol::{Era, headers as mcp};

use crate::strip::strip;

/// The client's headers as the upstream gets them: without what belongs to this connection, and
/// above all without the client's token (MCP, authorization: "Token passthrough" is forbidden),
/// with mcpass's own credentials instead.
pub(super) fn forwarded(mut headers: HeaderMap, own: &HeaderMap, era: Era) -> HeaderMap {
    // Headers that the client declares to be for this connection only (RFC 9110, section 7.6.1).
    let named: Vec<String> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .filter(|name| !matches!(name.as_str(), "" | "close" | "keep-alive"))
        .collect();
    for name in named {
        if !name.starts_with("mcp-") {
            headers.remove(name.as_str());
        }
    }
    // The modern era has neither (2026-07-28, Streamable HTTP), but an upstream of both eras might
    // heed them, and whose session it is has not been asked.
    let is_of_a_session =
        |name: &str| name == mcp::SESSION_ID.as_str() || name == mcp::LAST_EVENT_ID.as_str();
    strip(&mut headers, |name| {
        is_taken(name) || is_forgeable(name) || era == Era::Modern && is_of_a_session(name)
    });
    if !headers.contains_key(header::ACCEPT) {
        let both = HeaderValue::from_static("application/json, text/event-stream");
        headers.insert(header::ACCEPT, both);
    }
    for (name, value) in own {
        headers.insert(name.clone(), value.clone());
    }
    headers
}

/// What belongs to this connection, and to mcpass.
fn is_taken(name: &str) -> bool {
    matches!(
        name,
        "accept-encoding"
            | "authorization"
            | "connection"
            | "content-length"
            | "cookie"
            | "expect"
            | "forwarded"
            | "host"
            | "keep-alive"
            | "origin"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "referer"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// What a client says of itself in a proxy's name.
fn is_forgeable(name: &str) -> bool {
    matches!(
        name,
        "x-forwarded-for"
            | "x-forwarded-host"
            | "x-forwarded-port"
            | "x-forwarded-proto"
            | "x-forwarded-user"
            | "x-real-ip"
            | "x-remote-user"
    )
}

/// The headers that go with a message into mcpass's own conversation: those that mirror a tool's
/// arguments (2026-07-28, "x-mcp-header"), and the trace that the call belongs to.
pub(super) fn carried(headers: &HeaderMap) -> HeaderMap {
    let goes = |name: &str| {
        name.starts_with(mcp::PARAM_PREFIX)
            || matches!(name, "traceparent" | "tracestate" | "baggage")
    };
    let pairs = headers.iter().filter(|(name, _)| goes(name.as_str()));
    pairs.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_token_and_connection_stay_here() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer secret"),
            ("cookie", "a=b"),
            ("connection", "keep-alive, x-hop"),
            ("x-hop", "1"),
            ("host", "localhost"),
            ("accept-encoding", "gzip"),
            ("mcp-session-id", "s"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-real-ip", "10.0.0.1"),
            ("mcp-param-region", "eu"),
            ("x-custom", "kept"),
            ("traceparent", "00-a-b-01"),
        ] {
            headers.insert(name, value.parse().unwrap());
        }
        let mut own = HeaderMap::new();
        own.insert("authorization", "Bearer upstream".parse().unwrap());
        let sent = forwarded(headers, &own, Era::Modern);
        let mut names: Vec<&str> = sent.keys().map(header::HeaderName::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["accept", "authorization", "mcp-param-region", "traceparent", "x-custom"]
        );
        assert_eq!(sent["authorization"], "Bearer upstream");
    }

    #[test]
    fn a_session_goes_with_the_era_that_has_sessions() {
        let mut headers = HeaderMap::new();
        headers.insert("mcp-session-id", HeaderValue::from_static("s"));
        let none = HeaderMap::new();
        assert_eq!(forwarded(headers.clone(), &none, Era::Legacy)["mcp-session-id"], "s");
        assert!(!forwarded(headers, &none, Era::Modern).contains_key("mcp-session-id"));
    }

    #[test]
    fn arguments_and_traces_go_into_a_conversation_and_nothing_else() {
        let mut headers = HeaderMap::new();
        for name in ["authorization", "mcp-param-x", "mcp-session-id", "traceparent", "x-custom"] {
            headers.insert(name, HeaderValue::from_static("v"));
        }
        let carried = carried(&headers);
        assert!(carried.contains_key("mcp-param-x") && carried.contains_key("traceparent"));
        assert_eq!(carried.len(), 2);
    }
}
