//! A database server: which database, and how its tables are offered.

use std::time::Duration;

/// The settings of a `database` server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DatabaseServer {
    /// `sqlite:PATH` or `postgres://…`, a template in which `${env:NAME}` and `${file:PATH}` stand
    /// for credentials. Secrets themselves are not kept here.
    pub url: String,
    /// The namespaces of its models' permissions. Empty: the server's name. Of a Django project's
    /// database: the labels of the apps that are offered.
    pub apps: Vec<String>,
    /// How tools are offered.
    pub tools: ToolsForm,
    /// Whether changes are recorded in a table of that database, in their own transaction.
    pub with_history: bool,
    /// Whether nothing is ever written.
    pub read_only: bool,
    /// Whether models of which nothing is said are offered.
    pub expose: bool,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// Rows of a list at most.
    pub max_rows: u32,
    /// Bytes of the rows of one statement at most.
    pub max_bytes: u64,
    /// Connections for reads; on PostgreSQL as many for writes.
    pub connections: u32,
    /// PostgreSQL schemas that are looked into; empty: those of the search path.
    pub schemas: Vec<String>,
    /// What is said of single models, by their names: a JSON object, whose members are those of
    /// `mcpass-models`, which reads it.
    pub models: String,
}

impl DatabaseServer {
    /// What is said of models if nothing is.
    pub const NO_MODELS: &str = "{}";

    /// A database at `url` with the usual bounds.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            apps: Vec::new(),
            tools: ToolsForm::default(),
            with_history: false,
            read_only: false,
            expose: true,
            statement_timeout: Duration::from_secs(5),
            max_rows: 1_000,
            max_bytes: 16 * 1024 * 1024,
            connections: 8,
            schemas: Vec::new(),
            models: Self::NO_MODELS.to_owned(),
        }
    }
}

/// How the tools of a database are offered.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ToolsForm {
    /// One set of tools for the whole server, with the model as an argument.
    Compact,
    /// Tools for each model.
    #[default]
    Full,
}

impl ToolsForm {
    /// `compact` or `full`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Full => "full",
        }
    }

    /// The one that a word means.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Compact, Self::Full].into_iter().find(|form| form.as_str() == word)
    }
}

/// Whether this can be the namespace of permissions on a database's models: `[a-z0-9_-]`, at most
/// 64 characters.
pub fn is_namespace(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_plain)
}
