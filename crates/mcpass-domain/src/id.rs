//! Typed ids: UUID version 7 inside, `prefix_` and 22 base62 characters outside.
//!
//! The textual form keeps the order of time, because the alphabet is in ASCII order and the
//! length is fixed.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::secret::{BASE62, base62_value};
use crate::time::Timestamp;

/// What a fresh id is made of.
#[derive(Clone, Copy, Debug)]
pub struct IdParts {
    /// When the thing came to be. It leads the id to the microsecond, so that ids are in the order
    /// of their things: a request can be over, and the next one there, within a millisecond.
    pub now: Timestamp,
    /// Ten random bytes, of which the last 62 bits are used.
    pub random: [u8; 10],
}

impl IdParts {
    /// A UUID of version 7 whose `rand_a` is the fraction of the millisecond (RFC 9562 section
    /// 6.2, method 3).
    pub(crate) fn uuid(self) -> Uuid {
        let micros = u64::try_from(self.now.as_micros()).unwrap_or(0);
        let fraction = u16::try_from(micros % 1_000 * 4_096 / 1_000).unwrap_or(0).to_be_bytes();
        let mut rest = self.random;
        for (to, from) in rest.iter_mut().zip(fraction) {
            *to = from;
        }
        uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &rest).into_uuid()
    }
}

/// A text that is no id of the kind wanted.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not {article} {kind} id; one looks like `{prefix}_` and 22 letters and digits"
)]
pub struct InvalidId {
    text: String,
    article: &'static str,
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident $prefix:literal $article:literal $kind:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Uuid);

        impl $name {
            /// What stands before the underscore of the textual form.
            pub const PREFIX: &'static str = $prefix;

            /// The id that these 16 bytes are.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The 16 bytes of this id, as they are stored.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// The moment that leads the id, to the millisecond (RFC 9562 section 5.7).
            pub fn moment(&self) -> Timestamp {
                let millis = i64::try_from(self.0.as_u128() >> 80).unwrap_or(i64::MAX);
                Timestamp::from_micros(millis.saturating_mul(1_000))
            }
        }

        impl From<IdParts> for $name {
            fn from(parts: IdParts) -> Self {
                Self(parts.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                print($prefix, self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                parse($prefix, text).map(Self).ok_or_else(|| InvalidId {
                    text: text.chars().take(64).collect(),
                    article: $article,
                    kind: $kind,
                    prefix: $prefix,
                })
            }
        }
    )*

        /// Whether a text is the id of something, whatever it names.
        pub fn is_id(text: &str) -> bool {
            $(text.parse::<$name>().is_ok())||*
        }
    };
}

ids! {
    /// Names a change in the audit log.
    AuditId "aud" "an" "audit";
    /// Names a change in the audit trail of a workspace.
    EventId "evt" "an" "event";
    /// Names a family: a token and those rotated from it.
    FamilyId "fam" "a" "family";
    /// Names a group.
    GroupId "grp" "a" "group";
    /// Names a request in the access log.
    RequestId "req" "a" "request";
    /// Names a session of somebody who signed in. Knowing it gives no access.
    SessionId "ses" "a" "session";
    /// Names a token. Knowing it gives no access.
    TokenId "tok" "a" "token";
    /// Names a user.
    UserId "usr" "a" "user";
}

const DIGITS: usize = 22;

pub(crate) fn print(prefix: &str, id: Uuid, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut rest = id.as_u128();
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        let value = usize::try_from(rest % 62).unwrap_or(0);
        *digit = BASE62.get(value).copied().unwrap_or(b'0');
        rest /= 62;
    }
    f.pad(&format!("{prefix}_{}", String::from_utf8_lossy(&digits)))
}

pub(crate) fn parse(prefix: &str, text: &str) -> Option<Uuid> {
    let digits = text.strip_prefix(prefix)?.strip_prefix('_')?;
    if digits.len() != DIGITS {
        return None;
    }
    let mut value: u128 = 0;
    for byte in digits.bytes() {
        value = value.checked_mul(62)?.checked_add(u128::from(base62_value(byte)?))?;
    }
    Some(Uuid::from_u128(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_id_prints_and_parses_back(bytes: [u8; 16]) {
            let id = TokenId::from_bytes(bytes);
            prop_assert_eq!(id.to_string().parse::<TokenId>().unwrap(), id);
        }

        #[test]
        fn text_keeps_the_order_of_ids(a: [u8; 16], b: [u8; 16]) {
            let (a, b) = (TokenId::from_bytes(a), TokenId::from_bytes(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn what_came_later_has_the_greater_id(
            micros in 0..253_402_300_799_000_000_i64,
            between in 1..5_000_i64,
            random: [[u8; 10]; 2],
        ) {
            let [first, second] = random;
            let id = |micros, random| {
                TokenId::from(IdParts { now: Timestamp::from_micros(micros), random })
            };
            prop_assert!(id(micros, first) < id(micros + between, second));
            let millis = Timestamp::from_micros(micros / 1_000 * 1_000);
            prop_assert_eq!(id(micros, first).moment(), millis);
        }

        #[test]
        fn no_text_makes_parsing_panic(text in "\\PC*") {
            let _ = text.parse::<TokenId>();
        }
    }

    #[test]
    fn an_id_of_another_kind_is_refused_with_what_was_wanted() {
        let user = UserId::from_bytes([7; 16]).to_string();
        let error = user.parse::<TokenId>().unwrap_err().to_string();
        assert!(error.contains(&user) && error.contains("a token id"), "{error}");
    }

    #[test]
    fn a_value_beyond_128_bits_is_refused() {
        assert!("tok_zzzzzzzzzzzzzzzzzzzzzz".parse::<TokenId>().is_err());
    }
}
