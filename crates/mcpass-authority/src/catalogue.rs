//! What there is to be permitted: tools of servers, previews, everything that can be granted.

use std::collections::BTreeMap;
use std::sync::Arc;

use mcpass_domain::permission::{MANAGEMENT, Needed, Needs, Verdict};
use mcpass_domain::{Ask, Grants, Permission, Server, Target};
use serde_json::Value;

use crate::api::{
    ApiError, CatalogueModel, CatalogueServer, CatalogueTool, ManagementPermission,
    PermissionCatalogue, Preview, PreviewServer, PreviewTool, PreviewView, ServerRef, ServerTest,
    ServerTools, ServerToolsView, SettingView, ToolView,
};
use crate::authority::Authority;
use crate::authorize::{Action, Reach};
use crate::context::Context;
use crate::failure::store_failed;
use crate::hooks::KnownTool;
use crate::parse;
use crate::turn::Turn;

/// What the gateway puts between the names of server and tool at `/mcp`.
pub(crate) const BETWEEN: &str = "__";

/// What can be done to rows of a model, in the order in which it is shown.
const VERBS: [&str; 4] = ["view", "add", "change", "delete"];

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
    /// What a server lists.
    pub(crate) async fn tools(
        &self,
        server: &Server,
        fresh: bool,
    ) -> Result<Vec<KnownTool>, String> {
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
        let is_empty =
            shown.wildcards.is_empty() && shown.tools.is_empty() && shown.models.is_empty();
        if turn.caller.reach() == Reach::All || !is_empty {
            servers.push(shown);
        }
    }
    let covers = |permission: &String| covers(turn, permission);
    let management = management()
        .map(|(name, is_open_to_owners)| (format!("{MANAGEMENT}.{name}"), is_open_to_owners))
        .filter(|(permission, _)| covers(permission))
        .map(|(permission, is_open_to_owners)| ManagementPermission {
            permission,
            is_open_to_owners,
        })
        .collect();
    Ok(PermissionCatalogue { servers, management })
}

/// The permissions of management, and whether a user needs none for what is their own.
pub(crate) fn management() -> impl Iterator<Item = (&'static str, bool)> {
    let actions = Action::ALL.iter();
    let actions = actions.map(|action| (action.permission(), action.is_open_to_owners()));
    // Asked by the gateway, of a token that asks about others.
    actions.chain([("validate_token", false)])
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
    let tools = tools.unwrap_or_default();
    let models = models(&tools, covers);
    let tools = tools.into_iter().filter(|tool| tool.needs == Needs::Itself);
    let tools = tools.map(|tool| CatalogueTool {
        permission: format!("{name}.{}", tool.name),
        class: tool.class.as_str().to_owned(),
        description: text(&definition(&tool), "description"),
    });
    let areas = turn.core.options.inventory.as_ref().map(|known| known.areas(server));
    CatalogueServer {
        server: name.to_string(),
        is_enabled: server.is_enabled,
        wildcards: server
            .namespaces()
            .flat_map(|name| WILDCARDS.map(|part| format!("{name}.{part}")))
            .filter(covers)
            .collect(),
        tools: tools.filter(|tool| covers(&tool.permission)).collect(),
        models,
        areas: areas
            .unwrap_or_default()
            .into_iter()
            .filter(|area| area.permissions.iter().all(covers))
            .collect(),
        error,
    }
}

/// The models that tools need permissions on.
fn models(tools: &[KnownTool], covers: impl Fn(&String) -> bool) -> Vec<CatalogueModel> {
    let mut found: BTreeMap<(&str, &str), [Option<String>; 4]> = BTreeMap::new();
    let needed = tools.iter().filter_map(|tool| match &tool.needs {
        Needs::OneOf(needed) => Some(needed),
        Needs::Anything | Needs::Itself => None,
    });
    for Needed { namespace, name } in needed.flatten() {
        let Some((verb, model)) = name.split_once('_') else { continue };
        let Some(at) = VERBS.iter().position(|known| *known == verb) else { continue };
        let permission = format!("{namespace}.{name}");
        let slot = found.entry((namespace, model)).or_default().get_mut(at);
        if let (Some(slot), true) = (slot, covers(&permission)) {
            *slot = Some(permission);
        }
    }
    let models = found.into_iter().map(|((namespace, model), permissions)| CatalogueModel {
        namespace: namespace.to_owned(),
        model: model.to_owned(),
        permissions: permissions.into_iter().flatten().collect(),
    });
    models.filter(|model| !model.permissions.is_empty()).collect()
}

fn covers(turn: &Turn, permission: &str) -> bool {
    permission.parse::<Permission>().is_ok_and(|permission| turn.caller.covers(&permission))
}

async fn preview(turn: &mut Turn, request: &Preview) -> Result<PreviewView, ApiError> {
    let permissions = parse::permissions("permissions", &request.permissions)?;
    let groups = turn.groups("groups", &request.groups).await?;
    let store = Arc::clone(&turn.core.store);
    turn.world.learn_groups(store.as_ref(), &groups).await.map_err(store_failed)?;
    turn.caller.guard_groups(&[], &groups)?;
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
    let name = server.name.as_str();
    let itself = Ask { server: name, target: Target::Tool(&tool.name), class: Some(tool.class) };
    let (mut seen, mut grant) = (false, None);
    for ask in &tool.needs.asks(itself, server.namespaces()) {
        match grants.ask(ask) {
            Verdict::Allow(by) => {
                (seen, grant) = (true, Some(by));
                break;
            }
            Verdict::Deny(by) => grant = grant.or(Some(by)),
            Verdict::Silent => {}
        }
    }
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
    let permissions: Vec<String> = match &tool.needs {
        Needs::Itself => vec![format!("{}.{}", server.name, tool.name)],
        Needs::Anything => server.namespaces().map(|name| format!("{name}.@read")).collect(),
        Needs::OneOf(needed) => {
            needed.iter().map(|one| format!("{}.{}", one.namespace, one.name)).collect()
        }
    };
    ToolView {
        name: tool.name.clone(),
        permission: permissions.first().cloned().unwrap_or_default(),
        permissions,
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

#[cfg(test)]
mod tests {
    use mcpass_domain::permission::{Grant, Source};
    use mcpass_domain::{DatabaseServer, ServerKind, Timestamp, ToolClass};

    use super::*;

    fn tool(name: &str, needs: Needs) -> KnownTool {
        KnownTool { name: name.to_owned(), class: ToolClass::Read, json: "{}".to_owned(), needs }
    }

    fn one_of(names: &[&str]) -> Needs {
        let needed = names
            .iter()
            .map(|name| Needed { namespace: "blog".to_owned(), name: (*name).to_owned() });
        Needs::OneOf(needed.collect())
    }

    fn site() -> Server {
        let apps = vec!["blog".to_owned()];
        Server {
            name: "site".parse().unwrap(),
            kind: ServerKind::Database(DatabaseServer { apps, ..DatabaseServer::new("sqlite:/x") }),
            is_enabled: true,
            is_declared: false,
            created_at: Timestamp::default(),
            version: 0,
        }
    }

    #[test]
    fn a_preview_asks_for_what_tools_need() {
        let grant = |text: &str| Grant { permission: text.parse().unwrap(), source: Source::Own };
        let tools = [
            tool("find_models", Needs::Anything),
            tool("list", one_of(&["view_article", "view_author"])),
            tool("update", one_of(&["change_article", "change_author"])),
        ];
        let seen = |grants: &[&str]| -> Vec<String> {
            let grants = Grants::new(grants.iter().map(|text| grant(text)));
            let shown = tools.iter().map(|tool| preview_tool(&grants, &site(), tool));
            shown.filter(|tool| tool.seen).map(|tool| tool.name).collect()
        };
        assert_eq!(seen(&["blog.view_author"]), ["find_models", "list"]);
        assert_eq!(seen(&["blog.@read"]), ["find_models", "list"]);
        assert_eq!(seen(&["blog.*", "!blog.change_*"]), ["find_models", "list"]);
        assert_eq!(seen(&["blog.*"]).len(), 3);
        assert!(seen(&["site.list", "other.*"]).is_empty(), "its tools' names permit nothing");
    }

    #[test]
    fn models_are_told_by_what_tools_need_and_as_far_as_they_may_be_granted() {
        let tools = [
            tool("find_models", Needs::Anything),
            tool("delete", one_of(&["delete_article"])),
            tool("list", one_of(&["view_article", "view_article_tag"])),
            tool("bulk", one_of(&["add_article", "change_article", "delete_article"])),
        ];
        let told = |may: fn(&String) -> bool| -> Vec<(String, String)> {
            let models = models(&tools, may).into_iter();
            models.map(|model| (model.model, model.permissions.join(" "))).collect()
        };
        let all = "blog.view_article blog.add_article blog.change_article blog.delete_article";
        let (article, tag) = ("article".to_owned(), "article_tag".to_owned());
        let of_tag = "blog.view_article_tag".to_owned();
        assert_eq!(told(|_| true), [(article.clone(), all.to_owned()), (tag, of_tag)]);
        let adds = told(|permission| permission.contains(".add_"));
        assert_eq!(adds, [(article, "blog.add_article".to_owned())]);
        assert_eq!(tool_view(&site(), &tools[0]).permission, "blog.@read");
        assert_eq!(tool_view(&site(), &tools[3]).permissions.len(), 3);
    }
}
