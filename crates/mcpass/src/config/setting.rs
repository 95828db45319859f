//! The one list of settings: each with its key in `mcpass.toml`, its environment variable and,
//! where there is one, its command line option.

/// A thing that can be configured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Setting {
    /// The key in `mcpass.toml`, with its section: `limits.body`.
    pub(crate) key: &'static str,
    /// The environment variable.
    pub(crate) variable: &'static str,
    /// The option, if there is one.
    pub(crate) option: Option<&'static str>,
    /// What it decides, in one line.
    pub(crate) about: &'static str,
}

macro_rules! settings {
    ($($name:ident $key:literal $variable:literal $option:expr, $about:literal;)*) => {
        $(
            #[doc = $about]
            pub(crate) const $name: Setting =
                Setting { key: $key, variable: $variable, option: $option, about: $about };
        )*

        /// All settings, in the order in which they are shown.
        pub(crate) const ALL: &[Setting] = &[$($name),*];
    };
}

settings! {
    LISTEN "listen" "MCPASS_LISTEN" Some("--listen"), "address and port to listen on";
    DATA "data" "MCPASS_DATA" Some("--data"), "folder that holds everything of the embedded default";
    DATABASE "database" "MCPASS_DATABASE_URL" Some("--database"), "`sqlite:PATH` or `postgres://…`";
    PUBLIC_URL "public_url" "MCPASS_PUBLIC_URL" None, "where people reach this server, if not at the address it listens on";
    CAP_TO_USER "cap_to_user" "MCPASS_CAP_TO_USER" None, "whether a token can never do more than its user";
    BODY "limits.body" "MCPASS_LIMITS_BODY" None, "largest body of a request";
    HEADERS "limits.headers" "MCPASS_LIMITS_HEADERS" None, "largest head of a request";
    CONNECTIONS "limits.connections" "MCPASS_LIMITS_CONNECTIONS" None, "connections at the same time";
    READ_TIMEOUT "limits.read_timeout" "MCPASS_LIMITS_READ_TIMEOUT" None, "how long the body of a request may take";
    SHUTDOWN_GRACE "limits.shutdown_grace" "MCPASS_LIMITS_SHUTDOWN_GRACE" None, "how long running calls may take to finish at the end";
    SIGN_IN_IDLE "sign_in.idle" "MCPASS_SIGN_IN_IDLE" None, "how long somebody who signed in may do nothing";
    SIGN_IN_LONGEST "sign_in.longest" "MCPASS_SIGN_IN_LONGEST" None, "after how long one has to sign in again";
    SIGN_IN_PASSWORDS "sign_in.passwords" "MCPASS_SIGN_IN_PASSWORDS" None, "whether people sign in with passwords";
    SESSION_IDLE "sessions.idle" "MCPASS_SESSIONS_IDLE" None, "how long a session of a client may be unused";
    SESSION_LONGEST "sessions.longest" "MCPASS_SESSIONS_LONGEST" None, "how long a session lasts, used or not";
    STREAM_KEEP_ALIVE "streams.keep_alive" "MCPASS_STREAMS_KEEP_ALIVE" None, "silence on a stream after which a comment is sent";
    STREAM_SILENCE "streams.silence" "MCPASS_STREAMS_SILENCE" None, "how long an upstream may be silent in the middle of an answer";
    STREAM_LONGEST "streams.longest" "MCPASS_STREAMS_LONGEST" None, "how long a stream lasts, whatever is said on it";
    SYNC "record.sync" "MCPASS_RECORD_SYNC" None, "what the record outlives: the `process`, or `always` also the machine";
    RETENTION_DAYS "record.retention_days" "MCPASS_RECORD_RETENTION_DAYS" None, "days that the access log is kept, 0 means for ever";
    SEGMENT "record.segment" "MCPASS_RECORD_SEGMENT" None, "size of a journal file";
    ALLOWED_HOSTS "network.allowed_hosts" "MCPASS_NETWORK_ALLOWED_HOSTS" None, "names by which clients may call this server, besides its own address";
    ALLOWED_ORIGINS "network.allowed_origins" "MCPASS_NETWORK_ALLOWED_ORIGINS" None, "web pages that may call this server";
    LOG "log.level" "MCPASS_LOG" None, "what is logged: `error`, `warn`, `info`, `debug`, `trace` or a filter";
    LOG_FORMAT "log.format" "MCPASS_LOG_FORMAT" None, "`text` for people, `json` for machines";
}

/// Where the configuration file is. Not a [`Setting`], because a file cannot say where it is.
pub(crate) const CONFIG_VARIABLE: &str = "MCPASS_CONFIG";

/// Variables that mean something but decide no setting: name and meaning.
pub(crate) const OTHER_VARIABLES: &[(&str, &str)] = &[
    (CONFIG_VARIABLE, "the configuration file; the option is --config"),
    ("MCPASS_TOKEN", "the token of `mcpass connect` and of the printed client configurations"),
    ("NO_COLOR", "no colours, whatever its value"),
];

/// Whether `name` is one of ours.
pub(crate) fn is_known(name: &str) -> bool {
    ALL.iter().any(|setting| setting.variable == name)
        || OTHER_VARIABLES.iter().any(|(variable, _)| *variable == name)
}
