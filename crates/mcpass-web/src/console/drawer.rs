//! New secrets on their way from the form that made them to the page that shows them once.
//!
//! A page that answered the form itself would make another token when it is loaded again. So the
//! secret waits here, in memory, for the one redirect that follows, bound to the session that
//! made it. Taking it out wipes it here; so does time.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use mcpass_authority::api::Plaintext;
use mcpass_domain::{Monotonic, SessionId};
use parking_lot::Mutex;

/// How long a redirect may take.
const PATIENCE: Duration = Duration::from_mins(2);
/// Secrets at most; the oldest goes. Whoever loses one rotates the token.
const MOST: usize = 1_000;

/// Where they wait.
#[derive(Default)]
pub(crate) struct Drawer(Mutex<HashMap<(SessionId, String), (Plaintext, Monotonic)>>);

impl fmt::Debug for Drawer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drawer(..)")
    }
}

impl Drawer {
    /// Puts a token's secret in.
    pub(crate) fn put(&self, session: SessionId, token: String, secret: Plaintext, now: Monotonic) {
        let mut all = self.0.lock();
        all.retain(|_, (_, since)| now.since(*since) < PATIENCE);
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, (_, since))| *since);
            if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                all.remove(&key);
            }
        }
        all.insert((session, token), (secret, now));
    }

    /// Takes it out, for the session that put it in.
    pub(crate) fn take(
        &self,
        session: SessionId,
        token: &str,
        now: Monotonic,
    ) -> Option<Plaintext> {
        let (secret, since) = self.0.lock().remove(&(session, token.to_owned()))?;
        (now.since(since) < PATIENCE).then_some(secret)
    }
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{Entropy as _, OsEntropy, Timestamp};

    use super::*;

    fn session() -> SessionId {
        OsEntropy.id(Timestamp::default()).unwrap()
    }

    fn at(seconds: i64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_secret_is_taken_once_by_its_session_in_time() {
        let (drawer, own, other) = (Drawer::default(), session(), session());
        let put = || drawer.put(own, "tok_1".to_owned(), "secret".to_owned().into(), at(0));
        put();
        assert!(drawer.take(other, "tok_1", at(1)).is_none());
        assert!(drawer.take(own, "tok_2", at(1)).is_none());
        assert_eq!(drawer.take(own, "tok_1", at(1)).unwrap().expose(), "secret");
        assert!(drawer.take(own, "tok_1", at(1)).is_none());
        put();
        assert!(drawer.take(own, "tok_1", at(120)).is_none());
        assert_eq!(format!("{drawer:?}"), "Drawer(..)");
    }
}
