//! An upstream that answers with exactly the bytes a test gives it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Result;
use mcpass_testkit::Head;
use mcpass_testkit::http1::Reader;
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};

/// What to do with one request.
pub(crate) enum Reply {
    /// These bytes, and the connection goes on.
    Bytes(Vec<u8>),
    /// These bytes, and the connection ends.
    AndClose(Vec<u8>),
    /// A stream of events, each as it comes, until the sender is dropped.
    Events(mpsc::UnboundedReceiver<String>),
    /// Once there is a permit to take.
    Later(Arc<Semaphore>, Box<Reply>),
    /// Nothing, ever.
    Silence,
}

impl Reply {
    pub(crate) fn json(body: &str) -> Self {
        Self::with(200, "", body)
    }

    pub(crate) fn with(status: u16, headers: &str, body: &str) -> Self {
        let length = body.len();
        Self::Bytes(
            format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n{body}"
            )
            .into_bytes(),
        )
    }

    /// A whole stream of these blocks.
    pub(crate) fn sse(blocks: &str) -> Self {
        let length = blocks.len();
        Self::Bytes(
            format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: {length}\r\n\r\n{blocks}"
            )
            .into_bytes(),
        )
    }

    /// A stream that a test feeds.
    pub(crate) fn events() -> (mpsc::UnboundedSender<String>, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Self::Events(receiver))
    }
}

/// Not known in the legacy era.
const LEGACY: (u16, &str) =
    (404, r#"{"jsonrpc":"2.0","id":"mcpass","error":{"code":-32601,"message":"no"}}"#);
/// The modern era alone.
const MODERN: (u16, &str) = (
    200,
    r#"{"jsonrpc":"2.0","id":"mcpass","result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}}"#,
);

type Script = dyn Fn(&Head, &str) -> Reply + Send + Sync;

pub(crate) struct Scripted {
    address: SocketAddr,
    state: Arc<State>,
    accepting: AbortHandle,
}

struct State {
    script: Box<Script>,
    /// What it says of itself to mcpass's own first question.
    discovered: (u16, &'static str),
    seen: Mutex<Vec<(Head, String)>>,
    connections: AtomicUsize,
    streams: AtomicUsize,
    cut: Notify,
}

impl Scripted {
    pub(crate) async fn start(
        script: impl Fn(&Head, &str) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start_as(LEGACY, script).await
    }

    /// One that only speaks the modern era.
    pub(crate) async fn start_modern(
        script: impl Fn(&Head, &str) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start_as(MODERN, script).await
    }

    async fn start_as(
        discovered: (u16, &'static str),
        script: impl Fn(&Head, &str) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let state = Arc::new(State {
            script: Box::new(script),
            discovered,
            seen: Mutex::default(),
            connections: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            cut: Notify::new(),
        });
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(Arc::clone(&state), listener)).abort_handle();
        Ok(Self { address, state, accepting })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// Requests so far, those for mcpass's own first question left out.
    pub(crate) fn seen(&self) -> Vec<(Head, String)> {
        let mut seen = self.state.seen.lock().clone();
        seen.retain(|(_, body)| !body.contains("server/discover"));
        seen
    }

    /// Connections that were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }

    /// Breaks off whatever is met with silence.
    pub(crate) fn cut(&self) {
        self.state.cut.notify_waiters();
    }

    /// Streams that somebody reads.
    pub(crate) fn streams(&self) -> usize {
        self.state.streams.load(Ordering::SeqCst)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(state: Arc<State>, listener: TcpListener) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        state.connections.fetch_add(1, Ordering::SeqCst);
        let state = Arc::clone(&state);
        // Breaking off is the client's right.
        connections.spawn(async move { serve(&state, stream).await.ok() });
    }
}

async fn serve(state: &State, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new(stream);
    loop {
        while reader.pending().is_empty() {
            if !reader.fill(Duration::from_mins(10)).await? {
                return Ok(());
            }
        }
        let Some(head) = reader.head().await? else { return Ok(()) };
        let body = String::from_utf8_lossy(&reader.body(&head).await?).into_owned();
        let reply = if body.contains("server/discover") {
            let (status, answer) = state.discovered;
            Reply::with(status, "", answer)
        } else {
            (state.script)(&head, &body)
        };
        state.seen.lock().push((head, body));
        let reply = match reply {
            Reply::Later(leave, reply) => {
                leave.acquire().await?.forget();
                *reply
            }
            reply => reply,
        };
        match reply {
            Reply::Later(..) => anyhow::bail!("a reply is put off once"),
            Reply::Bytes(bytes) => reader.stream().write_all(&bytes).await?,
            Reply::AndClose(bytes) => return Ok(reader.stream().write_all(&bytes).await?),
            Reply::Silence => {
                let cut = state.cut.notified();
                let gone =
                    async { while let Ok(true) = reader.fill(Duration::from_mins(10)).await {} };
                tokio::select! {
                    () = cut => {}
                    () = gone => {}
                }
                return Ok(());
            }
            Reply::Events(events) => return stream_events(state, &mut reader, events).await,
        }
    }
}

async fn stream_events(
    state: &State,
    reader: &mut Reader<TcpStream>,
    mut events: mpsc::UnboundedReceiver<String>,
) -> Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    reader.stream().write_all(head.as_bytes()).await?;
    let _open = Open::count(&state.streams);
    loop {
        let event = tokio::select! {
            event = events.recv() => event,
            read = reader.fill(Duration::from_mins(10)) => match read {
                Ok(true) => continue,
                Ok(false) | Err(_) => return Ok(()),
            },
        };
        let Some(event) = event else {
            return Ok(reader.stream().write_all(b"0\r\n\r\n").await?);
        };
        let chunk = format!("{:x}\r\n{event}\r\n", event.len());
        reader.stream().write_all(chunk.as_bytes()).await?;
    }
}

struct Open<'a>(&'a AtomicUsize);

impl<'a> Open<'a> {
    fn count(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The JSON-RPC id of a message, as it was sent.
pub(crate) fn id_of(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    value.get("id").map_or_else(|| "null".to_owned(), ToString::to_string)
}

/// The method of a message.
pub(crate) fn method_of(body: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    value["method"].as_str().unwrap_or_default().to_owned()
}

/// An answer to `body` with this result.
pub(crate) fn result_for(body: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id_of(body))
}
