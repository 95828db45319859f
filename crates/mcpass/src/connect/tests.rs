//! The bridge between a client in memory and servers that do what a test tells them to.

mod legacy;
mod modern;
mod server;
mod trouble;

use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{ManualClock, SeededEntropy, Timestamp};
use mcpass_gateway::upstream::circuit::Sources;
use mcpass_gateway::upstream::target::Origin;
use mcpass_testkit::eventually::PATIENCE;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

use self::server::Server;
use super::client::Client;
use super::credential::{Credentials, TokenSource};
use super::problem::Complaints;
use super::stdio::Line;
use super::{Bridge, End};

/// What the client's side of the bridge sees.
struct Harness {
    lines: Option<mpsc::Sender<Line>>,
    out: mpsc::Receiver<Bytes>,
    log: Arc<Mutex<Vec<String>>>,
    running: JoinHandle<End>,
}

impl Harness {
    /// A bridge to `server`, with a token.
    async fn to(server: &Server) -> Self {
        let upstream = HttpUpstream::new(format!("http://{}/mcp", server.address));
        let token = TokenSource::Given(Zeroizing::new("t0ken".to_owned()));
        let credentials = Credentials::read(token, HeaderMap::new()).await.unwrap();
        let client = Client::new(Origin::new(&upstream).unwrap(), credentials, sources());
        let log = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&log);
        let complaints = Complaints::new(move |line| sink.lock().push(line.to_owned()));
        let (lines, input) = mpsc::channel(16);
        let (sender, out) = mpsc::channel(16);
        let bridge = Arc::new(Bridge::new(client, sender, complaints));
        let running = tokio::spawn(async move { bridge.run(input, std::future::pending()).await });
        Self { lines: Some(lines), out, log, running }
    }

    /// Writes a line.
    async fn send(&self, text: &str) {
        let line = Line::Message(Bytes::from(text.to_owned()));
        self.lines.as_ref().unwrap().send(line).await.unwrap();
    }

    /// Reads a line as it came.
    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(PATIENCE, self.out.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("no line: {:?}", self.log.lock())).unwrap();
        assert!(!line.contains(&b'\n'));
        String::from_utf8(line.into()).unwrap()
    }

    /// Reads a line as JSON.
    async fn message(&mut self) -> Value {
        serde_json::from_str(&self.line().await).unwrap()
    }

    /// Sends a request and reads the next line.
    async fn ask(&mut self, text: &str) -> Value {
        self.send(text).await;
        self.message().await
    }

    /// Takes the legacy handshake.
    async fn shake_hands(&mut self) {
        let answer = self.ask(INITIALIZE).await;
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
        self.send(INITIALIZED).await;
    }

    /// Closes the input, and waits for the end. Gives what was still written.
    async fn end(mut self) -> Vec<String> {
        self.lines = None;
        let end = tokio::time::timeout(PATIENCE, self.running).await.unwrap().unwrap();
        assert_eq!(end, End::InputEnded);
        let mut rest = Vec::new();
        while let Some(line) = self.out.recv().await {
            rest.push(String::from_utf8(line.into()).unwrap());
        }
        rest
    }
}

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
const CALL: &str = r#"{"jsonrpc": "2.0", "id":7,"method":"tools/call","params":{"name":"look"}}"#;

fn sources() -> Sources {
    let entropy = Arc::new(SeededEntropy::new(1));
    Sources { clock: Arc::new(ManualClock::at(Timestamp::default())), entropy }
}

/// What a server says to `initialize`.
const AGREED: &str =
    r#"{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}"#;
