//! The token's format: `mcp_`, 54 random base62 characters, 6 base62 characters of checksum.
//!
//! The checksum (CRC-32/ISO-HDLC over the first 58 characters) lets mcpass refuse a mistyped or
//! invented token without a look-up and lets anyone recognise a leaked one offline. 54 base62
//! characters carry 321 bits, so a plain SHA-256 at rest is enough: no guess can be tried often
//! enough for a slow hash to matter, and a slow hash would hand out CPU time before any limit.

use std::fmt;
use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::time::{Entropy, NoEntropy};

/// Every token begins with it. Changing it would revoke every token there is.
pub const PREFIX: &str = "mcp_";
/// Characters of a token.
pub const LENGTH: usize = 64;
const CHECKSUM: usize = 6;
/// Characters of a token that may be shown.
pub const HINT: usize = 12;

pub(crate) const BASE62: &[u8; 62] =
    b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

#[expect(clippy::indexing_slicing, reason = "a remainder by the alphabet's length")]
pub(crate) const fn base62_digit(value: u32) -> u8 {
    BASE62[(value % 62) as usize]
}

pub(crate) const fn base62_value(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        _ => None,
    }
}

/// A token's plaintext: shown once, kept nowhere, wiped when dropped.
///
/// It has no `Display`, `Clone` or serialisation, and `Debug` shows the hint alone.
pub struct TokenSecret(Zeroizing<String>);

impl TokenSecret {
    /// A new token.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, NoEntropy> {
        let mut text = Zeroizing::new(String::with_capacity(LENGTH));
        text.push_str(PREFIX);
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while text.len() < LENGTH - CHECKSUM {
            entropy.fill(bytes.as_mut_slice())?;
            for byte in bytes.iter() {
                // Bytes of 248 and above would make the first characters likelier than the rest.
                if *byte < 248 && text.len() < LENGTH - CHECKSUM {
                    text.push(char::from(base62_digit(u32::from(*byte))));
                }
            }
        }
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.iter().map(|byte| char::from(*byte)));
        Ok(Self(text))
    }

    /// Reads a token as it stands in a request.
    ///
    /// # Errors
    /// When it cannot be a token of ours, with what is wrong; the error never holds the text.
    pub fn parse(text: &str) -> Result<Self, InvalidToken> {
        check(text.as_bytes())?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The plaintext. To be written to whoever asked for the token, and nowhere else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored instead of the plaintext.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest::of(self.0.as_bytes())
    }

    /// The part that may be shown.
    pub fn hint(&self) -> Hint {
        Hint::of(self.0.as_bytes())
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenSecret({})", self.hint())
    }
}

/// Checks the shape of `text` and its checksum without keeping it. On the way of a request this
/// comes before the digest and the look-up.
///
/// # Errors
/// When it cannot be a token of ours.
pub fn check(text: &[u8]) -> Result<(), InvalidToken> {
    let Some(rest) = text.strip_prefix(PREFIX.as_bytes()) else {
        return Err(InvalidToken::Prefix);
    };
    if text.len() != LENGTH {
        return Err(InvalidToken::Length(text.len()));
    }
    if !rest.iter().all(u8::is_ascii_alphanumeric) {
        return Err(InvalidToken::Alphabet);
    }
    let (body, sum) = text.split_at(LENGTH - CHECKSUM);
    if sum == checksum(body) { Ok(()) } else { Err(InvalidToken::Checksum) }
}

/// Why a text cannot be a token of ours. Holds nothing of the text.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidToken {
    /// Something other than letters and digits.
    #[error("a token has only letters and digits after `mcp_`")]
    Alphabet,
    /// The checksum does not fit: a mistyped or invented token.
    #[error("the token's checksum does not match: it is mistyped, cut off or invented")]
    Checksum,
    /// Not 64 characters.
    #[error("a token has 64 characters, this one has {0}")]
    Length(usize),
    /// Does not begin with `mcp_`.
    #[error("a token begins with `mcp_`")]
    Prefix,
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut rest = crc32fast::hash(body);
    let mut text = [b'0'; CHECKSUM];
    for character in text.iter_mut().rev() {
        *character = base62_digit(rest);
        rest /= 62;
    }
    text
}

/// SHA-256 of a token: what is stored and looked up.
#[derive(Clone, Copy)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    /// The digest of a token's text.
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
impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl Hash for TokenDigest {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenDigest(..)")
    }
}

/// What may be shown of a token: its first 12 characters, `mcp_Ab3dEf9h`.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hint([u8; HINT]);

impl Hint {
    /// The hint of a text that has a token's shape; other characters become `?`.
    pub fn of(text: &[u8]) -> Self {
        let mut hint = [b'?'; HINT];
        for (to, from) in hint.iter_mut().zip(text) {
            if from.is_ascii_alphanumeric() || *from == b'_' {
                *to = *from;
            }
        }
        Self(hint)
    }

    /// The 12 characters, without the ellipsis that [`fmt::Display`] adds.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("????????????")
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}…", self.as_str()))
    }
}

impl fmt::Debug for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::time::SeededEntropy;

    fn token(seed: u64) -> TokenSecret {
        TokenSecret::generate(&SeededEntropy::new(seed)).unwrap()
    }

    proptest! {
        #[test]
        fn a_generated_token_has_the_format_and_parses_back(seed: u64) {
            let token = token(seed);
            let text = token.expose();
            prop_assert_eq!(text.len(), LENGTH);
            prop_assert!(text.starts_with(PREFIX));
            prop_assert!(text[4..].bytes().all(|byte| byte.is_ascii_alphanumeric()));
            let read = TokenSecret::parse(text).unwrap();
            prop_assert_eq!(read.digest(), token.digest());
            prop_assert_eq!(read.hint(), token.hint());
        }

        #[test]
        fn every_single_character_corruption_is_refused(seed: u64, at in 0..LENGTH, to: char) {
            let good = token(seed);
            let mut characters: Vec<char> = good.expose().chars().collect();
            prop_assume!(characters[at] != to);
            characters[at] = to;
            let bad: String = characters.into_iter().collect();
            prop_assert!(TokenSecret::parse(&bad).is_err());
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = TokenSecret::parse(&text);
        }
    }

    /// What the format says, written down once more and slowly.
    fn is_token(bytes: &[u8]) -> bool {
        let Some(rest) = bytes.strip_prefix(b"mcp_") else {
            return false;
        };
        if rest.len() != 60 || !rest.iter().all(u8::is_ascii_alphanumeric) {
            return false;
        }
        let mut sum = u64::from(crc32fast::hash(&bytes[..58]));
        for place in (58..64).rev() {
            let digit = usize::try_from(sum % 62).unwrap();
            if BASE62[digit] != bytes[place] {
                return false;
            }
            sum /= 62;
        }
        sum == 0
    }

    #[test]
    fn fuzz_token() {
        bolero::check!().for_each(|bytes: &[u8]| {
            assert_eq!(check(bytes).is_ok(), is_token(bytes));
        });
        // Real ones, broken in a few places: random bytes hardly ever have the shape.
        bolero::check!().with_type::<(u64, Vec<(u8, u8)>)>().for_each(|(seed, changes)| {
            let mut bytes = token(*seed).expose().as_bytes().to_vec();
            for (at, byte) in changes.iter().take(3) {
                bytes[usize::from(*at) % LENGTH] = *byte;
            }
            assert_eq!(check(&bytes).is_ok(), is_token(&bytes));
            if let Ok(text) = std::str::from_utf8(&bytes) {
                assert_eq!(TokenSecret::parse(text).is_ok(), is_token(&bytes));
            }
        });
    }

    #[test]
    fn every_base62_replacement_at_every_place_is_refused() {
        let good = token(1);
        for at in 0..LENGTH {
            for to in BASE62 {
                let mut bytes = good.expose().as_bytes().to_vec();
                if bytes[at] != *to {
                    bytes[at] = *to;
                    assert!(check(&bytes).is_err(), "{at} {to}");
                }
            }
        }
    }

    #[test]
    fn the_checksum_is_crc_32_iso_hdlc_in_base62() {
        // The check value of CRC-32/ISO-HDLC for "123456789" is 0xCBF43926.
        assert_eq!(crc32fast::hash(b"123456789"), 0xCBF4_3926);
        assert_eq!(&checksum(b"123456789"), b"3jZRME");
    }

    #[test]
    fn errors_say_what_is_wrong_and_never_hold_the_text() {
        let good = token(2);
        let text = good.expose();
        let cases = [
            (text[..63].to_owned(), InvalidToken::Length(63)),
            (format!("{text}x"), InvalidToken::Length(65)),
            (format!("{text}\n"), InvalidToken::Length(65)),
            (format!("{}-", &text[..63]), InvalidToken::Alphabet),
            (text.replacen("mcp_", "MCP_", 1), InvalidToken::Prefix),
            (format!("{}é", &text[..62]), InvalidToken::Alphabet),
        ];
        for (bad, expected) in cases {
            let error = TokenSecret::parse(&bad).unwrap_err();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains(&text[4..20]));
        }
    }

    #[test]
    fn debug_shows_the_hint_alone() {
        let token = token(3);
        let debug = format!("{token:?}");
        assert!(debug.contains(token.hint().as_str()));
        assert!(!debug.contains(&token.expose()[..20]));
    }

    #[test]
    fn all_characters_are_equally_likely() {
        let mut counts = [0_u32; 62];
        for seed in 0..2_000 {
            for byte in token(seed).expose()[4..58].bytes() {
                counts[usize::from(base62_value(byte).unwrap())] += 1;
            }
        }
        // 108,000 characters in 62 bins: 1,742 each, standard deviation about 41.
        assert!(counts.iter().all(|count| (1_500..2_000).contains(count)), "{counts:?}");
    }
}
