//! A server that does what a test tells it to, request by request.

use std::net::SocketAddr;
use std::sync::Arc;

use mcpass_testkit::Head;
use mcpass_testkit::http1::{READ_TIMEOUT, Reader};
use parking_lot::Mutex;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

/// One request that it saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The head.
    pub(super) head: Head,
    /// The body.
    pub(super) body: String,
}

impl Seen {
    /// `POST`, `GET` or `DELETE`.
    pub(super) fn verb(&self) -> &str {
        self.head.start.split(' ').next().unwrap()
    }

    /// The JSON-RPC method; empty in a response.
    pub(super) fn method(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        value["method"].as_str().unwrap_or_default().to_owned()
    }

    /// The JSON-RPC id, as JSON.
    pub(super) fn id(&self) -> String {
        let value: serde_json::Value = serde_json::from_str(&self.body).unwrap_or_default();
        value["id"].to_string()
    }
}

/// What it does then.
#[derive(Clone, Debug)]
pub(super) enum Act {
    /// Answers with a status, headers (each with its line end) and a body.
    Answer(u16, &'static str, String),
    /// Begins a stream, and ends it properly.
    Stream(String),
    /// Begins a stream and breaks the connection in the middle of it.
    Broken(String),
    /// Begins a stream and goes on with what it is fed, as long as somebody reads.
    Fed(String, Feed),
    /// Breaks the connection without an answer.
    Gone,
}

/// What is to be sent on a stream that is open.
pub(super) type Feed = Arc<tokio::sync::Mutex<tokio::sync::mpsc::Receiver<String>>>;

/// JSON with a status of 200.
pub(super) fn json(body: impl Into<String>) -> Act {
    Act::Answer(200, "", body.into())
}

/// A result for the request.
pub(super) fn result(seen: &Seen, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, seen.id())
}

/// One event.
pub(super) fn event(data: &str) -> String {
    format!("data: {data}\n\n")
}

type Script = Arc<dyn Fn(&Seen, usize) -> Act + Send + Sync>;

/// The server, running. It ends when this is dropped.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<Mutex<usize>>,
    script: Script,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts one. The script is told how many requests there were before.
    pub(super) async fn start(
        script: impl Fn(&Seen, usize) -> Act + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (seen, open) = (Arc::default(), Arc::default());
        let address = listener.local_addr().unwrap();
        let script: Script = Arc::new(script);
        let accepting = Some(accept(listener, &script, &seen, &open));
        Self { address, seen, open, script, accepting }
    }

    /// Everything it saw, in order of arrival.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().clone()
    }

    /// Requests with this verb and method.
    pub(super) fn count(&self, verb: &str, method: &str) -> usize {
        let seen = self.seen.lock();
        seen.iter().filter(|seen| seen.verb() == verb && seen.method() == method).count()
    }

    /// Streams that somebody reads.
    pub(super) fn open_streams(&self) -> usize {
        *self.open.lock()
    }

    /// Ends as a crash does.
    pub(super) async fn stop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Only when the task is gone is its port free.
            let _ = accepting.await;
        }
    }

    /// Listens again at the same place.
    pub(super) async fn start_again(&mut self) {
        self.stop().await;
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.accepting = Some(accept(listener, &self.script, &self.seen, &self.open));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(accepting) = &self.accepting {
            accepting.abort();
        }
    }
}

fn accept(
    listener: TcpListener,
    script: &Script,
    seen: &Arc<Mutex<Vec<Seen>>>,
    open: &Arc<Mutex<usize>>,
) -> JoinHandle<()> {
    let (script, seen, open) = (Arc::clone(script), Arc::clone(seen), Arc::clone(open));
    tokio::spawn(async move {
        // Dropped, and its connections with it, when this task is aborted.
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let (script, seen, open) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&open));
            connections.spawn(async move { serve(stream, script, seen, open).await.ok() });
        }
    })
}

async fn serve(
    stream: TcpStream,
    script: Script,
    seen: Arc<Mutex<Vec<Seen>>>,
    open: Arc<Mutex<usize>>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new(stream);
    loop {
        while reader.pending().is_empty() {
            if !reader.fill(READ_TIMEOUT).await? {
                return Ok(());
            }
        }
        let Some(head) = reader.head().await? else { return Ok(()) };
        let body = String::from_utf8(reader.body(&head).await?)?;
        let request = Seen { head, body };
        let act = {
            let mut seen = seen.lock();
            let act = script(&request, seen.len());
            seen.push(request);
            act
        };
        if !perform(reader.stream(), act, &open).await? {
            return Ok(());
        }
    }
}

const STREAM: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\
    Transfer-Encoding: chunked\r\n\r\n";

async fn perform(stream: &mut TcpStream, act: Act, open: &Mutex<usize>) -> anyhow::Result<bool> {
    match act {
        Act::Answer(status, headers, body) => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(body.as_bytes()).await?;
        }
        Act::Stream(text) => {
            let text = format!("{STREAM}{}0\r\n\r\n", chunk(&text));
            stream.write_all(text.as_bytes()).await?;
        }
        Act::Broken(text) => {
            stream.write_all(format!("{STREAM}{}", chunk(&text)).as_bytes()).await?;
            return Ok(false);
        }
        Act::Fed(text, feed) => {
            stream.write_all(format!("{STREAM}{}", chunk(&text)).as_bytes()).await?;
            let _open = Open::count(open);
            let mut feed = feed.lock().await;
            loop {
                tokio::select! {
                    text = feed.recv() => match text {
                        Some(text) => stream.write_all(chunk(&text).as_bytes()).await?,
                        None => return Ok(false),
                    },
                    // Nothing is sent on this connection any more: readable means closed.
                    _ = stream.readable() => return Ok(false),
                }
            }
        }
        Act::Gone => return Ok(false),
    }
    Ok(true)
}

fn chunk(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{:x}\r\n{text}\r\n", text.len()) }
}

/// Counts a stream while it lives.
struct Open<'a>(&'a Mutex<usize>);

impl<'a> Open<'a> {
    fn count(open: &'a Mutex<usize>) -> Self {
        *open.lock() += 1;
        Self(open)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        *self.0.lock() -= 1;
    }
}
