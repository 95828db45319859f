//! Servers: added by hand, or declared in the configuration file.

pub(crate) mod credential;
pub mod database;
mod declared;
mod field;
mod namespaces;
mod probe;
mod settings;
pub mod stdio;
pub mod upstream;

use std::collections::BTreeMap;

use mcpass_domain::{Server, ServerKind};
use mcpass_store::Change;

use crate::api::{ApiError, HealthView, ServerAdd, ServerEdit, ServerRef, ServerView};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{EXISTS, store_failed};
use crate::hooks::Update;
use crate::turn::{Plan, Turn};
use crate::{parse, show};

pub use declared::DeclaredChanges;
use probe::Probed;

/// Checks a server's settings: those of [`database`], [`upstream`] or [`stdio`].
///
/// # Errors
/// When something cannot be used; the error names the field.
pub fn check(kind: ServerKind) -> Result<ServerKind, ApiError> {
    Ok(match kind {
        ServerKind::Database(database) => ServerKind::Database(database::check(database)?),
        ServerKind::Demo => ServerKind::Demo,
        ServerKind::Http(http) => ServerKind::Http(upstream::check(http)?),
        ServerKind::Stdio(child) => ServerKind::Stdio(stdio::check(child)?),
        ServerKind::Workspace(settings) => ServerKind::Workspace(settings),
    })
}

impl Authority {
    /// Adds a server. It is reachable when this returns.
    ///
    /// # Errors
    /// When the name is taken or a field cannot be used.
    pub async fn server_add(
        &self,
        ctx: &Context,
        request: ServerAdd,
    ) -> Result<ServerView, ApiError> {
        let probed = self.probe_added(ctx, request).await?;
        let added =
            self.change(ctx, Action::AddServer, probed, |turn, probed| Box::pin(add(turn, probed)));
        Ok(self.with_health(added.await?))
    }

    /// Lists all servers, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn server_list(&self, ctx: &Context) -> Result<Vec<ServerView>, ApiError> {
        let servers = self.read(ctx, Action::ViewServer, (), |turn, ()| {
            Box::pin(async move { turn.core.store.server_list().await.map_err(store_failed) })
        });
        let mut views: Vec<_> = servers.await?.iter().map(show::server).collect();
        self.look_after(&mut views);
        Ok(views)
    }

    /// Shows a server.
    ///
    /// # Errors
    /// When there is no such server.
    pub async fn server_show(
        &self,
        ctx: &Context,
        request: ServerRef,
    ) -> Result<ServerView, ApiError> {
        let server = self.read(ctx, Action::ViewServer, request, |turn, request| {
            Box::pin(async move { Ok(show::server(&turn.servers(&request.name).await?.0)) })
        });
        Ok(self.with_health(server.await?))
    }

    /// Changes a server.
    ///
    /// # Errors
    /// When it is declared or built in, or a field cannot be used.
    pub async fn server_edit(
        &self,
        ctx: &Context,
        request: ServerEdit,
    ) -> Result<ServerView, ApiError> {
        let probed = self.probe_edited(ctx, request).await?;
        let edited = self
            .change(ctx, Action::ChangeServer, probed, |turn, probed| Box::pin(edit(turn, probed)));
        Ok(self.with_health(edited.await?))
    }

    /// Switches a server on. Does nothing to one that is on.
    ///
    /// # Errors
    /// When it is declared, or there is no such server.
    pub async fn server_enable(
        &self,
        ctx: &Context,
        request: ServerRef,
    ) -> Result<ServerView, ApiError> {
        let enabled = self.change(ctx, Action::ChangeServer, request, |turn, request| {
            Box::pin(switch(turn, request, true))
        });
        Ok(self.with_health(enabled.await?))
    }

    /// Switches a server off: it answers as if it were not there. Does nothing to one that is
    /// off.
    ///
    /// # Errors
    /// When it is declared, or there is no such server.
    pub async fn server_disable(
        &self,
        ctx: &Context,
        request: ServerRef,
    ) -> Result<ServerView, ApiError> {
        self.change(ctx, Action::ChangeServer, request, |turn, request| {
            Box::pin(switch(turn, request, false))
        })
        .await
    }

    /// Removes a server. Permissions that name it stay, and mean the next server of that name.
    /// Answers what it was.
    ///
    /// # Errors
    /// When it is declared, or there is no such server.
    pub async fn server_remove(
        &self,
        ctx: &Context,
        request: ServerRef,
    ) -> Result<ServerView, ApiError> {
        self.change(ctx, Action::DeleteServer, request, |turn, request| {
            Box::pin(remove(turn, request))
        })
        .await
    }

    fn with_health(&self, mut view: ServerView) -> ServerView {
        self.look_after(std::slice::from_mut(&mut view));
        view
    }

    /// How these servers do, as the gateway sees it at the moment. It knows nothing of those that
    /// are switched off.
    fn look_after(&self, views: &mut [ServerView]) {
        let hook = self.core().options.health.as_ref();
        let mut known: BTreeMap<String, HealthView> = hook
            .map(|hook| hook.health())
            .unwrap_or_default()
            .into_iter()
            .map(|(name, health)| (name.to_string(), health.into()))
            .collect();
        for view in views.iter_mut().filter(|view| view.is_enabled) {
            view.health = Some(known.remove(&view.name).unwrap_or_else(HealthView::unknown));
        }
    }
}

async fn add(turn: &mut Turn, probed: &Probed<ServerAdd>) -> Result<ServerView, ApiError> {
    let server = probed.applied(turn.new_server(&probed.request)?);
    let mut all = turn.core.store.server_list().await.map_err(store_failed)?;
    namespaces::check(&server, &all)?;
    let view = show::server(&server);
    let after = show::record(&view);
    let audit = turn.audit("server.add", &server.name, None, Some(&after), "")?;
    all.push(server.clone());
    turn.commit_servers(Change::ServerInsert(server), audit, all).await.map_err(|error| {
        if error.code != EXISTS {
            return error;
        }
        ApiError {
            field: Some("name".to_owned()),
            ..ApiError::new("server.exists", format!("there is a server `{}` already", view.name))
                .with_hint("choose another name, or change that server with `mcpass server edit`")
        }
    })?;
    Ok(view)
}

async fn edit(turn: &mut Turn, probed: &Probed<ServerEdit>) -> Result<ServerView, ApiError> {
    let (before, after, others) = turn.edited_server(&probed.request).await?;
    turn.check_edition(&before)?;
    let after = probed.applied(after);
    namespaces::check(&after, &others)?;
    turn.update_server("server.edit", before, after, others).await
}

async fn switch(
    turn: &mut Turn,
    request: &ServerRef,
    is_enabled: bool,
) -> Result<ServerView, ApiError> {
    let (before, others) = turn.editable(&request.name).await?;
    turn.check_edition(&before)?;
    if is_enabled && !before.is_enabled {
        turn.guard_machine(&before.kind)?;
    }
    let after = Server { is_enabled, ..before.clone() };
    let action = if is_enabled { "server.enable" } else { "server.disable" };
    turn.update_server(action, before, after, others).await
}

async fn remove(turn: &mut Turn, request: &ServerRef) -> Result<ServerView, ApiError> {
    let (server, others) = turn.editable(&request.name).await?;
    turn.check_edition(&server)?;
    let view = show::server(&server);
    let before = show::record(&view);
    let audit = turn.audit("server.remove", &server.name, Some(&before), None, "")?;
    turn.commit_servers(Change::ServerDelete(server.name, server.version), audit, others).await?;
    Ok(view)
}

/// Whether a server acts with what the account that mcpass runs under may do: runs commands, opens
/// databases, reads files or variables of the machine.
fn acts_for_the_machine(kind: &ServerKind) -> bool {
    match kind {
        ServerKind::Database(_) | ServerKind::Stdio(_) => true,
        ServerKind::Demo | ServerKind::Workspace(_) => false,
        ServerKind::Http(http) => {
            http.ca_file.is_some()
                || http.client_identity.is_some()
                || credential::has_reference(&http.url)
                || http.headers.values().any(|value| credential::has_reference(value))
        }
    }
}

impl Turn {
    /// The server that is asked for, as far as the request says it.
    fn new_server(&self, request: &ServerAdd) -> Result<Server, ApiError> {
        let (name, kind) =
            ApiError::both(parse::new_name(&request.name), settings::added(request))?;
        self.guard_machine(&kind)?;
        Ok(Server {
            name,
            kind,
            is_enabled: true,
            is_declared: false,
            created_at: self.now,
            version: 0,
        })
    }

    /// A server before and after an edit, and all the others.
    async fn edited_server(
        &self,
        request: &ServerEdit,
    ) -> Result<(Server, Server, Vec<Server>), ApiError> {
        let (before, others) = self.editable(&request.name).await?;
        let kind = settings::edited(&before.kind, request)?;
        if kind != before.kind {
            self.guard_machine(&kind)?;
        }
        let after = Server { kind, ..before.clone() };
        Ok((before, after, others))
    }

    /// Only those who may do everything make mcpass act for the machine: a command or a file of it
    /// is worth more than any permission.
    fn guard_machine(&self, kind: &ServerKind) -> Result<(), ApiError> {
        if !acts_for_the_machine(kind) {
            return Ok(());
        }
        self.caller.guard_superuser().map_err(|error| {
            error.with_hint(
                "commands, databases, files and references to credentials need a superuser or an \
                 operator; anybody with the permission may add a plain URL or a workspace",
            )
        })
    }

    /// The server of this name, and all the others.
    pub(crate) async fn servers(&self, name: &str) -> Result<(Server, Vec<Server>), ApiError> {
        let mut all = self.core.store.server_list().await.map_err(store_failed)?;
        match all.iter().position(|server| server.name.as_str() == name) {
            Some(at) => Ok((all.remove(at), all)),
            None => {
                let shown: String = name.chars().take(64).collect();
                let message = format!("there is no server `{shown}`");
                Err(ApiError::new("server.not_found", message)
                    .with_hint("`mcpass server list` shows the servers there are"))
            }
        }
    }

    /// The same, for a server that may be changed here.
    async fn editable(&self, name: &str) -> Result<(Server, Vec<Server>), ApiError> {
        let (server, others) = self.servers(name).await?;
        if server.is_declared {
            let message = format!("{name} is declared in the configuration file");
            return Err(ApiError::new("server.declared", message)
                .with_hint(format!("change [server.{name}] there and start mcpass again")));
        }
        Ok((server, others))
    }

    async fn update_server(
        &self,
        action: &str,
        before: Server,
        after: Server,
        mut others: Vec<Server>,
    ) -> Result<ServerView, ApiError> {
        let mut view = show::server(&after);
        if before != after {
            view.version += 1;
            let old = show::record(&show::server(&before));
            let new = show::record(&view);
            let audit = self.audit(action, &after.name, Some(&old), Some(&new), "")?;
            others.push(after.clone());
            self.commit_servers(Change::ServerUpdate(after), audit, others).await?;
        }
        Ok(view)
    }

    async fn commit_servers(
        &self,
        change: Change,
        audit: mcpass_domain::AuditEvent,
        mut all: Vec<Server>,
    ) -> Result<(), ApiError> {
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut plan = Plan::default();
        plan.change(change, audit);
        plan.publish(Update::Servers(all));
        self.commit(plan).await
    }
}
