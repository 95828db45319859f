//! A scriptable MCP server that remembers every call it saw, and can misbehave.

mod answers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::http1::{Head, Reader};

/// How a call is answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Behaviour {
    /// As JSON, at once.
    #[default]
    Json,
    /// As an SSE stream of one progress notification and the answer.
    Sse,
    /// As an SSE stream of notifications, one each 10 ms, that never ends.
    EndlessSse,
    /// As JSON, after this time.
    Slow(Duration),
    /// As JSON, once [`FakeUpstream::release`] is called.
    Held,
    /// With a body that is no JSON, though its type says so.
    Garbage,
    /// With JSON that is no answer to the request.
    Nonsense,
    /// With bytes that are not HTTP at all.
    NotHttp,
    /// With a `Content-Length` larger than the body, and the end of the connection.
    TooLittle,
    /// With a `Content-Length` smaller than the body.
    TooMuch,
    /// By closing the connection.
    Close,
    /// With this HTTP status and a small JSON body.
    Status(u16),
    /// With a result whose text has this many characters.
    Large(usize),
    /// With a result of more bytes than anybody should read into memory.
    Flood,
    /// With a result whose `isError` is true.
    ToolError,
}

/// Which protocol revisions an upstream speaks.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Speaks {
    /// 2025-11-25: `initialize`, sessions.
    #[default]
    Legacy,
    /// 2026-07-28: everything in each request.
    Modern,
}

/// One message that the upstream saw, whole.
#[derive(Clone, Debug)]
pub struct Call {
    /// The JSON-RPC method; empty if there was none.
    pub method: String,
    /// `params.arguments.marker`, which tests put there to find a call again.
    pub marker: Option<String>,
    /// The request's head.
    pub head: Head,
    /// The request's body.
    pub body: String,
}

/// A running upstream. It ends when this is dropped.
#[derive(Debug)]
pub struct FakeUpstream {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    speaks: Speaks,
    behaviours: Mutex<BTreeMap<String, Behaviour>>,
    calls: Mutex<Vec<Call>>,
    sessions: AtomicU64,
    open_streams: AtomicU64,
    released: watch::Sender<u64>,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(default)]
    method: String,
    #[serde(default)]
    params: Value,
}

impl FakeUpstream {
    /// Starts an upstream of the legacy era on a port that the system chooses.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn start() -> Result<Self> {
        Self::start_speaking(Speaks::Legacy).await
    }

    /// Starts an upstream of either era.
    ///
    /// # Errors
    /// As [`FakeUpstream::start`].
    pub async fn start_speaking(speaks: Speaks) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no port to listen on")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            speaks,
            behaviours: Mutex::default(),
            calls: Mutex::default(),
            sessions: AtomicU64::new(0),
            open_streams: AtomicU64::new(0),
            released: watch::Sender::new(0),
        });
        let accepting = Some(tokio::spawn(accept(Arc::clone(&shared), listener)));
        Ok(Self { shared, address, accepting })
    }

    /// The URL of its MCP endpoint.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on answers `tools/call` like this.
    pub fn behave(&self, behaviour: Behaviour) {
        self.behave_at("tools/call", behaviour);
    }

    /// From now on answers `method` like this.
    pub fn behave_at(&self, method: &str, behaviour: Behaviour) {
        self.shared.behaviours.lock().insert(method.to_owned(), behaviour);
    }

    /// Answers all calls that are held ([`Behaviour::Held`]).
    pub fn release(&self) {
        self.shared.released.send_modify(|times| *times += 1);
    }

    /// Everything it saw, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls.lock().clone()
    }

    /// The markers of all `tools/call` it saw, in order of arrival.
    pub fn markers(&self) -> Vec<String> {
        let calls = self.shared.calls.lock();
        calls
            .iter()
            .filter(|call| call.method == "tools/call")
            .filter_map(|call| call.marker.clone())
            .collect()
    }

    /// How many messages of this method it saw.
    pub fn count(&self, method: &str) -> usize {
        self.shared.calls.lock().iter().filter(|call| call.method == method).count()
    }

    /// Streams that somebody is reading now ([`Behaviour::EndlessSse`]).
    pub fn open_streams(&self) -> u64 {
        self.shared.open_streams.load(Ordering::SeqCst)
    }

    /// Stops listening and breaks all connections, as a crash does.
    pub async fn stop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
            // Only when the task is gone is its port free.
            let _ = accepting.await;
        }
    }

    /// Listens again on the same port, having forgotten all sessions.
    ///
    /// # Errors
    /// When the port is taken by now.
    pub async fn start_again(&mut self) -> Result<()> {
        self.stop().await;
        // Sessions of before must not be valid by chance.
        self.shared.sessions.fetch_add(1_000, Ordering::SeqCst);
        let listener =
            TcpListener::bind(self.address).await.context("the upstream's port is taken")?;
        self.accepting = Some(tokio::spawn(accept(Arc::clone(&self.shared), listener)));
        Ok(())
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        if let Some(accepting) = self.accepting.take() {
            accepting.abort();
        }
    }
}

async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    // Dropped, and its connections with it, when this task is aborted.
    let mut connections = JoinSet::new();
    let first_session = shared.sessions.load(Ordering::SeqCst);
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let shared = Arc::clone(&shared);
                // A client that breaks off is nothing that this server has to report.
                connections.spawn(async move { serve(shared, stream, first_session).await.ok() });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(shared: Arc<Shared>, stream: TcpStream, first_session: u64) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = Reader::new(stream);
    loop {
        // An idle connection may wait for its next request as long as it likes.
        while reader.pending().is_empty() {
            if !reader.fill(Duration::from_mins(10)).await? {
                return Ok(());
            }
        }
        let Some(head) = reader.head().await? else { return Ok(()) };
        let body = String::from_utf8_lossy(&reader.body(&head).await?).into_owned();
        if !shared.answer(reader.stream(), head, body, first_session).await? {
            return Ok(());
        }
    }
}

impl Shared {
    /// Records the message and answers it; false when the connection is to end.
    async fn answer(
        &self,
        stream: &mut TcpStream,
        head: Head,
        body: String,
        first_session: u64,
    ) -> Result<bool> {
        if !head.start.starts_with("POST ") {
            answers::status(stream, 405, "{}").await?;
            return Ok(true);
        }
        let Ok(envelope) = serde_json::from_str::<Envelope<'_>>(&body) else {
            answers::status(stream, 400, &answers::error("null", -32700, "Parse error")).await?;
            return Ok(true);
        };
        let id = envelope.id.map_or("null", RawValue::get).to_owned();
        let (method, params) = (envelope.method, envelope.params);
        let refused = match self.speaks {
            Speaks::Legacy => self.refuse_legacy(&head, &method, first_session),
            Speaks::Modern => refuse_modern(&head, &method, &params),
        };
        let marker = params.pointer("/arguments/marker").and_then(Value::as_str).map(str::to_owned);
        self.calls.lock().push(Call { method: method.clone(), marker, head, body });
        if let Some((status, code, message)) = refused {
            answers::status(stream, status, &answers::error(&id, code, message)).await?;
            return Ok(true);
        }
        if id == "null" {
            answers::status(stream, 202, "").await?;
            return Ok(true);
        }
        let behaviour = self.behaviours.lock().get(&method).cloned().unwrap_or_default();
        self.behave(stream, &behaviour, &id, &method, &params).await
    }

    /// The rules of 2025-11-25: a session that is named must be one. One need not be named,
    /// because a server may do without sessions, and tests that are not about them do.
    fn refuse_legacy(
        &self,
        head: &Head,
        method: &str,
        first_session: u64,
    ) -> Option<(u16, i64, &'static str)> {
        if method == "server/discover" {
            return Some((200, -32601, "Method not found"));
        }
        if method == "initialize" {
            return None;
        }
        let number = head.header("mcp-session-id").map(|session| {
            session.strip_prefix("session-").and_then(|number| number.parse::<u64>().ok())
        });
        match number {
            Some(Some(number))
                if number >= first_session && number < self.sessions.load(Ordering::SeqCst) =>
            {
                None
            }
            None => None,
            Some(_) => Some((404, -32001, "Session not found")),
        }
    }

    async fn behave(
        &self,
        stream: &mut TcpStream,
        behaviour: &Behaviour,
        id: &str,
        method: &str,
        params: &Value,
    ) -> Result<bool> {
        let result = answers::result(self.speaks, method, params);
        let good = match &result {
            Ok(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{result}}}"#),
            Err((code, message)) => answers::error(id, *code, message),
        };
        match behaviour {
            Behaviour::Json => self.json(stream, method, &good).await?,
            Behaviour::Slow(time) => {
                tokio::time::sleep(*time).await;
                self.json(stream, method, &good).await?;
            }
            Behaviour::Held => {
                self.released.subscribe().changed().await.context("nobody can release")?;
                self.json(stream, method, &good).await?;
            }
            Behaviour::Sse => answers::sse(stream, &[answers::PROGRESS, &good]).await?,
            Behaviour::EndlessSse => {
                let _open = Open::count(&self.open_streams);
                answers::endless(stream).await?;
                return Ok(false);
            }
            Behaviour::Garbage => answers::status(stream, 200, "{\"jsonrpc\": 2.0 garbage").await?,
            Behaviour::Nonsense => answers::status(stream, 200, r#"["not an answer"]"#).await?,
            Behaviour::NotHttp => {
                stream.write_all(b"220 mail.example.com ESMTP\r\n\r\n").await?;
                return Ok(false);
            }
            Behaviour::TooLittle => {
                answers::with_length(stream, good.len() + 100, &good).await?;
                return Ok(false);
            }
            Behaviour::TooMuch => {
                answers::with_length(stream, good.len() / 2, &good).await?;
                return Ok(false);
            }
            Behaviour::Close => return Ok(false),
            Behaviour::Status(code) => {
                answers::status(stream, *code, r#"{"error":"the upstream is unwell"}"#).await?;
            }
            Behaviour::Large(characters) => {
                let text = "ä".repeat(*characters);
                answers::status(stream, 200, &answers::text(id, &text, false)).await?;
            }
            Behaviour::Flood => {
                answers::flood(stream, id).await?;
                return Ok(false);
            }
            Behaviour::ToolError => {
                answers::status(stream, 200, &answers::text(id, "it did not work", true)).await?;
            }
        }
        Ok(true)
    }

    async fn json(&self, stream: &mut TcpStream, method: &str, body: &str) -> Result<()> {
        if method == "initialize" {
            let number = self.sessions.fetch_add(1, Ordering::SeqCst);
            let session = format!("Mcp-Session-Id: session-{number}\r\n");
            return answers::with_headers(stream, 200, &session, body).await;
        }
        answers::status(stream, 200, body).await
    }
}

/// The rules of 2026-07-28 that a gateway can break: headers that agree with the body.
fn refuse_modern(head: &Head, method: &str, params: &Value) -> Option<(u16, i64, &'static str)> {
    const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    if method == "initialize" {
        return Some((404, -32601, "Method not found"));
    }
    let version = params.get("_meta").and_then(|meta| meta.get(VERSION));
    if version.is_none() {
        return Some((400, -32602, "Missing protocolVersion"));
    }
    if version.and_then(Value::as_str) != head.header("mcp-protocol-version")
        || head.header("mcp-method") != Some(method)
    {
        return Some((400, -32020, "Header mismatch"));
    }
    let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str);
    if name.is_some() && head.header("mcp-name") != name {
        return Some((400, -32020, "Header mismatch: Mcp-Name"));
    }
    None
}

/// Counts a stream as open while it lives, however it ends.
struct Open<'a>(&'a AtomicU64);

impl<'a> Open<'a> {
    fn count(counter: &'a AtomicU64) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The tools of a [`FakeUpstream`], as it lists them: with fields that a gateway does not know,
/// numbers too large for a double, and two to a page.
pub fn tools() -> Vec<(&'static str, Value)> {
    let schema = json!({
        "type": "object",
        "properties": { "marker": { "type": "string" } },
    });
    let tool = |name: &str, annotations: Option<Value>| {
        let mut tool = json!({
            "name": name,
            "description": format!("The tool {name}."),
            "inputSchema": schema,
            "x-vendor": { "z": 1, "a": [true, null] },
        });
        if let (Some(annotations), Some(object)) = (annotations, tool.as_object_mut()) {
            object.insert("annotations".to_owned(), annotations);
        }
        tool
    };
    vec![
        ("look", tool("look", Some(json!({ "readOnlyHint": true })))),
        (
            "change",
            tool("change", Some(json!({ "readOnlyHint": false, "destructiveHint": false }))),
        ),
        (
            "destroy",
            tool("destroy", Some(json!({ "readOnlyHint": false, "destructiveHint": true }))),
        ),
        ("plain", tool("plain", None)),
        ("deep.name/with.dots", tool("deep.name/with.dots", Some(json!({ "readOnlyHint": true })))),
    ]
}
