//! A small HTTP client for a provider: one request for each connection, no redirects, bounded in
//! time and size.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderValue, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::OidcError;

/// How long one request may take, with all that belongs to it.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of an answer at most.
const MAX_ANSWER: usize = 1024 * 1024;

pub(super) type Request = http::Request<Vec<u8>>;
pub(super) type Response = http::Response<Vec<u8>>;

/// A request got no answer.
#[derive(Debug, thiserror::Error)]
#[error("{host}: {why}")]
pub(crate) struct HttpError {
    host: String,
    why: String,
}

/// An answer that is on its way.
pub(super) type Answering = Pin<Box<dyn Future<Output = Result<Response, HttpError>> + Send>>;

#[derive(Clone)]
pub(super) struct Client {
    tls: TlsConnector,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts the system's certificate authorities, or those in a file instead.
    pub(super) fn new(ca_file: Option<&Path>) -> Result<Self, OidcError> {
        let roots = match ca_file {
            Some(path) => anchors(path)?,
            None => native(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| OidcError::Settings(error.to_string()))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { tls: TlsConnector::from(Arc::new(config)) })
    }

    /// The client as the library takes one. It borrows nothing, so that what waits for it can move
    /// between threads.
    pub(super) fn sender(&self) -> impl Fn(Request) -> Answering + Send + Sync + 'static {
        let client = self.clone();
        move |request| {
            let client = client.clone();
            Box::pin(async move { client.send(request).await })
        }
    }

    async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let host = request.uri().host().unwrap_or_default().to_owned();
        let answer = tokio::time::timeout(PATIENCE, self.exchange(request)).await;
        let answer =
            answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())));
        answer.map_err(|why| HttpError { host, why })
    }

    async fn exchange(&self, request: Request) -> Result<Response, String> {
        let uri = request.uri().clone();
        check_url(&uri.to_string()).map_err(|error| error.to_string())?;
        let host = uri.host().ok_or("no host")?.trim_matches(['[', ']']).to_owned();
        let is_tls = uri.scheme_str() == Some("https");
        let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let socket = TcpStream::connect((host.as_str(), port)).await;
        let socket = socket.map_err(|error| format!("cannot connect: {error}"))?;
        if !is_tls {
            return talk(socket, &uri, request).await;
        }
        let name = ServerName::try_from(host).map_err(|error| error.to_string())?;
        let secured = self.tls.connect(name, socket).await;
        talk(secured.map_err(|error| format!("no TLS: {error}"))?, &uri, request).await
    }
}

/// Whether something may be asked for: over TLS, or on this machine.
pub(super) fn check_url(url: &str) -> Result<(), OidcError> {
    let uri: Uri = url.parse().map_err(|_| OidcError::Settings("a place is no URL".to_owned()))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_here = host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(()),
        Some("http") if is_here => Ok(()),
        _ => Err(OidcError::Settings(
            "a provider is asked over https, or over http on this machine".to_owned(),
        )),
    }
}

async fn talk<S>(stream: S, uri: &Uri, request: Request) -> Result<Response, String>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |error: hyper::Error| format!("no HTTP: {error}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(failed)?;
    let connection = Aborting(tokio::spawn(connection));
    let (mut parts, body) = request.into_parts();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host = HeaderValue::from_str(authority).map_err(|error| error.to_string())?;
    parts.headers.insert(HOST, host);
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse().map_err(|_| "no path".to_owned())?;
    let request = http::Request::from_parts(parts, Full::new(Bytes::from(body)));
    let (parts, body) = sender.send_request(request).await.map_err(failed)?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await;
    let body = body.map_err(|error| format!("no whole answer: {error}"))?.to_bytes();
    drop(connection);
    Ok(Response::from_parts(parts, body.to_vec()))
}

/// The other half of a connection, which ends with the request.
struct Aborting(tokio::task::JoinHandle<Result<(), hyper::Error>>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

fn anchors(path: &Path) -> Result<RootCertStore, OidcError> {
    let fail = |why: &dyn std::fmt::Display| {
        OidcError::Settings(format!("`{}` cannot be used: {why}", path.display()))
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| fail(&error))? {
        let certificate = certificate.map_err(|error| fail(&error))?;
        roots.add(certificate).map_err(|error| fail(&error))?;
    }
    if roots.is_empty() {
        return Err(fail(&"it holds no certificate"));
    }
    Ok(roots)
}

fn native() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    // Some systems carry certificates that cannot be read; the others do.
    roots.add_parsable_certificates(found.certs);
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_asked_over_tls_or_on_this_machine() {
        for good in ["https://id.example.com/x?y=1", "http://127.0.0.1:80/", "http://[::1]:9/a"] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for bad in
            ["http://id.example.com/", "ftp://a.b/", "/path", "", "http://127.0.0.1.evil.example/"]
        {
            assert!(check_url(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn who_does_not_listen_is_told_by_name() {
        let client = Client::new(None).unwrap();
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", socket.local_addr().unwrap());
        drop(socket);
        let request = http::Request::get(url).body(Vec::new()).unwrap();
        let error = client.send(request).await.unwrap_err().to_string();
        assert!(error.starts_with("127.0.0.1: cannot connect"), "{error}");
    }

    #[test]
    fn a_file_without_certificates_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("empty.pem");
        std::fs::write(&path, "nothing").unwrap();
        for path in [path.as_path(), Path::new("/nowhere/ca.pem")] {
            let error = Client::new(Some(path)).unwrap_err().to_string();
            assert!(error.contains(".pem"), "{error}");
        }
    }
}
