//! Servers, as answers show them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use mcpass_domain::server::{ClientIdentity, Health, HealthState, HttpUpstream, StdioUpstream};
use mcpass_domain::{
    DatabaseServer, ServerKind, Timestamp, ToolNames, ToolsForm, WorkspaceSettings,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::wire;

/// A server. Credentials are shown as the references they are, never as values.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct ServerView {
    /// Its name.
    pub name: String,
    /// What it is, with the settings of that kind.
    #[serde(flatten)]
    pub kind: KindView,
    /// Requests to a server that is not enabled are answered as if it were not there.
    pub is_enabled: bool,
    /// Declared in the configuration file, and so not editable elsewhere.
    pub is_declared: bool,
    /// When it was added.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// How it does at the moment; none if it is switched off or gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<HealthView>,
    /// Counts changes, for conditions on them. Not shown.
    #[serde(skip)]
    pub version: i64,
}

/// What a server is: `"kind":"http"` with the members of [`HttpView`] beside it, and so on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KindView {
    /// A database.
    Database(DatabaseView),
    /// The demo's notebook.
    Demo,
    /// Streamable HTTP.
    Http(HttpView),
    /// A child process.
    Stdio(StdioView),
    /// The product workspace.
    Workspace(WorkspaceView),
}

/// The settings of an `http` server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct HttpView {
    /// Its MCP endpoint.
    pub url: String,
    /// Headers sent with each request, with `${env:NAME}` and `${file:PATH}` for credentials.
    pub headers: BTreeMap<String, String>,
    /// How long connecting may take, in milliseconds.
    pub connect_timeout_ms: u64,
    /// How long the first byte of an answer may take, in milliseconds.
    pub first_byte_timeout_ms: u64,
    /// Connections at most.
    pub max_connections: u32,
    /// File of the certificate authorities that are trusted; none for the operating system's.
    pub ca_file: Option<String>,
    /// File of mcpass's own certificate.
    pub client_certificate: Option<String>,
    /// File of its private key.
    pub client_key: Option<String>,
}

/// The settings of a `stdio` server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct StdioView {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables of its environment, with `${env:NAME}` and `${file:PATH}` for credentials.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; none for where mcpass does.
    pub folder: Option<String>,
    /// Whether each token gets a process of its own.
    pub per_token: bool,
    /// How long it may take until it answers its first message, in milliseconds.
    pub start_timeout_ms: u64,
    /// How long the first message of an answer may take, in milliseconds.
    pub answer_timeout_ms: u64,
    /// A process that nobody used for so long is ended, in milliseconds; 0 means never.
    pub idle_ms: u64,
}

/// The settings of a `database` server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct DatabaseView {
    /// The database, with `${env:NAME}` and `${file:PATH}` for credentials.
    pub database: String,
    /// Namespaces of its permissions; empty for the server's name.
    pub apps: Vec<String>,
    /// `full` or `compact`.
    pub tools: String,
    /// Whether changes are recorded in a table of that database.
    pub with_history: bool,
    /// Whether nothing is ever written.
    pub read_only: bool,
    /// Whether models of which nothing is said are offered.
    pub expose: bool,
    /// How long a statement may take, in milliseconds.
    pub statement_timeout_ms: u64,
    /// Rows of a list at most.
    pub max_rows: u32,
    /// Bytes of the rows of one statement at most.
    pub max_bytes: u64,
    /// Connections for reads.
    pub pool: u32,
    /// PostgreSQL schemas that are looked into.
    pub schemas: Vec<String>,
    /// What is said of single models: a JSON object of their settings, by their names.
    pub models: String,
}

/// The settings of a `workspace` server.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WorkspaceView {
    /// How its tools are listed: `underscore` or `slash`.
    pub tool_names: String,
}

/// How a server does, as the running gateway sees it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct HealthView {
    /// `unused`, `healthy`, `failing`, `resting`, `broken`; `unknown` if no gateway runs.
    pub state: String,
    /// Since when; none if unknown.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub since: Option<Timestamp>,
    /// What last went wrong; none if nothing did since it was well.
    pub problem: Option<String>,
    /// When it is tried again, while it is left alone.
    #[serde(with = "wire::optional_moment")]
    #[schema(value_type = Option<String>)]
    pub retry_at: Option<Timestamp>,
    /// What else there is to know: connections, or a process.
    pub detail: Option<String>,
}

impl KindView {
    /// `database`, `demo`, `http`, `stdio` or `workspace`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Database(_) => "database",
            Self::Demo => "demo",
            Self::Http(_) => "http",
            Self::Stdio(_) => "stdio",
            Self::Workspace(_) => "workspace",
        }
    }

    /// Where requests go, for people: an address, a command as a shell would read it, or nothing
    /// for a server that is built in.
    pub fn target(&self) -> Cow<'_, str> {
        match self {
            Self::Demo | Self::Workspace(_) => Cow::Borrowed(""),
            Self::Database(database) => Cow::Borrowed(&database.database),
            Self::Http(http) => Cow::Borrowed(&http.url),
            Self::Stdio(stdio) => Cow::Owned(shell_line(&stdio.command)),
        }
    }
}

/// Back to what it was made from. Times are in milliseconds, and what is hidden stays so.
impl From<KindView> for ServerKind {
    fn from(view: KindView) -> Self {
        match view {
            KindView::Database(view) => Self::Database(DatabaseServer {
                url: view.database,
                apps: view.apps,
                tools: ToolsForm::parse(&view.tools).unwrap_or_default(),
                with_history: view.with_history,
                read_only: view.read_only,
                expose: view.expose,
                statement_timeout: Duration::from_millis(view.statement_timeout_ms),
                max_rows: view.max_rows,
                max_bytes: view.max_bytes,
                connections: view.pool,
                schemas: view.schemas,
                models: view.models,
            }),
            KindView::Demo => Self::Demo,
            KindView::Http(http) => Self::Http(HttpUpstream {
                url: http.url,
                headers: http.headers,
                connect_timeout: Duration::from_millis(http.connect_timeout_ms),
                first_byte_timeout: Duration::from_millis(http.first_byte_timeout_ms),
                ca_file: http.ca_file,
                client_identity: http
                    .client_certificate
                    .zip(http.client_key)
                    .map(|(certificate, key)| ClientIdentity { certificate, key }),
                max_connections: http.max_connections,
            }),
            KindView::Stdio(stdio) => {
                let mut command = stdio.command.into_iter();
                Self::Stdio(StdioUpstream {
                    program: command.next().unwrap_or_default(),
                    arguments: command.collect(),
                    environment: stdio.environment,
                    folder: stdio.folder,
                    per_token: stdio.per_token,
                    start_timeout: Duration::from_millis(stdio.start_timeout_ms),
                    answer_timeout: Duration::from_millis(stdio.answer_timeout_ms),
                    idle: Duration::from_millis(stdio.idle_ms),
                })
            }
            KindView::Workspace(workspace) => Self::Workspace(WorkspaceSettings {
                tool_names: ToolNames::parse(&workspace.tool_names).unwrap_or_default(),
            }),
        }
    }
}

impl HealthView {
    /// No gateway runs that could tell.
    pub const UNKNOWN: &'static str = "unknown";

    pub(crate) fn unknown() -> Self {
        Self {
            state: Self::UNKNOWN.to_owned(),
            since: None,
            problem: None,
            retry_at: None,
            detail: None,
        }
    }

    /// Whether it is one of the states that a gateway tells.
    pub fn state(&self) -> Option<HealthState> {
        use HealthState as S;
        let all = [S::Unused, S::Healthy, S::Failing, S::Resting, S::Broken];
        all.into_iter().find(|state| state.as_str() == self.state)
    }
}

impl From<Health> for HealthView {
    fn from(health: Health) -> Self {
        Self {
            state: health.state.as_str().to_owned(),
            since: Some(health.since),
            problem: health.problem,
            retry_at: health.retry_at,
            detail: health.detail,
        }
    }
}

/// Words in such a form that a shell reads them as the same words (POSIX.1-2017, Shell Command
/// Language 2.2).
fn shell_line(words: &[String]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| shell_word(word)).collect();
    quoted.join(" ")
}

fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_@%+=:,./-".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(kind: KindView) -> ServerView {
        ServerView {
            name: "x".to_owned(),
            kind,
            is_enabled: true,
            is_declared: false,
            created_at: Timestamp::from_micros(0),
            health: Some(HealthView { since: Some(Timestamp::from_micros(7)), ..unused() }),
            version: 0,
        }
    }

    fn unused() -> HealthView {
        HealthView { state: "unused".to_owned(), ..HealthView::unknown() }
    }

    #[test]
    fn every_kind_reads_back_as_it_was_written() {
        let http = HttpView {
            url: "https://x/".to_owned(),
            headers: [("a".to_owned(), "b".to_owned())].into(),
            connect_timeout_ms: 1,
            first_byte_timeout_ms: 2,
            max_connections: 3,
            ca_file: Some("/ca.pem".to_owned()),
            client_certificate: None,
            client_key: None,
        };
        let stdio = StdioView {
            command: vec!["npx".to_owned(), "-y".to_owned()],
            environment: [("A".to_owned(), "${env:A}".to_owned())].into(),
            folder: None,
            per_token: true,
            start_timeout_ms: 1,
            answer_timeout_ms: 2,
            idle_ms: 0,
        };
        let workspace = WorkspaceView { tool_names: "slash".to_owned() };
        let workspace = KindView::Workspace(workspace);
        let database = KindView::Database(DatabaseView {
            database: "postgres://shop:${env:PASSWORD}@db/shop".to_owned(),
            apps: vec!["blog".to_owned()],
            tools: "compact".to_owned(),
            with_history: true,
            read_only: false,
            expose: false,
            statement_timeout_ms: 1,
            max_rows: 2,
            max_bytes: 3,
            pool: 4,
            schemas: vec!["public".to_owned()],
            models: "{}".to_owned(),
        });
        let (http, stdio) = (KindView::Http(http), KindView::Stdio(stdio));
        for kind in [database, KindView::Demo, http, stdio, workspace] {
            let view = view(kind);
            let json = serde_json::to_value(&view).unwrap();
            assert_eq!(json["kind"], view.kind.as_str());
            assert_eq!(serde_json::from_value::<ServerView>(json).unwrap(), view);
        }
    }

    #[test]
    fn a_command_is_shown_as_a_shell_would_read_it() {
        let line = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
            shell_line(&words)
        };
        assert_eq!(line(&["npx", "-y", "@a/b@1.0"]), "npx -y @a/b@1.0");
        assert_eq!(line(&["sh", "-c", "exec x \"$Y\""]), "sh -c 'exec x \"$Y\"'");
        assert_eq!(line(&["it's", "", "a\nb"]), "'it'\\''s' '' 'a\nb'");
    }

    #[test]
    fn every_state_has_its_word_and_back() {
        assert_eq!(unused().state(), Some(HealthState::Unused));
        assert_eq!(HealthView::unknown().state(), None);
    }
}
