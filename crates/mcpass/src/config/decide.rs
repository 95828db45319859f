//! The order of sources: option, environment, file, default. And the ranges of values.

use std::fmt;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use mcpass_authority::sign_in::SignInOptions;
use mcpass_gateway::config::StreamTimes;
use mcpass_gateway::sessions::Lifetime;
use toml::Spanned;

use super::file::{self, Source};
use super::{
    ByteSize, ConfigError, DEFAULT_DATA, DatabaseUrl, Decided, Environment, LimitsConfig,
    NetworkConfig, Options, Origin, RecordConfig, SessionsConfig, Setting, SignInConfig, Span,
    StreamsConfig, SyncMode, oidc, setting,
};

/// Decides one value after the other.
pub(super) struct Decide<'a> {
    pub(super) environment: &'a Environment,
    pub(super) source: Option<&'a Source>,
}

impl Decide<'_> {
    /// Option, environment, file, default.
    pub(super) fn value<T: FromStr<Err: fmt::Display>>(
        &self,
        setting: Setting,
        option: Option<T>,
        file: Option<Spanned<T>>,
        default: T,
    ) -> Result<Decided<T>, ConfigError> {
        Ok(self
            .given(setting, option, file)?
            .unwrap_or(Decided { value: default, origin: Origin::Default }))
    }

    fn given<T: FromStr<Err: fmt::Display>>(
        &self,
        setting: Setting,
        option: Option<T>,
        file: Option<Spanned<T>>,
    ) -> Result<Option<Decided<T>>, ConfigError> {
        if let Some(value) = option {
            let origin = Origin::Option(setting.option.unwrap_or(setting.key));
            return Ok(Some(Decided { value, origin }));
        }
        let parse = |text: &str| {
            text.parse::<T>().map_err(|error| {
                ConfigError::new(format!("`{}` cannot be used: {error}", setting.variable))
            })
        };
        if let Some(value) = self.variable(setting)?.map(parse).transpose()? {
            return Ok(Some(Decided { value, origin: Origin::Variable(setting.variable) }));
        }
        Ok(file.map(|value| self.decided_by_file(value)))
    }

    fn variable(&self, setting: Setting) -> Result<Option<&str>, ConfigError> {
        self.environment.text(setting.variable).map_err(|error| {
            ConfigError::new(format!("`{}` cannot be used: {error}", setting.variable))
        })
    }

    fn decided_by_file<T>(&self, value: Spanned<T>) -> Decided<T> {
        let origin = self.source.map_or(Origin::Default, |source| {
            Origin::File(source.path.clone(), source.line(&value.span()))
        });
        Decided { value: value.into_inner(), origin }
    }

    /// A path in the file is taken from the file's folder, others from the working directory.
    pub(super) fn data(
        &self,
        options: &Options,
        file: Option<Spanned<PathBuf>>,
    ) -> Result<Decided<PathBuf>, ConfigError> {
        let mut data =
            self.value(setting::DATA, options.data.clone(), file, PathBuf::from(DEFAULT_DATA))?;
        if let (Origin::File(..), Some(source)) = (&data.origin, self.source) {
            data.value = source.folder().join(&data.value);
        }
        if data.value.as_os_str().is_empty() {
            return Err(ConfigError::new(format!(
                "`{}` is empty: it names a folder",
                setting::DATA.key
            )));
        }
        Ok(data)
    }

    pub(super) fn database(
        &self,
        options: &Options,
        file: Option<Spanned<DatabaseUrl>>,
        data: &Path,
    ) -> Result<Decided<DatabaseUrl>, ConfigError> {
        let default = DatabaseUrl::within(data);
        let mut database =
            self.value(setting::DATABASE, options.database.clone(), file, default)?;
        if let (Origin::File(..), Some(source)) = (&database.origin, self.source) {
            database.value = database.value.relative_to(source.folder());
        }
        Ok(database)
    }

    pub(super) fn limits(&self, file: file::Limits) -> Result<LimitsConfig, ConfigError> {
        let config = LimitsConfig {
            body: self.value(setting::BODY, None, file.body, ByteSize::mib(4))?,
            headers: self.value(setting::HEADERS, None, file.headers, ByteSize::kib(32))?,
            connections: self.value(setting::CONNECTIONS, None, file.connections, 10_000)?,
            read_timeout: self.value(
                setting::READ_TIMEOUT,
                None,
                file.read_timeout,
                Span::seconds(30),
            )?,
            shutdown_grace: self.value(
                setting::SHUTDOWN_GRACE,
                None,
                file.shutdown_grace,
                Span::seconds(30),
            )?,
        };
        within(setting::BODY, &config.body, ByteSize::kib(1), ByteSize::mib(1_024))?;
        within(setting::HEADERS, &config.headers, ByteSize::kib(8), ByteSize::mib(1))?;
        within(setting::CONNECTIONS, &config.connections, 1, 1_000_000)?;
        within(
            setting::READ_TIMEOUT,
            &config.read_timeout,
            Span::seconds(1),
            Span::seconds(3_600),
        )?;
        within(
            setting::SHUTDOWN_GRACE,
            &config.shutdown_grace,
            Span::seconds(0),
            Span::seconds(3_600),
        )?;
        Ok(config)
    }

    pub(super) fn sign_in(&self, file: file::SignIn) -> Result<SignInConfig, ConfigError> {
        let usual = SignInOptions::default();
        let (minute, year) = (Duration::from_mins(1), Duration::from_hours(365 * 24));
        let oidc = match (&file.oidc, self.source) {
            (Some(section), Some(source)) => Some(oidc::read(source, section)?),
            _ => None,
        };
        let config = SignInConfig {
            idle: self.span(setting::SIGN_IN_IDLE, file.idle, usual.idle, minute..=year)?,
            longest: self.span(
                setting::SIGN_IN_LONGEST,
                file.longest,
                usual.longest,
                minute..=year,
            )?,
            passwords: self.value(
                setting::SIGN_IN_PASSWORDS,
                None,
                file.passwords,
                usual.passwords,
            )?,
            oidc,
        };
        if !config.passwords.value && config.oidc.is_none() {
            return Err(ConfigError::new(format!(
                "`{}` is false ({}), and there is no [sign_in.oidc]: nobody could sign in",
                setting::SIGN_IN_PASSWORDS.key,
                config.passwords.origin
            )));
        }
        Ok(config)
    }

    pub(super) fn sessions(&self, file: file::Sessions) -> Result<SessionsConfig, ConfigError> {
        let usual = Lifetime::default();
        let (minute, year) = (Duration::from_mins(1), Duration::from_hours(365 * 24));
        Ok(SessionsConfig {
            idle: self.span(setting::SESSION_IDLE, file.idle, usual.idle, minute..=year)?,
            longest: self.span(
                setting::SESSION_LONGEST,
                file.longest,
                usual.longest,
                minute..=year,
            )?,
        })
    }

    pub(super) fn streams(&self, file: file::Streams) -> Result<StreamsConfig, ConfigError> {
        let usual = StreamTimes::default();
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let (minute, year) = (Duration::from_mins(1), Duration::from_hours(365 * 24));
        Ok(StreamsConfig {
            keep_alive: self.span(
                setting::STREAM_KEEP_ALIVE,
                file.keep_alive,
                usual.keep_alive,
                second..=hour,
            )?,
            silence: self.span(
                setting::STREAM_SILENCE,
                file.silence,
                usual.silence,
                second..=year,
            )?,
            longest: self.span(
                setting::STREAM_LONGEST,
                file.longest,
                usual.longest,
                minute..=year,
            )?,
        })
    }

    fn span(
        &self,
        setting: Setting,
        file: Option<Spanned<Span>>,
        usual: Duration,
        range: RangeInclusive<Duration>,
    ) -> Result<Decided<Span>, ConfigError> {
        let decided = self.value(setting, None, file, Span(usual))?;
        within(setting, &decided, Span(*range.start()), Span(*range.end()))?;
        Ok(decided)
    }

    pub(super) fn record(&self, file: file::Record) -> Result<RecordConfig, ConfigError> {
        let config = RecordConfig {
            sync: self.value(setting::SYNC, None, file.sync, SyncMode::Process)?,
            retention_days: self.value(setting::RETENTION_DAYS, None, file.retention_days, 90)?,
            segment: self.value(setting::SEGMENT, None, file.segment, ByteSize::mib(64))?,
        };
        within(setting::RETENTION_DAYS, &config.retention_days, 0, 36_500)?;
        within(setting::SEGMENT, &config.segment, ByteSize::mib(1), ByteSize::mib(4_096))?;
        Ok(config)
    }

    pub(super) fn network(&self, file: file::Network) -> Result<NetworkConfig, ConfigError> {
        Ok(NetworkConfig {
            allowed_hosts: self.list(setting::ALLOWED_HOSTS, file.allowed_hosts, check_host)?,
            allowed_origins: self.list(
                setting::ALLOWED_ORIGINS,
                file.allowed_origins,
                check_origin,
            )?,
        })
    }

    /// A list: with commas in a variable, an array in the file.
    fn list(
        &self,
        setting: Setting,
        file: Option<Spanned<Vec<String>>>,
        check: fn(&str) -> Result<(), String>,
    ) -> Result<Decided<Vec<String>>, ConfigError> {
        if let Some(text) = self.variable(setting)? {
            let value: Vec<String> = text
                .split(',')
                .map(str::trim)
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect();
            for part in &value {
                check(part)
                    .map_err(|why| ConfigError::new(format!("`{}`: {why}", setting.variable)))?;
            }
            return Ok(Decided { value, origin: Origin::Variable(setting.variable) });
        }
        let Some(value) = file else {
            return Ok(Decided { value: Vec::new(), origin: Origin::Default });
        };
        for part in value.get_ref() {
            if let (Err(why), Some(source)) = (check(part), self.source) {
                return Err(source.error(Some(value.span()), &why, None));
            }
        }
        Ok(self.decided_by_file(value))
    }
}

fn within<T: PartialOrd + Copy + fmt::Display>(
    setting: Setting,
    decided: &Decided<T>,
    least: T,
    most: T,
) -> Result<(), ConfigError> {
    if decided.value >= least && decided.value <= most {
        return Ok(());
    }
    Err(ConfigError::new(format!(
        "`{}` cannot be {} ({}): it goes from {least} to {most}",
        setting.key, decided.value, decided.origin
    )))
}

/// A host is a name or an address, with a port or without.
fn check_host(text: &str) -> Result<(), String> {
    let is_good = text
        .parse::<http::uri::Authority>()
        .is_ok_and(|authority| !authority.host().is_empty() && !authority.as_str().contains('@'));
    if is_good {
        return Ok(());
    }
    Err(format!(
        "`{}` is not a host; write it as mcp.example.com or mcp.example.com:8443",
        shown(text)
    ))
}

/// An origin is a scheme and a host (RFC 6454 section 6.1), without a path.
pub(super) fn check_origin(text: &str) -> Result<(), String> {
    let is_good = text.split_once("://").is_some_and(|(scheme, host)| {
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_lowercase())
            && scheme.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'+' | b'-' | b'.'));
        is_scheme && !host.contains('/') && check_host(host).is_ok()
    });
    if is_good {
        return Ok(());
    }
    Err(format!("`{}` is not an origin; write it as https://app.example.com", shown(text)))
}

fn shown(text: &str) -> String {
    crate::terminal::clean(&text.chars().take(64).collect::<String>())
}
