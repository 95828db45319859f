//! One connection to an upstream: how it is opened, and how a request is sent on it.
//!
//! hyper's bare `client::conn` with lists of our own costs 4.5 to 5 µs less per call than a
//! general pool (reference/performance-floors.md, part A), because nothing is shared between
//! threads.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

use super::alert::{Alert, Noting};
use super::failure::SendError;
use super::slots::Slot;
use super::target::{Origin, Transport};

/// What is sent.
pub(super) type Outgoing = Request<Full<Bytes>>;

/// Bytes of an answer's head at most.
const MAX_HEAD: usize = 256 * 1024;
/// Calls at once on one connection of HTTP/2 at most, if the upstream bears so many (RFC 9113,
/// section 6.5.2, recommends to bear 100).
const MAX_STREAMS: usize = 100;
/// A connection of HTTP/2 on which nothing was heard for so long is asked whether it is there.
const PING_AFTER: Duration = Duration::from_secs(20);
/// How long that may take to be answered.
const PING_WITHIN: Duration = Duration::from_secs(10);
/// Bytes of one answer, and of all answers together, that an upstream may send ahead of their
/// reader on one connection of HTTP/2.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// What one request is sent on.
#[derive(Debug)]
pub(super) enum Line {
    /// A connection of HTTP/1.1, of which it is the only user.
    Own {
        /// The connection.
        sender: http1::SendRequest<Full<Bytes>>,
        /// The number of the thread that opened it.
        home: usize,
    },
    /// A place on a connection of HTTP/2.
    Shared(Stream),
}

impl Line {
    /// Waits until a request can be sent. False if the connection is closed.
    pub(super) async fn ready(&mut self) -> bool {
        match self {
            Self::Own { sender, .. } => sender.ready().await.is_ok(),
            Self::Shared(stream) => !stream.on.is_closed(),
        }
    }

    /// Whether others use the connection too.
    pub(super) const fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Sends a request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        mut request: Outgoing,
        origin: &Origin,
    ) -> Result<Response<Incoming>, TrySendError<Outgoing>> {
        match self {
            Self::Own { sender, .. } => {
                *request.uri_mut() = Uri::from(origin.path.clone());
                request.headers_mut().insert(header::HOST, origin.authority.clone());
                sender.try_send_request(request).await
            }
            Self::Shared(stream) => {
                // `Host` is in the URL there (RFC 9113, section 8.3.1).
                *request.uri_mut() = origin.url.clone();
                request.headers_mut().remove(header::HOST);
                stream.on.sender.clone().try_send_request(request).await
            }
        }
    }
}

impl Line {
    /// What an error means.
    pub(super) fn explain(&self, error: hyper::Error) -> SendError {
        match self {
            Self::Shared(stream) => explained(error, &stream.on.alert),
            Self::Own { .. } => SendError::http(error),
        }
    }
}

fn explained(error: hyper::Error, alert: &Alert) -> SendError {
    match alert.get() {
        Some(alert) => SendError::refused(alert),
        None => SendError::http(error),
    }
}

/// A connection of HTTP/2, which bears many calls at once.
#[derive(Debug)]
pub(super) struct Multiplexed {
    sender: http2::SendRequest<Full<Bytes>>,
    load: Mutex<Load>,
    /// How many calls at once the upstream bears.
    bears: Arc<AtomicUsize>,
    alert: Alert,
}

#[derive(Debug)]
struct Load {
    streams: usize,
    lasting: usize,
    since: Instant,
}

impl Multiplexed {
    /// A place, if there is one. Requests that may last for ever get half of them at most.
    pub(super) fn take(self: &Arc<Self>, is_lasting: bool) -> Option<Stream> {
        let bears = self.bears.load(Ordering::Relaxed).min(MAX_STREAMS);
        let mut used = self.load.lock();
        if self.is_closed()
            || used.streams >= bears
            || is_lasting && used.lasting >= (bears / 2).max(1)
        {
            return None;
        }
        used.streams += 1;
        used.lasting += usize::from(is_lasting);
        Some(Stream { on: Arc::clone(self), is_lasting })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// How long it has had no use.
    pub(super) fn idle(&self) -> Duration {
        let used = self.load.lock();
        if used.streams > 0 { Duration::ZERO } else { used.since.elapsed() }
    }
}

/// A place on a connection of HTTP/2. Dropping it gives it up; the call, if it still runs, is
/// cancelled by hyper alone, and the connection goes on.
#[derive(Debug)]
pub(super) struct Stream {
    on: Arc<Multiplexed>,
    is_lasting: bool,
}

impl Stream {
    /// The connection.
    pub(super) const fn connection(&self) -> &Arc<Multiplexed> {
        &self.on
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut used = self.on.load.lock();
        used.streams -= 1;
        used.lasting -= usize::from(self.is_lasting);
        used.since = Instant::now();
    }
}

/// A connection that was just opened.
pub(super) enum Opened {
    /// HTTP/1.1.
    Own(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2.
    Shared(Arc<Multiplexed>),
}

/// Connects to the first of the host's addresses that answers, and speaks what is agreed on.
///
/// # Errors
/// When it cannot be had; the leave to open it comes back.
pub(super) async fn open(origin: &Origin, slot: Slot) -> Result<Opened, (SendError, Slot)> {
    let stream = match connect(origin).await {
        Ok(stream) => stream,
        Err(error) => return Err((SendError::Connect(error), slot)),
    };
    let Transport::Tls { tls, name } = &origin.transport else {
        return own(TokioIo::new(stream), slot).await;
    };
    let connector = tokio_rustls::TlsConnector::from(tls.config());
    let stream = match connector.connect(name.clone(), stream).await {
        Ok(stream) => stream,
        Err(error) => return Err((SendError::handshake(error, &origin.host), slot)),
    };
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        shared(stream, slot).await
    } else {
        own(TokioIo::new(stream), slot).await
    }
}

async fn connect(origin: &Origin) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect((origin.host.as_str(), origin.port)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn own<T>(io: T, slot: Slot) -> Result<Opened, (SendError, Slot)>
where
    T: hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
{
    let agreed = http1::Builder::new().max_buf_size(MAX_HEAD).handshake(io).await;
    let (sender, connection) = match agreed {
        Ok(agreed) => agreed,
        Err(error) => return Err((SendError::http(error), slot)),
    };
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
        drop(slot);
    });
    Ok(Opened::Own(sender))
}

async fn shared(stream: TlsStream<TcpStream>, slot: Slot) -> Result<Opened, (SendError, Slot)> {
    let alert = Alert::default();
    let io = TokioIo::new(Noting::new(stream, Arc::clone(&alert)));
    let agreed = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_AFTER)
        .keep_alive_timeout(PING_WITHIN)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .handshake(io)
        .await;
    let (sender, connection) = match agreed {
        Ok(agreed) => agreed,
        Err(error) => return Err((explained(error, &alert), slot)),
    };
    let bears = Arc::new(AtomicUsize::new(connection.current_max_send_streams()));
    let told = Arc::clone(&bears);
    tokio::spawn(async move {
        let mut connection = pin!(connection);
        let served = std::future::poll_fn(|ctx| {
            let polled = connection.as_mut().poll(ctx);
            told.store(connection.current_max_send_streams(), Ordering::Relaxed);
            polled
        });
        if let Err(error) = served.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
        drop(slot);
    });
    let load = Mutex::new(Load { streams: 0, lasting: 0, since: Instant::now() });
    Ok(Opened::Shared(Arc::new(Multiplexed { sender, load, bears, alert })))
}
