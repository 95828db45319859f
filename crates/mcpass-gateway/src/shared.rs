//! What all threads of the gateway share, and what each has for itself.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use mcpass_domain::server::{Health, ServerName};
use mcpass_domain::{
    Clock, Entropy, Monotonic, RequestId, Server, Subject, Timestamp, TokenDigest, TokenState,
};
use mcpass_record::{Gate, Journal};
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;

use crate::body::Body;
use crate::config::Config;
use crate::index::{Index, Meters};
use crate::inventory::Errands;
use crate::metrics::Metrics;
use crate::origin::OurNames;
use crate::questions::Questions;
use crate::sessions::Sessions;
use crate::streams::Streams;
use crate::upstream::Servers;
use crate::validate::Replies;

/// Everything outside the data path: pages, health, metrics. It runs on a runtime of its own.
pub trait Elsewhere: Send + Sync + fmt::Debug {
    /// Answers a request that is none of the gateway's.
    fn call(
        &self,
        peer: SocketAddr,
        request: Request<Incoming>,
    ) -> Pin<Box<dyn Future<Output = Response<Body>> + Send>>;
}

/// What all threads share.
#[derive(Debug)]
pub struct Shared {
    /// As it was told.
    pub config: Config,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// All tokens.
    pub index: Index,
    /// What they have used.
    pub meters: Meters,
    /// All servers.
    pub servers: Servers,
    /// Open streams.
    pub streams: Streams,
    /// Sessions of legacy clients.
    pub sessions: Sessions,
    /// Whether what is recorded can be kept.
    pub gate: Gate,
    /// Counters.
    pub metrics: Metrics,
    /// Who we are to `Host` and `Origin`.
    pub names: OurNames,
    /// Answers of validate calls, for their repetition.
    pub replies: Replies,
    /// Calls that wait for what their server asked.
    pub questions: Questions,
    /// What management asks of servers.
    pub(crate) errands: Errands,
    /// Everything else.
    pub elsewhere: Arc<dyn Elsewhere>,
    /// When a record could last not be written, until one is written again.
    pub(crate) record_failed: RecordFailed,
}

/// How long a failed record counts if no request comes to try again: whoever sends requests only
/// where `/readyz` says so would never come back.
const RECORD_FAILED: Duration = Duration::from_secs(5);

/// When a record could last not be written.
#[derive(Debug)]
pub(crate) struct RecordFailed(AtomicI64);

impl Default for RecordFailed {
    fn default() -> Self {
        Self(AtomicI64::new(Self::NEVER))
    }
}

impl RecordFailed {
    const NEVER: i64 = i64::MIN;

    pub(crate) fn failed(&self, now: Monotonic) {
        self.0.store(now.as_micros(), Ordering::Relaxed);
    }

    /// Called for each record, so it writes only if something changes.
    pub(crate) fn written(&self) {
        if self.0.load(Ordering::Relaxed) != Self::NEVER {
            self.0.store(Self::NEVER, Ordering::Relaxed);
        }
    }

    fn is_recent(&self, now: Monotonic) -> bool {
        let at = self.0.load(Ordering::Relaxed);
        at != Self::NEVER && now.since(Monotonic::from_micros(at)) < RECORD_FAILED
    }
}

impl Shared {
    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Time that only goes forward.
    pub fn monotonic(&self) -> Monotonic {
        self.clock.monotonic()
    }

    /// Why no request can be let through at the moment; none if all is well.
    pub fn not_ready(&self) -> Option<String> {
        if let Some(reason) = self.gate.reason() {
            return Some(reason.to_string());
        }
        let failed = self.record_failed.is_recent(self.monotonic());
        failed.then(|| "the access log's journal cannot be written; the log says why".to_owned())
    }

    /// Puts a token's present state in force. When this returns, no request that begins later
    /// is decided by an older one; streams that the token may no longer hold have been told to
    /// end.
    pub fn put(&self, digest: TokenDigest, subject: Arc<Subject>) {
        let before = self.index.find(&digest);
        let in_standing = matches!(subject.state(self.now()), TokenState::Active { .. })
            && subject.owner_is_active;
        let unchanged = before.is_some_and(|before| has_same_rights(&before, &subject));
        let token = subject.token;
        self.index.put(digest, subject);
        if !in_standing {
            let (streams, sessions) = (self.streams.end(token), self.sessions.end_token(token));
            if streams + sessions > 0 {
                tracing::info!(%token, streams, sessions, "ended with their token");
            }
        } else if !unchanged {
            self.streams.tell(token);
        }
    }

    /// Puts these servers in force, in place of those before.
    pub fn put_servers(&self, servers: Vec<Server>) {
        self.servers.replace(servers);
        self.streams.tell_all();
    }

    /// How all enabled servers do at the moment, in the order of their names.
    pub fn health(&self) -> Vec<(ServerName, Health)> {
        self.servers.health()
    }

    /// Ends sessions and forgets meters and answers whose time is over. To be called every few
    /// minutes.
    pub(crate) fn sweep(&self) {
        let now = self.monotonic();
        self.meters.sweep(now);
        self.replies.sweep(now);
        let today = self.now();
        self.sessions.sweep(now, self.config.sessions, |digest| {
            let subject = self.index.find(digest);
            subject.is_some_and(|one| one.state(today).refusal().is_none() && one.owner_is_active)
        });
    }
}

/// Whether what was permitted to one is permitted to the other, for as long.
fn has_same_rights(one: &Subject, other: &Subject) -> bool {
    one.grants == other.grants
        && one.cap == other.cap
        && one.networks == other.networks
        && one.expires_at == other.expires_at
}

/// One thread of the data path.
#[derive(Debug)]
pub struct Worker {
    /// Its number, from 0.
    pub number: usize,
    /// What it shares.
    pub shared: Arc<Shared>,
    /// Its own journal.
    pub journal: Arc<Journal>,
    /// Its connections and streams, waited for at the end.
    pub tasks: TaskTracker,
    /// Whether it asks upstreams for pages of management, and for no agent.
    pub is_aside: bool,
    ids: Mutex<RandomBytes>,
}

impl Worker {
    /// A worker with this journal.
    pub fn new(number: usize, shared: Arc<Shared>, journal: Arc<Journal>) -> Self {
        let ids = Mutex::new(RandomBytes::default());
        Self { number, shared, journal, tasks: TaskTracker::new(), is_aside: false, ids }
    }

    /// The same thread, as it asks upstreams for pages of management.
    pub(crate) fn aside(&self) -> Self {
        let (shared, journal) = (Arc::clone(&self.shared), Arc::clone(&self.journal));
        let tasks = self.tasks.clone();
        Self { tasks, is_aside: true, ..Self::new(self.number, shared, journal) }
    }

    /// An id for a request that arrived at `now`.
    ///
    /// Ids of requests are no secrets, so randomness is fetched for many at once: a system call
    /// for each would cost more than the look-up of the token. Without randomness they are told
    /// apart by a counter.
    pub fn request_id(&self, now: Timestamp) -> RequestId {
        let random = self.ids.lock().take(&*self.shared.entropy);
        mcpass_domain::id::IdParts { now, random }.into()
    }
}

#[derive(Debug)]
struct RandomBytes {
    bytes: [u8; 1_000],
    used: usize,
    counter: u64,
}

impl Default for RandomBytes {
    fn default() -> Self {
        Self { bytes: [0; 1_000], used: 1_000, counter: 0 }
    }
}

impl RandomBytes {
    fn take(&mut self, entropy: &dyn Entropy) -> [u8; 10] {
        if self.used + 10 > self.bytes.len() {
            self.used = 0;
            if entropy.fill(&mut self.bytes).is_err() {
                self.bytes.fill(0);
            }
        }
        self.counter = self.counter.wrapping_add(1);
        let mut taken = [0; 10];
        let from = self.bytes.get(self.used..self.used + 10).unwrap_or(&[]);
        for (to, from) in taken.iter_mut().zip(from) {
            *to = *from;
        }
        if taken == [0; 10] {
            for (to, from) in taken.iter_mut().rev().zip(self.counter.to_le_bytes()) {
                *to = from;
            }
        }
        self.used += 10;
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_record_counts_until_one_is_written_or_for_a_while() {
        let failed = RecordFailed::default();
        let at = |seconds: i64| Monotonic::from_micros(seconds * 1_000_000);
        assert!(!failed.is_recent(at(0)));
        failed.failed(at(10));
        assert!(failed.is_recent(at(14)) && !failed.is_recent(at(15)));
        failed.failed(at(20));
        failed.written();
        assert!(!failed.is_recent(at(20)));
    }
}
