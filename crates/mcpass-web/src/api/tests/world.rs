//! A small world: users, tokens, a group, a server, a row of the log, and whoever asks.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use mcpass_authority::api::{
    ApiError, AreaView, GroupCreate, ServerAdd, TokenCreate, UserCreate, UserRef,
};
use mcpass_authority::{
    Authority, Context, Inventory, KnownTool, OpenNow, Options, Publisher, Update,
};
use mcpass_domain::permission::Needs;
use mcpass_domain::{
    AccessRow, Admission, FamilyId, Limits, OsEntropy, Reason, RequestId, RowState, Server,
    Session, SessionId, SignInMethod, SignInSecret, Subject, Surface, SystemClock, TokenId,
    ToolClass, Usage, UserId,
};
use mcpass_store::memory::MemoryStore;
use mcpass_store::{AccessBatch, Change, Commit, SignInChange, Store as _};
use serde_json::Value;
use tower::ServiceExt as _;

use crate::identity::Sessions;
use crate::{Operations, Site};

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    Anonymous,
    /// Bo, who owns nothing here.
    Other,
    /// Ana, whose token it is.
    Owner,
    /// Root.
    Superuser,
    /// A token that may call a tool and manage nothing.
    TokenWithout,
    /// A token with this permission, or these with spaces between them.
    TokenWith(&'static str),
}

#[derive(Debug, Default)]
struct Known(Mutex<HashMap<TokenId, Arc<Subject>>>);

impl Publisher for Known {
    fn publish(&self, update: Update) {
        if let Update::Tokens(tokens) = update {
            let mut known = self.0.lock().unwrap();
            known.extend(tokens.into_iter().map(|token| (token.subject.token, token.subject)));
        }
    }
}

#[derive(Debug)]
struct Tools;

#[async_trait]
impl Inventory for Tools {
    async fn tools(&self, server: &str, _: bool) -> Result<Vec<KnownTool>, String> {
        let tool = |name: &str, class| KnownTool {
            name: name.to_owned(),
            class,
            needs: Needs::Itself,
            json: format!("{{\"name\":\"{name}\",\"description\":\"of {server}\"}}"),
        };
        Ok(vec![tool("look", ToolClass::Read), tool("destroy", ToolClass::Destructive)])
    }

    fn areas(&self, _: &Server) -> Vec<AreaView> {
        Vec::new()
    }

    fn for_each_token(&self, _: &mut dyn FnMut(&Subject)) -> bool {
        false
    }

    fn open(&self, _: TokenId) -> OpenNow {
        OpenNow { streams: 2, sessions: 1 }
    }

    fn usage(&self, _: FamilyId, _: &Limits) -> Vec<Usage> {
        Vec::new()
    }
}

/// The cookie is the user's id.
#[derive(Debug)]
struct Cookies;

#[async_trait]
impl Sessions for Cookies {
    async fn find(&self, headers: &HeaderMap, from: IpAddr) -> Result<Option<Context>, ApiError> {
        let cookie = headers.get(header::COOKIE).and_then(|cookie| cookie.to_str().ok());
        let user = cookie.and_then(|cookie| cookie.parse::<UserId>().ok());
        Ok(user.map(|user| Context::user(user, from.to_string())))
    }
}

/// A server with which all is well.
#[derive(Debug)]
pub(crate) struct Well;

impl Operations for Well {
    fn not_ready(&self) -> Option<String> {
        None
    }

    fn metrics(&self) -> String {
        String::new()
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answered {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    pub(super) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// Everything.
#[derive(Debug)]
pub(super) struct World {
    pub(super) authority: Authority,
    router: Router,
    known: Arc<Known>,
    /// Ana's token.
    pub(super) token: String,
    /// A row of what it did.
    pub(super) row: String,
    /// Ana's session.
    pub(super) session: String,
}

impl World {
    pub(super) async fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let known = Arc::new(Known::default());
        let options = Options { inventory: Some(Arc::new(Tools)), ..Options::default() };
        let authority = Authority::new(
            Arc::clone(&store) as _,
            Arc::new(SystemClock::new()),
            Arc::new(OsEntropy),
            Arc::clone(&known) as _,
            options,
        );
        let ctx = Context::system("tests");
        for (name, superuser) in [("ana", false), ("bo", false), ("root", true)] {
            let user = UserCreate { name: name.into(), superuser, ..UserCreate::default() };
            authority.user_create(&ctx, user).await.unwrap();
        }
        let group = GroupCreate { name: "readers".into(), permissions: Vec::new() };
        authority.group_create(&ctx, group).await.unwrap();
        let url = Some("http://127.0.0.1:9/mcp".to_owned());
        let server = ServerAdd { name: "up".into(), url, ..ServerAdd::default() };
        authority.server_add(&ctx, server).await.unwrap();
        let id = issue(&authority, "ana", &[]).await;
        let row = row(id);
        let row_id = row.admission.id.to_string();
        let batch = AccessBatch { rows: vec![row], ..AccessBatch::default() };
        store.access_load(batch).await.unwrap();
        let session = session(&authority, store.as_ref(), "ana").await;
        // What would last for ever ends when it has said what there is.
        let ending = tokio_util::sync::CancellationToken::new();
        ending.cancel();
        let site = Site {
            authority: authority.clone(),
            operations: Arc::new(Well),
            sessions: Arc::new(Cookies),
            // Where nobody listens.
            listen: Some("127.0.0.1:9".to_owned()),
            read_timeout: std::time::Duration::from_secs(30),
            ending,
        };
        let router = crate::router(site, crate::console::tests::console(&authority));
        Self { authority, router, known, token: id.to_string(), row: row_id, session }
    }

    /// Asks, as somebody.
    pub(super) async fn ask(&self, who: Who, method: &str, path: &str, body: &str) -> Answered {
        self.ask_with(who, method, path, body, &[]).await
    }

    pub(super) async fn ask_with(
        &self,
        who: Who,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answered {
        let path = path.replace("{token}", &self.token).replace("{row}", &self.row);
        let path = path.replace("{session}", &self.session);
        let body = body.replace("{token}", &self.token);
        let mut request = Request::builder().method(Method::try_from(method).unwrap()).uri(path);
        if !body.is_empty() && headers.iter().all(|(name, _)| *name != "content-type") {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).unwrap();
        self.identify(who, &mut request).await;
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        Answered { status: parts.status, headers: parts.headers, text }
    }

    async fn identify(&self, who: Who, request: &mut Request<Body>) {
        let user = match who {
            Who::Anonymous => return,
            Who::Other => "bo",
            Who::Owner => "ana",
            Who::Superuser => "root",
            Who::TokenWithout => return self.prove(request, "up.look").await,
            Who::TokenWith(permission) => return self.prove(request, permission).await,
        };
        let ctx = Context::system("tests");
        let user = self.authority.user_show(&ctx, UserRef { user: user.into() }).await.unwrap();
        let headers = request.headers_mut();
        headers.insert(header::COOKIE, user.id.to_string().parse().unwrap());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
    }

    /// As the gateway does for a token that it has validated.
    async fn prove(&self, request: &mut Request<Body>, permission: &str) {
        let permissions: Vec<&str> = permission.split(' ').collect();
        let id = issue(&self.authority, "bo", &permissions).await;
        let subject = Arc::clone(&self.known.0.lock().unwrap()[&id]);
        let now = mcpass_domain::Clock::now(&SystemClock::new());
        let admitted = subject.admit(now, IpAddr::from([127, 0, 0, 1])).unwrap();
        request.extensions_mut().insert(admitted);
    }
}

async fn issue(authority: &Authority, user: &str, permissions: &[&str]) -> TokenId {
    let request = TokenCreate {
        name: "t".into(),
        user: user.into(),
        permissions: permissions.iter().map(|&text| text.to_owned()).collect(),
        ..TokenCreate::default()
    };
    authority.token_create(&Context::system("tests"), request).await.unwrap().id
}

/// A session that begins now.
async fn session(authority: &Authority, store: &MemoryStore, user: &str) -> String {
    let user = UserRef { user: user.into() };
    let user = authority.user_show(&Context::system("tests"), user).await.unwrap().id;
    let now = mcpass_domain::Clock::now(&SystemClock::new());
    let id: SessionId = mcpass_domain::time::id_from(&OsEntropy, now).unwrap();
    let session = Session {
        id,
        digest: SignInSecret::generate(&OsEntropy).unwrap().digest(),
        user,
        method: SignInMethod::Password,
        created_at: now,
        last_seen_at: now,
        ends_at: now.saturating_add(std::time::Duration::from_hours(1)),
        ip: IpAddr::from([127, 0, 0, 1]),
        user_agent: "Mozilla/5.0".to_owned(),
    };
    let changes = vec![Change::SignIn(SignInChange::SessionInsert(session))];
    store.commit(Commit { changes, audit: Vec::new() }).await.unwrap();
    id.to_string()
}

fn row(token: TokenId) -> AccessRow {
    let now = mcpass_domain::Clock::now(&SystemClock::new());
    let id: RequestId = mcpass_domain::id::IdParts { now, random: [7; 10] }.into();
    let admission = Admission {
        id,
        at: now,
        surface: Surface::Mcp,
        token: Some(token),
        family: None,
        token_name: "t".into(),
        hint: None,
        user: "ana".into(),
        remote_ip: IpAddr::from([127, 0, 0, 1]),
        user_agent: "=cmd".into(),
        client_name: "".into(),
        client_version: "".into(),
        server: "up".into(),
        method: "tools/call".into(),
        target_kind: "tool".into(),
        target: "look".into(),
        reason: Reason::Allowed,
        detail: "".into(),
        cost: 1,
        request_bytes: 1,
        session: "".into(),
        rpc_id: "1".into(),
        trace_id: "".into(),
        arguments: "".into(),
    };
    AccessRow { admission, outcome: None, state: RowState::Unknown }
}
