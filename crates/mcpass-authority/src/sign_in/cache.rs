//! Sessions that were used a moment ago, so that a page does not ask the store who is there.
//!
//! A change that ends a session or changes its user is forgotten here when it is written
//! (`Turn::commit`). What was read before such a change is not taken in after it: each reading
//! says in which generation it began.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use mcpass_domain::{SecretDigest, Session, SessionId, Timestamp, User, UserId};
use mcpass_store::{Change, SignInChange};
use parking_lot::RwLock;

/// How long what was read is taken for true. Within it, a session's use is not written either.
pub(super) const FRESH: Duration = Duration::from_mins(1);
/// Sessions that are remembered.
const MAX_ENTRIES: usize = 10_000;

/// What of the memory is no longer true.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ended {
    /// A session is over.
    Session(SessionId),
    /// Something about a user or their sessions changed.
    User(UserId),
}

impl Ended {
    /// What a change makes untrue, if anything.
    pub(crate) const fn by(change: &Change) -> Option<Self> {
        match change {
            Change::SignIn(SignInChange::SessionDelete(id)) => Some(Self::Session(*id)),
            Change::SignIn(SignInChange::SessionsDelete(user, _)) => Some(Self::User(*user)),
            Change::UserUpdate(user) => Some(Self::User(user.id)),
            _ => None,
        }
    }
}

/// A session and who it belongs to, as they were read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) session: Session,
    pub(super) user: User,
    read_at: Timestamp,
    last_used: AtomicI64,
}

impl Known {
    pub(super) fn new(session: Session, user: User, now: Timestamp) -> Self {
        let last_used = AtomicI64::new(now.as_micros());
        Self { session, user, read_at: now, last_used }
    }

    /// Whether it can still be taken for true. A clock that was set back makes nothing fresh.
    fn is_fresh(&self, now: Timestamp) -> bool {
        now >= self.read_at && now.since(self.read_at) < FRESH
    }

    /// When it was last used.
    pub(super) fn last_used(&self) -> Timestamp {
        Timestamp::from_micros(self.last_used.load(Ordering::Relaxed))
    }

    pub(super) fn use_at(&self, now: Timestamp) {
        self.last_used.fetch_max(now.as_micros(), Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
pub(super) struct SessionCache {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    generation: u64,
    known: HashMap<SecretDigest, Arc<Known>>,
}

/// When a reading began.
#[derive(Clone, Copy, Debug)]
pub(super) struct Generation(u64);

impl SessionCache {
    /// The session of this digest, if what is known of it is fresh; and for a reading that is
    /// needed otherwise, its generation.
    pub(super) fn find(
        &self,
        digest: &SecretDigest,
        now: Timestamp,
    ) -> Result<Arc<Known>, Generation> {
        let state = self.state.read();
        let known = state.known.get(digest).filter(|known| known.is_fresh(now));
        known.cloned().ok_or(Generation(state.generation))
    }

    /// Takes in what was read, unless something changed since.
    pub(super) fn put(&self, known: &Arc<Known>, generation: Generation) {
        let mut state = self.state.write();
        if state.generation != generation.0 {
            return;
        }
        if state.known.len() >= MAX_ENTRIES {
            let now = known.read_at;
            state.known.retain(|_, known| known.is_fresh(now));
            if state.known.len() >= MAX_ENTRIES {
                state.known.clear();
            }
        }
        state.known.insert(known.session.digest, Arc::clone(known));
    }

    pub(super) fn forget(&self, ended: &[Ended]) {
        if ended.is_empty() {
            return;
        }
        let mut state = self.state.write();
        state.generation += 1;
        state.known.retain(|_, known| {
            !ended.iter().any(|ended| match ended {
                Ended::Session(id) => known.session.id == *id,
                Ended::User(id) => known.user.id == *id,
            })
        });
    }

    pub(super) fn clear(&self) {
        let mut state = self.state.write();
        state.generation += 1;
        state.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use mcpass_domain::SignInMethod;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000)
    }

    fn known(n: u32) -> Arc<Known> {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&n.to_be_bytes());
        let user = User {
            id: UserId::from_bytes(id),
            name: "ana".parse().unwrap(),
            is_active: true,
            is_superuser: false,
            permissions: vec![],
            groups: vec![],
            created_at: at(0),
            version: 1,
        };
        let session = Session {
            id: SessionId::from_bytes(id),
            digest: SecretDigest::of(&n.to_be_bytes()),
            user: user.id,
            method: SignInMethod::Password,
            created_at: at(0),
            last_seen_at: at(0),
            ends_at: at(1_000),
            ip: [192, 0, 2, 1].into(),
            user_agent: String::new(),
        };
        Arc::new(Known::new(session, user, at(0)))
    }

    #[test]
    fn what_was_read_before_a_change_is_not_taken_in_after_it() {
        let cache = SessionCache::default();
        let one = known(1);
        let digest = one.session.digest;
        let generation = cache.find(&digest, at(0)).unwrap_err();
        cache.forget(&[Ended::Session(one.session.id)]);
        cache.put(&one, generation);
        let generation = cache.find(&digest, at(0)).unwrap_err();
        cache.put(&one, generation);
        assert!(cache.find(&digest, at(59)).is_ok());
        assert!(cache.find(&digest, at(60)).is_err() && cache.find(&digest, at(-1)).is_err());
        cache.forget(&[Ended::User(one.user.id)]);
        assert!(cache.find(&digest, at(0)).is_err());
    }

    #[test]
    fn others_stay_and_memory_is_bounded() {
        let cache = SessionCache::default();
        for n in 0..30_000 {
            let one = known(n);
            let generation = cache.find(&one.session.digest, at(0)).unwrap_err();
            cache.put(&one, generation);
        }
        assert!(cache.state.read().known.len() <= MAX_ENTRIES);
        let (last, other) = (known(29_999), known(29_998));
        cache.forget(&[Ended::Session(last.session.id)]);
        assert!(cache.find(&last.session.digest, at(0)).is_err());
        assert!(cache.find(&other.session.digest, at(0)).is_ok());
    }
}
