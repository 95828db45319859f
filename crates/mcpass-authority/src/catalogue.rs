//! What there is to be permitted: tools of servers, previews, everything that can be granted.

use std::sync::Arc;

use mcpass_domain::permission::Verdict;
use mcpass_domain::{Ask, Grants, Permission, Server, Target};
use serde_json::Value;

use crate::api::{
    ApiError, CatalogueServer, CatalogueTool, ManagementPermission, PermissionCatalogue, Preview,
    PreviewServer, PreviewTool, PreviewView, ServerRef, ServerTest, ServerTools, ServerToolsView,
    SettingView, ToolView,
};
use crate::authority::Authority;
use crate::authorize::{Action, Reach};
use crate::context::Context;
use crate::failure::store_failed;
use crate::hooks::KnownTool;
use crate::parse;
use crate::turn::Turn;

/// What the gateway puts between the names of server and tool at `/mcp`.
const BETWEEN: &str = "__";

impl Authority {
    /// Everything that can be granted. Callers who may not do everything see what they hold.
    ///
    /// # Errors
    /// When the store fails. A server that does not list its tools is part of the answer.
    pub async fn permission_list(&self, ctx: &Context) -> Result<PermissionCatalogue, ApiError> {
        self.read(ctx, Action::ViewPermissions, (), |turn, ()| Box::pin(permissions(turn))).await
    }

    /// Which tools an agent with these grants would see.
    ///
    /// # Errors
    /// When a permission or group cannot be used, or is not the caller's to give.
    pub async fn preview(&self, ctx: &Context, request: Preview) -> Result<PreviewView, ApiError> {
        self.read(ctx, Action::ViewPermissions, request, |turn, request| {
            Box::pin(preview(turn, request))
        })
        .await
    }

    /// The tools of a server.
    ///
    /// # Errors
    /// When there is no such server, or it does not list them.
    pub async fn server_tools(
        &self,
        ctx: &Context,
        request: ServerTools,
    ) -> Result<ServerToolsView, ApiError> {
        self.read(ctx, Action::ViewServer, request, |turn, request| {
            Box::pin(async move {
                let (server, _) = turn.servers(&request.name).await?;
                let tools = turn.tools(&server, request.fresh).await.map_err(|why| {
                    ApiError::new("server.unreachable", format!("its tools are not known: {why}"))
                        .with_hint("test the server to see what is wrong")
                })?;
                let tools = tools.iter().map(|tool| tool_view(&server, tool)).collect();
                Ok(ServerToolsView { server: server.name.to_string(), tools })
            })
        })
        .await
    }

    /// Connects to a server and lists its tools.
    ///
    /// # Errors
    /// When there is no such server. That it does not answer is part of the answer.
    pub async fn server_test(
        &self,
        ctx: &Context,
        request: ServerRef,
    ) -> Result<ServerTest, ApiError> {
        self.read(ctx, Action::ChangeServer, request, |turn, request| {
            Box::pin(async move {
                let (server, _) = turn.servers(&request.name).await?;
                let began = turn.core.clock.monotonic();
                let tools = turn.tools(&server, true).await;
                let took = turn.core.clock.monotonic().since(began).as_millis();
                Ok(ServerTest {
                    ok: tools.is_ok(),
                    tools: tools.as_ref().ok().map(|tools| tools.len() as u64),
                    duration_ms: u64::try_from(took).unwrap_or(u64::MAX),
                    error: tools.err(),
                })
            })
        })
        .await
    }

    /// The configuration that is in force, without secrets.
    ///
    /// # Errors
    /// When the caller may not know.
    pub async fn settings(&self, ctx: &Context) -> Result<Vec<SettingView>, ApiError> {
        self.read(ctx, Action::ViewSettings, (), |turn, ()| {
            Box::pin(async move { Ok(turn.core.options.settings.clone()) })
        })
        .await
    }
}

impl Turn {
    async fn tools(&self, server: &Server, fresh: bool) -> Result<Vec<KnownTool>, String> {
        match &self.core.options.inventory {
            _ if !server.is_enabled => Err(format!("{} is switched off", server.name)),
            Some(inventory) => inventory.tools(server.name.as_str(), fresh).await,
            None => Err("no gateway runs here".to_owned()),
        }
    }

    /// The tools of all servers that are switched on, asked for at once: a slow one keeps no other
    /// waiting.
    async fn all_tools(&self) -> Result<Vec<(Server, Result<Vec<KnownTool>, String>)>, ApiError> {
        let servers = self.core.store.server_list().await.map_err(store_failed)?;
        let lists = servers.iter().map(|server| self.tools(server, false));
        let lists = futures_util::future::join_all(lists).await;
        Ok(servers.into_iter().zip(lists).collect())
    }
}

async fn permissions(turn: &mut Turn) -> Result<PermissionCatalogue, ApiError> {
    let mut servers = Vec::new();
    for (server, tools) in turn.all_tools().await? {
        let shown = catalogue_of(turn, &server, tools);
        // Of a server of which they hold nothing, others than superusers hear nothing.
        let is_empty = shown.wildcards.is_empty() && shown.tools.is_empty();
        if turn.caller.reach() == Reach::All || !is_empty {
            servers.push(shown);
        }
    }
    let covers = |permission: &String| covers(turn, permission);
    let management = Action::ALL
        .iter()
        .map(|action| (format!("mcpass.{}", action.permission()), action.is_open_to_owners()))
        .chain([("mcpass.validate_token".to_owned(), false)])
        .filter(|(permission, _)| covers(permission))
        .map(|(permission, is_open_to_owners)| ManagementPermission {
            permission,
            is_open_to_owners,
        })
        .collect();
    Ok(PermissionCatalogue { servers, management })
}

fn catalogue_of(
    turn: &Turn,
    server: &Server,
    tools: Result<Vec<KnownTool>, String>,
) -> CatalogueServer {
    const WILDCARDS: [&str; 6] = ["*", "@read", "@write", "@destructive", "resource:*", "prompt:*"];
    let name = &server.name;
    let covers = |permission: &String| covers(turn, permission);
    let error = tools.as_ref().err().cloned();
    let tools = tools.unwrap_or_default().into_iter().map(|tool| CatalogueTool {
        permission: format!("{name}.{}", tool.name),
        class: tool.class.as_str().to_owned(),
        description: text(&definition(&tool), "description"),
    });
    let areas = turn.core.options.inventory.as_ref().map(|known| known.areas(server));
    CatalogueServer {
        server: name.to_string(),
        is_enabled: server.is_enabled,
        wildcards: WILDCARDS.iter().map(|part| format!("{name}.{part}")).filter(covers).collect(),
        tools: tools.filter(|tool| covers(&tool.permission)).collect(),
        areas: areas
            .unwrap_or_default()
            .into_iter()
            .filter(|area| area.permissions.iter().all(covers))
            .collect(),
        error,
    }
}

fn covers(turn: &Turn, permission: &str) -> bool {
    permission.parse::<Permission>().is_ok_and(|permission| turn.caller.covers(&permission))
}

async fn preview(turn: &mut Turn, request: &Preview) -> Result<PreviewView, ApiError> {
    let permissions = parse::permissions("permissions", &request.permissions)?;
    let groups = turn.groups("groups", &request.groups).await?;
    let store = Arc::clone(&turn.core.store);
    turn.world.learn_groups(store.as_ref(), &groups).await.map_err(store_failed)?;
    let grants = turn.world.grants(&permissions, &groups);
    turn.caller.guard_grants(&Grants::default(), &grants)?;
    let is_shown = turn.caller.reach() == Reach::All;
    let (mut seen, mut all, mut characters) = (0_u64, 0_u64, 0_usize);
    let mut servers = Vec::new();
    for (server, tools) in turn.all_tools().await? {
        let error = tools.as_ref().err().cloned();
        let mut shown = Vec::new();
        for tool in tools.unwrap_or_default() {
            let one = preview_tool(&grants, &server, &tool);
            if one.seen {
                seen += 1;
                let prefix = server.name.as_str().len() + BETWEEN.len();
                characters += tool.json.chars().count() + prefix + usize::from(seen > 1);
            }
            all += 1;
            // What somebody does not hold does not exist for them.
            if one.seen || is_shown {
                shown.push(one);
            }
        }
        if is_shown || !shown.is_empty() {
            servers.push(PreviewServer { server: server.name.to_string(), tools: shown, error });
        }
    }
    characters += "{\"tools\":[]}".len();
    let tools = if is_shown { all } else { seen };
    Ok(PreviewView { seen, tools, characters: characters as u64, servers })
}

fn preview_tool(grants: &Grants, server: &Server, tool: &KnownTool) -> PreviewTool {
    let ask = Ask {
        server: server.name.as_str(),
        target: Target::Tool(&tool.name),
        class: Some(tool.class),
    };
    let (seen, grant) = match grants.ask(&ask) {
        Verdict::Allow(grant) => (true, Some(grant)),
        Verdict::Deny(grant) => (false, Some(grant)),
        Verdict::Silent => (false, None),
    };
    PreviewTool {
        name: tool.name.clone(),
        class: tool.class.as_str().to_owned(),
        seen,
        grant: grant.map(|grant| format!("{} ({})", grant.permission, grant.source)),
    }
}

fn tool_view(server: &Server, tool: &KnownTool) -> ToolView {
    let definition = definition(tool);
    let title = text(&definition, "title");
    ToolView {
        name: tool.name.clone(),
        permission: format!("{}.{}", server.name, tool.name),
        class: tool.class.as_str().to_owned(),
        title: (!title.is_empty()).then_some(title),
        description: text(&definition, "description"),
        definition,
    }
}

fn definition(tool: &KnownTool) -> Value {
    serde_json::from_str(&tool.json).unwrap_or_default()
}

fn text(definition: &Value, member: &str) -> String {
    definition.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}
