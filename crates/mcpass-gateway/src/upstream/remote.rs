//! Upstreams outside of this process, however they are reached.
//!
//! Whatever it is, it is spoken to as a Streamable HTTP server is: one request, and one answer
//! whose body is JSON or a stream of events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use mcpass_domain::FamilyId;

use super::pool::{Lease, Pool, SendError};
use super::target::Origin;
use crate::shared::Worker;

/// An upstream outside of this process.
#[derive(Debug)]
pub struct Remote {
    /// mcpass's own credentials there.
    pub headers: HeaderMap,
    /// How long the head of an answer may take.
    pub patience: Duration,
    way: Way,
}

/// How it is reached.
#[derive(Debug)]
enum Way {
    /// Over the network; one pool for each worker, by its number.
    Http { origin: Arc<Origin>, pools: Box<[Arc<Pool>]> },
}

/// One request to an upstream.
#[derive(Debug)]
pub struct Call {
    /// Whose it is; none if mcpass asks for itself.
    pub family: Option<FamilyId>,
    /// `POST`, `GET` or `DELETE`.
    pub method: Method,
    /// All headers but those of the connection.
    pub headers: HeaderMap,
    /// The message; nothing for `GET` and `DELETE`.
    pub body: Bytes,
}

impl Remote {
    /// A Streamable HTTP server at `origin`, with pools for so many workers.
    pub fn http(origin: Arc<Origin>, headers: HeaderMap, workers: usize) -> Self {
        let pools = (0..workers).map(|_| Arc::new(Pool::new(Arc::clone(&origin)))).collect();
        let patience = origin.first_byte_timeout;
        Self { headers, patience, way: Way::Http { origin, pools } }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, worker: &Worker, call: Call) -> Result<Reply, SendError> {
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = call.method;
        *request.headers_mut() = call.headers;
        match &self.way {
            Way::Http { origin, pools } => {
                request.headers_mut().insert(header::HOST, origin.authority.clone());
                *request.uri_mut() = Uri::from(origin.path.clone());
                #[expect(clippy::indexing_slicing, reason = "there is a pool for each worker")]
                let (response, lease) = pools[worker.number].send(request).await?;
                let patience = self.patience;
                Ok(response.map(|body| ReplyBody {
                    source: Source::Http(body),
                    lease: Some(lease),
                    patience,
                }))
            }
        }
    }
}

/// An upstream's answer, whose body is on its way.
pub type Reply = Response<ReplyBody>;

/// The body of an upstream's answer. Read to its end, it gives its connection back; dropped
/// before, it ends the request: over HTTP the connection is closed.
#[derive(Debug)]
pub struct ReplyBody {
    source: Source,
    lease: Option<Lease>,
    patience: Duration,
}

#[derive(Debug)]
enum Source {
    Http(Incoming),
}

impl ReplyBody {
    /// The next piece; none at the end.
    ///
    /// # Errors
    /// When the upstream breaks off.
    pub async fn piece(&mut self) -> Option<Result<Bytes, SendError>> {
        loop {
            let frame = match &mut self.source {
                Source::Http(body) => match body.frame().await {
                    None => break,
                    Some(frame) => frame.map_err(SendError::Http),
                },
            };
            match frame.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                // Trailers say nothing to MCP.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
        if let Some(lease) = self.lease.take() {
            lease.finished();
        }
        None
    }

    /// How long the upstream may take for its answer.
    pub const fn patience(&self) -> Duration {
        self.patience
    }
}
