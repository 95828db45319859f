//! Sessions of legacy clients (MCP 2025-11-25, transports, "Session Management"), bound to the
//! token that opened them.
//!
//! At `/mcp/{server}` the upstream gives a session its id, and mcpass remembers whose it is; at
//! `/mcp` the session is mcpass's own. A session id of another token is unknown, exactly as one
//! that never was. A session ends with its client's `DELETE`, with its token, and after its limits.

mod farewell;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use mcpass_domain::{Monotonic, Subject, TokenDigest, TokenId};
use mcpass_protocol::Era;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub(crate) use self::farewell::farewells;
use crate::link::{Hello, Party};

/// Sessions of one token at most; one more pushes the longest idle one out.
const PER_TOKEN: usize = 1_000;

/// The program that opened a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Client {
    /// `clientInfo.name`.
    pub name: Arc<str>,
    /// `clientInfo.version`.
    pub version: Arc<str>,
}

/// What a client says of itself as it opens a session.
#[derive(Clone, Debug, Default)]
pub struct Opening {
    /// Who it is.
    pub client: Client,
    /// `capabilities`, as JSON; empty if it named none.
    pub capabilities: Arc<str>,
}

impl Opening {
    /// How mcpass introduces the client to upstreams.
    fn hello(&self, version: &str) -> Hello {
        let Client { name, version: client } = &self.client;
        let own = Hello::default();
        Hello {
            version: version.into(),
            capabilities: match &*self.capabilities {
                "" => own.capabilities,
                _ => Arc::clone(&self.capabilities),
            },
            client_info: match &**name {
                "" => own.client_info,
                _ => json!({"name": &**name, "version": &**client}).to_string().into(),
            },
        }
    }
}

/// One session.
#[derive(Debug)]
pub struct Session {
    /// The token that opened it, by its digest.
    pub digest: TokenDigest,
    /// The same token, by its id.
    pub token: TokenId,
    /// The server it is with; empty for `/mcp`.
    pub server: Box<str>,
    /// Its id.
    pub id: Box<str>,
    /// Who opened it.
    pub opening: Opening,
    /// The protocol revision that was agreed on, as far as mcpass knows; may be empty.
    pub version: Box<str>,
    /// The conversations that mcpass holds for it, if it is one of `/mcp`.
    pub(crate) party: Option<Arc<Party>>,
    opened: Monotonic,
    used: AtomicI64,
    streams: AtomicUsize,
    ended: CancellationToken,
}

impl Session {
    /// A session with `server` that begins now. An empty name stands for `/mcp`.
    pub fn new(
        (digest, subject): (TokenDigest, &Subject),
        server: &str,
        id: &str,
        version: &str,
        opening: Opening,
        now: Monotonic,
    ) -> Self {
        let hello = || opening.hello(version);
        let party =
            server.is_empty().then(|| Arc::new(Party::new(subject.family, Era::Legacy, hello())));
        Self {
            party,
            digest,
            token: subject.token,
            server: server.into(),
            id: id.into(),
            opening,
            version: version.into(),
            opened: now,
            used: AtomicI64::new(now.as_micros()),
            streams: AtomicUsize::new(0),
            ended: CancellationToken::new(),
        }
    }

    /// Is cancelled when the session has ended.
    pub fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// Notes a stream of the session. As long as there is one, it is in use.
    pub fn stream(self: &Arc<Self>) -> SessionStream {
        self.streams.fetch_add(1, Ordering::Relaxed);
        SessionStream(Arc::clone(self))
    }

    fn use_now(&self, now: Monotonic) {
        self.used.fetch_max(now.as_micros(), Ordering::Relaxed);
    }

    fn used(&self) -> Monotonic {
        Monotonic::from_micros(self.used.load(Ordering::Relaxed))
    }
}

/// A stream of a session, while it is open.
#[derive(Debug)]
pub struct SessionStream(Arc<Session>);

impl Drop for SessionStream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How long sessions last.
#[derive(Clone, Copy, Debug)]
pub struct Lifetime {
    /// A session that nobody used for so long, and that has no open stream, ends.
    pub idle: Duration,
    /// A session ends after so long, used or not.
    pub longest: Duration,
}

impl Default for Lifetime {
    /// A day, and a week: long enough for an editor that is left open, as some clients do not
    /// open another session by themselves.
    fn default() -> Self {
        Self { idle: Duration::from_hours(24), longest: Duration::from_hours(7 * 24) }
    }
}

/// All sessions that are open, as far as mcpass knows.
#[derive(Debug, Default)]
pub struct Sessions {
    tokens: Mutex<HashMap<TokenId, HashMap<Key, Arc<Session>>>>,
    /// Sessions that mcpass has ended, of which their upstreams have not been told.
    untold: Mutex<Vec<Arc<Session>>>,
    told: Notify,
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Key {
    server: Box<str>,
    id: Box<str>,
}

impl Key {
    fn new(server: &str, id: &str) -> Self {
        Self { server: server.into(), id: id.into() }
    }

    fn of(session: &Session) -> Self {
        Self { server: session.server.clone(), id: session.id.clone() }
    }
}

impl Sessions {
    /// Remembers a session.
    pub fn open(&self, session: Session) -> Arc<Session> {
        let session = Arc::new(session);
        let mut tokens = self.tokens.lock();
        let sessions = tokens.entry(session.token).or_default();
        let mut ended = Vec::new();
        if sessions.len() >= PER_TOKEN
            && let Some(oldest) = sessions.values().min_by_key(|session| session.used()).cloned()
        {
            sessions.remove(&Key::of(&oldest));
            ended.push(oldest);
        }
        // An upstream that gives the same id again has forgotten the first one.
        if let Some(before) = sessions.insert(Key::of(&session), Arc::clone(&session)) {
            before.ended.cancel();
        }
        drop(tokens);
        self.end(ended);
        session
    }

    /// The session of this id, if it is one of this token's.
    pub fn find(
        &self,
        token: TokenId,
        server: &str,
        id: &str,
        now: Monotonic,
    ) -> Option<Arc<Session>> {
        let tokens = self.tokens.lock();
        let session = tokens.get(&token)?.get(&Key::new(server, id))?;
        session.use_now(now);
        Some(Arc::clone(session))
    }

    /// Forgets a session that its client or its upstream has ended.
    pub fn close(&self, session: &Session) {
        let mut tokens = self.tokens.lock();
        if let Some(sessions) = tokens.get_mut(&session.token) {
            let key = Key::of(session);
            if sessions.get(&key).is_some_and(|held| std::ptr::eq(&raw const **held, session)) {
                sessions.remove(&key);
            }
            if sessions.is_empty() {
                tokens.remove(&session.token);
            }
        }
        session.ended.cancel();
    }

    /// Ends all sessions of a token; answers how many.
    pub fn end_token(&self, token: TokenId) -> usize {
        let sessions = self.tokens.lock().remove(&token).unwrap_or_default();
        let count = sessions.len();
        self.end(sessions.into_values().collect());
        count
    }

    /// Ends sessions that have reached their limits, and those of tokens that are no longer
    /// `good`. To be called every few minutes.
    pub fn sweep(&self, now: Monotonic, lifetime: Lifetime, good: impl Fn(&TokenDigest) -> bool) {
        let mut ended = Vec::new();
        self.tokens.lock().retain(|_, sessions| {
            sessions.retain(|_, session| {
                let is_used = session.streams.load(Ordering::Relaxed) > 0
                    || now.since(session.used()) < lifetime.idle;
                let lasts = is_used
                    && now.since(session.opened) < lifetime.longest
                    && good(&session.digest);
                if !lasts {
                    ended.push(Arc::clone(session));
                }
                lasts
            });
            !sessions.is_empty()
        });
        self.end(ended);
    }

    /// How many sessions of a token are open.
    pub fn count_of(&self, token: TokenId) -> usize {
        self.tokens.lock().get(&token).map_or(0, HashMap::len)
    }

    /// How many sessions are open.
    pub fn count(&self) -> usize {
        self.tokens.lock().values().map(HashMap::len).sum()
    }

    fn end(&self, sessions: Vec<Arc<Session>>) {
        if sessions.is_empty() {
            return;
        }
        for session in &sessions {
            session.ended.cancel();
        }
        self.untold.lock().extend(sessions);
        self.told.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: TokenId = TokenId::from_bytes([1; 16]);
    const B: TokenId = TokenId::from_bytes([2; 16]);

    fn at(seconds: i64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    fn session(token: TokenId, server: &str, id: &str, now: Monotonic) -> Session {
        Session {
            digest: TokenDigest::from_bytes([0; 32]),
            token,
            server: server.into(),
            id: id.into(),
            opening: Opening::default(),
            version: "".into(),
            party: None,
            opened: now,
            used: AtomicI64::new(now.as_micros()),
            streams: AtomicUsize::new(0),
            ended: CancellationToken::new(),
        }
    }

    fn lifetime() -> Lifetime {
        Lifetime { idle: Duration::from_secs(100), longest: Duration::from_secs(1_000) }
    }

    #[test]
    fn a_session_is_known_to_its_token_and_server_alone() {
        let sessions = Sessions::default();
        let opened = sessions.open(session(A, "every", "s1", at(0)));
        assert!(Arc::ptr_eq(&opened, &sessions.find(A, "every", "s1", at(1)).unwrap()));
        assert!(sessions.find(B, "every", "s1", at(1)).is_none());
        assert!(sessions.find(A, "other", "s1", at(1)).is_none());
        sessions.close(&opened);
        assert!(opened.ended().is_cancelled());
        assert!(sessions.find(A, "every", "s1", at(1)).is_none());
    }

    #[test]
    fn what_a_client_closed_is_not_told_again_and_a_successor_stays() {
        let sessions = Sessions::default();
        let first = sessions.open(session(A, "x", "s", at(0)));
        let second = sessions.open(session(A, "x", "s", at(1)));
        assert!(first.ended().is_cancelled() && !second.ended().is_cancelled());
        sessions.close(&first);
        assert_eq!(sessions.count(), 1);
        assert!(sessions.untold.lock().is_empty());
    }

    #[test]
    fn idle_sessions_end_and_used_ones_do_not_until_their_time_is_over() {
        let sessions = Sessions::default();
        let idle = sessions.open(session(A, "x", "idle", at(0)));
        sessions.open(session(A, "x", "used", at(0)));
        let streaming = sessions.open(session(A, "x", "streaming", at(0)));
        let stream = streaming.stream();
        sessions.find(A, "x", "used", at(99));
        sessions.sweep(at(100), lifetime(), |_| true);
        assert!(idle.ended().is_cancelled());
        assert_eq!(sessions.count(), 2);
        drop(stream);
        sessions.find(A, "x", "used", at(999));
        sessions.sweep(at(999), lifetime(), |_| true);
        assert_eq!(sessions.count(), 1);
        sessions.sweep(at(1_000), lifetime(), |_| true);
        assert_eq!(sessions.count(), 0);
        assert_eq!(sessions.untold.lock().len(), 3);
    }

    #[test]
    fn sessions_end_with_their_token() {
        let sessions = Sessions::default();
        let of_a = sessions.open(session(A, "x", "s", at(0)));
        let of_b = sessions.open(session(B, "x", "s", at(0)));
        assert_eq!((sessions.count_of(A), sessions.count_of(B)), (1, 1));
        assert_eq!(sessions.end_token(A), 1);
        assert_eq!((sessions.count_of(A), sessions.count_of(B)), (0, 1));
        assert!(of_a.ended().is_cancelled() && !of_b.ended().is_cancelled());
        sessions.sweep(at(0), lifetime(), |_| false);
        assert_eq!(sessions.count(), 0);
    }

    #[test]
    fn a_token_cannot_fill_the_memory() {
        let sessions = Sessions::default();
        for number in 0..=PER_TOKEN {
            let now = at(i64::try_from(number).unwrap());
            sessions.open(session(A, "x", &number.to_string(), now));
        }
        assert_eq!(sessions.count(), PER_TOKEN);
        assert!(sessions.find(A, "x", "0", at(9_999)).is_none());
        assert!(sessions.find(A, "x", "1", at(9_999)).is_some());
    }
}
