//! The configuration: options, environment, `mcpass.toml` and defaults, in this order, and for
//! each value where it came from.
//!
//! | module | what it holds |
//! |---|---|
//! | `setting` | the one list of settings and environment variables |
//! | `environment` | the environment, read once |
//! | `file` | `mcpass.toml` as it is written |
//! | `decide` | the order of sources, and the ranges of values |
//! | `value`, `database` | values as people write them |
//! | `declared`, `credential` | servers of the file, and references to their credentials |
//! | `oidc` | the provider at which people sign in |

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use mcpass_domain::Server;

mod credential;
pub(crate) mod database;
mod decide;
mod declared;
pub(crate) mod environment;
mod file;
mod oidc;
pub(crate) mod setting;
#[cfg(test)]
mod tests;
pub(crate) mod value;

pub(crate) use database::DatabaseUrl;
pub(crate) use environment::Environment;
pub(crate) use oidc::OidcConfig;
pub(crate) use setting::Setting;
pub(crate) use value::{ByteSize, ListenAddress, LogFilter, LogFormat, PublicUrl, Span, SyncMode};

use decide::Decide;
use file::{File, Source};

/// The file that is read from the working directory if none is named.
const DEFAULT_FILE: &str = "mcpass.toml";
/// The folder that is used if none is named.
const DEFAULT_DATA: &str = "mcpass-data";
/// The port of a server that is told nothing else.
const DEFAULT_PORT: u16 = 7788;

/// A configuration that cannot be used: what is wrong and what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct ConfigError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl ConfigError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }
}

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// `--config`
    pub(crate) config: Option<PathBuf>,
    /// `--data`
    pub(crate) data: Option<PathBuf>,
    /// `--database`
    pub(crate) database: Option<DatabaseUrl>,
    /// `--listen`
    pub(crate) listen: Option<ListenAddress>,
}

/// Who decided a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Origin {
    /// A command line option.
    Option(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// A line of the configuration file.
    File(PathBuf, usize),
    /// Nobody.
    Default,
}

/// `option --listen`, `environment MCPASS_LISTEN`, `mcpass.toml line 3`, `default`.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(name) => write!(f, "option {name}"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::File(path, line) => write!(f, "{} line {line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and who decided it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Decided<T> {
    /// The value.
    pub(crate) value: T,
    /// Who decided it.
    pub(crate) origin: Origin,
}

/// All of it.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The file that was read, and who named it; none if there is none.
    pub(crate) file: Option<Decided<PathBuf>>,
    /// Address and port to listen on.
    pub(crate) listen: Decided<ListenAddress>,
    /// The data folder.
    pub(crate) data: Decided<PathBuf>,
    /// The database.
    pub(crate) database: Decided<DatabaseUrl>,
    /// Where people reach this server; empty for the address it listens on.
    pub(crate) public_url: Decided<PublicUrl>,
    /// Whether a token can never do more than its user.
    pub(crate) cap_to_user: Decided<bool>,
    /// `[limits]`
    pub(crate) limits: LimitsConfig,
    /// `[sign_in]`
    pub(crate) sign_in: SignInConfig,
    /// `[sessions]`
    pub(crate) sessions: SessionsConfig,
    /// `[streams]`
    pub(crate) streams: StreamsConfig,
    /// `[record]`
    pub(crate) record: RecordConfig,
    /// `[network]`
    pub(crate) network: NetworkConfig,
    /// `[log]`
    pub(crate) log: LogConfig,
    /// `[server.…]`, by name. `created_at` and `version` are zero: the store has the true ones.
    pub(crate) servers: Vec<Server>,
}

/// `[limits]`: what a stranger can use up.
#[derive(Clone, Debug)]
pub(crate) struct LimitsConfig {
    /// Largest body of a request.
    pub(crate) body: Decided<ByteSize>,
    /// Largest head of a request: request line and headers.
    pub(crate) headers: Decided<ByteSize>,
    /// Connections at the same time.
    pub(crate) connections: Decided<u32>,
    /// How long a client may take to send a request.
    pub(crate) read_timeout: Decided<Span>,
    /// How long running calls may take to finish when the server is told to end.
    pub(crate) shutdown_grace: Decided<Span>,
}

/// `[sign_in]`: how people sign in.
#[derive(Clone, Debug)]
pub(crate) struct SignInConfig {
    /// How long somebody who signed in may do nothing.
    pub(crate) idle: Decided<Span>,
    /// After how long one has to sign in again.
    pub(crate) longest: Decided<Span>,
    /// Whether people sign in with passwords.
    pub(crate) passwords: Decided<bool>,
    /// `[sign_in.oidc]`, if there is one.
    pub(crate) oidc: Option<OidcConfig>,
}

/// `[sessions]`: how long sessions of legacy clients last.
#[derive(Clone, Debug)]
pub(crate) struct SessionsConfig {
    /// How long one may be unused.
    pub(crate) idle: Decided<Span>,
    /// How long one lasts, used or not.
    pub(crate) longest: Decided<Span>,
}

/// `[streams]`: how long streams of events last.
#[derive(Clone, Debug)]
pub(crate) struct StreamsConfig {
    /// Silence after which a comment is sent.
    pub(crate) keep_alive: Decided<Span>,
    /// How long an upstream may be silent in the middle of an answer.
    pub(crate) silence: Decided<Span>,
    /// How long one lasts, whatever is said on it.
    pub(crate) longest: Decided<Span>,
}

/// `[record]`: how the access log is kept.
#[derive(Clone, Debug)]
pub(crate) struct RecordConfig {
    /// What the record outlives.
    pub(crate) sync: Decided<SyncMode>,
    /// Days that the access log is kept; 0 means for ever.
    pub(crate) retention_days: Decided<u32>,
    /// Size of a journal file.
    pub(crate) segment: Decided<ByteSize>,
}

/// `[network]`: against DNS rebinding.
#[derive(Clone, Debug)]
pub(crate) struct NetworkConfig {
    /// Names by which clients may call this server, besides its own address.
    pub(crate) allowed_hosts: Decided<Vec<String>>,
    /// Web pages that may call this server, as `https://app.example.com`.
    pub(crate) allowed_origins: Decided<Vec<String>>,
}

/// `[log]`
#[derive(Clone, Debug)]
pub(crate) struct LogConfig {
    /// What is logged.
    pub(crate) level: Decided<LogFilter>,
    /// What lines look like.
    pub(crate) format: Decided<LogFormat>,
}

impl Config {
    /// Reads everything and decides each value.
    ///
    /// # Errors
    /// When anything that is given cannot be used, even if something else decides.
    pub(crate) fn load(options: &Options, environment: &Environment) -> Result<Self, ConfigError> {
        let found = find_file(options, environment)?;
        let (source, file) = match &found {
            Some(found) => {
                let source = Source::read(&found.value)?;
                let file = source.parse()?;
                (Some(source), file)
            }
            None => (None, File::default()),
        };
        let servers = match &source {
            Some(source) => declared::servers(source, &file)?,
            None => Vec::new(),
        };
        let decide = Decide { environment, source: source.as_ref() };
        let data = decide.data(options, file.data)?;
        let database = decide.database(options, file.database, &data.value)?;
        let own_address = ListenAddress(SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_PORT)));
        Ok(Self {
            file: found,
            listen: decide.value(setting::LISTEN, options.listen, file.listen, own_address)?,
            data,
            database,
            public_url: decide.value(
                setting::PUBLIC_URL,
                None,
                file.public_url,
                PublicUrl::default(),
            )?,
            cap_to_user: decide.value(setting::CAP_TO_USER, None, file.cap_to_user, false)?,
            limits: decide.limits(file.limits)?,
            sign_in: decide.sign_in(file.sign_in)?,
            sessions: decide.sessions(file.sessions)?,
            streams: decide.streams(file.streams)?,
            record: decide.record(file.record)?,
            network: decide.network(file.network)?,
            log: LogConfig {
                level: decide.value(setting::LOG, None, file.log.level, LogFilter::default())?,
                format: decide.value(
                    setting::LOG_FORMAT,
                    None,
                    file.log.format,
                    LogFormat::Text,
                )?,
            },
            servers,
        })
    }

    /// Each setting with its value as it prints and who decided it, in the order of
    /// [`setting::ALL`].
    pub(crate) fn decisions(&self) -> Vec<(Setting, String, Origin)> {
        fn row<T: fmt::Display>(
            setting: Setting,
            decided: &Decided<T>,
        ) -> (Setting, String, Origin) {
            (setting, decided.value.to_string(), decided.origin.clone())
        }
        fn list(setting: Setting, decided: &Decided<Vec<String>>) -> (Setting, String, Origin) {
            (setting, decided.value.join(", "), decided.origin.clone())
        }
        let data = self.data.value.display().to_string();
        vec![
            row(setting::LISTEN, &self.listen),
            (setting::DATA, data, self.data.origin.clone()),
            row(setting::DATABASE, &self.database),
            row(setting::PUBLIC_URL, &self.public_url),
            row(setting::CAP_TO_USER, &self.cap_to_user),
            row(setting::BODY, &self.limits.body),
            row(setting::HEADERS, &self.limits.headers),
            row(setting::CONNECTIONS, &self.limits.connections),
            row(setting::READ_TIMEOUT, &self.limits.read_timeout),
            row(setting::SHUTDOWN_GRACE, &self.limits.shutdown_grace),
            row(setting::SIGN_IN_IDLE, &self.sign_in.idle),
            row(setting::SIGN_IN_LONGEST, &self.sign_in.longest),
            row(setting::SIGN_IN_PASSWORDS, &self.sign_in.passwords),
            row(setting::SESSION_IDLE, &self.sessions.idle),
            row(setting::SESSION_LONGEST, &self.sessions.longest),
            row(setting::STREAM_KEEP_ALIVE, &self.streams.keep_alive),
            row(setting::STREAM_SILENCE, &self.streams.silence),
            row(setting::STREAM_LONGEST, &self.streams.longest),
            row(setting::SYNC, &self.record.sync),
            row(setting::RETENTION_DAYS, &self.record.retention_days),
            row(setting::SEGMENT, &self.record.segment),
            list(setting::ALLOWED_HOSTS, &self.network.allowed_hosts),
            list(setting::ALLOWED_ORIGINS, &self.network.allowed_origins),
            row(setting::LOG, &self.log.level),
            row(setting::LOG_FORMAT, &self.log.format),
        ]
    }
}

/// The file to read: one that is named must be there, the default one may be missing.
fn find_file(
    options: &Options,
    environment: &Environment,
) -> Result<Option<Decided<PathBuf>>, ConfigError> {
    if let Some(path) = &options.config {
        return Ok(Some(Decided { value: path.clone(), origin: Origin::Option("--config") }));
    }
    let variable = setting::CONFIG_VARIABLE;
    let named = environment
        .text(variable)
        .map_err(|error| ConfigError::new(format!("`{variable}` cannot be read: {error}")))?;
    if let Some(path) = named {
        return Ok(Some(Decided { value: path.into(), origin: Origin::Variable(variable) }));
    }
    let default = PathBuf::from(DEFAULT_FILE);
    Ok(default.exists().then_some(Decided { value: default, origin: Origin::Default }))
}
