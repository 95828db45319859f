//! A server's kind and settings, from what was asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::server::{ClientIdentity, HttpUpstream, StdioUpstream};
use mcpass_domain::{DatabaseServer, ServerKind, ToolNames, ToolsForm, WorkspaceSettings};

use super::{stdio, upstream};
use crate::api::{ApiError, DatabaseEdit, ServerAdd, ServerEdit};
use crate::when;

/// The kind that a new server is to have, with its settings.
pub(super) fn added(request: &ServerAdd) -> Result<ServerKind, ApiError> {
    let kinds = [
        request.url.is_some(),
        !request.command.is_empty(),
        request.workspace,
        request.database.is_some(),
    ];
    if request.database.is_some() && kinds.iter().filter(|is_given| **is_given).count() > 1 {
        let message = "a server is a database or has a URL or a command, not both";
        return Err(ApiError::invalid("database", message));
    }
    let usual = match (&request.url, request.command.split_first()) {
        (None, None) if request.database.is_some() => {
            let url = request.database.as_deref().unwrap_or_default();
            ServerKind::Database(DatabaseServer::new(url.trim()))
        }
        (None, None) if request.workspace => ServerKind::Workspace(WorkspaceSettings::default()),
        (_, _) if request.workspace => {
            let message = "a workspace is in this process and has no URL or command";
            return Err(ApiError::invalid("workspace", message));
        }
        (Some(url), None) => ServerKind::Http(HttpUpstream::new(url.trim())),
        (None, Some((program, arguments))) => {
            ServerKind::Stdio(StdioUpstream::new(program, arguments.to_vec()))
        }
        (Some(_), Some(_)) => {
            let message = "a server has a URL or a command, not both";
            return Err(ApiError::invalid("command", message));
        }
        (None, None) => {
            let message = "a server needs a URL (Streamable HTTP), a command (stdio) or a database, or is a \
                 workspace";
            return Err(ApiError::invalid("url", message));
        }
    };
    let request = request.clone();
    let wanted = ServerEdit {
        name: request.name,
        url: None,
        set_headers: request.headers,
        remove_headers: Vec::new(),
        connect_timeout: request.connect_timeout,
        first_byte_timeout: request.first_byte_timeout,
        max_connections: request.max_connections,
        ca_file: request.ca_file,
        client_certificate: request.client_certificate,
        client_key: request.client_key,
        command: Vec::new(),
        set_environment: request.environment,
        remove_environment: Vec::new(),
        folder: request.folder,
        per_token: request.per_token.then_some(true),
        start_timeout: request.start_timeout,
        answer_timeout: request.answer_timeout,
        idle: request.idle,
        tool_names: request.tool_names,
        database: None,
        offer: request.offer,
    };
    edited(&usual, &wanted)
}

/// A server's settings after a change.
pub(super) fn edited(old: &ServerKind, edit: &ServerEdit) -> Result<ServerKind, ApiError> {
    match old {
        ServerKind::Database(old) => {
            refuse_foreign("database", &http_fields(edit))?;
            refuse_foreign("database", &stdio_fields(edit))?;
            refuse_foreign("database", &workspace_fields(edit))?;
            let edited = database(old, edit.database.as_deref(), &edit.offer)?;
            Ok(ServerKind::Database(super::database::check(edited)?))
        }
        ServerKind::Demo => {
            let message = format!("{} is built in and has nothing to edit", edit.name);
            Err(ApiError::new("server.built_in", message))
        }
        ServerKind::Http(old) => {
            refuse_foreign("http", &stdio_fields(edit))?;
            refuse_foreign("http", &workspace_fields(edit))?;
            refuse_foreign("http", &database_fields(edit))?;
            Ok(ServerKind::Http(upstream::check(http(old, edit)?)?))
        }
        ServerKind::Stdio(old) => {
            refuse_foreign("stdio", &http_fields(edit))?;
            refuse_foreign("stdio", &workspace_fields(edit))?;
            refuse_foreign("stdio", &database_fields(edit))?;
            Ok(ServerKind::Stdio(stdio::check(child(old, edit)?)?))
        }
        ServerKind::Workspace(old) => {
            refuse_foreign("workspace", &http_fields(edit))?;
            refuse_foreign("workspace", &stdio_fields(edit))?;
            refuse_foreign("workspace", &database_fields(edit))?;
            Ok(ServerKind::Workspace(workspace(*old, edit)?))
        }
    }
}

fn http(old: &HttpUpstream, edit: &ServerEdit) -> Result<HttpUpstream, ApiError> {
    let headers =
        merged("header", &old.headers, &edit.set_headers, &edit.remove_headers, |one, other| {
            one.eq_ignore_ascii_case(other)
        })?;
    Ok(HttpUpstream {
        url: edit.url.as_deref().map_or_else(|| old.url.clone(), |url| url.trim().to_owned()),
        headers,
        connect_timeout: time(
            "connect_timeout",
            edit.connect_timeout.as_deref(),
            old.connect_timeout,
        )?,
        first_byte_timeout: time(
            "first_byte_timeout",
            edit.first_byte_timeout.as_deref(),
            old.first_byte_timeout,
        )?,
        ca_file: path(edit.ca_file.as_deref(), old.ca_file.as_ref()),
        client_identity: identity(old.client_identity.as_ref(), edit)?,
        max_connections: edit.max_connections.unwrap_or(old.max_connections),
    })
}

/// A certificate without its key shows nothing, and a key without its certificate neither.
fn identity(
    old: Option<&ClientIdentity>,
    edit: &ServerEdit,
) -> Result<Option<ClientIdentity>, ApiError> {
    let certificate =
        path(edit.client_certificate.as_deref(), old.map(|identity| &identity.certificate));
    let key = path(edit.client_key.as_deref(), old.map(|identity| &identity.key));
    match (certificate, key) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(ClientIdentity { certificate, key })),
        (Some(_), None) => {
            let message = "a client certificate needs its private key";
            Err(ApiError::invalid("client_key", message).with_hint("name its file too"))
        }
        (None, Some(_)) => {
            let message = "a private key needs its client certificate";
            Err(ApiError::invalid("client_certificate", message).with_hint("name its file too"))
        }
    }
}

fn child(old: &StdioUpstream, edit: &ServerEdit) -> Result<StdioUpstream, ApiError> {
    let (program, arguments) = match edit.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments.to_vec()),
        None => (old.program.clone(), old.arguments.clone()),
    };
    let (set, removed) = (&edit.set_environment, &edit.remove_environment);
    let idle = match edit.idle.as_deref() {
        Some(text) if text.trim() == "never" => Duration::ZERO,
        text => time("idle", text, old.idle)?,
    };
    Ok(StdioUpstream {
        program,
        arguments,
        environment: merged("variable", &old.environment, set, removed, |one, other| one == other)?,
        folder: path(edit.folder.as_deref(), old.folder.as_ref()),
        per_token: edit.per_token.unwrap_or(old.per_token),
        start_timeout: time("start_timeout", edit.start_timeout.as_deref(), old.start_timeout)?,
        answer_timeout: time("answer_timeout", edit.answer_timeout.as_deref(), old.answer_timeout)?,
        idle,
    })
}

fn database(
    old: &DatabaseServer,
    url: Option<&str>,
    edit: &DatabaseEdit,
) -> Result<DatabaseServer, ApiError> {
    let tools = match edit.tools.as_deref() {
        None => old.tools,
        Some(word) => ToolsForm::parse(word)
            .ok_or_else(|| ApiError::invalid("tools", "tools are `full` or `compact`"))?,
    };
    let timeout = edit.statement_timeout.as_deref();
    Ok(DatabaseServer {
        url: url.map_or_else(|| old.url.clone(), |url| url.trim().to_owned()),
        apps: edit.apps.clone().unwrap_or_else(|| old.apps.clone()),
        tools,
        with_history: edit.with_history.unwrap_or(old.with_history),
        read_only: edit.read_only.unwrap_or(old.read_only),
        expose: edit.expose.unwrap_or(old.expose),
        statement_timeout: time("statement_timeout", timeout, old.statement_timeout)?,
        max_rows: edit.max_rows.unwrap_or(old.max_rows),
        max_bytes: edit.max_bytes.unwrap_or(old.max_bytes),
        connections: edit.pool.unwrap_or(old.connections),
        schemas: edit.schemas.clone().unwrap_or_else(|| old.schemas.clone()),
        models: edit.models.clone().unwrap_or_else(|| old.models.clone()),
    })
}

fn workspace(old: WorkspaceSettings, edit: &ServerEdit) -> Result<WorkspaceSettings, ApiError> {
    let tool_names = match edit.tool_names.as_deref() {
        None => old.tool_names,
        Some(word) => ToolNames::parse(word).ok_or_else(|| {
            ApiError::invalid("tool_names", "tool names are `underscore` or `slash`")
        })?,
    };
    Ok(WorkspaceSettings { tool_names })
}

/// Named texts after a change; what is removed has to be there.
fn merged(
    what: &str,
    before: &BTreeMap<String, String>,
    set: &BTreeMap<String, String>,
    removed: &[String],
    is_same: fn(&str, &str) -> bool,
) -> Result<BTreeMap<String, String>, ApiError> {
    let mut after = before.clone();
    for name in removed {
        let count = after.len();
        after.retain(|known, _| !is_same(known, name));
        if after.len() == count {
            let field = if what == "header" { "remove_headers" } else { "remove_environment" };
            let shown: String = name.chars().take(64).collect();
            let message = format!("there is no {what} `{shown}` to remove");
            return Err(ApiError::invalid(field, message));
        }
    }
    for (name, value) in set {
        after.retain(|known, _| !is_same(known, name));
        after.insert(name.clone(), value.clone());
    }
    Ok(after)
}

/// A path after a change; an empty one removes it.
fn path(wanted: Option<&str>, old: Option<&String>) -> Option<String> {
    match wanted {
        Some("") => None,
        Some(path) => Some(path.to_owned()),
        None => old.cloned(),
    }
}

fn time(field: &str, text: Option<&str>, usual: Duration) -> Result<Duration, ApiError> {
    text.map_or(Ok(usual), |text| when::duration(field, text))
}

type Given = (&'static str, bool);

fn http_fields(edit: &ServerEdit) -> [Given; 9] {
    [
        ("url", edit.url.is_some()),
        ("headers", !edit.set_headers.is_empty()),
        ("remove_headers", !edit.remove_headers.is_empty()),
        ("connect_timeout", edit.connect_timeout.is_some()),
        ("first_byte_timeout", edit.first_byte_timeout.is_some()),
        ("max_connections", edit.max_connections.is_some()),
        ("ca_file", edit.ca_file.is_some()),
        ("client_certificate", edit.client_certificate.is_some()),
        ("client_key", edit.client_key.is_some()),
    ]
}

fn stdio_fields(edit: &ServerEdit) -> [Given; 8] {
    [
        ("command", !edit.command.is_empty()),
        ("environment", !edit.set_environment.is_empty()),
        ("remove_environment", !edit.remove_environment.is_empty()),
        ("folder", edit.folder.is_some()),
        ("per_token", edit.per_token.is_some()),
        ("start_timeout", edit.start_timeout.is_some()),
        ("answer_timeout", edit.answer_timeout.is_some()),
        ("idle", edit.idle.is_some()),
    ]
}

fn workspace_fields(edit: &ServerEdit) -> [Given; 1] {
    [("tool_names", edit.tool_names.is_some())]
}

fn database_fields(edit: &ServerEdit) -> [Given; 12] {
    let offer = &edit.offer;
    [
        ("database", edit.database.is_some()),
        ("apps", offer.apps.is_some()),
        ("tools", offer.tools.is_some()),
        ("with_history", offer.with_history.is_some()),
        ("read_only", offer.read_only.is_some()),
        ("expose", offer.expose.is_some()),
        ("statement_timeout", offer.statement_timeout.is_some()),
        ("max_rows", offer.max_rows.is_some()),
        ("max_bytes", offer.max_bytes.is_some()),
        ("pool", offer.pool.is_some()),
        ("schemas", offer.schemas.is_some()),
        ("models", offer.models.is_some()),
    ]
}

/// What would silently do nothing is an error.
fn refuse_foreign(kind: &str, fields: &[Given]) -> Result<(), ApiError> {
    match fields.iter().find(|(_, is_given)| *is_given) {
        None => Ok(()),
        Some((field, _)) => {
            let message = format!("a server of kind {kind} has no {field}");
            Err(ApiError::invalid(*field, message))
        }
    }
}
