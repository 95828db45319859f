//! Servers: added by hand, or declared in the configuration file.

mod declared;
pub mod upstream;

use std::collections::BTreeMap;

use mcpass_domain::server::HttpUpstream;
use mcpass_domain::{Server, ServerKind};
use mcpass_store::Change;

use crate::api::{ApiError, ServerAdd, ServerEdit, ServerRef, ServerView};
use crate::authority::Authority;
use crate::authorize::Action;
use crate::context::Context;
use crate::failure::{EXISTS, store_failed};
use crate::hooks::Update;
use crate::turn::{Plan, Turn};
use crate::{parse, show, when};

pub use declared::DeclaredChanges;

impl Authority {
    /// Adds a Streamable HTTP server. It is reachable when this returns.
    ///
    /// # Errors
    /// When the name is taken or a field cannot be used.
    pub async fn server_add(
        &self,
        ctx: &Context,
        request: ServerAdd,
    ) -> Result<ServerView, ApiError> {
        self.change(ctx, Action::AddServer, request, |turn, request| Box::pin(add(turn, request)))
            .await
    }

    /// Lists all servers, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn server_list(&self, ctx: &Context) -> Result<Vec<ServerView>, ApiError> {
        self.read(ctx, Action::ViewServer, (), |turn, ()| {
            Box::pin(async move {
                let servers = turn.core.store.server_list().await.map_err(store_failed)?;
                Ok(servers.iter().map(show::server).collect())
            })
        })
        .await
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
        self.read(ctx, Action::ViewServer, request, |turn, request| {
            Box::pin(async move { Ok(show::server(&turn.servers(&request.name).await?.0)) })
        })
        .await
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
        self.change(ctx, Action::ChangeServer, request, |turn, request| {
            Box::pin(edit(turn, request))
        })
        .await
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
        self.change(ctx, Action::ChangeServer, request, |turn, request| {
            Box::pin(switch(turn, request, true))
        })
        .await
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
}

async fn add(turn: &mut Turn, request: &ServerAdd) -> Result<ServerView, ApiError> {
    let usual = HttpUpstream::new(request.url.trim());
    let server = Server {
        // The name is the permission namespace as well, so a free name is a free namespace.
        name: parse::field("name", &request.name)?,
        kind: ServerKind::Http(upstream::check(HttpUpstream {
            headers: request.headers.clone(),
            connect_timeout: timeout(
                "connect_timeout",
                request.connect_timeout.as_deref(),
                usual.connect_timeout,
            )?,
            first_byte_timeout: timeout(
                "first_byte_timeout",
                request.first_byte_timeout.as_deref(),
                usual.first_byte_timeout,
            )?,
            ..usual
        })?),
        is_enabled: true,
        is_declared: false,
        created_at: turn.now,
        version: 0,
    };
    let mut all = turn.core.store.server_list().await.map_err(store_failed)?;
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

async fn edit(turn: &mut Turn, request: &ServerEdit) -> Result<ServerView, ApiError> {
    let (before, others) = turn.editable(&request.name).await?;
    let ServerKind::Http(old) = &before.kind else {
        let message = format!("{} is built in and has nothing to edit", before.name);
        return Err(ApiError::new("server.built_in", message));
    };
    let after = Server {
        kind: ServerKind::Http(upstream::check(HttpUpstream {
            url: request
                .url
                .as_deref()
                .map_or_else(|| old.url.clone(), |url| url.trim().to_owned()),
            headers: edited_headers(&old.headers, request)?,
            connect_timeout: timeout(
                "connect_timeout",
                request.connect_timeout.as_deref(),
                old.connect_timeout,
            )?,
            first_byte_timeout: timeout(
                "first_byte_timeout",
                request.first_byte_timeout.as_deref(),
                old.first_byte_timeout,
            )?,
            ..old.clone()
        })?),
        ..before.clone()
    };
    turn.update_server("server.edit", before, after, others).await
}

async fn switch(
    turn: &mut Turn,
    request: &ServerRef,
    is_enabled: bool,
) -> Result<ServerView, ApiError> {
    let (before, others) = turn.editable(&request.name).await?;
    let after = Server { is_enabled, ..before.clone() };
    let action = if is_enabled { "server.enable" } else { "server.disable" };
    turn.update_server(action, before, after, others).await
}

async fn remove(turn: &mut Turn, request: &ServerRef) -> Result<ServerView, ApiError> {
    let (server, others) = turn.editable(&request.name).await?;
    let view = show::server(&server);
    let before = show::record(&view);
    let audit = turn.audit("server.remove", &server.name, Some(&before), None, "")?;
    turn.commit_servers(Change::ServerDelete(server.name, server.version), audit, others).await?;
    Ok(view)
}

fn edited_headers(
    before: &BTreeMap<String, String>,
    request: &ServerEdit,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut headers = before.clone();
    for name in &request.remove_headers {
        let count = headers.len();
        headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
        if headers.len() == count {
            let message = format!("there is no header `{name}` to remove");
            return Err(ApiError::invalid("remove_headers", message));
        }
    }
    for (name, value) in &request.set_headers {
        headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
        headers.insert(name.clone(), value.clone());
    }
    Ok(headers)
}

fn timeout(
    field: &str,
    text: Option<&str>,
    usual: std::time::Duration,
) -> Result<std::time::Duration, ApiError> {
    text.map_or(Ok(usual), |text| when::duration(field, text))
}

impl Turn {
    /// The server of this name, and all the others.
    async fn servers(&self, name: &str) -> Result<(Server, Vec<Server>), ApiError> {
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
        let view = show::server(&after);
        if before != after {
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
