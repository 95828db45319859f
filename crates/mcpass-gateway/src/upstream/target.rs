//! Where an upstream is: its URL, read once.

use std::time::Duration;

use http::{HeaderValue, Uri, uri::PathAndQuery};
use mcpass_domain::server::HttpUpstream;
use rustls::pki_types::ServerName;

use super::tls::{Tls, TlsError};

/// The place and manner of an upstream's connections.
#[derive(Debug)]
pub struct Origin {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Whether TLS is spoken.
    pub transport: Transport,
    /// The `Host` header.
    pub authority: HeaderValue,
    /// The MCP endpoint.
    pub path: PathAndQuery,
    /// The whole URL, as HTTP/2 takes its parts from it.
    pub url: Uri,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take.
    pub first_byte_timeout: Duration,
    /// Connections at most, of all threads together.
    pub max_connections: usize,
}

/// Plain TCP, or TLS.
#[derive(Debug)]
pub enum Transport {
    /// `http://`
    Plain,
    /// `https://`
    Tls {
        /// Whom to trust, and who mcpass is.
        tls: Box<Tls>,
        /// The name the certificate has to be for.
        name: ServerName<'static>,
    },
}

/// An upstream's settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// A file of its TLS settings.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Its URL.
    #[error(transparent)]
    Url(#[from] InvalidUrl),
    /// No connection is allowed.
    #[error("`max_connections` is 0; it has to be 1 or more")]
    NoConnections,
}

/// A URL that cannot be an upstream's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}; write it as http://127.0.0.1:3001/mcp or https://example.com/mcp")]
pub struct InvalidUrl {
    why: &'static str,
}

impl Origin {
    /// Reads an upstream's URL, and the files of its TLS settings.
    ///
    /// Any address is fine, private ones as well, because an operator has named it. No other URL is
    /// ever called: redirects are refused, and nothing that an upstream or a client says is taken
    /// for an address.
    ///
    /// # Errors
    /// When it is no http or https URL, or holds a user and password: credentials go into header
    /// templates. The error does not repeat the URL, which may hold a secret. When a file of its
    /// TLS settings cannot be used.
    pub fn new(upstream: &HttpUpstream) -> Result<Self, OriginError> {
        let fail = |why| InvalidUrl { why };
        let uri: Uri = upstream.url.parse().map_err(|_| fail("the URL cannot be read"))?;
        let authority = uri.authority().ok_or_else(|| fail("the URL has no host"))?;
        if authority.as_str().contains('@') {
            let why = "the URL holds a user or password; use a header with a reference";
            return Err(fail(why).into());
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (port, transport) = match uri.scheme_str() {
            Some("http") => (80, Transport::Plain),
            Some("https") => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| fail("the URL's host cannot be in a certificate"))?;
                (443, Transport::Tls { tls: Box::new(Tls::new(upstream)?), name })
            }
            _ => {
                let why = "the URL begins neither with http:// nor with https://";
                return Err(fail(why).into());
            }
        };
        let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let max_connections = usize::try_from(upstream.max_connections).unwrap_or(usize::MAX);
        if max_connections == 0 {
            return Err(OriginError::NoConnections);
        }
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(port),
            transport,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| fail("the URL's host cannot be sent"))?,
            path,
            url: uri.clone(),
            connect_timeout: upstream.connect_timeout,
            first_byte_timeout: upstream.first_byte_timeout,
            max_connections,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_once() {
        let origin = Origin::new(&HttpUpstream::new("http://[::1]:3001/mcp?x=1")).unwrap();
        assert_eq!((origin.host.as_str(), origin.port), ("::1", 3001));
        assert_eq!(origin.path.as_str(), "/mcp?x=1");
        assert_eq!(origin.authority, "[::1]:3001");
        assert_eq!(Origin::new(&HttpUpstream::new("https://example.com/mcp")).unwrap().port, 443);
    }

    #[test]
    fn bad_urls_are_refused_without_being_repeated() {
        for url in
            ["", "example.com", "ftp://x/", "http://", "http://u:pw@x/", "/mcp", "http://a b/"]
        {
            let error = Origin::new(&HttpUpstream::new(url)).unwrap_err().to_string();
            assert!(!error.contains("pw"), "{error}");
        }
    }
}
