//! `mcpass.toml` as it is written. Every error names the file, the line and the column.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use mcpass_models::database::settings::ModelSettings;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use super::ConfigError;
use super::database::DatabaseUrl;
use super::value::{ByteSize, ListenAddress, LogFilter, LogFormat, PublicUrl, Span, SyncMode};

type Key<T> = Option<Spanned<T>>;

/// The whole file.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) listen: Key<ListenAddress>,
    pub(super) data: Key<PathBuf>,
    pub(super) database: Key<DatabaseUrl>,
    pub(super) public_url: Key<PublicUrl>,
    pub(super) cap_to_user: Key<bool>,
    #[serde(default)]
    pub(super) limits: Limits,
    #[serde(default)]
    pub(super) sign_in: SignIn,
    #[serde(default)]
    pub(super) sessions: Sessions,
    #[serde(default)]
    pub(super) streams: Streams,
    #[serde(default)]
    pub(super) record: Record,
    #[serde(default)]
    pub(super) network: Network,
    #[serde(default)]
    pub(super) log: Log,
    #[serde(default)]
    pub(super) server: BTreeMap<Spanned<String>, Server>,
}

/// `[limits]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    pub(super) body: Key<ByteSize>,
    pub(super) headers: Key<ByteSize>,
    pub(super) connections: Key<u32>,
    pub(super) read_timeout: Key<Span>,
    pub(super) shutdown_grace: Key<Span>,
}

/// `[sign_in]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignIn {
    pub(super) idle: Key<Span>,
    pub(super) longest: Key<Span>,
    pub(super) passwords: Key<bool>,
    pub(super) oidc: Key<Oidc>,
}

/// `[sign_in.oidc]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Oidc {
    pub(super) issuer: Key<String>,
    pub(super) client_id: Key<String>,
    pub(super) client_secret: Key<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) name: Key<String>,
    pub(super) allowed_domains: Option<Vec<String>>,
    pub(super) create_users: Option<bool>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) ca_file: Option<PathBuf>,
}

/// `[sessions]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sessions {
    pub(super) idle: Key<Span>,
    pub(super) longest: Key<Span>,
}

/// `[streams]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Streams {
    pub(super) keep_alive: Key<Span>,
    pub(super) silence: Key<Span>,
    pub(super) longest: Key<Span>,
}

/// `[record]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    pub(super) sync: Key<SyncMode>,
    pub(super) retention_days: Key<u32>,
    pub(super) segment: Key<ByteSize>,
}

/// `[network]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Network {
    pub(super) allowed_hosts: Key<Vec<String>>,
    pub(super) allowed_origins: Key<Vec<String>>,
}

/// `[log]`
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    pub(super) level: Key<LogFilter>,
    pub(super) format: Key<LogFormat>,
}

/// `[server.NAME]`: an address, a command, a database or a workspace, and what belongs to it.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Server {
    pub(super) url: Key<String>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Spanned<String>>,
    pub(super) connect_timeout: Key<Span>,
    pub(super) first_byte_timeout: Key<Span>,
    pub(super) max_connections: Key<u32>,
    pub(super) ca_file: Key<PathBuf>,
    pub(super) client_certificate: Key<PathBuf>,
    pub(super) client_key: Key<PathBuf>,
    pub(super) command: Key<Words>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, Spanned<String>>,
    pub(super) folder: Key<PathBuf>,
    pub(super) per_token: Key<bool>,
    pub(super) start_timeout: Key<Span>,
    pub(super) answer_timeout: Key<Span>,
    pub(super) idle: Key<Span>,
    pub(super) workspace: Key<bool>,
    pub(super) tool_names: Key<String>,
    pub(super) database: Key<String>,
    pub(super) apps: Key<Vec<String>>,
    pub(super) tools: Key<String>,
    pub(super) with_history: Key<bool>,
    pub(super) read_only: Key<bool>,
    pub(super) expose: Key<bool>,
    pub(super) statement_timeout: Key<Span>,
    pub(super) max_rows: Key<u32>,
    pub(super) max_bytes: Key<ByteSize>,
    pub(super) pool: Key<u32>,
    pub(super) schemas: Key<Vec<String>>,
    #[serde(default)]
    pub(super) models: BTreeMap<Spanned<String>, ModelSettings>,
    pub(super) enabled: Option<bool>,
}

/// A program and its arguments.
#[derive(Debug)]
pub(super) struct Words(pub(super) Vec<String>);

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(WordsVisitor)
    }
}

struct WordsVisitor;

impl<'de> Visitor<'de> for WordsVisitor {
    type Value = Words;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of texts such as [\"program\", \"argument\"]")
    }

    /// A command line in one text would need a shell to take it apart. It is not repeated, because
    /// it may hold a credential.
    fn visit_str<E: de::Error>(self, _: &str) -> Result<Words, E> {
        Err(E::custom("a command is a list of texts: [\"program\", \"argument\"]"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Words, A::Error> {
        let mut words = Vec::new();
        while let Some(word) = list.next_element()? {
            words.push(word);
        }
        Ok(Words(words))
    }
}

/// The file's text, for finding lines.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    text: String,
}

impl Source {
    /// Reads the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            ConfigError::new(format!(
                "the configuration `{}` cannot be read: {error}",
                path.display()
            ))
        })?;
        Ok(Self { path: path.to_owned(), text })
    }

    /// What stands in it.
    ///
    /// # Errors
    /// On the first thing that cannot be there.
    pub(super) fn parse(&self) -> Result<File, ConfigError> {
        toml::from_str(&self.text).map_err(|error| {
            let (message, hint) = explain(error.message());
            self.error(error.span(), &message, hint)
        })
    }

    /// The folder that relative paths in the file are taken from.
    pub(super) fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new(""))
    }

    /// The line in which a span begins, counted from 1.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.place(span).0
    }

    /// An error at a place of the file.
    pub(super) fn error(
        &self,
        span: Option<Range<usize>>,
        message: &str,
        hint: Option<String>,
    ) -> ConfigError {
        let place = span.map_or(String::new(), |span| {
            let (line, column) = self.place(&span);
            format!(", line {line}, column {column}")
        });
        ConfigError { message: format!("`{}`{place}: {message}", self.path.display()), hint }
    }

    fn place(&self, span: &Range<usize>) -> (usize, usize) {
        let before = self.text.get(..span.start).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        (line, column)
    }
}

/// Turns the parser's words into ours: what is wrong, and what is allowed instead.
fn explain(message: &str) -> (String, Option<String>) {
    let message = message.trim().replace('\n', "; ");
    let message = message.replacen("unknown field", "unknown key", 1);
    let message = message.replacen("missing field", "missing key", 1);
    let rules = [(", expected one of ", "here can stand "), (", expected `", "here can stand `")];
    for (cut, hint) in rules {
        if let (true, Some((what, allowed))) =
            (message.starts_with("unknown key"), message.split_once(cut))
        {
            return (what.to_owned(), Some(format!("{hint}{allowed}")));
        }
    }
    (message, None)
}
