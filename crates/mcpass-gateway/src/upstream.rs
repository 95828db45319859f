//! Servers as the gateway reaches them.

mod again;
mod alert;
pub mod breaker;
pub mod circuit;
mod connection;
pub mod credentials;
pub mod failure;
pub mod health;
pub mod needs;
pub mod pool;
pub mod remote;
mod slots;
pub mod target;
pub mod tls;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::future::join_all;
use mcpass_domain::permission::Needs;
use mcpass_domain::server::{Health, HttpUpstream, StdioUpstream};
use mcpass_domain::{Ask, Server, ServerKind, Target, Timestamp};
use mcpass_protocol::Gist;
use mcpass_stdio::{Spec, Stdio};
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::circuit::{Circuit, Sources};
use self::credentials::Secrets;
pub use self::needs::Wanted;
use self::remote::Remote;
use self::target::Origin;
use crate::catalogue::Catalogue;
use crate::link::Links;

/// A server inside this process.
pub trait Local: Send + Sync + fmt::Debug {
    /// Answers one message of the `caller`.
    fn call<'a>(
        &'a self,
        message: &'a [u8],
        caller: &'a LocalCaller<'a>,
    ) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + 'a>>;

    /// The name that permissions and the record know a tool by, if `name` is another one for it.
    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        let _ = name;
        None
    }

    /// What a target needs of a token. Without `arguments` the question is whether there is any
    /// call of it that the token might make.
    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        let _ = (target, arguments);
        Needs::Itself
    }

    /// What a target is called in refusals, if its name alone does not tell what was asked for.
    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        let _ = (target, arguments);
        None
    }

    /// How it does; none if nothing can be wrong with it.
    fn health(&self) -> Option<Health> {
        None
    }

    /// Called when the server is taken away, switched off or replaced. Calls that run go on.
    fn retire(&self) {}
}

/// Where servers inside this process come from.
pub trait Locals: Send + Sync + fmt::Debug {
    /// The one that `server` is, with its settings.
    ///
    /// # Errors
    /// When there is none, or its settings cannot be used: why, for the operator.
    fn open(&self, server: &Server) -> Result<Arc<dyn Local>, String>;
}

/// Servers without settings, by [`ServerKind::as_str`].
impl Locals for BTreeMap<&'static str, Arc<dyn Local>> {
    fn open(&self, server: &Server) -> Result<Arc<dyn Local>, String> {
        let kind = server.kind.as_str();
        self.get(kind).cloned().ok_or_else(|| format!("this process has no `{kind}`"))
    }
}

/// Who calls a server inside this process.
#[derive(Clone, Copy)]
pub struct LocalCaller<'a> {
    /// The token's name.
    pub token: &'a str,
    /// The token's id; empty where mcpass asks for itself.
    pub token_id: &'a str,
    /// The request's id; empty where mcpass asks for itself.
    pub request: &'a str,
    /// The user's name.
    pub user: &'a str,
    /// The token's `max_context`; 0 means no limit.
    pub max_context: u64,
    /// Whether the token may do something else too, such as see a related model.
    pub may: &'a (dyn Fn(&Ask<'_>) -> bool + Send + Sync),
}

impl fmt::Debug for LocalCaller<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCaller").field("token", &self.token).finish_non_exhaustive()
    }
}

/// What a server inside this process answers.
#[derive(Clone, Debug)]
pub struct LocalAnswer {
    /// HTTP status: 200, or 202 for a notification, or what the protocol's revision asks for.
    pub status: u16,
    /// One JSON-RPC message, or nothing.
    pub body: Bytes,
    /// What the server knows of the message; `None` where it has to be read.
    pub gist: Option<Gist>,
}

impl LocalAnswer {
    /// An answer that is read before it is passed on.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, body: body.into(), gist: None }
    }
}

/// How a server is reached.
#[derive(Debug)]
pub enum Reach {
    /// Its configuration cannot be used; the text says why.
    Broken(String),
    /// Inside this process.
    Local(Arc<dyn Local>),
    /// Outside of this process.
    Remote(Remote),
}

impl Reach {
    /// What permissions and the record call a target there. Some servers inside this process
    /// answer to two names of one tool; what may be done hangs on one of them.
    pub(crate) fn known_as<'a>(&self, target: Target<'a>) -> Target<'a> {
        match (self, target) {
            (Self::Local(local), Target::Tool(name)) => {
                Target::Tool(local.canonical_name(name).unwrap_or(name))
            }
            _ => target,
        }
    }
}

/// One server.
#[derive(Debug)]
pub struct Upstream {
    /// As it is stored.
    pub server: Server,
    /// How it is reached.
    pub reach: Reach,
    /// What its tools say of themselves.
    pub catalogue: Catalogue,
    /// mcpass's own sessions there.
    pub links: Links,
    /// Cancelled when it is taken away, switched off or reached otherwise: streams from it end.
    pub retired: CancellationToken,
    /// When it was put in force.
    pub since: Timestamp,
}

impl Upstream {
    /// Its name.
    pub fn name(&self) -> &str {
        self.server.name.as_str()
    }

    async fn let_go(&self) {
        match &self.reach {
            Reach::Broken(_) => {}
            Reach::Local(local) => local.retire(),
            Reach::Remote(remote) => remote.retire().await,
        }
    }
}

/// All enabled servers, by name. Swapped whole when one changes.
#[derive(Debug)]
pub struct Servers {
    all: ArcSwap<BTreeMap<Box<str>, Arc<Upstream>>>,
    workers: usize,
    sources: Sources,
    secrets: Arc<dyn Secrets>,
    locals: Arc<dyn Locals>,
    background: Handle,
}

impl Servers {
    /// No servers yet. `locals` makes those inside this process; child processes live on
    /// `background`.
    pub fn new(
        workers: usize,
        sources: Sources,
        secrets: Arc<dyn Secrets>,
        locals: Arc<dyn Locals>,
        background: Handle,
    ) -> Self {
        Self { all: ArcSwap::default(), workers, sources, secrets, locals, background }
    }

    /// The enabled server of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Upstream>> {
        self.all.load().get(name).cloned()
    }

    /// The enabled server that permissions of this namespace are for.
    pub fn owner(&self, namespace: &str) -> Option<Arc<Upstream>> {
        let all = self.all.load();
        all.values().find(|upstream| upstream.server.owns(namespace)).cloned()
    }

    /// All enabled servers in the order of their names.
    pub fn all(&self) -> Vec<Arc<Upstream>> {
        self.all.load().values().cloned().collect()
    }

    /// Puts these servers in force. One that did not change keeps its connections and sessions.
    pub fn replace(&self, servers: Vec<Server>) {
        let before = self.all.load_full();
        let after = servers.into_iter().filter(|server| server.is_enabled).map(|server| {
            let name: Box<str> = server.name.as_str().into();
            let kept = before.get(&name).filter(|kept| kept.server.kind == server.kind);
            let upstream = kept.cloned().unwrap_or_else(|| Arc::new(self.build(server)));
            (name, upstream)
        });
        let after: Arc<BTreeMap<_, _>> = Arc::new(after.collect());
        self.all.store(Arc::clone(&after));
        for (name, upstream) in &*before {
            if !after.get(name).is_some_and(|kept| Arc::ptr_eq(kept, upstream)) {
                upstream.retired.cancel();
                let upstream = Arc::clone(upstream);
                self.background.spawn(async move { upstream.let_go().await });
            }
        }
    }

    /// Ends what servers hold, such as child processes. Nothing can be called any more.
    pub async fn stop(&self) {
        let all = self.all();
        join_all(all.iter().map(|upstream| upstream.let_go())).await;
    }

    fn build(&self, server: Server) -> Upstream {
        let reach = self.reach(&server);
        if let Reach::Broken(why) = &reach {
            tracing::error!(server = %server.name, why, "a server cannot be used");
        }
        let (catalogue, links) = (Catalogue::default(), Links::default());
        let (retired, since) = (CancellationToken::new(), self.sources.clock.now());
        Upstream { server, reach, catalogue, links, retired, since }
    }

    fn reach(&self, server: &Server) -> Reach {
        let name = server.name.as_str();
        match &server.kind {
            ServerKind::Database(_) | ServerKind::Demo | ServerKind::Workspace(_) => {
                self.locals.open(server).map_or_else(Reach::Broken, Reach::Local)
            }
            ServerKind::Http(http) => {
                self.http(name, http).map_or_else(Reach::Broken, Reach::Remote)
            }
            ServerKind::Stdio(stdio) => {
                self.stdio(name, stdio).map_or_else(Reach::Broken, Reach::Remote)
            }
        }
    }

    fn http(&self, name: &str, http: &HttpUpstream) -> Result<Remote, String> {
        let origin = Origin::new(http).map_err(|error| error.to_string())?;
        let headers = credentials::resolve(&http.headers, &*self.secrets)
            .map_err(|error| error.to_string())?;
        let circuit = Circuit::new(name, self.sources.clone());
        Ok(Remote::http(origin, headers, circuit, self.workers))
    }

    fn stdio(&self, name: &str, stdio: &StdioUpstream) -> Result<Remote, String> {
        let environment = credentials::environment(&stdio.environment, &*self.secrets)
            .map_err(|error| error.to_string())?;
        let spec = Spec {
            program: stdio.program.clone(),
            arguments: stdio.arguments.clone(),
            environment,
            folder: stdio.folder.clone().map(Into::into),
            per_token: stdio.per_token,
            start_timeout: stdio.start_timeout,
            answer_timeout: stdio.answer_timeout,
            idle: stdio.idle,
        };
        let Sources { clock, entropy } = self.sources.clone();
        let since = clock.now();
        let process = Stdio::new(name, spec, self.background.clone(), clock, entropy);
        Ok(Remote::stdio(process, stdio.answer_timeout, since))
    }
}
