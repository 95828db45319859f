//! What the gateway can be told.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use mcpass_record::Options;

use crate::questions::QuestionBounds;
use crate::sessions::Lifetime;

/// How the gateway listens and what it bears.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Threads of the data path.
    pub workers: usize,
    /// The folder of the journals.
    pub journals: PathBuf,
    /// How journals are written.
    pub journal_options: Options,
    /// Bytes of a request's body at most.
    pub max_body: usize,
    /// Bytes of an upstream's answer that is held in memory at most.
    pub max_answer: usize,
    /// Bytes of a request's head at most.
    pub max_header: usize,
    /// Client connections at most.
    pub max_connections: usize,
    /// How long the head of a request, or the next request on a connection, may take.
    pub header_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long a list at `/mcp` waits for one of its servers.
    pub list_patience: Duration,
    /// How long calls wait for what their server asked of a modern client, and how many may.
    pub questions: QuestionBounds,
    /// How long sessions of legacy clients last.
    pub sessions: Lifetime,
    /// How long streams last.
    pub streams: StreamTimes,
    /// `Host` names that are ours beside those of the listening address. Empty on an address
    /// that is not loopback means any.
    pub allowed_hosts: Vec<String>,
    /// `Origin`s of browsers that may call, such as `https://app.example.com`.
    pub allowed_origins: Vec<String>,
}

impl Config {
    /// The usual bounds, on this address, with journals in this folder.
    pub fn new(listen: SocketAddr, journals: PathBuf) -> Self {
        Self {
            listen,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            journals,
            journal_options: Options::default(),
            max_body: 4 * 1024 * 1024,
            max_answer: 16 * 1024 * 1024,
            max_header: 32 * 1024,
            max_connections: 10_000,
            header_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            list_patience: Duration::from_secs(2),
            questions: QuestionBounds::default(),
            sessions: Lifetime::default(),
            streams: StreamTimes::default(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
        }
    }
}

/// How long streams of events last.
#[derive(Clone, Copy, Debug)]
pub struct StreamTimes {
    /// After so long without an event, a comment is sent: proxies on the way keep the connection,
    /// and a client that is gone without a word is found out.
    pub keep_alive: Duration,
    /// How long an upstream may be silent before its answer to a call is given up.
    pub silence: Duration,
    /// How long a stream lasts, whatever is said on it. Clients open another one.
    pub longest: Duration,
}

impl Default for StreamTimes {
    fn default() -> Self {
        Self {
            keep_alive: Duration::from_secs(25),
            silence: Duration::from_hours(1),
            longest: Duration::from_hours(24),
        }
    }
}
