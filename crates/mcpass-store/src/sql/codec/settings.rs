//! What a server's settings are in their column: JSON, whose members depend on the kind.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::server::{ClientIdentity, HttpUpstream, StdioUpstream};
use mcpass_domain::{
    DatabaseServer, ServerKind, ToolNames, ToolsForm, WorkspaceSettings as Workspace,
};
use serde::{Deserialize, Serialize};

use super::failure;
use crate::StoreError;

/// The settings of an `http` server. What came later has a default, for rows from before.
#[derive(Deserialize, Serialize)]
struct HttpSettings {
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    connect_timeout_us: u64,
    first_byte_timeout_us: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_identity: Option<IdentitySettings>,
    #[serde(default = "max_connections")]
    max_connections: u32,
}

#[derive(Deserialize, Serialize)]
struct IdentitySettings {
    certificate: String,
    key: String,
}

const fn max_connections() -> u32 {
    HttpUpstream::MAX_CONNECTIONS
}

/// The settings of a `stdio` server.
#[derive(Deserialize, Serialize)]
struct StdioSettings {
    program: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    folder: Option<String>,
    per_token: bool,
    start_timeout_us: u64,
    answer_timeout_us: u64,
    idle_us: u64,
}

/// The settings of a `database` server.
#[derive(Deserialize, Serialize)]
struct DatabaseSettings {
    url: String,
    apps: Vec<String>,
    tools: String,
    with_history: bool,
    read_only: bool,
    expose: bool,
    statement_timeout_us: u64,
    max_rows: u32,
    max_bytes: u64,
    connections: u32,
    schemas: Vec<String>,
    /// A JSON object within the JSON: what it says is for others to read.
    models: String,
}

/// The settings of a `workspace` server.
#[derive(Deserialize, Serialize)]
struct WorkspaceSettings {
    tool_names: String,
}

/// The settings of a server as JSON.
pub(in super::super) fn settings_to_json(kind: &ServerKind) -> Result<String, StoreError> {
    let json = match kind {
        ServerKind::Database(database) => serde_json::to_string(&DatabaseSettings::from(database)),
        ServerKind::Demo => Ok("{}".to_owned()),
        ServerKind::Http(upstream) => serde_json::to_string(&HttpSettings::from(upstream)),
        ServerKind::Stdio(upstream) => serde_json::to_string(&StdioSettings::from(upstream)),
        ServerKind::Workspace(settings) => serde_json::to_string(&WorkspaceSettings {
            tool_names: settings.tool_names.as_str().to_owned(),
        }),
    };
    json.map_err(|error| failure::damaged("server", error))
}

/// A kind of server with its settings.
pub(in super::super) fn kind_from_json(kind: &str, json: &str) -> Result<ServerKind, StoreError> {
    let damaged = |error| failure::damaged("server", error);
    match kind {
        "database" => {
            let settings: DatabaseSettings = serde_json::from_str(json).map_err(damaged)?;
            let form = ToolsForm::parse(&settings.tools).ok_or_else(|| {
                let form = &settings.tools;
                failure::damaged("server", format_args!("`{form}` is no form of tools"))
            })?;
            Ok(ServerKind::Database(settings.with(form)))
        }
        "demo" => Ok(ServerKind::Demo),
        "http" => {
            let settings: HttpSettings = serde_json::from_str(json).map_err(damaged)?;
            Ok(ServerKind::Http(settings.into()))
        }
        "stdio" => {
            let settings: StdioSettings = serde_json::from_str(json).map_err(damaged)?;
            Ok(ServerKind::Stdio(settings.into()))
        }
        "workspace" => {
            let settings: WorkspaceSettings = serde_json::from_str(json).map_err(damaged)?;
            let names = &settings.tool_names;
            let tool_names = ToolNames::parse(names).ok_or_else(|| {
                failure::damaged("server", format_args!("`{names}` are no names of tools"))
            })?;
            Ok(ServerKind::Workspace(Workspace { tool_names }))
        }
        other => Err(failure::damaged("server", format_args!("`{other}` is no kind of server"))),
    }
}

impl From<&DatabaseServer> for DatabaseSettings {
    fn from(database: &DatabaseServer) -> Self {
        Self {
            url: database.url.clone(),
            apps: database.apps.clone(),
            tools: database.tools.as_str().to_owned(),
            with_history: database.with_history,
            read_only: database.read_only,
            expose: database.expose,
            statement_timeout_us: micros(database.statement_timeout),
            max_rows: database.max_rows,
            max_bytes: database.max_bytes,
            connections: database.connections,
            schemas: database.schemas.clone(),
            models: database.models.clone(),
        }
    }
}

impl DatabaseSettings {
    fn with(self, tools: ToolsForm) -> DatabaseServer {
        DatabaseServer {
            url: self.url,
            apps: self.apps,
            tools,
            with_history: self.with_history,
            read_only: self.read_only,
            expose: self.expose,
            statement_timeout: Duration::from_micros(self.statement_timeout_us),
            max_rows: self.max_rows,
            max_bytes: self.max_bytes,
            connections: self.connections,
            schemas: self.schemas,
            models: self.models,
        }
    }
}

impl From<&HttpUpstream> for HttpSettings {
    fn from(upstream: &HttpUpstream) -> Self {
        let identity = upstream.client_identity.as_ref();
        Self {
            url: upstream.url.clone(),
            headers: upstream.headers.clone(),
            connect_timeout_us: micros(upstream.connect_timeout),
            first_byte_timeout_us: micros(upstream.first_byte_timeout),
            ca_file: upstream.ca_file.clone(),
            client_identity: identity.map(|identity| IdentitySettings {
                certificate: identity.certificate.clone(),
                key: identity.key.clone(),
            }),
            max_connections: upstream.max_connections,
        }
    }
}

impl From<HttpSettings> for HttpUpstream {
    fn from(settings: HttpSettings) -> Self {
        Self {
            url: settings.url,
            headers: settings.headers,
            connect_timeout: Duration::from_micros(settings.connect_timeout_us),
            first_byte_timeout: Duration::from_micros(settings.first_byte_timeout_us),
            ca_file: settings.ca_file,
            client_identity: settings.client_identity.map(|identity| ClientIdentity {
                certificate: identity.certificate,
                key: identity.key,
            }),
            max_connections: settings.max_connections,
        }
    }
}

impl From<&StdioUpstream> for StdioSettings {
    fn from(upstream: &StdioUpstream) -> Self {
        Self {
            program: upstream.program.clone(),
            arguments: upstream.arguments.clone(),
            environment: upstream.environment.clone(),
            folder: upstream.folder.clone(),
            per_token: upstream.per_token,
            start_timeout_us: micros(upstream.start_timeout),
            answer_timeout_us: micros(upstream.answer_timeout),
            idle_us: micros(upstream.idle),
        }
    }
}

impl From<StdioSettings> for StdioUpstream {
    fn from(settings: StdioSettings) -> Self {
        Self {
            program: settings.program,
            arguments: settings.arguments,
            environment: settings.environment,
            folder: settings.folder,
            per_token: settings.per_token,
            start_timeout: Duration::from_micros(settings.start_timeout_us),
            answer_timeout: Duration::from_micros(settings.answer_timeout_us),
            idle: Duration::from_micros(settings.idle_us),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_from_before_the_newer_settings_are_read() {
        let json = r#"{"url":"http://x/","connect_timeout_us":1,"first_byte_timeout_us":2}"#;
        let ServerKind::Http(http) = kind_from_json("http", json).unwrap() else {
            unreachable!("it is http")
        };
        assert_eq!(http.max_connections, HttpUpstream::MAX_CONNECTIONS);
        assert!(http.ca_file.is_none() && http.client_identity.is_none());
    }

    #[test]
    fn settings_read_back_as_they_were_written() {
        let mut http = HttpUpstream::new("https://x/");
        http.ca_file = Some("ca.pem".to_owned());
        http.client_identity =
            Some(ClientIdentity { certificate: "c.pem".to_owned(), key: "k.pem".to_owned() });
        let mut stdio = StdioUpstream::new("npx", vec!["-y".to_owned(), "x".to_owned()]);
        stdio.environment.insert("KEY".to_owned(), "${env:KEY}".to_owned());
        stdio.per_token = true;
        stdio.folder = Some("work".to_owned());
        let workspace = ServerKind::Workspace(Workspace { tool_names: ToolNames::Slash });
        let mut database = DatabaseServer::new("postgres://shop:${env:PASSWORD}@db/shop");
        database.apps = vec!["blog".to_owned(), "auth".to_owned()];
        database.tools = ToolsForm::Compact;
        database.with_history = true;
        database.schemas = vec!["public".to_owned()];
        database.models = r#"{"article":{"where":"tenant = 4"}}"#.to_owned();
        let database = ServerKind::Database(database);
        for kind in [
            database,
            ServerKind::Demo,
            ServerKind::Http(http),
            ServerKind::Stdio(stdio),
            workspace,
        ] {
            let json = settings_to_json(&kind).unwrap();
            assert_eq!(kind_from_json(kind.as_str(), &json).unwrap(), kind);
        }
    }
}
