//! Secrets of people who sign in, and what is kept of them.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

use crate::secret::base62_digit;
use crate::time::{Entropy, NoEntropy};

/// Characters of a [`SignInSecret`]: 43 of base62 carry 256 bits.
const LENGTH: usize = 43;

/// What the cookie of a session or a one-time link carries: 256 random bits as 43 letters and
/// digits.
pub struct SignInSecret(Zeroizing<String>);

impl SignInSecret {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while text.len() < LENGTH {
            entropy.fill(bytes.as_mut_slice())?;
            for byte in bytes.iter() {
                // Bytes of 248 and above would make the first characters likelier than the rest.
                if *byte < 248 && text.len() < LENGTH {
                    text.push(char::from(base62_digit(u32::from(*byte))));
                }
            }
        }
        Ok(Self(text))
    }

    /// Reads one as it stands in a cookie or a link; none if it cannot be one.
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The plaintext. For the cookie or the link, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored instead of the plaintext. As with tokens, 256 random bits need no slow
    /// hash.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(self.0.as_bytes())
    }
}

impl fmt::Debug for SignInSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignInSecret(..)")
    }
}

/// SHA-256 of a secret of high entropy: what is stored and looked up.
#[derive(Clone, Copy)]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of a secret's text.
    pub fn of(text: &[u8]) -> Self {
        Self(Sha256::digest(text).into())
    }

    /// The digest that these bytes are.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes, as they are stored.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// In constant time, so that an answer's delay tells nothing about a stored digest.
impl PartialEq for SecretDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretDigest {}

/// Digests are put in an order that says nothing, so that maps can hold them.
impl Ord for SecretDigest {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for SecretDigest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Hash for SecretDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretDigest(..)")
    }
}

/// What somebody typed as a password or a code.
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes what was typed.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The plaintext. For checking and hashing it, and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// A second copy, for work on another thread; wiped as the first one.
impl Clone for Password {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// A password as it is kept: an argon2id hash with its salt and costs, as a PHC string.
#[derive(Clone, Eq, PartialEq)]
pub struct PasswordHash(Box<str>);

impl PasswordHash {
    /// The hash that this PHC string is.
    pub fn new(phc: impl Into<Box<str>>) -> Self {
        Self(phc.into())
    }

    /// The PHC string. For the store and for checking a password against it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// What an authenticator and mcpass share: 160 bits, as RFC 4226 section 4 recommends.
#[derive(Clone, Eq, PartialEq)]
pub struct TotpKey([u8; 20]);

impl TotpKey {
    /// A new one.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut key = Self([0; 20]);
        entropy.fill(&mut key.0)?;
        Ok(key)
    }

    /// The key that these bytes are.
    pub const fn from_bytes(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }

    /// The bytes. For the store, the authenticator and for checking a code.
    pub const fn expose(&self) -> &[u8; 20] {
        &self.0
    }
}

impl Drop for TotpKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for TotpKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::SeededEntropy;

    proptest! {
        #[test]
        fn a_generated_secret_reads_back(seed: u64) {
            let secret = SignInSecret::generate(&SeededEntropy::new(seed)).unwrap();
            let read = SignInSecret::parse(secret.expose()).unwrap();
            prop_assert_eq!(read.digest(), secret.digest());
        }

        #[test]
        fn what_is_no_secret_is_none(text in "\\PC*") {
            prop_assume!(text.len() != LENGTH);
            prop_assert!(SignInSecret::parse(&text).is_none());
        }
    }

    #[test]
    fn nothing_prints_a_secret() {
        let entropy = SeededEntropy::new(1);
        let secret = SignInSecret::generate(&entropy).unwrap();
        assert!(
            SignInSecret::parse(&secret.expose().replacen(char::is_alphanumeric, "-", 1)).is_none()
        );
        let shown = format!(
            "{secret:?} {:?} {:?} {:?} {:?}",
            secret.digest(),
            Password::new("correct horse"),
            PasswordHash::new("$argon2id$x"),
            TotpKey::generate(&entropy).unwrap(),
        );
        assert_eq!(
            shown,
            "SignInSecret(..) SecretDigest(..) Password(..) PasswordHash(..) TotpKey(..)"
        );
    }
}
