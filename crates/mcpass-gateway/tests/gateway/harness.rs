//! The real gateway in this process, with its journal in a temporary folder.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use mcpass_domain::permission::{Grant, Grants, Source};
use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{
    Admission, Clock, Entropy, FamilyId, Limits, ManualClock, Outcome, RateLimitStyle, Reason,
    RequestId, SeededEntropy, Server, ServerKind, Subject, Timestamp, TokenDigest, TokenId,
};
use mcpass_gateway::body::Body;
use mcpass_gateway::upstream::Local;
use mcpass_gateway::upstream::credentials::Secrets;
use mcpass_gateway::{Config, Elsewhere, Gateway, Parts, Shared};
use mcpass_record::file::{Disk, Files};
use mcpass_record::{Entry, Gate, Position, Reader, RunId, journals};
use mcpass_testkit::eventually::eventually;
use mcpass_testkit::{Answer, Wire, wire};
use prometheus_client::registry::Registry;
use serde_json::Value;
use tempfile::TempDir;

/// A gateway and everything it was given.
pub(crate) struct Bed {
    pub(crate) gateway: Option<Gateway>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) address: SocketAddr,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) gate: Gate,
    pub(crate) folder: TempDir,
    /// Where the journals are.
    pub(crate) journals: std::path::PathBuf,
    registry: Registry,
    entropy: SeededEntropy,
    tokens: AtomicU8,
}

/// How a bed is made, if not as usual.
pub(crate) struct Plan {
    pub(crate) config: fn(&mut Config),
    pub(crate) files: Arc<dyn Files>,
    pub(crate) locals: BTreeMap<&'static str, Arc<dyn Local>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self { config: |_| {}, files: Arc::new(Disk), locals: BTreeMap::new() }
    }
}

/// A token that can be put in force again after it was changed.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) secret: String,
    pub(crate) digest: TokenDigest,
    pub(crate) subject: Subject,
}

impl Token {
    pub(crate) fn limited(mut self, per_minute: u32, per_hour: u32) -> Self {
        self.subject.limits.per_minute = per_minute;
        self.subject.limits.per_hour = per_hour;
        self
    }

    pub(crate) fn reading(mut self, max_context: u64) -> Self {
        self.subject.limits.max_context = max_context;
        self
    }
}

/// One request as the journal has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) admission: Admission<'static>,
    pub(crate) outcome: Option<Outcome>,
}

impl Row {
    /// What tests ask most: decision, status and failure.
    pub(crate) fn brief(&self) -> (Reason, u16, Option<Reason>) {
        let outcome = self.outcome.as_ref();
        let status = outcome.map_or(0, |outcome| outcome.http_status);
        (self.admission.reason, status, outcome.and_then(|outcome| outcome.failure))
    }

    pub(crate) fn outcome(&self) -> &Outcome {
        self.outcome.as_ref().expect("an outcome")
    }
}

impl Bed {
    pub(crate) fn start() -> Self {
        Self::start_as(Plan::default())
    }

    /// With two threads, for what has to hold between them.
    pub(crate) fn start_wide() -> Self {
        Self::start_as(Plan { config: |config| config.workers = 2, ..Plan::default() })
    }

    pub(crate) fn start_as(plan: Plan) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journals = folder.path().join("journal");
        let clock = Arc::new(ManualClock::at(Timestamp::parse("2026-11-21T08:00:00Z").unwrap()));
        let entropy = SeededEntropy::new(7);
        let run: RunId = entropy.id(clock.now()).unwrap();
        let gate = Gate::default();
        let mut config = Config::new("127.0.0.1:0".parse().unwrap(), journals.clone());
        // One journal, so that rows are in the order of their requests.
        config.workers = 1;
        (plan.config)(&mut config);
        let parts = Parts {
            config,
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            entropy: Arc::new(SeededEntropy::new(8)),
            gate: gate.clone(),
            run,
            secrets: Arc::new(FixedSecrets),
            locals: Arc::new(plan.locals),
            background: tokio::runtime::Handle::current(),
            elsewhere: Arc::new(NotFound),
        };
        let mut registry = Registry::default();
        let prepared = Gateway::prepare(parts, &mut registry).unwrap();
        let gateway = prepared.start_on(&plan.files).unwrap();
        gate.open();
        Self {
            shared: Arc::clone(gateway.shared()),
            address: gateway.address(),
            gateway: Some(gateway),
            clock,
            gate,
            folder,
            journals,
            registry,
            entropy,
            tokens: AtomicU8::new(1),
        }
    }

    /// A token with these permissions and no limit that a test would meet by chance, in force.
    pub(crate) fn token(&self, permissions: &[&str]) -> Token {
        let number = self.tokens.fetch_add(1, Ordering::SeqCst);
        let secret = mcpass_domain::TokenSecret::generate(&self.entropy).unwrap();
        let subject = Subject {
            token: TokenId::from_bytes([number; 16]),
            family: FamilyId::from_bytes([number; 16]),
            name: format!("token-{number}").into(),
            user: "ada".into(),
            hint: secret.hint(),
            is_revoked: false,
            is_active: true,
            expires_at: None,
            owner_is_active: true,
            networks: mcpass_domain::CidrList::default(),
            grants: grants(permissions),
            cap: None,
            limits: Limits { per_minute: 100_000, per_hour: 1_000_000, max_context: 0 },
            rate_limit_style: RateLimitStyle::Http429,
        };
        let token = Token { digest: secret.digest(), secret: secret.expose().to_owned(), subject };
        self.put(&token);
        token
    }

    pub(crate) fn put(&self, token: &Token) {
        self.shared.put(token.digest, Arc::new(token.subject.clone()));
    }

    /// Revokes as the authority does.
    pub(crate) fn revoke(&self, token: &Token) {
        let mut token = token.clone();
        token.subject.is_revoked = true;
        self.put(&token);
    }

    /// Puts these servers in front, by name and URL.
    pub(crate) fn serve(&self, servers: &[(&str, String)]) {
        let all = servers.iter().map(|(name, url)| server(name, HttpUpstream::new(url)));
        self.shared.servers.replace(all.collect());
    }

    /// One MCP message at `path`, on a connection of its own.
    pub(crate) async fn post(&self, path: &str, token: &Token, body: &str) -> Result<Answer> {
        wire::post(self.address, path, Some(&token.secret), body).await
    }

    /// The same with more headers.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        token: &Token,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        self.send("POST", path, token, headers, body).await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        token: &Token,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer> {
        let mut wire = Wire::connect(self.address).await?;
        let bearer = format!("Bearer {}", token.secret);
        let mut all = wire::MCP_HEADERS.to_vec();
        all.push(("Authorization", &bearer));
        all.extend_from_slice(headers);
        wire.request(method, path, &all, body.as_bytes()).await
    }

    /// Opens a stream with GET and reads its head.
    pub(crate) async fn listen(
        &self,
        path: &str,
        token: &Token,
        headers: &[(&str, &str)],
    ) -> Result<Wire> {
        let mut wire = Wire::connect(self.address).await?;
        let bearer = format!("Bearer {}", token.secret);
        let mut all = vec![("Accept", "text/event-stream"), ("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        let request = wire.request_bytes("GET", path, &all, b"");
        wire.send(&request).await?;
        let head = wire.answer_head().await?;
        ensure!(head.start.contains(" 200 "), "no stream: {head:?}");
        Ok(wire)
    }

    /// What is on record, in order of admission: each request once, each outcome once.
    pub(crate) fn rows(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut places = BTreeMap::<RequestId, usize>::new();
        let mut outcomes = Vec::new();
        for files in journals(&self.journals).unwrap() {
            let mut entries = Vec::new();
            let mut reader = Reader::new(&self.journals, files.name, Position::default());
            reader.read(false, usize::MAX, &mut entries).unwrap();
            for entry in entries {
                match entry {
                    Entry::Admission(admission) => {
                        let before = places.insert(admission.id, rows.len());
                        assert!(before.is_none(), "admitted twice: {admission:?}");
                        rows.push(Row { admission, outcome: None });
                    }
                    Entry::Outcome(outcome) => outcomes.push(outcome),
                }
            }
        }
        for outcome in outcomes {
            let place = places.get(&outcome.id).expect("an outcome without an admission");
            let before = rows[*place].outcome.replace(outcome);
            assert!(before.is_none(), "ended twice: {before:?} {outcome:?}");
        }
        rows
    }

    /// The rows once there are `count`, all with their outcomes.
    pub(crate) async fn settled(&self, count: usize) -> Result<Vec<Row>> {
        eventually(&format!("{count} rows with their outcomes"), async || {
            let rows = self.rows();
            ensure!(rows.len() <= count, "too many rows: {rows:#?}");
            let all = rows.len() == count && rows.iter().all(|row| row.outcome.is_some());
            ensure!(all, "{} rows: {rows:#?}", rows.len());
            Ok(Some(rows))
        })
        .await
    }

    /// The last row, once there are `count` of them.
    pub(crate) async fn last(&self, count: usize) -> Result<Row> {
        self.settled(count).await?.pop().context("a row")
    }

    /// All metrics, as text.
    pub(crate) fn metrics(&self) -> String {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry).unwrap();
        text
    }

    pub(crate) async fn shutdown(&mut self, grace: Duration) {
        self.gateway.take().unwrap().shutdown(grace).await;
    }
}

pub(crate) fn grants(permissions: &[&str]) -> Arc<Grants> {
    Arc::new(Grants::new(
        permissions
            .iter()
            .map(|text| Grant { permission: text.parse().unwrap(), source: Source::Own }),
    ))
}

pub(crate) fn server(name: &str, http: HttpUpstream) -> Server {
    Server {
        name: name.parse().unwrap(),
        kind: ServerKind::Http(http),
        is_enabled: true,
        is_declared: false,
        created_at: Timestamp::from_micros(0),
        version: 1,
    }
}

/// A request.
#[expect(clippy::needless_pass_by_value, reason = "tests write `json!` where they call it")]
pub(crate) fn ask(id: impl Into<Value>, method: &str, params: Value) -> String {
    let id: Value = id.into();
    serde_json::json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// The same in the modern era, with its headers.
pub(crate) fn ask_modern(
    id: &str,
    method: &str,
    mut params: Value,
) -> (Vec<(&'static str, String)>, String) {
    let name = params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str);
    let mut headers =
        vec![("MCP-Protocol-Version", "2026-07-28".to_owned()), ("Mcp-Method", method.to_owned())];
    headers.extend(name.map(|name| ("Mcp-Name", name.to_owned())));
    params["_meta"] = serde_json::json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "modern-client", "version": "3"},
    });
    (headers, ask(id, method, params))
}

impl Bed {
    /// Sends what [`ask_modern`] makes.
    pub(crate) async fn post_modern(
        &self,
        path: &str,
        token: &Token,
        id: &str,
        method: &str,
        params: Value,
    ) -> Result<Answer> {
        let (headers, body) = ask_modern(id, method, params);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.post_with(path, token, &headers, &body).await
    }
}

/// The names in a list.
pub(crate) fn names(list: &Value, member: &str, key: &str) -> Vec<String> {
    let items = list["result"][member].as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item[key].as_str().unwrap_or("?").to_owned()).collect()
}

#[derive(Debug)]
struct FixedSecrets;

impl Secrets for FixedSecrets {
    fn env(&self, name: &str) -> Option<String> {
        (name == "UPSTREAM_KEY").then(|| "upstream-secret".to_owned())
    }

    fn file(&self, _: &str) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}

#[derive(Debug)]
struct NotFound;

impl Elsewhere for NotFound {
    fn call(
        &self,
        _: SocketAddr,
        _: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>> {
        Box::pin(async {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        })
    }
}
