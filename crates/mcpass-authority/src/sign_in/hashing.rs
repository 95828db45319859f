//! Slow hashes of passwords, a few at a time and away from everything else.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use mcpass_domain::time::id_from;
use mcpass_domain::{Entropy, Password, PasswordHash, Timestamp, UserId};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

use crate::api::ApiError;
use crate::failure::no_entropy;

/// Hashes that are computed at the same time.
const AT_ONCE: usize = 2;
/// Hashes that may wait for their turn. With more, a flood of guesses would keep everybody else
/// waiting for longer than anybody waits.
const MAX_WAITING: usize = 64;
const SALT: usize = 16;

/// What one hash costs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PasswordCost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
}

/// OWASP's recommendation for argon2id: 19 MiB, two passes, one lane.
impl Default for PasswordCost {
    fn default() -> Self {
        Self { memory_kib: 19 * 1024, passes: 2 }
    }
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub(super) struct Hasher {
    cost: PasswordCost,
    dummy: OnceLock<PasswordHash>,
    places: Semaphore,
    waiting: AtomicUsize,
    checks: AtomicU64,
}

impl Hasher {
    pub(super) fn new(cost: PasswordCost) -> Self {
        Self {
            cost,
            dummy: OnceLock::new(),
            places: Semaphore::new(AT_ONCE),
            waiting: AtomicUsize::new(0),
            checks: AtomicU64::new(0),
        }
    }

    /// The hash of a new password.
    pub(super) async fn hash(
        &self,
        entropy: &dyn Entropy,
        password: &Password,
    ) -> Result<PasswordHash, ApiError> {
        let mut salt = [0_u8; SALT];
        entropy.fill(&mut salt).map_err(no_entropy)?;
        let (cost, password) = (self.cost, password.clone());
        self.away(move || hash(cost, &password, &salt)).await?
    }

    /// Whether `password` is the one of this hash. Without a hash, the same work is done and the
    /// answer is no: how long it takes tells nothing about who exists.
    pub(super) async fn check(
        &self,
        entropy: &dyn Entropy,
        password: &Password,
        of: Option<&PasswordHash>,
    ) -> Result<bool, ApiError> {
        let against = match of {
            Some(hash) => hash.clone(),
            None => self.dummy(entropy).await?,
        };
        self.checks.fetch_add(1, Ordering::Relaxed);
        let password = password.clone();
        let fits = self.away(move || verify(&password, &against)).await?;
        Ok(fits && of.is_some())
    }

    /// Whether a hash was made at another cost than the present one.
    pub(super) fn is_outdated(&self, hash: &PasswordHash) -> bool {
        let made_at = Phc::new(hash.expose()).ok().and_then(|phc| Params::try_from(&phc).ok());
        made_at.is_none_or(|made| {
            made.m_cost() != self.cost.memory_kib || made.t_cost() != self.cost.passes
        })
    }

    /// How many passwords have been checked.
    #[cfg(test)]
    pub(super) fn checks(&self) -> u64 {
        self.checks.load(Ordering::Relaxed)
    }

    /// The hash of a password that nobody knows.
    async fn dummy(&self, entropy: &dyn Entropy) -> Result<PasswordHash, ApiError> {
        if let Some(dummy) = self.dummy.get() {
            return Ok(dummy.clone());
        }
        let secret: UserId = id_from(entropy, Timestamp::default()).map_err(no_entropy)?;
        let dummy = self.hash(entropy, &Password::new(secret.to_string())).await?;
        Ok(self.dummy.get_or_init(|| dummy).clone())
    }

    /// Runs slow work on a thread for such, when it is its turn.
    async fn away<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let waiting = Waiting::enter(&self.waiting).ok_or_else(busy)?;
        let place = self.places.acquire().await.map_err(|_| busy())?;
        drop(waiting);
        let done = tokio::task::spawn_blocking(work).await;
        drop(place);
        done.map_err(|error| {
            tracing::error!(%error, "the hash of a password was not computed");
            ApiError::new(ApiError::INTERNAL, "mcpass failed while it was checking a password")
        })
    }
}

/// One of those who wait for a place.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        let entered = Self(count);
        (before < MAX_WAITING).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy() -> ApiError {
    ApiError::new("sign_in.busy", "too many people are signing in at this moment")
        .with_hint("try again in a few seconds")
}

fn hash(cost: PasswordCost, password: &Password, salt: &[u8]) -> Result<PasswordHash, ApiError> {
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a password cannot be hashed");
        ApiError::new(ApiError::INTERNAL, "the password cannot be hashed")
    };
    let params = Params::new(cost.memory_kib, cost.passes, 1, None);
    let params = params.map_err(|error| failed(&error))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hashed = argon2.hash_password_with_salt(normal(password).as_bytes(), salt);
    let hashed = hashed.map_err(|error| failed(&error))?;
    Ok(PasswordHash::new(hashed.to_string()))
}

fn verify(password: &Password, hash: &PasswordHash) -> bool {
    let Ok(phc) = Phc::new(hash.expose()) else {
        tracing::error!("a stored password hash cannot be read");
        return false;
    };
    // Algorithm and costs are those of the hash.
    Argon2::default().verify_password(normal(password).as_bytes(), &phc).is_ok()
}

/// Keyboards write the same letter in different ways (NIST SP 800-63B section 3.1.1.2).
fn normal(password: &Password) -> Zeroizing<String> {
    Zeroizing::new(password.expose().nfkc().collect())
}

#[cfg(test)]
mod tests {
    use mcpass_domain::SeededEntropy;

    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 64, passes: 1 };

    #[tokio::test]
    async fn a_password_fits_its_own_hash_however_it_was_typed() {
        let (hasher, entropy) = (Hasher::new(CHEAP), SeededEntropy::new(1));
        let hash = hasher.hash(&entropy, &Password::new("Gr\u{fc}\u{df}e \u{fb01}")).await.unwrap();
        assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", hash.expose());
        for (typed, fits) in [
            ("Gr\u{fc}\u{df}e \u{fb01}", true),
            ("Gru\u{308}\u{df}e fi", true),
            ("Gr\u{fc}\u{df}e", false),
            ("", false),
        ] {
            let typed = Password::new(typed);
            let answer = hasher.check(&entropy, &typed, Some(&hash)).await.unwrap();
            assert_eq!(answer, fits, "{typed:?}");
        }
        let again = hasher.hash(&entropy, &Password::new("Gr\u{fc}\u{df}e \u{fb01}")).await;
        assert_ne!(again.unwrap(), hash, "each has a salt of its own");
    }

    #[tokio::test]
    async fn nobodys_password_is_checked_all_the_same() {
        let (hasher, entropy) = (Hasher::new(CHEAP), SeededEntropy::new(1));
        assert!(!hasher.check(&entropy, &Password::new("x"), None).await.unwrap());
        assert!(!hasher.check(&entropy, &Password::new("x"), None).await.unwrap());
        assert_eq!(hasher.checks(), 2);
        let broken = PasswordHash::new("no hash");
        assert!(!hasher.check(&entropy, &Password::new("x"), Some(&broken)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_another_cost_is_outdated() {
        let entropy = SeededEntropy::new(1);
        let cheap = Hasher::new(CHEAP);
        let dear = Hasher::new(PasswordCost { memory_kib: 128, passes: 1 });
        let hash = cheap.hash(&entropy, &Password::new("x")).await.unwrap();
        assert!(!cheap.is_outdated(&hash) && dear.is_outdated(&hash));
        assert!(dear.check(&entropy, &Password::new("x"), Some(&hash)).await.unwrap());
        assert!(dear.is_outdated(&PasswordHash::new("no hash")));
    }

    #[test]
    fn the_usual_cost_is_what_owasp_recommends() {
        let usual = PasswordCost::default();
        assert_eq!((usual.memory_kib, usual.passes), (19_456, 2));
    }

    #[test]
    fn so_many_wait_and_no_more() {
        let count = AtomicUsize::new(0);
        let all: Vec<_> = (0..MAX_WAITING).map(|_| Waiting::enter(&count).unwrap()).collect();
        assert!(Waiting::enter(&count).is_none());
        drop(all);
        assert!(Waiting::enter(&count).is_some());
    }
}
