//! Where an upstream is: its URL, read once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderValue, Uri, uri::PathAndQuery};
use mcpass_domain::server::HttpUpstream;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

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
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the head of an answer may take.
    pub first_byte_timeout: Duration,
}

/// Plain TCP, or TLS.
#[derive(Clone)]
pub enum Transport {
    /// `http://`
    Plain,
    /// `https://`
    Tls {
        /// Trust anchors of the operating system.
        config: Arc<ClientConfig>,
        /// The name the certificate has to be for.
        name: ServerName<'static>,
    },
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls { .. } => "Tls",
        })
    }
}

/// A URL that cannot be an upstream's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{why}; write it as http://127.0.0.1:3001/mcp or https://example.com/mcp")]
pub struct InvalidUrl {
    why: &'static str,
}

impl Origin {
    /// Reads an upstream's URL.
    ///
    /// # Errors
    /// When it is no http or https URL, or holds a user and password: credentials go into header
    /// templates. The error does not repeat the URL, which may hold a secret.
    pub fn new(upstream: &HttpUpstream) -> Result<Self, InvalidUrl> {
        let fail = |why| InvalidUrl { why };
        let uri: Uri = upstream.url.parse().map_err(|_| fail("the URL cannot be read"))?;
        let authority = uri.authority().ok_or_else(|| fail("the URL has no host"))?;
        if authority.as_str().contains('@') {
            return Err(fail("the URL holds a user or password; use a header with a reference"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let (port, transport) = match uri.scheme_str() {
            Some("http") => (80, Transport::Plain),
            Some("https") => {
                let name = ServerName::try_from(host.clone())
                    .map_err(|_| fail("the URL's host cannot be in a certificate"))?;
                (443, Transport::Tls { config: tls(), name })
            }
            _ => return Err(fail("the URL begins neither with http:// nor with https://")),
        };
        let path = uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        Ok(Self {
            host,
            port: authority.port_u16().unwrap_or(port),
            transport,
            authority: HeaderValue::from_str(authority.as_str())
                .map_err(|_| fail("the URL's host cannot be sent"))?,
            path,
            connect_timeout: upstream.connect_timeout,
            first_byte_timeout: upstream.first_byte_timeout,
        })
    }
}

/// One TLS configuration for all upstreams: reading the trust anchors takes a while.
fn tls() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    Arc::clone(CONFIG.get_or_init(|| {
        let mut roots = rustls::RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a trust anchor of the operating system cannot be read");
        }
        let (_, unusable) = roots.add_parsable_certificates(found.certs);
        if unusable > 0 {
            tracing::debug!(unusable, "trust anchors that cannot be used");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        #[expect(clippy::expect_used, reason = "ring supports the default versions")]
        let builder = versions.expect("ring speaks TLS 1.2 and 1.3");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }))
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
