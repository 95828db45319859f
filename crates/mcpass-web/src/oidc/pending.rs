//! Browsers that are at the provider.

use std::collections::HashMap;
use std::time::Duration;

use mcpass_domain::{SecretDigest, Timestamp};
use parking_lot::Mutex;
use zeroize::Zeroizing;

/// How long somebody may be there.
const LIFE: Duration = Duration::from_mins(10);
/// Browsers that are remembered. Anybody can send one there, so the oldest make room.
const MAX: usize = 10_000;

/// What a browser has to bring back, and what it never sees.
#[derive(Debug)]
pub(super) struct Begun {
    pub(super) state: Zeroizing<String>,
    pub(super) nonce: Zeroizing<String>,
    pub(super) verifier: Zeroizing<String>,
}

#[derive(Debug, Default)]
pub(super) struct Pending {
    begun: Mutex<HashMap<SecretDigest, (Timestamp, Begun)>>,
}

impl Pending {
    pub(super) fn add(&self, digest: SecretDigest, one: Begun, now: Timestamp) {
        let mut begun = self.begun.lock();
        if begun.len() >= MAX {
            begun.retain(|_, (at, _)| is_alive(*at, now));
        }
        if begun.len() >= MAX {
            let mut moments: Vec<Timestamp> = begun.values().map(|(at, _)| *at).collect();
            let (_, median, _) = moments.select_nth_unstable(MAX / 2);
            let median = *median;
            begun.retain(|_, (at, _)| *at > median);
        }
        begun.insert(digest, (now, one));
    }

    /// What a browser began; nobody gets it a second time.
    pub(super) fn take(&self, digest: &SecretDigest, now: Timestamp) -> Option<Begun> {
        let (at, one) = self.begun.lock().remove(digest)?;
        is_alive(at, now).then_some(one)
    }
}

fn is_alive(at: Timestamp, now: Timestamp) -> bool {
    now >= at && now.since(at) < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000)
    }

    fn begun() -> Begun {
        let text = || Zeroizing::new("x".to_owned());
        Begun { state: text(), nonce: text(), verifier: text() }
    }

    #[test]
    fn what_began_is_there_once_for_ten_minutes_and_in_bounds() {
        let pending = Pending::default();
        let digest = |n: u32| SecretDigest::of(&n.to_be_bytes());
        for n in 0..30_000 {
            pending.add(digest(n), begun(), at(i64::from(n / 1_000)));
            assert!(pending.begun.lock().len() <= MAX);
        }
        assert!(pending.take(&digest(29_999), at(29)).is_some());
        assert!(pending.take(&digest(29_999), at(29)).is_none());
        assert!(pending.take(&digest(29_998), at(29 + 599)).is_some());
        assert!(pending.take(&digest(29_997), at(29 + 600)).is_none());
    }
}
