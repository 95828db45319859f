//! The protocol's methods, each handed to the module that knows the answer.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use anyhow::Result;
use parking_lot::Mutex;
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CancelTaskParams, ClientCapabilities,
    CompleteRequestParams, CompleteResult, GetPromptRequestParams, GetPromptResponse,
    GetTaskParams, GetTaskResult, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig,
    SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
};
#[expect(deprecated, reason = "clients of 2025-11-25 still set the level")]
use rmcp::model::{LoggingLevel, SetLevelRequestParams};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::task_manager::TaskManager;
use rmcp::{ErrorData, RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::sync::broadcast;

use crate::catalogue::Catalogue;
use crate::content::{self, TTL_MS, typed};
use crate::{notices, rounds, tools};

/// Changes that may wait for one slow listener.
const CHANGES: usize = 64;

/// The server as one session sees it.
#[derive(Clone)]
pub(crate) struct Fixture {
    pub(crate) world: Arc<World>,
    pub(crate) session: Arc<Session>,
}

/// What all sessions share.
pub(crate) struct World {
    pub(crate) catalogue: Catalogue,
    pub(crate) tasks: TaskManager,
    pub(crate) changes: broadcast::Sender<Change>,
    key: RandomState,
}

/// What a session of 2025-11-25 has of its own.
#[derive(Default)]
pub(crate) struct Session {
    #[expect(deprecated, reason = "clients of 2025-11-25 still set the level")]
    pub(crate) log_level: Mutex<Option<LoggingLevel>>,
    pub(crate) watched: Mutex<HashSet<String>>,
}

/// Something that listeners are told.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Tools,
    Prompts,
    Resource(String),
}

/// One call of a tool.
pub(crate) struct Call<'a> {
    pub(crate) fixture: &'a Fixture,
    pub(crate) request: CallToolRequestParams,
    pub(crate) context: RequestContext<RoleServer>,
}

impl Call<'_> {
    /// A required text among the arguments.
    pub(crate) fn argument(&self, name: &str) -> Result<&str, ErrorData> {
        let missing =
            || ErrorData::invalid_params(format!("the argument `{name}` is missing"), None);
        content::argument(self.request.arguments.as_ref().ok_or_else(missing)?, name)
    }

    /// Whether questions to the client travel in results (2026-07-28) instead of in requests.
    pub(crate) fn is_modern(&self) -> bool {
        is_modern(&self.context)
    }

    pub(crate) fn capabilities(&self) -> ClientCapabilities {
        self.context.client_capabilities().unwrap_or_default()
    }
}

fn is_modern(context: &RequestContext<RoleServer>) -> bool {
    let version = context.protocol_version();
    version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str())
}

impl World {
    /// A state for the client to bring back, bound to where and when it was given out.
    pub(crate) fn seal(&self, name: &str, round: usize) -> String {
        format!("{round}.{:016x}", self.key.hash_one((name, round)))
    }

    /// The round that a state was given out for.
    pub(crate) fn open(&self, name: &str, state: &str) -> Result<usize, ErrorData> {
        let round = state.split_once('.').and_then(|(round, _)| round.parse().ok());
        round.filter(|&round| self.seal(name, round) == state).ok_or_else(|| {
            ErrorData::invalid_params("the requestState is not one of this server's", None)
        })
    }
}

impl Fixture {
    pub(crate) fn new() -> Result<Self> {
        let world = World {
            catalogue: Catalogue::read()?,
            tasks: TaskManager::new(),
            changes: broadcast::Sender::new(CHANGES),
            key: RandomState::new(),
        };
        Ok(Self { world: Arc::new(world), session: Arc::default() })
    }

    /// The same server for another session.
    pub(crate) fn for_session(&self) -> Self {
        Self { world: Arc::clone(&self.world), session: Arc::default() }
    }
}

type Context = RequestContext<RoleServer>;
type Page = Option<PaginatedRequestParams>;

/// Makes a method that answers with a whole list of the catalogue.
macro_rules! list {
    ($method:ident, $result:ident, $field:ident) => {
        async fn $method(&self, _: Page, _: Context) -> Result<$result, ErrorData> {
            let mut list = $result::with_all_items(self.world.catalogue.$field.clone());
            list.ttl_ms = Some(TTL_MS);
            list.cache_scope = Some(CacheScope::Public);
            Ok(list)
        }
    };
}

#[expect(deprecated, reason = "clients of 2025-11-25 use what 2026-07-28 has deprecated")]
impl ServerHandler for Fixture {
    list!(list_tools, ListToolsResult, tools);
    list!(list_prompts, ListPromptsResult, prompts);
    list!(list_resources, ListResourcesResult, resources);
    list!(list_resource_templates, ListResourceTemplatesResult, resource_templates);

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_logging()
            .enable_completions()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_tasks()
            .build();
        let version = env!("CARGO_PKG_VERSION");
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("mcpass-conformance-server", version))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.world.catalogue.tools.iter().find(|tool| tool.name == name).cloned()
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        tools::call(Call { fixture: self, request, context }).await
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == rounds::PROMPT {
            return rounds::prompt(&self.world, &request, &context);
        }
        let arguments = request.arguments.unwrap_or_default();
        let unknown =
            || ErrorData::invalid_params(format!("Unknown prompt: {}", request.name), None);
        Ok(content::prompt(&request.name, &arguments).ok_or_else(unknown)??.into())
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let not_found = || {
            let data = Some(json!({ "uri": request.uri }));
            if is_modern(&context) {
                ErrorData::invalid_params("Resource not found", data)
            } else {
                ErrorData::resource_not_found("Resource not found", data)
            }
        };
        Ok(content::resource_at(&request.uri).ok_or_else(not_found)??.into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let known = ["paris", "park", "party", "test", "testValue1", "testValue2"];
        let values: Vec<_> =
            known.into_iter().filter(|value| value.starts_with(&request.argument.value)).collect();
        let total = values.len();
        typed(json!({
            "resultType": "complete",
            "completion": { "values": values, "total": total, "hasMore": false },
        }))
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: Context) -> Result<(), ErrorData> {
        *self.session.log_level.lock() = Some(request.level);
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        _: Context,
    ) -> Result<(), ErrorData> {
        self.session.watched.lock().insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: Context,
    ) -> Result<(), ErrorData> {
        self.session.watched.lock().remove(&request.uri);
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        notices::tell_session(self, context.peer);
    }

    fn accepted_subscription_filter(
        &self,
        requested: &SubscriptionFilter,
    ) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        notices::tell_listener(&self.world, &context).await;
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: Context,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.world.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(&self, request: UpdateTaskParams, _: Context) -> Result<(), ErrorData> {
        self.world.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(&self, request: CancelTaskParams, _: Context) -> Result<(), ErrorData> {
        self.world.tasks.cancel_task(&request.task_id)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS)
    }
}

/// The texts of an object's members, for the answers of tools.
pub(crate) fn member<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
