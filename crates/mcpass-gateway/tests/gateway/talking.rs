//! An upstream that keeps sessions and whose streams a test feeds, and a client of `/mcp`.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Head, Wire, wire};
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::mpsc::UnboundedSender;

use crate::harness::{Bed, Token, ask, ask_modern};
use crate::scripted::{Reply, Scripted, method_of, result_for};

/// An upstream that answers calls, `GET` and subscriptions with streams.
pub(crate) struct Talking {
    pub(crate) upstream: Scripted,
    state: Arc<State>,
}

struct State {
    name: &'static str,
    is_silent: Mutex<BTreeSet<&'static str>>,
    next: AtomicUsize,
    sessions: Mutex<BTreeSet<String>>,
    feeds: Mutex<Vec<(String, UnboundedSender<String>)>>,
}

impl Talking {
    /// One of the legacy era, which lists the tool `look` and the resource `{name}://a`.
    pub(crate) async fn start(name: &'static str) -> Result<Self> {
        let state = State::new(name);
        let script = Arc::clone(&state);
        let upstream = Scripted::start(move |head, body| script.legacy(head, body)).await?;
        Ok(Self { upstream, state })
    }

    /// The same of the modern era.
    pub(crate) async fn start_modern(name: &'static str) -> Result<Self> {
        let state = State::new(name);
        let script = Arc::clone(&state);
        let upstream = Scripted::start_modern(move |_, body| script.answer(body)).await?;
        Ok(Self { upstream, state })
    }

    pub(crate) fn url(&self) -> String {
        self.upstream.url()
    }

    /// The stream that was asked for first and has not been taken: `GET` or a method's.
    pub(crate) async fn feed(&self, kind: &str) -> Result<UnboundedSender<String>> {
        eventually(&format!("a stream for {kind}"), async || {
            let mut feeds = self.state.feeds.lock();
            let at = feeds.iter().position(|(each, _)| each == kind);
            Ok(at.map(|at| feeds.remove(at).1))
        })
        .await
    }

    /// What it was sent by this method, or by `GET` or `DELETE`, or with no method at all.
    pub(crate) fn said(&self, method: &str) -> Vec<(Head, String)> {
        let mut seen = self.upstream.seen();
        seen.retain(|(head, body)| match method {
            "GET" | "DELETE" => head.start.starts_with(method),
            _ => head.start.starts_with("POST") && method_of(body) == method,
        });
        seen
    }

    /// The same, once there are so many.
    pub(crate) async fn heard(&self, method: &str, count: usize) -> Result<Vec<(Head, Value)>> {
        eventually(&format!("{count} times {method}"), async || {
            let said = self.said(method);
            ensure!(said.len() <= count, "too many: {said:?}");
            Ok((said.len() == count).then_some(said))
        })
        .await?
        .into_iter()
        .map(|(head, body)| Ok((head, serde_json::from_str(&body).unwrap_or_default())))
        .collect()
    }

    /// Forgets all sessions, as a restart does.
    pub(crate) fn forget(&self) {
        self.state.sessions.lock().clear();
    }

    /// From now on does not answer this method; or does again.
    pub(crate) fn silence(&self, method: &'static str, is_silent: bool) {
        let mut silent = self.state.is_silent.lock();
        if is_silent {
            silent.insert(method);
        } else {
            silent.remove(method);
        }
    }
}

impl State {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self {
            name,
            is_silent: Mutex::default(),
            next: AtomicUsize::new(1),
            sessions: Mutex::default(),
            feeds: Mutex::default(),
        })
    }

    fn legacy(&self, head: &Head, body: &str) -> Reply {
        if method_of(body) == "initialize" {
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let session = format!("{}-{number}", self.name);
            self.sessions.lock().insert(session.clone());
            let result = result_for(body, r#"{"protocolVersion":"2025-11-25"}"#);
            return Reply::with(200, &format!("Mcp-Session-Id: {session}\r\n"), &result);
        }
        let session = head.header("mcp-session-id").unwrap_or_default();
        if !self.sessions.lock().contains(session) {
            return Reply::with(404, "", "");
        }
        match head.start.split(' ').next() {
            Some("DELETE") => {
                self.sessions.lock().remove(session);
                Reply::with(204, "", "")
            }
            Some("GET") => self.stream("GET"),
            _ => self.answer(body),
        }
    }

    fn stream(&self, kind: &str) -> Reply {
        let (sender, reply) = Reply::events();
        self.feeds.lock().push((kind.to_owned(), sender));
        reply
    }

    fn answer(&self, body: &str) -> Reply {
        let method = method_of(body);
        if self.is_silent.lock().contains(&*method) {
            return Reply::Silence;
        }
        let message: Value = serde_json::from_str(body).unwrap_or_default();
        if message.get("id").is_none() || method.is_empty() {
            return Reply::with(202, "", "");
        }
        let result = match &*method {
            "tools/call" | "subscriptions/listen" => return self.stream(&method),
            "tools/list" => json!({"tools": [{"name": "look"}]}),
            "resources/list" => {
                let uri = format!("{}://a", self.name);
                json!({"resources": [{"uri": uri, "name": "a"}, {"uri": "both://x", "name": "x"}]})
            }
            "resources/templates/list" => json!({"resourceTemplates": []}),
            "prompts/list" => json!({"prompts": []}),
            _ => json!({"from": self.name}),
        };
        Reply::json(&result_for(body, &result.to_string()))
    }
}

/// One legacy client with a session at `/mcp`.
pub(crate) struct Client<'b> {
    pub(crate) bed: &'b Bed,
    pub(crate) token: Token,
    pub(crate) session: String,
}

impl<'b> Client<'b> {
    pub(crate) async fn open(bed: &'b Bed, token: &Token) -> Result<Self> {
        let hello = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {"sampling": {}, "x-big": 12_345_678_901_234_567_890_u64},
            "clientInfo": {"name": "asked", "version": "7"},
        });
        let answer = bed.post("/mcp", token, &ask(0, "initialize", hello)).await?;
        let session = answer.header("mcp-session-id").context("a session")?.to_owned();
        Ok(Self { bed, token: token.clone(), session })
    }

    pub(crate) async fn post(&self, body: &str) -> Result<Answer> {
        self.send("POST", body).await
    }

    pub(crate) async fn send(&self, method: &str, body: &str) -> Result<Answer> {
        let headers = [("Mcp-Session-Id", self.session.as_str())];
        self.bed.send(method, "/mcp", &self.token, &headers, body).await
    }

    /// Sends a request whose answer is a stream, and reads its head.
    pub(crate) async fn begin(&self, body: &str) -> Result<Wire> {
        begin(self.bed, &self.token, &[("Mcp-Session-Id", &self.session)], body).await
    }

    /// Opens the stream of what is said unasked, from this event on.
    pub(crate) async fn listen(&self, last: Option<&str>) -> Result<Wire> {
        let mut headers = vec![("Mcp-Session-Id", self.session.as_str())];
        headers.extend(last.map(|last| ("Last-Event-ID", last)));
        self.bed.listen("/mcp", &self.token, &headers).await
    }
}

/// Sends a request whose answer is a stream, and reads its head.
pub(crate) async fn begin(
    bed: &Bed,
    token: &Token,
    headers: &[(&str, &str)],
    body: &str,
) -> Result<Wire> {
    let mut wire = Wire::connect(bed.address).await?;
    let bearer = format!("Bearer {}", token.secret);
    let mut all = wire::MCP_HEADERS.to_vec();
    all.push(("Authorization", &bearer));
    all.extend_from_slice(headers);
    let request = wire.request_bytes("POST", "/mcp", &all, body.as_bytes());
    wire.send(&request).await?;
    let head = wire.answer_head().await?;
    ensure!(head.start.contains(" 200 "), "{head:?} {}", wire.pending());
    Ok(wire)
}

/// The same in the modern era.
pub(crate) async fn begin_modern(
    bed: &Bed,
    token: &Token,
    (id, method): (&str, &str),
    params: Value,
) -> Result<Wire> {
    let (headers, body) = ask_modern(id, method, params);
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    begin(bed, token, &headers, &body).await
}

/// An event with this message, under this id if there is one.
#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` where they call it")]
pub(crate) fn event(id: &str, message: Value) -> String {
    match id {
        "" => format!("data: {message}\n\n"),
        _ => format!("id: {id}\ndata: {message}\n\n"),
    }
}

/// A call of a server's tool at `/mcp`.
pub(crate) fn call(id: impl Into<Value>, tool: &str) -> String {
    ask(id, "tools/call", json!({"name": tool, "arguments": {}}))
}
