//! A server on the official Rust SDK, of both eras, with all that servers do besides answering:
//! it tells of its progress, is cancelled, and asks.

use std::borrow::Cow;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Result;
use hyper_util::rt::TokioIo;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientResult, ContentBlock,
    ElicitRequest, ElicitRequestParams, ElicitResult, ErrorData, GetPromptRequestParams,
    GetPromptResponse, GetPromptResult, InputRequest, InputRequests, InputRequiredResult,
    ListPromptsResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, Prompt, PromptArgument, PromptMessage, ProtocolVersion,
    ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, Role, ServerCapabilities, ServerConfig, ServerRequest, Tool, ToolAnnotations,
};
use rmcp::service::RequestContext;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// All revisions.
pub(crate) const BOTH_ERAS: &[ProtocolVersion] = ProtocolVersion::KNOWN_VERSIONS;
/// Revisions that open with `initialize`.
pub(crate) const LEGACY: &[ProtocolVersion] =
    &[ProtocolVersion::V_2025_06_18, ProtocolVersion::V_2025_11_25];
/// Revisions that open with `server/discover`.
pub(crate) const MODERN: &[ProtocolVersion] = &[ProtocolVersion::V_2026_07_28];

/// What it asks.
pub(crate) const QUESTION: &str = "What is your name?";
/// The resource that it has.
pub(crate) const NOTE: &str = "note://one";

/// The server, running. It ends when this is dropped.
pub(crate) struct RmcpServer {
    address: SocketAddr,
    cancelled: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl RmcpServer {
    /// Listens on a port that the system chooses, and speaks these revisions alone.
    pub(crate) async fn start_speaking(revisions: &'static [ProtocolVersion]) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let cancelled = Arc::<AtomicUsize>::default();
        let handler = Handler { cancelled: Arc::clone(&cancelled), revisions };
        let service = StreamableHttpService::new(
            move || Ok(handler.clone()),
            Arc::new(LocalSessionManager::default()),
            StreamableHttpServerConfig::default(),
        );
        Ok(Self { address, cancelled, serving: tokio::spawn(serve(listener, service)) })
    }

    /// The URL of its MCP endpoint.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }

    /// How many calls it was told to give up.
    pub(crate) fn cancelled(&self) -> usize {
        self.cancelled.load(Ordering::SeqCst)
    }
}

impl Drop for RmcpServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    service: StreamableHttpService<Handler, LocalSessionManager>,
) {
    // Dropped, and its connections with it, when this task is aborted.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let service = service.clone();
        let answer = hyper::service::service_fn(move |request| {
            let service = service.clone();
            async move { Ok::<_, Infallible>(service.handle(request).await) }
        });
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer);
        // A client that breaks off is nothing that this server has to report.
        connections.spawn(async move { connection.await.ok() });
    }
}

/// What it answers. Its tools: `echo`, `count` (three steps of progress), `wait` (until it is
/// cancelled) and `ask`.
#[derive(Clone)]
struct Handler {
    cancelled: Arc<AtomicUsize>,
    revisions: &'static [ProtocolVersion],
}

impl Handler {
    async fn wait(
        &self,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, ErrorData> {
        progress(context, 1.0).await?;
        context.ct.cancelled().await;
        self.cancelled.fetch_add(1, Ordering::SeqCst);
        Ok(text("nobody reads this"))
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder();
        ServerConfig::new(capabilities.enable_tools().enable_prompts().enable_resources().build())
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(self.revisions)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools = ["echo", "count", "wait", "ask"].map(tool);
        Ok(ListToolsResult::with_all_items(tools.into()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match request.name.as_ref() {
            "echo" => {
                let arguments = request.arguments.unwrap_or_default();
                Ok(text(arguments.get("text").and_then(Value::as_str).unwrap_or_default()).into())
            }
            "count" => {
                for step in [1.0, 2.0, 3.0] {
                    progress(&context, step).await?;
                }
                Ok(text("counted").into())
            }
            "wait" => self.wait(&context).await.map(Into::into),
            "ask" => ask(&request, &context).await,
            other => Err(ErrorData::invalid_params(format!("Unknown tool: {other}"), None)),
        }
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(ListResourcesResult::with_all_items(vec![Resource::new(NOTE, "one")]))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let contents = vec![ResourceContents::text("a note", request.uri)];
        Ok(ReadResourceResult::new(contents).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let arguments = vec![PromptArgument::new("name").with_required(true)];
        let prompt = Prompt::new("greet", Some("Greets."), Some(arguments));
        Ok(ListPromptsResult::with_all_items(vec![prompt]))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let name = arguments.get("name").and_then(Value::as_str).unwrap_or_default();
        let message = PromptMessage::new_text(Role::User, format!("Hello {name}"));
        Ok(GetPromptResult::new(vec![message]).into())
    }
}

/// Asks by a request of its own, or, from 2026-07-28 on, by a result that requires input.
async fn ask(
    request: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let is_modern = context.protocol_version().is_some_and(|version| !version.has_initialize());
    let answered = match (&request.input_responses, is_modern) {
        (Some(responses), _) => {
            if request.request_state.as_deref() != Some(STATE) {
                return Err(ErrorData::invalid_params("the requestState is not mine", None));
            }
            responses.get("name").cloned().unwrap_or_default()
        }
        (None, true) => {
            let requests =
                InputRequests::from([("name".to_owned(), InputRequest::Elicitation(question()?))]);
            return Ok(InputRequiredResult::new(Some(requests), Some(STATE.to_owned())).into());
        }
        (None, false) => {
            let question = ServerRequest::ElicitRequest(question()?);
            let answer = context.peer.send_request(question).await;
            let answer =
                answer.map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
            let ClientResult::ElicitResult(ElicitResult { content, .. }) = answer else {
                return Err(ErrorData::internal_error("no answer to what was asked", None));
            };
            json!({ "content": content })
        }
    };
    let name = answered.pointer("/content/name").and_then(Value::as_str).unwrap_or("nobody");
    Ok(text(&format!("Hello {name}")).into())
}

fn question() -> Result<ElicitRequest, ErrorData> {
    let schema = json!({
        "type": "object",
        "properties": { "name": { "type": "string" } },
        "required": ["name"],
    });
    let params = json!({ "message": QUESTION, "requestedSchema": schema });
    let params: ElicitRequestParams = serde_json::from_value(params)
        .map_err(|error| ErrorData::internal_error(error.to_string(), None))?;
    Ok(ElicitRequest::new(params))
}

async fn progress(context: &RequestContext<RoleServer>, step: f64) -> Result<(), ErrorData> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    let params = ProgressNotificationParam::new(token, step).with_total(3.0);
    let sent = context.peer.notify_progress(params).await;
    sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

fn tool(name: &'static str) -> Tool {
    let schema = json!({ "type": "object", "properties": { "text": { "type": "string" } } });
    let schema = schema.as_object().cloned().unwrap_or_default();
    Tool::new(Cow::Borrowed(name), "A tool.", schema)
        .with_annotations(ToolAnnotations::new().read_only(true))
}

fn text(text: &str) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// What a client has to bring back as it is: it looks like nothing that may be changed.
const STATE: &str = "st.ate/with+special=chars and \"quotes\"";
