//! Servers.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mcpass_authority::api::{
    AccessView, ServerAdd, ServerEdit, ServerRef, ServerTest, ServerTools, ServerToolsView,
    ServerView,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use crate::Site;
use crate::answer::{Created, Tagged};
use crate::identity::Caller;
use crate::input::{Creator, Editor, Input, Named, Query};
use crate::problem::Problem;
use crate::test_call::{self, Called, TestCall};

/// How fresh a list of tools has to be.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ToolsQuery {
    /// Whether to ask the server now. Else what was heard within half a minute will do.
    #[serde(default)]
    fresh: bool,
}

/// Which tool is called, and with what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ServerCall {
    /// The tool's own name, as the server lists it.
    tool: String,
    /// What it is given: an object, 100,000 characters at most; empty if absent.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    arguments: Option<Value>,
}

/// What came of a test call.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ServerCalled {
    /// Whether the tool did what it is for.
    ok: bool,
    /// Why not, if it did not.
    error: Option<String>,
    /// The HTTP status of the MCP endpoint; none if it did not answer.
    status: Option<u16>,
    /// The JSON-RPC message of the MCP endpoint, as it was sent; none if there was none.
    #[schema(value_type = Option<Object>)]
    answer: Option<Box<RawValue>>,
    /// The token that was made for the call, and revoked after it; none if none was.
    token: Option<String>,
    /// Rows of the access log that it left, newest first, if the caller may see them.
    requests: Vec<AccessView>,
}

impl From<Called> for ServerCalled {
    fn from(called: Called) -> Self {
        let Called { heard, token, rows } = called;
        let (error, status, answer) = match heard {
            Ok(heard) => (heard.trouble(), Some(heard.status), heard.sent()),
            Err(why) => (Some(format!("There was no answer: {why}.")), None, None),
        };
        let token = token.map(|id| id.to_string());
        Self { ok: error.is_none(), error, status, answer, token, requests: rows }
    }
}

/// Lists all servers and how they do.
#[utoipa::path(get, path = "/api/v1/servers", tag = "servers", responses((status = 200, body = Vec<ServerView>, description = "Done")))]
pub(super) async fn server_list(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
) -> Result<Json<Vec<ServerView>>, Problem> {
    Ok(Json(site.authority.server_list(&ctx).await?))
}

/// Adds a server. It is reachable when this is answered.
#[utoipa::path(post, path = "/api/v1/servers", tag = "servers", request_body = ServerAdd, responses((status = 201, body = ServerView, description = "Created")))]
pub(super) async fn server_add(
    State(site): State<Arc<Site>>,
    Creator(ctx): Creator,
    input: Input,
) -> Result<Created<ServerView>, Problem> {
    let made = site.authority.server_add(&ctx, input.read()?).await;
    let made = made.map_err(Problem::of_request)?;
    let at = format!("/api/v1/servers/{}", made.name);
    Ok(Created { made, at })
}

/// Shows a server.
#[utoipa::path(get, path = "/api/v1/servers/{name}", tag = "servers", params(("name" = String, Path, description = "The server's name")), responses((status = 200, body = ServerView, description = "Done")))]
pub(super) async fn server_show(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(name): Named,
) -> Result<Tagged<ServerView>, Problem> {
    Ok(Tagged(site.authority.server_show(&ctx, ServerRef { name }).await?))
}

/// Changes a server.
#[utoipa::path(patch, path = "/api/v1/servers/{name}", tag = "servers", params(("name" = String, Path, description = "The server's name")), request_body = ServerEdit, responses((status = 200, body = ServerView, description = "Done")))]
pub(super) async fn server_edit(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(name): Named,
    input: Input,
) -> Result<Tagged<ServerView>, Problem> {
    let request: ServerEdit = input.edit("name", name)?;
    Ok(Tagged(site.authority.server_edit(&ctx, request).await?))
}

/// Removes a server. Answers what it was.
#[utoipa::path(delete, path = "/api/v1/servers/{name}", tag = "servers", params(("name" = String, Path, description = "The server's name")), responses((status = 200, body = ServerView, description = "Done")))]
pub(super) async fn server_remove(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(name): Named,
) -> Result<Json<ServerView>, Problem> {
    Ok(Json(site.authority.server_remove(&ctx, ServerRef { name }).await?))
}

/// Switches a server on.
#[utoipa::path(post, path = "/api/v1/servers/{name}/enable", tag = "servers", params(("name" = String, Path, description = "The server's name")), responses((status = 200, body = ServerView, description = "Done")))]
pub(super) async fn server_enable(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(name): Named,
) -> Result<Tagged<ServerView>, Problem> {
    Ok(Tagged(site.authority.server_enable(&ctx, ServerRef { name }).await?))
}

/// Switches a server off: it answers as if it were not there.
#[utoipa::path(post, path = "/api/v1/servers/{name}/disable", tag = "servers", params(("name" = String, Path, description = "The server's name")), responses((status = 200, body = ServerView, description = "Done")))]
pub(super) async fn server_disable(
    State(site): State<Arc<Site>>,
    Editor(ctx): Editor,
    Named(name): Named,
) -> Result<Tagged<ServerView>, Problem> {
    Ok(Tagged(site.authority.server_disable(&ctx, ServerRef { name }).await?))
}

/// Connects to a server and lists its tools.
#[utoipa::path(post, path = "/api/v1/servers/{name}/test", tag = "servers", params(("name" = String, Path, description = "The server's name")), responses((status = 200, body = ServerTest, description = "Done")))]
pub(super) async fn server_test(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(name): Named,
) -> Result<Json<ServerTest>, Problem> {
    Ok(Json(site.authority.server_test(&ctx, ServerRef { name }).await?))
}

/// The tools of a server, with their permissions, annotations and schemas.
#[utoipa::path(get, path = "/api/v1/servers/{name}/tools", tag = "servers", params(("name" = String, Path, description = "The server's name"), ToolsQuery), responses((status = 200, body = ServerToolsView, description = "Done")))]
pub(super) async fn server_tools(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(name): Named,
    Query(asked): Query<ToolsQuery>,
) -> Result<Json<ServerToolsView>, Problem> {
    let request = ServerTools { name, fresh: asked.fresh };
    Ok(Json(site.authority.server_tools(&ctx, request).await?))
}

/// Calls a tool once, to see what it answers: a real call, with a token for the caller's user that
/// may call this tool alone and is revoked afterwards. That the call fails is part of the answer.
#[utoipa::path(post, path = "/api/v1/servers/{name}/call", tag = "servers", params(("name" = String, Path, description = "The server's name")), request_body = ServerCall, responses((status = 200, body = ServerCalled, description = "Done")))]
pub(super) async fn server_call(
    State(site): State<Arc<Site>>,
    Caller(ctx): Caller,
    Named(name): Named,
    input: Input,
) -> Result<Json<ServerCalled>, Problem> {
    let sent = input.exactly("arguments");
    let ServerCall { tool, arguments } = input.read()?;
    let sent = arguments.and(sent);
    let request = ServerTools { name, fresh: false };
    let known = site.authority.server_tools(&ctx, request).await?;
    let named = known.tools.into_iter().find(|known| known.name == tool);
    let named = named.ok_or_else(|| test_call::no_tool("tool", &known.server))?;
    let call = TestCall {
        server: &known.server,
        tool: &tool,
        permissions: named.permissions,
        arguments: test_call::arguments(sent.as_deref().map_or("", RawValue::get))?,
    };
    let called = test_call::make(&site.authority, &ctx, site.listen.as_deref(), call).await?;
    Ok(Json(called.into()))
}
