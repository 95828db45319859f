//! One Streamable HTTP server, as the bridge reaches it. The only place that knows the pool.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use mcpass_gateway::upstream::circuit::{Circuit, Sources};
use mcpass_gateway::upstream::pool::{Lease, Outbound, Pool, Pools};
use mcpass_gateway::upstream::remote;
use mcpass_gateway::upstream::target::{Origin, Transport};

use super::credential::Credentials;
use super::problem::{Asked, Problem, ProblemKind};

/// Bytes of one message at most, in either direction.
pub(crate) const MAX_MESSAGE: usize = 64 * 1024 * 1024;
/// Bytes of a refusal that are read.
const MAX_REFUSAL: usize = 64 * 1024;

/// One server.
#[derive(Debug)]
pub(crate) struct Client {
    pool: Arc<Pool>,
    credentials: Credentials,
    url: String,
    patience: Duration,
}

/// One request, whole.
#[derive(Clone, Debug)]
struct Outgoing {
    verb: Method,
    body: Bytes,
    headers: HeaderMap,
    /// May be sent again if the connection breaks before an answer.
    is_repeatable: bool,
    /// May last for ever.
    is_lasting: bool,
}

/// The head of an answer, and its body on its way.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    lease: Option<Lease>,
    url: String,
    patience: Duration,
}

impl Client {
    /// A server at `origin`.
    pub(crate) fn new(origin: Origin, credentials: Credentials, sources: Sources) -> Self {
        let url = shown(&origin);
        let patience = origin.first_byte_timeout;
        // The client is told of each failure, and is not to wait when the server is back.
        let circuit = Circuit::always_closed(&url, sources);
        let pool = Arc::new(Pool::new(Pools::new(origin, circuit, 1), 0));
        Self { pool, credentials, url, patience }
    }

    /// The server as it is shown: without a query, which may hold a secret.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What a refusal was about.
    pub(crate) fn asked(&self) -> Asked<'_> {
        Asked { url: &self.url, has_token: self.credentials.are_there() }
    }

    /// Sends one message, which is of this method if it is a request.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn post(
        &self,
        body: Bytes,
        headers: HeaderMap,
        method: mcpass_protocol::Method,
    ) -> Result<Reply, Problem> {
        let is_repeatable = remote::is_repeatable(method);
        let is_lasting = method == mcpass_protocol::Method::SubscriptionsListen;
        let mut headers = headers;
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            header::ACCEPT,
            HeaderValue::from_static("application/json, text/event-stream"),
        );
        self.send(Outgoing { verb: Method::POST, body, headers, is_repeatable, is_lasting }).await
    }

    /// Opens a stream.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn get(&self, headers: HeaderMap) -> Result<Reply, Problem> {
        let mut headers = headers;
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/event-stream"));
        let (verb, body) = (Method::GET, Bytes::new());
        self.send(Outgoing { verb, body, headers, is_repeatable: true, is_lasting: true }).await
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When there is no answer.
    pub(crate) async fn delete(&self, headers: HeaderMap) -> Result<Reply, Problem> {
        let (verb, body) = (Method::DELETE, Bytes::new());
        self.send(Outgoing { verb, body, headers, is_repeatable: true, is_lasting: false }).await
    }

    /// Sends a request, and once more with a new token if the one it had is refused and there is
    /// another by now: what was refused has not run.
    async fn send(&self, request: Outgoing) -> Result<Reply, Problem> {
        let generation = self.credentials.generation();
        let reply = self.send_once(request.clone()).await?;
        if reply.status == StatusCode::UNAUTHORIZED && self.credentials.renew(generation).await {
            return self.send_once(request).await;
        }
        Ok(reply)
    }

    async fn send_once(&self, outgoing: Outgoing) -> Result<Reply, Problem> {
        let Outgoing { verb, body, mut headers, is_repeatable, is_lasting } = outgoing;
        headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        self.credentials.add_to(&mut headers);
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = verb;
        *request.headers_mut() = headers;
        let sent =
            self.pool.send(Outbound { request, is_repeatable, is_lasting, is_aside: false }).await;
        let (response, lease) = sent.map_err(|error| Problem::of_sending(&self.url, &error))?;
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
            lease: Some(lease),
            url: self.url.clone(),
            patience: self.patience,
        })
    }
}

const USER_AGENT: &str = concat!("mcpass-connect/", env!("CARGO_PKG_VERSION"));

impl Reply {
    /// Whether the body is a stream of events.
    pub(crate) fn is_stream(&self) -> bool {
        self.is_of("text/event-stream")
    }

    /// Whether the body is a page for browsers.
    pub(crate) fn is_html(&self) -> bool {
        self.is_of("text/html")
    }

    fn is_of(&self, wanted: &str) -> bool {
        let kind = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
        essence.trim().eq_ignore_ascii_case(wanted)
    }

    /// The next piece of the body; none at its end. Waits as long as it takes: a stream may be
    /// silent.
    ///
    /// # Errors
    /// When the body breaks off.
    pub(crate) async fn piece(&mut self) -> Option<Result<Bytes, Problem>> {
        loop {
            match self.body.frame().await {
                None => break,
                Some(Err(error)) => {
                    return Some(Err(Problem::interrupted(&self.url, &error.to_string())));
                }
                Some(Ok(frame)) => {
                    // Trailers say nothing to MCP.
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
            }
        }
        if let Some(lease) = self.lease.take() {
            lease.finished();
        }
        None
    }

    /// The whole body.
    ///
    /// # Errors
    /// When it breaks off, is too large, or stops for longer than an answer may take.
    pub(crate) async fn whole(self) -> Result<Bytes, Problem> {
        self.read(MAX_MESSAGE).await
    }

    /// What the server says with a refusal, as far as it is of a size to be read; else nothing.
    pub(crate) async fn refusal(self) -> Bytes {
        self.read(MAX_REFUSAL).await.unwrap_or_default()
    }

    async fn read(mut self, max: usize) -> Result<Bytes, Problem> {
        let mut all = BytesMut::new();
        loop {
            let Ok(piece) = tokio::time::timeout(self.patience, self.piece()).await else {
                return Err(Problem::interrupted(&self.url, "it stops in the middle"));
            };
            let Some(piece) = piece else { return Ok(all.freeze()) };
            let piece = piece?;
            if all.len().saturating_add(piece.len()) > max {
                let text = format!("the answer of {} is larger than {max} bytes", self.url);
                return Err(Problem::new(ProblemKind::Interrupted, text));
            }
            all.extend_from_slice(&piece);
        }
    }
}

fn shown(origin: &Origin) -> String {
    let scheme = match origin.transport {
        Transport::Plain => "http",
        Transport::Tls { .. } => "https",
    };
    let authority = origin.authority.to_str().unwrap_or(&origin.host);
    format!("{scheme}://{authority}{}", origin.path.path())
}
