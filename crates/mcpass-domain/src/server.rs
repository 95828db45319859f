//! Servers behind mcpass.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::permission::MANAGEMENT;
use crate::time::Timestamp;

mod database;

pub use database::{DatabaseServer, ToolsForm, is_namespace};

/// A server's name: `[a-z][a-z0-9_-]{0,31}` without `__`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerName(Box<str>);

impl ServerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(text: &str) -> Result<Self, InvalidServerName> {
        let fail = |why| Err(InvalidServerName { text: text.chars().take(64).collect(), why });
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return fail("it begins with a letter a-z");
        }
        if text.len() > 32 {
            return fail("it has at most 32 characters");
        }
        if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) {
            return fail("it has only a-z, 0-9, `_` and `-`");
        }
        if text.contains("__") {
            return fail("`__` stands between server and tool at /mcp, so it cannot be in a name");
        }
        if text.ends_with('_') {
            return fail("it cannot end with `_`, because `__` comes after it at /mcp");
        }
        if text == MANAGEMENT {
            return fail("`mcpass` is the namespace of management");
        }
        Ok(Self(text.into()))
    }
}

/// A name that no server can have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` cannot be a server's name: {why}")]
pub struct InvalidServerName {
    text: String,
    why: &'static str,
}

/// A named MCP server behind mcpass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// Its name, which is its permission namespace too, unless [`Server::namespaces`] says
    /// otherwise.
    pub name: ServerName,
    /// What it is and how it is reached.
    pub kind: ServerKind,
    /// Requests to a server that is not enabled are answered as if it were not there.
    pub is_enabled: bool,
    /// Declared in the configuration file, and so not editable elsewhere.
    pub is_declared: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

impl Server {
    /// The namespaces that its permissions are in: its name, or the apps of a database.
    pub fn namespaces(&self) -> impl Iterator<Item = &str> {
        let apps: &[String] = match &self.kind {
            ServerKind::Database(database) => &database.apps,
            _ => &[],
        };
        let own = apps.is_empty().then_some(self.name.as_str());
        own.into_iter().chain(apps.iter().map(String::as_str))
    }

    /// Whether permissions of this namespace are its own.
    pub fn owns(&self, namespace: &str) -> bool {
        self.namespaces().any(|own| own == namespace)
    }

    /// Whether the two would have a namespace, or a name, in common.
    pub fn clashes_with(&self, other: &Self) -> bool {
        let (one, two) = (self.name.as_str(), other.name.as_str());
        one == two
            || other.owns(one)
            || self.owns(two)
            || self.namespaces().any(|namespace| other.owns(namespace))
    }
}

/// What a server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerKind {
    /// A database whose tables are models with tools.
    Database(DatabaseServer),
    /// The small built-in server of `serve --demo`.
    Demo,
    /// Streamable HTTP.
    Http(HttpUpstream),
    /// A child process that speaks MCP over its standard input and output.
    Stdio(StdioUpstream),
    /// The product workspace, in mcpass's own database.
    Workspace(WorkspaceSettings),
}

impl ServerKind {
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
}

/// How a Streamable HTTP upstream is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpUpstream {
    /// `http://` or `https://`, host, port and path of the MCP endpoint.
    pub url: String,
    /// Headers sent with each request: name to a template in which `${env:NAME}` and
    /// `${file:PATH}` stand for credentials. Secrets themselves are not kept here.
    pub headers: BTreeMap<String, String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take.
    pub first_byte_timeout: Duration,
    /// File of the certificate authorities that are trusted instead of the operating system's
    /// (PEM).
    pub ca_file: Option<String>,
    /// How mcpass shows who it is, where the upstream asks for a certificate.
    pub client_identity: Option<ClientIdentity>,
    /// Connections at most, of all threads together.
    pub max_connections: u32,
}

/// A client's certificate and its key, for mutual TLS. Both are files, read when needed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ClientIdentity {
    /// File of the certificate and what it was signed with (PEM).
    pub certificate: String,
    /// File of its private key (PEM).
    pub key: String,
}

impl HttpUpstream {
    /// Connections to an upstream that says nothing else.
    pub const MAX_CONNECTIONS: u32 = 4_096;

    /// An upstream at `url` with the usual timeouts.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: BTreeMap::new(),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_mins(2),
            ca_file: None,
            client_identity: None,
            max_connections: Self::MAX_CONNECTIONS,
        }
    }
}

/// How a stdio upstream is run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StdioUpstream {
    /// The program: a path, or a name that is looked up in `PATH`.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Variables of its environment: name to a template in which `${env:NAME}` and
    /// `${file:PATH}` stand for credentials. It gets these and a few harmless ones, nothing else.
    pub environment: BTreeMap<String, String>,
    /// Where it runs; mcpass's own working directory if not said.
    pub folder: Option<String>,
    /// Whether each token gets a process of its own, for programs that keep what they are told.
    pub per_token: bool,
    /// How long it may take until it answers its first message.
    pub start_timeout: Duration,
    /// How long the first message of an answer may take.
    pub answer_timeout: Duration,
    /// A process that nobody used for so long is ended; zero: never.
    pub idle: Duration,
}

impl StdioUpstream {
    /// A program with the usual timeouts.
    pub fn new(program: impl Into<String>, arguments: Vec<String>) -> Self {
        Self {
            program: program.into(),
            arguments,
            environment: BTreeMap::new(),
            folder: None,
            per_token: false,
            start_timeout: Duration::from_secs(30),
            answer_timeout: Duration::from_mins(2),
            idle: Duration::from_mins(10),
        }
    }
}

/// How a workspace shows itself.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WorkspaceSettings {
    /// How its tools are called in lists.
    pub tool_names: ToolNames,
}

/// How tools are called in lists. Both forms are accepted when called; permissions go by the one
/// with underscores.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ToolNames {
    /// `features/info`, which MCP advises against (2025-11-25, tools, "Tool Names").
    Slash,
    /// `features_info`.
    #[default]
    Underscore,
}

impl ToolNames {
    /// `slash` or `underscore`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Slash => "slash",
            Self::Underscore => "underscore",
        }
    }

    /// The one that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Slash, Self::Underscore].into_iter().find(|names| names.as_str() == word)
    }
}

/// How a server does at the moment, as the running gateway sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Health {
    /// In one word.
    pub state: HealthState,
    /// Since when.
    pub since: Timestamp,
    /// What last went wrong, in words for the operator; none if nothing did since it was well.
    pub problem: Option<String>,
    /// When it is tried again, while it is left alone.
    pub retry_at: Option<Timestamp>,
    /// What else there is to know: connections, or a process.
    pub detail: Option<String>,
}

/// How a server does, in one word.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HealthState {
    /// Nobody has used it yet.
    Unused,
    /// The last call was answered.
    Healthy,
    /// Calls fail, and are still tried.
    Failing,
    /// So many calls failed that it is left alone for a while (the circuit is open).
    Resting,
    /// Its configuration cannot be used.
    Broken,
}

impl HealthState {
    /// `unused`, `healthy`, `failing`, `resting` or `broken`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unused => "unused",
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Resting => "resting",
            Self::Broken => "broken",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(name: &str, apps: &[&str]) -> Server {
        let apps = apps.iter().map(|app| (*app).to_owned()).collect();
        Server {
            name: name.parse().unwrap(),
            kind: ServerKind::Database(DatabaseServer { apps, ..DatabaseServer::new("sqlite:x") }),
            is_enabled: true,
            is_declared: false,
            created_at: Timestamp::default(),
            version: 0,
        }
    }

    #[test]
    fn a_database_owns_its_apps_or_its_name() {
        let shop = database("shop", &[]);
        assert_eq!(shop.namespaces().collect::<Vec<_>>(), ["shop"]);
        let django = database("site", &["blog", "auth"]);
        assert_eq!(django.namespaces().collect::<Vec<_>>(), ["blog", "auth"]);
        assert!(django.owns("auth") && !django.owns("site"));
        assert!(!shop.clashes_with(&django));
        for other in [database("blog", &[]), database("x", &["auth"]), database("y", &["site"])] {
            assert!(django.clashes_with(&other) && other.clashes_with(&django), "{other:?}");
        }
    }

    #[test]
    fn namespaces() {
        for good in ["blog", "django_admin_mcp", "a-b", "1"] {
            assert!(is_namespace(good), "{good}");
        }
        for bad in ["", "Blog", "a.b", "a*", "ä", &"a".repeat(65)] {
            assert!(!is_namespace(bad), "{bad}");
        }
    }

    #[test]
    fn server_names() {
        for good in ["a", "github", "my-db_2", &format!("a{}", "b".repeat(31))] {
            assert!(good.parse::<ServerName>().is_ok(), "{good}");
        }
        for bad in
            ["", "1a", "A", "a__b", "a_", "a.b", "a b", "ä", "mcpass", &"a".repeat(33), "a/b"]
        {
            assert!(bad.parse::<ServerName>().is_err(), "{bad}");
        }
    }
}
