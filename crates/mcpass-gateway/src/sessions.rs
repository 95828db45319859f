//! Sessions of legacy clients (MCP 2025-11-25, transports, "Session Management"), bound to the
//! family of the token that opened them.
//!
//! The upstream gives a session its id; mcpass only remembers whose it is. A session id from
//! another family's token is unknown, exactly as one that never was.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use mcpass_domain::{FamilyId, Monotonic};
use parking_lot::Mutex;

/// A session that nobody used for so long is forgotten.
const IDLE: Duration = Duration::from_hours(24);
/// Sessions of one family at most; one more pushes the longest idle one out.
const PER_FAMILY: usize = 1_000;

/// The program that opened a session.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Client {
    /// `clientInfo.name`.
    pub name: Arc<str>,
    /// `clientInfo.version`.
    pub version: Arc<str>,
}

/// All sessions that are open, as far as mcpass knows.
#[derive(Debug, Default)]
pub struct Sessions {
    families: Mutex<HashMap<FamilyId, HashMap<Key, Session>>>,
}

#[derive(Debug, Eq, Hash, PartialEq)]
struct Key {
    server: Box<str>,
    id: Box<str>,
}

#[derive(Debug)]
struct Session {
    client: Client,
    used: Monotonic,
}

impl Sessions {
    /// Remembers a session that an upstream has just given to a token of `family`.
    pub fn open(&self, family: FamilyId, server: &str, id: &str, client: Client, now: Monotonic) {
        let mut families = self.families.lock();
        let sessions = families.entry(family).or_default();
        if sessions.len() >= PER_FAMILY
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.used)
        {
            let oldest = Key { server: oldest.0.server.clone(), id: oldest.0.id.clone() };
            sessions.remove(&oldest);
        }
        sessions
            .insert(Key { server: server.into(), id: id.into() }, Session { client, used: now });
    }

    /// Who opened this session, if it is one of this family's.
    pub fn find(&self, family: FamilyId, server: &str, id: &str, now: Monotonic) -> Option<Client> {
        let key = Key { server: server.into(), id: id.into() };
        let mut families = self.families.lock();
        let session = families.get_mut(&family)?.get_mut(&key)?;
        session.used = now;
        Some(session.client.clone())
    }

    /// Forgets a session that has ended.
    pub fn close(&self, family: FamilyId, server: &str, id: &str) {
        let mut families = self.families.lock();
        if let Some(sessions) = families.get_mut(&family) {
            sessions.remove(&Key { server: server.into(), id: id.into() });
            if sessions.is_empty() {
                families.remove(&family);
            }
        }
    }

    /// Forgets sessions that nobody uses any more. To be called every few minutes.
    pub fn sweep(&self, now: Monotonic) {
        self.families.lock().retain(|_, sessions| {
            sessions.retain(|_, session| now.since(session.used) < IDLE);
            !sessions.is_empty()
        });
    }

    /// How many sessions are open.
    pub fn count(&self) -> usize {
        self.families.lock().values().map(HashMap::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: FamilyId = FamilyId::from_bytes([1; 16]);
    const B: FamilyId = FamilyId::from_bytes([2; 16]);

    fn at(seconds: i64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_session_is_known_to_its_family_and_server_alone() {
        let sessions = Sessions::default();
        sessions.open(A, "every", "s1", Client { name: "c".into(), version: "1".into() }, at(0));
        assert_eq!(&*sessions.find(A, "every", "s1", at(1)).unwrap().name, "c");
        assert!(sessions.find(B, "every", "s1", at(1)).is_none());
        assert!(sessions.find(A, "other", "s1", at(1)).is_none());
        sessions.close(A, "every", "s1");
        assert!(sessions.find(A, "every", "s1", at(1)).is_none());
    }

    #[test]
    fn idle_sessions_are_forgotten_and_used_ones_are_not() {
        let sessions = Sessions::default();
        sessions.open(A, "x", "idle", Client::default(), at(0));
        sessions.open(A, "x", "used", Client::default(), at(0));
        sessions.find(A, "x", "used", at(3_600));
        sessions.sweep(at(24 * 3_600));
        assert_eq!(sessions.count(), 1);
        assert!(sessions.find(A, "x", "used", at(24 * 3_600)).is_some());
    }

    #[test]
    fn a_family_cannot_fill_the_memory() {
        let sessions = Sessions::default();
        for number in 0..=PER_FAMILY {
            let now = at(i64::try_from(number).unwrap());
            sessions.open(A, "x", &number.to_string(), Client::default(), now);
        }
        assert_eq!(sessions.count(), PER_FAMILY);
        assert!(sessions.find(A, "x", "0", at(9_999)).is_none());
        assert!(sessions.find(A, "x", "1", at(9_999)).is_some());
    }
}
