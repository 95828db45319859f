//! Connections to one upstream, kept by one thread.
//!
//! hyper's bare `client::conn::http1` with a last-in-first-out list costs 4.5 to 5 µs less per
//! call than a general pool (reference/performance-floors.md, part A), because nothing is
//! shared between threads.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};

use super::target::{Origin, Transport};

/// Idle connections kept to one upstream by one thread.
const MAX_IDLE: usize = 64;
/// A connection that was idle for longer is not used again: the other side may be closing it.
const IDLE: Duration = Duration::from_secs(30);

/// Why an upstream gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(#[source] std::io::Error),
    /// No connection within the time allowed.
    #[error("no connection within {0:?}")]
    ConnectTimeout(Duration),
    /// No answer within the time allowed.
    #[error("no answer within {0:?}")]
    FirstByteTimeout(Duration),
    /// The connection broke, or what came was no HTTP.
    #[error("the connection broke or did not speak HTTP: {0}")]
    Http(#[source] hyper::Error),
}

impl SendError {
    /// Whether it was a matter of time.
    pub const fn is_timeout(&self) -> bool {
        matches!(self, Self::ConnectTimeout(_) | Self::FirstByteTimeout(_))
    }
}

/// Connections of one thread to one upstream.
#[derive(Debug)]
pub struct Pool {
    origin: Arc<Origin>,
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    sender: SendRequest<Full<Bytes>>,
    since: Instant,
}

impl Pool {
    /// A pool without connections.
    pub fn new(origin: Arc<Origin>) -> Self {
        Self { origin, idle: Mutex::default() }
    }

    /// Sends a request and waits for the head of its answer.
    ///
    /// A request is sent a second time only if hyper hands it back unsent, which happens when a
    /// kept connection turns out to be closed. Nothing that may have run is ever repeated.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(
        self: &Arc<Self>,
        mut request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Lease), SendError> {
        let wait = self.origin.first_byte_timeout;
        let deadline = Instant::now() + wait;
        loop {
            let kept = self.take();
            let is_kept = kept.is_some();
            let mut sender = match kept {
                Some(sender) => sender,
                None => self.connect().await?,
            };
            if sender.ready().await.is_err() && is_kept {
                continue;
            }
            match tokio::time::timeout_at(deadline, sender.try_send_request(request)).await {
                Err(_) => return Err(SendError::FirstByteTimeout(wait)),
                Ok(Ok(response)) => {
                    return Ok((response, Lease { pool: Arc::clone(self), sender: Some(sender) }));
                }
                Ok(Err(mut error)) => match error.take_message() {
                    Some(unsent) if is_kept => request = unsent,
                    _ => return Err(SendError::Http(error.into_error())),
                },
            }
        }
    }

    fn take(&self) -> Option<SendRequest<Full<Bytes>>> {
        let mut idle = self.idle.lock();
        while let Some(kept) = idle.pop() {
            if kept.since.elapsed() > IDLE {
                // Whatever lies below was idle for even longer.
                idle.clear();
                return None;
            }
            if !kept.sender.is_closed() {
                return Some(kept.sender);
            }
        }
        None
    }

    fn give_back(&self, sender: SendRequest<Full<Bytes>>) {
        let mut idle = self.idle.lock();
        if !sender.is_closed() && idle.len() < MAX_IDLE {
            idle.push(Idle { sender, since: Instant::now() });
        }
    }

    async fn connect(&self) -> Result<SendRequest<Full<Bytes>>, SendError> {
        let wait = self.origin.connect_timeout;
        match timeout(wait, self.open()).await {
            Ok(opened) => opened,
            Err(_) => Err(SendError::ConnectTimeout(wait)),
        }
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, SendError> {
        let origin = &*self.origin;
        let stream = TcpStream::connect((origin.host.as_str(), origin.port))
            .await
            .map_err(SendError::Connect)?;
        stream.set_nodelay(true).map_err(SendError::Connect)?;
        match &origin.transport {
            Transport::Plain => handshake(TokioIo::new(stream)).await,
            Transport::Tls { config, name } => {
                let connector = tokio_rustls::TlsConnector::from(Arc::clone(config));
                let stream =
                    connector.connect(name.clone(), stream).await.map_err(SendError::Connect)?;
                handshake(TokioIo::new(stream)).await
            }
        }
    }
}

async fn handshake<T>(io: T) -> Result<SendRequest<Full<Bytes>>, SendError>
where
    T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let (sender, connection) = http1::Builder::new()
        .max_buf_size(1024 * 1024)
        .handshake(io)
        .await
        .map_err(SendError::Http)?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
    });
    Ok(sender)
}

/// A connection whose answer is still being read. It goes back to the pool by
/// [`Lease::finished`], and is closed if it is dropped before.
#[derive(Debug)]
pub struct Lease {
    pool: Arc<Pool>,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Lease {
    /// The answer's body has been read to its end.
    pub fn finished(mut self) {
        if let Some(sender) = self.sender.take() {
            self.pool.give_back(sender);
        }
    }
}
