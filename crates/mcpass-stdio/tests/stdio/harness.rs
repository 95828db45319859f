//! A server, its clients, and what they read.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use mcpass_domain::time::{ManualClock, OsEntropy};
use mcpass_domain::{FamilyId, Timestamp};
use mcpass_protocol::sse;
use mcpass_stdio::{Body, Spec, Stdio, StdioError};
use serde_json::{Value, json};

/// Longer than anything takes that is not broken.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) fn spec(mode: &str) -> Spec {
    Spec {
        program: env!("CARGO_BIN_EXE_mcpass-stdio-child").to_owned(),
        arguments: vec![mode.to_owned()],
        environment: Vec::new(),
        folder: None,
        per_token: false,
        start_timeout: LONG,
        answer_timeout: LONG,
        idle: Duration::ZERO,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "mcpass itself has none")]
pub(crate) fn family(number: u8) -> Option<FamilyId> {
    Some(FamilyId::from_bytes([number; 16]))
}

/// A server under test.
pub(crate) struct Server {
    pub(crate) stdio: Arc<Stdio>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Server {
    pub(crate) fn new(spec: Spec) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp::from_micros(1_000_000)));
        let runtime = tokio::runtime::Handle::current();
        let stdio = Stdio::new("child", spec, runtime, clock.clone(), Arc::new(OsEntropy));
        Self { stdio, clock }
    }

    pub(crate) async fn send(
        &self,
        family: Option<FamilyId>,
        method: Method,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Reply, StdioError> {
        let mut request = Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Bytes::copy_from_slice(body.as_bytes())).unwrap();
        self.handle(family, request).await
    }

    pub(crate) async fn handle(
        &self,
        family: Option<FamilyId>,
        request: Request<Bytes>,
    ) -> Result<Reply, StdioError> {
        let response = self.stdio.handle(family, request).await?;
        let (head, body) = response.into_parts();
        Ok(Reply {
            status: head.status,
            headers: head.headers,
            body,
            reader: sse::Reader::new(1 << 26),
        })
    }

    /// Opens a session of a client that can be asked everything.
    pub(crate) async fn open(&self, family: Option<FamilyId>) -> Client<'_> {
        self.try_open(family).await.unwrap()
    }

    pub(crate) async fn try_open(
        &self,
        family: Option<FamilyId>,
    ) -> Result<Client<'_>, StdioError> {
        let can = json!({"elicitation": {}, "sampling": {}, "roots": {}});
        self.open_with(family, &can).await
    }

    pub(crate) async fn open_with(
        &self,
        family: Option<FamilyId>,
        capabilities: &Value,
    ) -> Result<Client<'_>, StdioError> {
        let text = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": capabilities,
                "clientInfo": {"name": "test", "version": "1"},
            },
        });
        let reply = self.send(family, Method::POST, &[], &text.to_string()).await?;
        assert_eq!(reply.status, StatusCode::OK);
        let session = reply.headers["mcp-session-id"].to_str().unwrap().to_owned();
        assert!(session.len() >= 32 && session.bytes().all(|byte| byte.is_ascii_graphic()));
        let answer = reply.json().await;
        assert_eq!(answer["id"], 0);
        assert_eq!(answer["result"]["serverInfo"]["name"], "child");
        Ok(Client { server: self, family, session, next: AtomicU64::new(1) })
    }

    /// A modern request.
    pub(crate) async fn modern(
        &self,
        family: Option<FamilyId>,
        id: u64,
        method: &str,
        params: Value,
    ) -> Result<Reply, StdioError> {
        let mut params = params;
        let meta = &mut params["_meta"];
        meta["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28");
        meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name = params["name"].as_str().unwrap_or_default().to_owned();
        let text = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
        if !name.is_empty() {
            headers.push(("mcp-name", &name));
        }
        self.send(family, Method::POST, &headers, &text.to_string()).await
    }

    pub(crate) async fn modern_tool(&self, family: Option<FamilyId>, id: u64, name: &str) -> Value {
        let reply = self.modern(family, id, "tools/call", json!({"name": name})).await.unwrap();
        reply.json().await
    }
}

/// A client of the legacy era.
pub(crate) struct Client<'a> {
    pub(crate) server: &'a Server,
    pub(crate) family: Option<FamilyId>,
    pub(crate) session: String,
    next: AtomicU64,
}

impl Client<'_> {
    pub(crate) async fn send(&self, method: Method, body: &str) -> Result<Reply, StdioError> {
        let headers =
            [("mcp-session-id", self.session.as_str()), ("mcp-protocol-version", "2025-11-25")];
        self.server.send(self.family, method, &headers, body).await
    }

    pub(crate) async fn post(&self, message: &Value) -> Result<Reply, StdioError> {
        self.send(Method::POST, &message.to_string()).await
    }

    pub(crate) async fn get(&self) -> Reply {
        let reply = self.send(Method::GET, "").await.unwrap();
        assert_eq!(reply.status, StatusCode::OK);
        reply
    }

    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Reply, StdioError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        self.post(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await
    }

    /// Calls a tool.
    pub(crate) async fn start(&self, name: &str, arguments: Value) -> Result<Reply, StdioError> {
        self.request("tools/call", json!({"name": name, "arguments": arguments})).await
    }

    /// Calls a tool whose answer comes at once.
    pub(crate) async fn tool(&self, name: &str) -> Value {
        self.start(name, json!({})).await.unwrap().json().await
    }

    /// Everything that the process was told, in order.
    pub(crate) async fn received(&self) -> Vec<String> {
        let answer = self.tool("received").await;
        serde_json::from_value(answer["result"]["lines"].clone()).unwrap()
    }
}

/// An HTTP answer.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Body,
    reader: sse::Reader,
}

impl Reply {
    pub(crate) fn is_stream(&self) -> bool {
        self.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream")
    }

    /// The whole body.
    pub(crate) async fn text(self) -> String {
        assert!(!self.is_stream());
        String::from_utf8(self.body.collect().await.unwrap().to_bytes().into()).unwrap()
    }

    pub(crate) async fn json(self) -> Value {
        serde_json::from_str(&self.text().await).unwrap()
    }

    /// The next event of a stream; none at its end.
    pub(crate) async fn event(&mut self) -> Option<Result<Value, StdioError>> {
        assert!(self.is_stream());
        loop {
            if let Some(event) = self.reader.next_event().unwrap() {
                return Some(Ok(serde_json::from_slice(&event.data.unwrap()).unwrap()));
            }
            match tokio::time::timeout(LONG, self.body.frame()).await.expect("an event")? {
                Ok(frame) => self.reader.push(frame.data_ref().unwrap()),
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// The next event, which there is.
    pub(crate) async fn next(&mut self) -> Value {
        self.event().await.expect("an event").unwrap()
    }
}

/// The text of a tool's result.
pub(crate) fn said(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// Waits until it is so, as something outside of this runtime makes it so.
pub(crate) async fn eventually(mut is_so: impl FnMut() -> bool) {
    let until = tokio::time::Instant::now() + LONG;
    while !is_so() {
        assert!(tokio::time::Instant::now() < until, "it never came to be");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
