//! Those whose password is right and whose code is not there yet. In memory alone: after a
//! restart they type their password once more.

use std::collections::HashMap;
use std::time::Duration;

use mcpass_domain::{PasswordHash, SecretDigest, SignInMethod, Timestamp, UserId};
use parking_lot::Mutex;

/// How long a code may take to come.
const LIFE: Duration = Duration::from_mins(5);
/// Challenges that are remembered. Each took a right password.
const MAX: usize = 1_000;

/// Whose code is waited for.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    pub(super) user: UserId,
    pub(super) name: String,
    /// The password that was right. If it changed since, the challenge is void.
    pub(super) password: PasswordHash,
    pub(super) method: SignInMethod,
}

#[derive(Debug, Default)]
pub(super) struct Challenges {
    waiting: Mutex<HashMap<SecretDigest, (Timestamp, Challenge)>>,
}

impl Challenges {
    pub(super) fn add(&self, digest: SecretDigest, challenge: Challenge, now: Timestamp) {
        let mut waiting = self.waiting.lock();
        waiting.retain(|_, (begun, _)| is_alive(*begun, now));
        if waiting.len() >= MAX
            && let Some(oldest) =
                waiting.iter().min_by_key(|(_, (begun, _))| *begun).map(|(digest, _)| *digest)
        {
            waiting.remove(&oldest);
        }
        waiting.insert(digest, (now, challenge));
    }

    pub(super) fn find(&self, digest: &SecretDigest, now: Timestamp) -> Option<Challenge> {
        let waiting = self.waiting.lock();
        let (begun, challenge) = waiting.get(digest)?;
        is_alive(*begun, now).then(|| challenge.clone())
    }

    pub(super) fn remove(&self, digest: &SecretDigest) {
        self.waiting.lock().remove(digest);
    }
}

fn is_alive(begun: Timestamp, now: Timestamp) -> bool {
    now >= begun && now.since(begun) < LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros((1_790_000_000 + seconds) * 1_000_000)
    }

    #[test]
    fn a_challenge_waits_five_minutes_and_only_so_many_do() {
        let challenges = Challenges::default();
        let challenge = Challenge {
            user: UserId::from_bytes([1; 16]),
            name: "ana".to_owned(),
            password: PasswordHash::new("x"),
            method: SignInMethod::Password,
        };
        let digest = |n: u32| SecretDigest::of(&n.to_be_bytes());
        for n in 0..1_500 {
            challenges.add(digest(n), challenge.clone(), at(i64::from(n) / 100));
        }
        assert_eq!(challenges.waiting.lock().len(), MAX);
        assert!(challenges.find(&digest(0), at(15)).is_none());
        assert!(challenges.find(&digest(1_499), at(14 + 299)).is_some());
        assert!(challenges.find(&digest(1_499), at(14 + 300)).is_none());
        challenges.remove(&digest(1_400));
        assert!(challenges.find(&digest(1_400), at(15)).is_none());
    }
}
