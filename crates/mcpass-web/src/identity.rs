//! Who asks.
//!
//! Two ways lead in. A token was proven by the gateway, which validates all tokens in one way: its
//! proof, an [`Admitted`], lies in the request's extensions. A person shows the cookie of a session,
//! which [`Sessions`] looks up; then the request has to come from our own pages, because browsers
//! send cookies along with requests that other pages make.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, Method, header};
use mcpass_authority::Context;
use mcpass_authority::api::ApiError;
use mcpass_domain::Admitted;

use crate::Site;
use crate::problem::Problem;

/// Looks up who signed in.
#[async_trait]
pub trait Sessions: Send + Sync + fmt::Debug {
    /// Who the session of these headers' cookie belongs to; none without a good one.
    ///
    /// # Errors
    /// When it cannot be looked up.
    async fn find(&self, headers: &HeaderMap, from: IpAddr) -> Result<Option<Context>, ApiError>;
}

/// Nobody signs in.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSessions;

#[async_trait]
impl Sessions for NoSessions {
    async fn find(&self, _: &HeaderMap, _: IpAddr) -> Result<Option<Context>, ApiError> {
        Ok(None)
    }
}

/// Somebody who is known, by a token or a session. What they may do is the authority's to say.
#[derive(Clone, Debug)]
pub struct Caller(pub Context);

impl FromRequestParts<Arc<Site>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let from = address(parts);
        if let Some(admitted) = parts.extensions.get::<Admitted>() {
            let context = Context::token(admitted.subject().token, from.to_string());
            return Ok(Self(context));
        }
        let found = site.sessions.find(&parts.headers, from).await?;
        let context = found.ok_or_else(Problem::unauthenticated)?;
        if !parts.method.is_safe() && !comes_from_us(&parts.method, &parts.headers) {
            return Err(Problem::foreign_page());
        }
        Ok(Self(context))
    }
}

/// Where a request comes from.
pub fn address(parts: &Parts) -> IpAddr {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

/// Whether a request that changes something was made by one of our own pages, as the browser says:
/// by `Sec-Fetch-Site`, or, where that is missing, by an `Origin` that is our own host. One that
/// says neither is not believed.
///
/// Our pages send no referrer, and so browsers give their origin as `null`; `Sec-Fetch-Site` is
/// then there, but for plain http to another machine, where pages say where they come from (`gate`).
pub fn comes_from_us(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site.as_bytes() == b"same-origin";
    }
    let text = |name| headers.get(name).and_then(|value: &http::HeaderValue| value.to_str().ok());
    let (Some(origin), Some(host)) = (text(header::ORIGIN), text(header::HOST)) else {
        return false;
    };
    let place = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    place.is_some_and(|place| !host.is_empty() && place.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(headers: &[(&str, &str)]) -> bool {
        let all = headers.iter().map(|(name, value)| {
            (name.parse::<http::HeaderName>().unwrap(), value.parse::<http::HeaderValue>().unwrap())
        });
        comes_from_us(&Method::POST, &all.collect())
    }

    #[test]
    fn a_cookie_alone_changes_nothing() {
        assert!(!ours(&[]));
        assert!(!ours(&[("host", "a")]), "nothing is said");
        assert!(comes_from_us(&Method::GET, &HeaderMap::new()));
    }

    #[test]
    fn requests_of_other_sites_are_told_by_what_the_browser_says() {
        assert!(ours(&[("host", "a:1"), ("origin", "http://a:1")]));
        assert!(ours(&[("host", "a"), ("origin", "https://A")]));
        assert!(ours(&[("host", "a"), ("origin", "null"), ("sec-fetch-site", "same-origin")]));
        for origin in ["http://evil", "null", "http://a.evil", "http://a:2", "ftp://a", ""] {
            assert!(!ours(&[("host", "a"), ("origin", origin)]), "{origin}");
        }
        for site in ["cross-site", "same-site", "none", ""] {
            let headers = [("host", "a"), ("origin", "http://a"), ("sec-fetch-site", site)];
            assert!(!ours(&headers), "{site}");
        }
        assert!(!ours(&[("host", ""), ("origin", "http://")]), "no host to compare with");
    }
}
