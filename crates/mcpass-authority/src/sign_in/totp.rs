//! Codes of authenticators (RFC 6238 over RFC 4226): six digits, SHA-1, a new one every 30
//! seconds, which is what all authenticators speak.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use mcpass_domain::{Timestamp, TotpKey};
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

const STEP: i64 = 30 * 1_000_000;
const DIGITS: usize = 6;
/// Steps before and after the present one whose codes are taken: clocks differ, people are slow.
const WINDOW: u64 = 1;

/// The step of time that `now` is in.
pub(super) fn step(now: Timestamp) -> u64 {
    u64::try_from(now.as_micros().div_euclid(STEP)).unwrap_or(0)
}

/// The step whose code this is, if it is one of about now and later than `last`, the last one
/// that was taken.
pub(super) fn find(key: &TotpKey, code: &str, now: Timestamp, last: u64) -> Option<u64> {
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let now = step(now);
    let mut found = None;
    // All of them, whichever fits, so that the time tells nothing.
    for step in now.saturating_sub(WINDOW)..=now + WINDOW {
        let fits: bool = self::code(key, step).as_bytes().ct_eq(code.as_bytes()).into();
        if fits && step > last {
            found = Some(step);
        }
    }
    found
}

/// The code of a step (RFC 4226 section 5.3).
pub(super) fn code(key: &TotpKey, step: u64) -> String {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key.expose()) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let hash: [u8; 20] = mac.finalize().into_bytes().into();
    let offset = usize::from(hash.last().copied().unwrap_or(0) & 0xF);
    let picked = hash.get(offset..offset + 4).and_then(|part| part.try_into().ok());
    let number = u32::from_be_bytes(picked.unwrap_or_default()) & 0x7FFF_FFFF;
    format!("{:0DIGITS$}", number % 1_000_000)
}

/// The key as people type it into an authenticator.
pub(super) fn base32(key: &TotpKey) -> String {
    data_encoding::BASE32_NOPAD.encode(key.expose())
}

/// What an authenticator reads from a picture: `otpauth://totp/mcpass:ana?…`.
pub(super) fn uri(key: &TotpKey, user: &str, issuer: &str) -> String {
    format!(
        "otpauth://totp/{issuer}:{user}?secret={}&issuer={issuer}&algorithm=SHA1&digits={DIGITS}\
         &period=30",
        base32(key),
        issuer = encoded(issuer),
        user = encoded(user),
    )
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> TotpKey {
        TotpKey::from_bytes(*b"12345678901234567890")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238 appendix B, the last six of eight digits.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&key(), step(at(seconds))), expected, "{seconds}");
        }
    }

    #[test]
    fn a_code_is_taken_one_step_early_or_late_and_once() {
        let now = 1_790_000_010;
        let this = step(at(now));
        for (moment, expected) in
            [(-60, None), (-30, Some(this)), (0, Some(this)), (30, Some(this)), (60, None)]
        {
            let found = find(&key(), &code(&key(), this), at(now + moment), 0);
            assert_eq!(found, expected, "{moment}");
        }
        let spaced = code(&key(), this);
        let spaced = format!(" {} {}", &spaced[..3], &spaced[3..]);
        assert_eq!(find(&key(), &spaced, at(now), this - 1), Some(this));
        assert_eq!(find(&key(), &spaced, at(now), this), None, "each step is taken once");
        for wrong in ["", "12345", "1234567", "abcdef", "\u{ff11}23456"] {
            assert_eq!(find(&key(), wrong, at(now), 0), None, "{wrong:?}");
        }
    }

    #[test]
    fn an_authenticator_can_read_the_uri() {
        assert_eq!(
            uri(&key(), "ana@example.com", "mc pass"),
            "otpauth://totp/mc%20pass:ana%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=mc%20pass&algorithm=SHA1&digits=6&period=30"
        );
    }
}
