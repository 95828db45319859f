//! An upstream that speaks TLS, HTTP/1.1 and HTTP/2, and the authority that signed for it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use bytes::Bytes;
use http::{Method, Request, Response, Version, header};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use mcpass_gateway::body::Body;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use crate::scripted::{method_of, result_for};

/// Signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: rcgen::Certificate,
}

/// A certificate and its key.
pub(crate) struct Identity {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    /// For this host.
    pub(crate) fn signs(&self, host: &str) -> Identity {
        self.signs_as(host, |_| {})
    }

    pub(crate) fn signs_as(
        &self,
        host: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        Identity { certificate: params.signed_by(&key, &self.issuer).unwrap(), key }
    }

    /// Its own certificate in a file.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> String {
        save(folder, name, &self.certificate.pem())
    }
}

impl Identity {
    /// Certificate and key in files.
    pub(crate) fn save(&self, folder: &Path, name: &str) -> (String, String) {
        let certificate = save(folder, &format!("{name}.pem"), &self.certificate.pem());
        (certificate, save(folder, &format!("{name}.key"), &self.key.serialize_pem()))
    }
}

pub(crate) fn save(folder: &Path, name: &str, text: &str) -> String {
    let path: PathBuf = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// How an upstream is.
pub(crate) struct Manner {
    /// What it offers, the best first.
    pub(crate) protocols: &'static [&'static str],
    /// Whose certificates it asks for.
    pub(crate) asks_for: Option<CertificateDer<'static>>,
    /// Calls at once on one connection of HTTP/2.
    pub(crate) bears: u32,
    /// So many calls of the tool `together` are answered together, when all of them are there.
    pub(crate) together: usize,
    /// So many connections are closed before anything is said.
    pub(crate) hangs_up_on: usize,
}

impl Manner {
    pub(crate) fn speaking(protocols: &'static [&'static str]) -> Self {
        Self { protocols, asks_for: None, bears: 200, together: 1, hangs_up_on: 0 }
    }

    pub(crate) fn asking_for(mut self, authority: &Authority) -> Self {
        self.asks_for = Some(authority.certificate.der().clone());
        self
    }
}

/// The running upstream.
pub(crate) struct Secure {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    manner: Manner,
    connections: AtomicUsize,
    streams: AtomicUsize,
    barrier: Barrier,
}

impl Secure {
    pub(crate) async fn start(identity: &Identity, manner: Manner) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(Arc::new(config(identity, &manner)?));
        let barrier = Barrier::new(manner.together);
        let (connections, streams) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let state = Arc::new(State { manner, connections, streams, barrier });
        let accepting = tokio::spawn(accept(Arc::clone(&state), listener, acceptor)).abort_handle();
        Ok(Self { address, state, accepting })
    }

    pub(crate) fn url(&self) -> String {
        self.url_of("localhost")
    }

    pub(crate) fn url_of(&self, host: &str) -> String {
        format!("https://{host}:{}/mcp", self.address.port())
    }

    /// Connections that got as far as HTTP.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Open streams.
    pub(crate) fn streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn config(identity: &Identity, manner: &Manner) -> Result<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &manner.asks_for {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone())?;
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).map_err(anyhow::Error::msg)?;
    let chain = vec![identity.certificate.der().clone()];
    let mut config = builder.with_single_cert(chain, key)?;
    config.alpn_protocols =
        manner.protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Ok(config)
}

async fn accept(state: Arc<State>, listener: TcpListener, acceptor: TlsAcceptor) {
    let mut connections = JoinSet::new();
    let mut hangs_up_on = state.manner.hangs_up_on;
    while let Ok((stream, _)) = listener.accept().await {
        if hangs_up_on > 0 {
            hangs_up_on -= 1;
            continue;
        }
        let (state, acceptor) = (Arc::clone(&state), acceptor.clone());
        // Breaking off is the client's right.
        connections.spawn(async move { serve(state, stream, acceptor).await.ok() });
    }
}

async fn serve(state: Arc<State>, stream: TcpStream, acceptor: TlsAcceptor) -> Result<()> {
    let stream = match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => stream,
        Err((_, mut stream)) => {
            // Closing with something unread would reset the connection, and the alert with it.
            while stream.read(&mut [0; 4_096]).await? > 0 {}
            return Ok(());
        }
    };
    state.connections.fetch_add(1, Ordering::SeqCst);
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let bears = state.manner.bears;
    let service = service_fn(move |request| answer(Arc::clone(&state), request));
    let io = TokioIo::new(stream);
    if is_h2 {
        let mut builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        builder.max_concurrent_streams(bears).serve_connection(io, service).await?;
    } else {
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await?;
    }
    Ok(())
}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>> {
    let version = request.version();
    if request.method() == Method::GET {
        return Ok(stream(&state));
    }
    anyhow::ensure!(
        (version == Version::HTTP_2) != request.headers().contains_key(header::HOST),
        "`Host` is for HTTP/1.1"
    );
    let body = request.into_body().collect().await?.to_bytes();
    let body = String::from_utf8_lossy(&body).into_owned();
    if method_of(&body) == "server/discover" {
        let mut response = Response::new(Body::from(Bytes::new()));
        *response.status_mut() = http::StatusCode::NOT_FOUND;
        return Ok(response);
    }
    if body.contains("\"together\"") {
        state.barrier.wait().await;
    }
    let result = result_for(&body, &format!(r#"{{"version":"{version:?}"}}"#));
    let mut response = Response::new(Body::from(Bytes::from(result)));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// A stream that says hello and never ends by itself.
fn stream(state: &Arc<State>) -> Response<Body> {
    let (events, queue) = mpsc::channel(1);
    let state = Arc::clone(state);
    tokio::spawn(async move {
        state.streams.fetch_add(1, Ordering::SeqCst);
        let _ = events.send(Bytes::from_static(b": hello\n\n")).await;
        events.closed().await;
        state.streams.fetch_sub(1, Ordering::SeqCst);
    });
    let mut response = Response::new(Body::stream(queue));
    let kind = header::HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
