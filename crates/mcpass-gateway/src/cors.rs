//! Pages of a browser: what they may call and read, in one place (Fetch standard, "HTTP CORS
//! protocol").
//!
//! A browser asks with `OPTIONS` before it lets a page send a token, and lets the page read an
//! answer only if the answer says so. Both are decided by `Host` and `Origin` alone
//! ([`OurNames`]), so that a preflight needs no token, and nothing of it is on record: it is not a
//! request to a server, and may come for every one of them.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use mcpass_domain::{Reason, Surface};

use crate::answer::{self, Asker};
use crate::body::Body;
use crate::origin::OurNames;
use crate::shared::Shared;
use crate::trail::Facts;

/// What MCP clients use (MCP 2025-11-25 and 2026-07-28, transports).
const METHODS: &str = "POST, GET, DELETE";
/// Headers that MCP clients send and that a page may not send unasked.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, \
     Mcp-Method, Mcp-Name, Mcp-Session-Id, Last-Event-ID, traceparent, tracestate";
/// Headers of answers that clients read, beyond those that every page may read.
const ANSWER_HEADERS: &str = "Mcp-Session-Id, MCP-Protocol-Version, WWW-Authenticate, \
     Retry-After, RateLimit, RateLimit-Policy";
/// A tool's arguments mirrored into headers have names of the tool's choice (MCP 2026-07-28).
const MIRRORED: &str = "mcp-param-";
/// Mirrored headers that are allowed at once; no tool has as many arguments.
const MIRRORED_AT_MOST: usize = 32;
/// Seconds for which a browser need not ask again. A change of the configuration is in force
/// after as long.
const MAX_AGE: &str = "600";

/// The page that sent a request, if it may read the answer.
#[derive(Clone, Debug)]
pub struct Page(HeaderValue);

impl Page {
    /// None for a request that no page sent, or that a page sent which is none of ours.
    pub fn of(names: &OurNames, headers: &HeaderMap) -> Option<Self> {
        let origin = headers.get(header::ORIGIN)?;
        names.accept(headers).then(|| Self(origin.clone()))
    }

    /// Lets the page read an answer of whatever kind.
    pub fn may_read(self, answer: &mut Response<Body>) {
        let headers = answer.headers_mut();
        self.allow(headers);
        let exposed = HeaderValue::from_static(ANSWER_HEADERS);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }

    fn allow(self, headers: &mut HeaderMap) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, self.0);
        // No cache may show another page what was meant for this one.
        headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
    }
}

/// Answers `OPTIONS`: 204 for a page that may call, 403 for everybody else.
pub fn preflight(shared: &Shared, ip: IpAddr, asked: &HeaderMap) -> Response<Body> {
    let Some(page) = Page::of(&shared.names, asked) else {
        let facts = Facts::new(Surface::Mcp, ip, asked);
        let denial = Reason::ForbiddenOrigin.into();
        return answer::refusal(shared, &denial, &facts, &Asker::UNKNOWN).into_response();
    };
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::NO_CONTENT;
    let headers = answer.headers_mut();
    page.allow(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static(METHODS));
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, request_headers(asked));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static(MAX_AGE));
    answer
}

/// The headers that a page may send: the known ones, and those of its that mirror arguments.
fn request_headers(asked: &HeaderMap) -> HeaderValue {
    let wanted = asked.get(header::ACCESS_CONTROL_REQUEST_HEADERS);
    let wanted = wanted.and_then(|names| names.to_str().ok()).unwrap_or("");
    let mirrored = wanted
        .split(',')
        .filter_map(|name| HeaderName::from_bytes(name.trim().as_bytes()).ok())
        .filter(|name| name.as_str().starts_with(MIRRORED))
        .take(MIRRORED_AT_MOST);
    let mut names = REQUEST_HEADERS.to_owned();
    for name in mirrored {
        names.push_str(", ");
        names.push_str(name.as_str());
    }
    HeaderValue::try_from(names).unwrap_or(HeaderValue::from_static(REQUEST_HEADERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrored_arguments_are_allowed_and_nothing_else_that_was_asked_for() {
        let mut asked = HeaderMap::new();
        let wanted = "authorization, Mcp-Param-Region,x-other, mcp-param-a b, mcp-param-";
        asked.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, wanted.parse().unwrap());
        let allowed = request_headers(&asked);
        let allowed = allowed.to_str().unwrap();
        assert!(allowed.starts_with("Authorization, Content-Type"), "{allowed}");
        assert!(allowed.ends_with("tracestate, mcp-param-region, mcp-param-"), "{allowed}");

        let many: Vec<_> = (0..100).map(|number| format!("mcp-param-{number}")).collect();
        asked.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, many.join(",").parse().unwrap());
        let allowed = request_headers(&asked);
        assert_eq!(allowed.to_str().unwrap().matches(MIRRORED).count(), MIRRORED_AT_MOST);
    }
}
