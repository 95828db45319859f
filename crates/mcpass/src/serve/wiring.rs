//! What one crate needs of another, where the two do not know each other.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use mcpass_authority::api::AreaView;
use mcpass_authority::sign_in::SignInOptions;
use mcpass_authority::{Inventory, KnownTool, OpenNow, Publisher, ServerHealth, Update};
use mcpass_domain::permission::{Needs, Target};
use mcpass_domain::server::Health;
use mcpass_domain::{
    Clock, Entropy, FamilyId, Limits, Server, ServerKind, ServerName, Subject, TokenId, Usage,
    WorkspaceSettings,
};
use mcpass_gateway::Shared;
use mcpass_gateway::config::StreamTimes;
use mcpass_gateway::sessions::Lifetime;
use mcpass_gateway::upstream::{Local, LocalAnswer, LocalCaller, Locals};
use mcpass_models::Workspace;
use mcpass_models::local::{Body, Call, Caller, LocalServer};
use mcpass_models::workspace::areas;
use mcpass_protocol::{Era, Message};
use mcpass_record::Options as JournalOptions;
use mcpass_store::WorkspaceStore;
use serde_json::value::RawValue;

use super::database::Databases;
use super::life::sync_of;
use super::workspace::Rows;
use crate::config::Config;
use crate::data::DataFolder;
use mcpass_web::console::Hosts;
use mcpass_web::snippets;

/// The configuration as the gateway takes it.
pub(super) fn gateway_config(config: &Config, folder: &DataFolder) -> mcpass_gateway::Config {
    let bytes = |size: u64| usize::try_from(size).unwrap_or(usize::MAX);
    let mut gateway = mcpass_gateway::Config::new(config.listen.value.0, folder.journal());
    gateway.journal_options = JournalOptions {
        segment_bytes: config.record.segment.value.0,
        sync: sync_of(config.record.sync.value),
    };
    gateway.max_body = bytes(config.limits.body.value.0);
    gateway.max_header = bytes(config.limits.headers.value.0);
    gateway.max_connections =
        usize::try_from(config.limits.connections.value).unwrap_or(usize::MAX);
    gateway.body_timeout = config.limits.read_timeout.value.0;
    gateway.sessions =
        Lifetime { idle: config.sessions.idle.value.0, longest: config.sessions.longest.value.0 };
    gateway.streams = StreamTimes {
        keep_alive: config.streams.keep_alive.value.0,
        silence: config.streams.silence.value.0,
        longest: config.streams.longest.value.0,
    };
    gateway.allowed_hosts.clone_from(&config.network.allowed_hosts.value);
    gateway.allowed_origins.clone_from(&config.network.allowed_origins.value);
    let public = &config.public_url.value;
    if let (Some(url), Some(host)) = (public.get(), public.host()) {
        // Where an empty list means any name, it goes on to do so.
        let is_closed = config.listen.value.0.ip().is_loopback();
        if is_closed || !gateway.allowed_hosts.is_empty() {
            gateway.allowed_hosts.push(host.to_owned());
        }
        gateway.allowed_origins.push(url.to_owned());
    }
    gateway
}

/// How people sign in, as the authority takes it.
pub(crate) fn sign_in_options(config: &Config, listens: SocketAddr) -> SignInOptions {
    SignInOptions {
        idle: config.sign_in.idle.value.0,
        longest: config.sign_in.longest.value.0,
        public_url: public_url(config, listens),
        passwords: config.sign_in.passwords.value,
        count_addresses: config.public_url.value.get().is_none(),
        ..SignInOptions::default()
    }
}

/// Where people reach this server; nobody knows of one whose port the system chooses when it
/// starts.
pub(super) fn public_url(config: &Config, listens: SocketAddr) -> Option<String> {
    let said = config.public_url.value.get().map(str::to_owned);
    said.or_else(|| (listens.port() != 0).then(|| snippets::origin(listens)))
}

/// Changes of the authority, put in force in the gateway.
#[derive(Debug)]
pub(super) struct ToGateway(pub(super) Arc<Shared>);

impl Publisher for ToGateway {
    fn publish(&self, update: Update) {
        match update {
            Update::Servers(servers) => self.0.put_servers(servers),
            Update::Tokens(tokens) => {
                for token in tokens {
                    self.0.put(token.digest, token.subject);
                }
            }
        }
    }
}

/// What servers list and what limits have left, for management.
#[derive(Debug)]
pub(super) struct Inventories(pub(super) Arc<Shared>);

#[async_trait::async_trait]
impl Inventory for Inventories {
    async fn tools(&self, server: &str, fresh: bool) -> Result<Vec<KnownTool>, String> {
        let listed = self.0.listed_tools(server, fresh).await?;
        let known = listed.iter().cloned();
        Ok(known
            .map(|tool| KnownTool {
                name: tool.name,
                class: tool.class,
                json: tool.json,
                needs: tool.needs,
            })
            .collect())
    }

    fn areas(&self, server: &Server) -> Vec<AreaView> {
        if !matches!(server.kind, ServerKind::Workspace(_)) {
            return Vec::new();
        }
        let named =
            areas::NAMES.iter().flat_map(|name| ["read", "write"].map(|access| (*name, access)));
        let area = |(name, access)| {
            let area: areas::Area = format!("{}/{name}:{access}", server.name).parse().ok()?;
            Some(AreaView { name: format!("{name}:{access}"), permissions: area.permissions() })
        };
        named.filter_map(area).collect()
    }

    fn for_each_token(&self, each: &mut dyn FnMut(&Subject)) -> bool {
        self.0.index.for_each(each);
        true
    }

    fn open(&self, token: TokenId) -> OpenNow {
        OpenNow {
            streams: self.0.streams.count_of(token) as u64,
            sessions: self.0.sessions.count_of(token) as u64,
        }
    }

    fn usage(&self, family: FamilyId, limits: &Limits) -> Vec<Usage> {
        self.0.meters.family(family).lock().usage(limits, self.0.monotonic()).to_vec()
    }
}

/// The names that are ours, for pages: those of the gateway.
#[derive(Debug)]
pub(super) struct Names(pub(super) Arc<Shared>);

impl Hosts for Names {
    fn are_ours(&self, headers: &http::HeaderMap) -> bool {
        self.0.names.is_named(headers)
    }
}

/// How servers do, for lists of them.
#[derive(Debug)]
pub(super) struct Healths(pub(super) Arc<Shared>);

impl ServerHealth for Healths {
    fn health(&self) -> Vec<(ServerName, Health)> {
        self.0.health()
    }
}

/// Servers inside this process, made from their settings.
#[derive(Debug)]
pub(super) struct BuiltIns {
    store: Arc<dyn WorkspaceStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    demo: Arc<dyn Local>,
    databases: Databases,
}

impl BuiltIns {
    /// Servers that keep what they have in `store`.
    pub(super) fn new(
        store: Arc<dyn WorkspaceStore>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        databases: Databases,
    ) -> Self {
        let demo = Arc::new(BuiltIn(mcpass_models::demo::Demo::service(Arc::clone(&clock))));
        Self { store, clock, entropy, demo, databases }
    }

    /// The workspace of this name.
    pub(super) fn workspace(&self, name: &ServerName, settings: WorkspaceSettings) -> Workspace {
        let rows = Rows::new(name.clone(), Arc::clone(&self.store));
        let (clock, entropy) = (Arc::clone(&self.clock), Arc::clone(&self.entropy));
        Workspace::new(name.clone(), settings.tool_names, Arc::new(rows), clock, entropy)
    }
}

impl Locals for BuiltIns {
    fn open(&self, server: &Server) -> Result<Arc<dyn Local>, String> {
        match &server.kind {
            ServerKind::Database(database) => {
                Ok(Arc::new(BuiltIn(self.databases.serve(server, database)?)))
            }
            ServerKind::Demo => Ok(Arc::clone(&self.demo)),
            ServerKind::Workspace(settings) => {
                let workspace = self.workspace(&server.name, *settings);
                Ok(Arc::new(BuiltIn(workspace.into_service())))
            }
            ServerKind::Http(_) | ServerKind::Stdio(_) => {
                Err(format!("{} is not in this process", server.name))
            }
        }
    }
}

/// A built-in server as the gateway calls it.
#[derive(Debug)]
struct BuiltIn<S>(S);

impl<S: LocalServer> Local for BuiltIn<S> {
    fn call<'a>(
        &'a self,
        message: &'a [u8],
        caller: &'a LocalCaller<'a>,
    ) -> Pin<Box<dyn Future<Output = LocalAnswer> + Send + 'a>> {
        Box::pin(async move {
            let message = match Message::parse(message) {
                Ok(message) => message,
                Err(error) => {
                    let fault = error.fault();
                    return LocalAnswer::new(fault.status.as_u16(), fault.to_body(None));
                }
            };
            let era = Era::detect(&http::HeaderMap::new(), &message);
            let call = Call {
                message: &message,
                era,
                caller: Caller {
                    token: caller.token,
                    token_id: caller.token_id,
                    request: caller.request,
                    user: caller.user,
                    max_context: caller.max_context,
                    may: caller.may,
                },
            };
            let answer = self.0.handle(call).await;
            let body = match answer.body {
                Body::Empty => bytes::Bytes::new(),
                Body::Json(body) => body,
            };
            LocalAnswer { gist: answer.gist, ..LocalAnswer::new(answer.status.as_u16(), body) }
        })
    }

    fn canonical_name(&self, name: &str) -> Option<&'static str> {
        self.0.canonical_name(name)
    }

    fn needs(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Needs {
        self.0.needs(target, arguments)
    }

    fn shown_as(&self, target: Target<'_>, arguments: Option<&RawValue>) -> Option<String> {
        self.0.shown_as(target, arguments)
    }

    fn health(&self) -> Option<Health> {
        self.0.health()
    }

    fn retire(&self) {
        self.0.retire();
    }
}
