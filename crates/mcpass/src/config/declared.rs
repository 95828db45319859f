//! Servers that the configuration file declares.

use std::ops::Range;
use std::path::PathBuf;

use mcpass_authority::servers;
use mcpass_domain::server::{ClientIdentity, HttpUpstream, StdioUpstream};
use mcpass_domain::{Server, ServerKind, ServerName, Timestamp, ToolNames, WorkspaceSettings};
use toml::Spanned;

mod database;

use super::file::{self, File, Source, Words};
use super::{ConfigError, credential};

/// The servers that the file declares, by name.
///
/// # Errors
/// On the first that cannot be, with its place.
pub(super) fn servers(source: &Source, file: &File) -> Result<Vec<Server>, ConfigError> {
    file.server.iter().map(|(name, section)| server(source, name, section)).collect()
}

fn server(
    source: &Source,
    name: &Spanned<String>,
    section: &file::Server,
) -> Result<Server, ConfigError> {
    let parsed: ServerName = name
        .get_ref()
        .parse()
        .map_err(|error| source.error(Some(name.span()), &format!("{error}"), None))?;
    let kind = match (&section.url, &section.command) {
        (None, None) if section.database.is_some() => {
            ServerKind::Database(database::server(source, section)?)
        }
        (_, _) if section.database.is_some() => {
            let message = "a server is a `database` or has a `url` or a `command`, not both";
            let place = section.database.as_ref().map(Spanned::span);
            return Err(source.error(place, message, None));
        }
        (None, None) if section.workspace.as_ref().is_some_and(|given| *given.get_ref()) => {
            ServerKind::Workspace(workspace(source, section)?)
        }
        (Some(url), None) => ServerKind::Http(http(source, url, section)?),
        (None, Some(command)) => ServerKind::Stdio(stdio(source, command, section)?),
        (Some(_), Some(command)) => {
            let message = "a server has a `url` or a `command`, not both";
            return Err(source.error(Some(command.span()), message, None));
        }
        (None, None) => {
            let message =
                format!("[server.{parsed}] has no `url`, `command`, `database` or `workspace`");
            let hint = "write the MCP endpoint as url = \"https://…\", or the program that speaks \
                        MCP on its standard input and output as command = [\"program\", \
                        \"argument\"], or database = \"sqlite:PATH\", or workspace = true for the one that is built in";
            return Err(source.error(Some(name.span()), &message, Some(hint.to_owned())));
        }
    };
    Ok(Server {
        name: parsed,
        kind,
        is_enabled: section.enabled.unwrap_or(true),
        is_declared: true,
        created_at: Timestamp::default(),
        version: 0,
    })
}

/// The settings are put in one at a time, so that an error has the place of the one that is wrong.
fn http(
    source: &Source,
    url: &Spanned<String>,
    section: &file::Server,
) -> Result<HttpUpstream, ConfigError> {
    refuse_foreign(source, "url", &stdio_keys(section))?;
    refuse_foreign(source, "url", &workspace_keys(section))?;
    refuse_foreign(source, "url", &database::keys(section))?;
    let check = |span, http: &HttpUpstream| check(source, span, ServerKind::Http(http.clone()));
    let mut http = HttpUpstream::new(url.get_ref());
    check(url.span(), &http)?;
    for (header, template) in &section.headers {
        http.headers.insert(header.clone(), template.get_ref().clone());
        check(template.span(), &http)?;
        http.headers.remove(header);
        http.headers.insert(header.to_ascii_lowercase(), located(source, template)?);
    }
    if let Some(timeout) = &section.connect_timeout {
        http.connect_timeout = timeout.get_ref().0;
        check(timeout.span(), &http)?;
    }
    if let Some(timeout) = &section.first_byte_timeout {
        http.first_byte_timeout = timeout.get_ref().0;
        check(timeout.span(), &http)?;
    }
    if let Some(count) = &section.max_connections {
        http.max_connections = *count.get_ref();
        check(count.span(), &http)?;
    }
    if let Some(file) = &section.ca_file {
        http.ca_file = Some(path(source, file)?);
        check(file.span(), &http)?;
    }
    match (&section.client_certificate, &section.client_key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            http.client_identity = Some(ClientIdentity {
                certificate: path(source, certificate)?,
                key: path(source, key)?,
            });
            check(certificate.span(), &http)?;
        }
        (Some(lone), None) => {
            let message = "a client certificate needs its `client_key`";
            return Err(source.error(Some(lone.span()), message, None));
        }
        (None, Some(lone)) => {
            let message = "a private key needs its `client_certificate`";
            return Err(source.error(Some(lone.span()), message, None));
        }
    }
    Ok(http)
}

fn stdio(
    source: &Source,
    command: &Spanned<Words>,
    section: &file::Server,
) -> Result<StdioUpstream, ConfigError> {
    refuse_foreign(source, "command", &http_keys(section))?;
    refuse_foreign(source, "command", &workspace_keys(section))?;
    refuse_foreign(source, "command", &database::keys(section))?;
    let check = |span, stdio: &StdioUpstream| check(source, span, ServerKind::Stdio(stdio.clone()));
    let (program, arguments) =
        command.get_ref().0.split_first().ok_or_else(|| {
            source.error(Some(command.span()), "this command has no program", None)
        })?;
    let mut stdio = StdioUpstream::new(program, arguments.to_vec());
    if program.contains('/') {
        stdio.program = absolute(source, command.span(), program.into())?;
    }
    check(command.span(), &stdio)?;
    for (name, template) in &section.environment {
        stdio.environment.insert(name.clone(), template.get_ref().clone());
        check(template.span(), &stdio)?;
        stdio.environment.insert(name.clone(), located(source, template)?);
    }
    if let Some(folder) = &section.folder {
        stdio.folder = Some(path(source, folder)?);
        check(folder.span(), &stdio)?;
    }
    if let Some(per_token) = &section.per_token {
        stdio.per_token = *per_token.get_ref();
    }
    if let Some(timeout) = &section.start_timeout {
        stdio.start_timeout = timeout.get_ref().0;
        check(timeout.span(), &stdio)?;
    }
    if let Some(timeout) = &section.answer_timeout {
        stdio.answer_timeout = timeout.get_ref().0;
        check(timeout.span(), &stdio)?;
    }
    if let Some(idle) = &section.idle {
        stdio.idle = idle.get_ref().0;
        check(idle.span(), &stdio)?;
    }
    Ok(stdio)
}

fn workspace(source: &Source, section: &file::Server) -> Result<WorkspaceSettings, ConfigError> {
    refuse_foreign(source, "workspace", &http_keys(section))?;
    refuse_foreign(source, "workspace", &stdio_keys(section))?;
    refuse_foreign(source, "workspace", &database::keys(section))?;
    let tool_names = match &section.tool_names {
        None => ToolNames::default(),
        Some(word) => ToolNames::parse(word.get_ref()).ok_or_else(|| {
            let message = "tool names are `underscore` or `slash`";
            source.error(Some(word.span()), message, None)
        })?,
    };
    Ok(WorkspaceSettings { tool_names })
}

/// The rules of `mcpass server add`, with the place in the file.
fn check(source: &Source, span: Range<usize>, kind: ServerKind) -> Result<(), ConfigError> {
    let checked = servers::check(kind).map(drop);
    checked.map_err(|error| source.error(Some(span), &error.message, error.hint.map(String::from)))
}

/// A template whose files are taken from the folder of the configuration.
fn located(source: &Source, template: &Spanned<String>) -> Result<String, ConfigError> {
    credential::relative_to(template.get_ref(), source.folder())
        .map_err(|error| source.error(Some(template.span()), &error.to_string(), None))
}

fn path(source: &Source, path: &Spanned<PathBuf>) -> Result<String, ConfigError> {
    absolute(source, path.span(), path.get_ref().clone())
}

/// A path that means the same wherever the server runs.
fn absolute(source: &Source, span: Range<usize>, path: PathBuf) -> Result<String, ConfigError> {
    let fail =
        |why: &str| source.error(Some(span), &format!("this path cannot be used: {why}"), None);
    match std::path::absolute(source.folder().join(path)) {
        Ok(path) => path.into_os_string().into_string().map_err(|_| fail("it is not UTF-8")),
        Err(error) => Err(fail(&error.to_string())),
    }
}

type Given = (&'static str, Option<Range<usize>>);

fn span<T>(key: Option<&Spanned<T>>) -> Option<Range<usize>> {
    key.map(Spanned::span)
}

fn http_keys(section: &file::Server) -> [Given; 7] {
    [
        ("headers", span(section.headers.values().next())),
        ("connect_timeout", span(section.connect_timeout.as_ref())),
        ("first_byte_timeout", span(section.first_byte_timeout.as_ref())),
        ("max_connections", span(section.max_connections.as_ref())),
        ("ca_file", span(section.ca_file.as_ref())),
        ("client_certificate", span(section.client_certificate.as_ref())),
        ("client_key", span(section.client_key.as_ref())),
    ]
}

fn stdio_keys(section: &file::Server) -> [Given; 6] {
    [
        ("environment", span(section.environment.values().next())),
        ("folder", span(section.folder.as_ref())),
        ("per_token", span(section.per_token.as_ref())),
        ("start_timeout", span(section.start_timeout.as_ref())),
        ("answer_timeout", span(section.answer_timeout.as_ref())),
        ("idle", span(section.idle.as_ref())),
    ]
}

fn workspace_keys(section: &file::Server) -> [Given; 2] {
    [
        ("workspace", span(section.workspace.as_ref())),
        ("tool_names", span(section.tool_names.as_ref())),
    ]
}

/// What would silently do nothing is an error.
fn refuse_foreign(source: &Source, with: &str, keys: &[Given]) -> Result<(), ConfigError> {
    match keys.iter().find(|(_, span)| span.is_some()) {
        None => Ok(()),
        Some((key, span)) => {
            let message = format!("a server with a `{with}` has no `{key}`");
            Err(source.error(span.clone(), &message, None))
        }
    }
}
