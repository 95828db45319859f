//! Which passwords are taken: long ones that are not the first that anybody would try.
//!
//! NIST SP 800-63B section 3.1.1: length is what counts; no rules on kinds of characters, no
//! expiry, a check against what is common and against the user's own name.

use mcpass_domain::{Password, UserName};

use crate::api::ApiError;
use crate::parse;

/// Characters of a password at least. The same with a second factor, which may be taken away
/// again.
pub(super) const MIN: usize = 12;
/// Characters of a password at most: enough for any sentence, and no work for the hash.
pub(super) const MAX: usize = 256;

/// Refuses a new password that is too short, too long or too easy to guess.
///
/// # Errors
/// When it is; the error is about `field`.
pub fn check(field: &str, password: &Password, user: &str) -> Result<(), ApiError> {
    let text = password.expose();
    let length = text.chars().take(MAX + 1).count();
    let why = if length < MIN {
        "has at least 12 characters"
    } else if length > MAX {
        "has at most 256 characters"
    } else if text.chars().any(char::is_control) {
        "holds no control characters"
    } else if is_around(text, user) {
        "is more than the user's name"
    } else if is_common(text) || is_pattern(text) {
        "is none of those that are tried first"
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(field, format!("a password {why}"))
        .with_hint("four or five words that do not belong together are easy to remember"))
}

/// Says all that is wrong with what the first superuser is to be called and to sign in with.
///
/// # Errors
/// When the name or the password cannot be used.
pub fn check_first(name: &str, password: &Password) -> Result<(), ApiError> {
    ApiError::all([
        parse::new_name::<UserName>(name).err(),
        check("password", password, name).err(),
    ])
}

/// Refuses what cannot be anybody's password before it costs anything.
pub(super) fn check_length(password: &Password) -> Result<(), ApiError> {
    if password.expose().chars().take(MAX + 1).count() > MAX {
        return Err(ApiError::invalid("password", "a password has at most 256 characters"));
    }
    Ok(())
}

/// Whether little is left without the user's name, the part of it before an `@`, or `mcpass`.
fn is_around(text: &str, user: &str) -> bool {
    let text = text.to_lowercase();
    let user = user.to_lowercase();
    let local = user.split('@').next().unwrap_or_default();
    [user.as_str(), local, "mcpass"].into_iter().filter(|word| word.chars().count() >= 3).any(
        |word| {
            let rest = text.replace(word, "");
            rest.len() < text.len() && rest.chars().count() < MIN / 2
        },
    )
}

/// Whether the letters of it, without digits and signs at its ends and with the usual signs read
/// as letters, are one or two of the words that lists of stolen passwords begin with.
fn is_common(text: &str) -> bool {
    let trimmed = text.trim_matches(|c: char| !c.is_alphabetic());
    let word: String = trimmed.chars().flat_map(char::to_lowercase).filter_map(plain).collect();
    let whole: String = text.chars().flat_map(char::to_lowercase).filter_map(plain).collect();
    [word, whole].iter().any(|word| {
        COMMON.contains(&word.as_str())
            || COMMON
                .iter()
                .any(|first| word.strip_prefix(first).is_some_and(|rest| COMMON.contains(&rest)))
    })
}

/// The letter that a character stands for in such passwords.
const fn plain(c: char) -> Option<char> {
    Some(match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        c if c.is_ascii_punctuation() || c.is_ascii_whitespace() => return None,
        c => c,
    })
}

/// Whether it goes on as it begins (`abcabcabcabc`), or along the alphabet, the digits or a row
/// of keys, in either direction, but for a few steps.
fn is_pattern(text: &str) -> bool {
    let all: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let repeats = |period: usize| all.iter().zip(all.iter().skip(period)).all(|(a, b)| a == b);
    if (1..=4).any(repeats) {
        return true;
    }
    let follows = |a: char, b: char| {
        ROWS.iter().any(|row| {
            let mut places = row.chars().zip(row.chars().skip(1));
            places.any(|pair| pair == (a, b) || pair == (b, a))
        })
    };
    let steps = all.iter().zip(all.iter().skip(1));
    let surprises = steps.filter(|(a, b)| a != b && !follows(**a, **b)).count();
    surprises <= 2
}

const ROWS: [&str; 6] = [
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
];

/// Words that lists of stolen passwords begin with.
const COMMON: [&str; 64] = [
    "abc",
    "abcd",
    "access",
    "account",
    "admin",
    "administrator",
    "august",
    "autumn",
    "baseball",
    "batman",
    "changeme",
    "changethis",
    "charlie",
    "companyname",
    "december",
    "default",
    "demo",
    "dragon",
    "fall",
    "flower",
    "football",
    "freedom",
    "guest",
    "hello",
    "iloveyou",
    "january",
    "letmein",
    "login",
    "london",
    "love",
    "master",
    "mcpass",
    "michael",
    "monday",
    "monkey",
    "mustang",
    "mypassword",
    "newpassword",
    "pass",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "please",
    "princess",
    "qwerty",
    "qwertz",
    "root",
    "secret",
    "secure",
    "server",
    "shadow",
    "spring",
    "starwars",
    "summer",
    "sunshine",
    "superman",
    "superuser",
    "temp",
    "test",
    "user",
    "welcome",
    "whatever",
    "winter",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn is_taken(text: &str) -> bool {
        check("password", &Password::new(text), "ana.lopez@example.com").is_ok()
    }

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for bad in [
            "",
            "short",
            "elevenchars",
            "password1234",
            "P@ssw0rd!2026",
            "PasswordPassword",
            "Welcome-Summer-2026",
            "123456789012",
            "abcdefghijkl",
            "qwertyuiop12",
            "lkjhgfdsapoi",
            "aaaaaaaaaaaaaaa",
            "xyz1xyz1xyz1",
            "ana.lopez@example.com",
            "Ana.Lopez2026",
            "mcpass-mcpass-1",
            "tab\tinside here",
        ] {
            assert!(!is_taken(bad), "{bad}");
        }
        assert!(!is_taken(&"x1".repeat(200)));
    }

    #[test]
    fn what_people_can_remember_is_taken() {
        for good in [
            "correct horse battery",
            "u8Hq-2xWz-9kLm",
            "\u{421}\u{430}\u{43c}\u{43e}\u{432}\u{430}\u{440} \u{438} \u{43b}\u{443}\u{43d}\u{430}",
            "my password is a long story",
            "ana likes old radios",
            "\u{1f980} crabs walk sideways",
        ] {
            assert!(is_taken(good), "{good}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_check_panic(text in "\\PC*", user in "\\PC*") {
            let _ = check("password", &Password::new(text), &user);
        }
    }
}
