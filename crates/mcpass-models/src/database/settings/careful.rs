//! What looks like a credential.

/// Words of which one in a name is enough.
const WORDS: &[&str] = &[
    "apikey",
    "apikeys",
    "credential",
    "credentials",
    "otp",
    "passphrase",
    "passwd",
    "password",
    "passwords",
    "secret",
    "secrets",
    "session",
    "sessions",
    "token",
    "tokens",
    "totp",
];
/// Pairs of words, the first directly before the second.
const PAIRS: &[(&str, &str)] = &[
    ("access", "key"),
    ("access", "keys"),
    ("api", "key"),
    ("api", "keys"),
    ("auth", "key"),
    ("private", "key"),
    ("private", "keys"),
    ("recovery", "code"),
    ("recovery", "codes"),
    ("signing", "key"),
];

/// Whether the name of a table or column looks as if it held credentials. Words are told apart by
/// `_`, digits and letter case, so that `author` and `tokenizer` are not among them.
pub(super) fn looks_like_a_credential(name: &str) -> bool {
    let words = words(name);
    words.iter().any(|word| WORDS.contains(&word.as_str()))
        || words.windows(2).any(|pair| match pair {
            [first, second] => PAIRS.contains(&(first.as_str(), second.as_str())),
            _ => false,
        })
}

fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        let begins = c.is_uppercase() && was_lower;
        if begins || !c.is_alphabetic() {
            words.push(String::new());
        }
        was_lower = c.is_lowercase();
        if c.is_alphabetic()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}
