//! What may not be written out in full: mcpass keeps references to credentials, not credentials.
//!
//! Whether a text is a credential cannot be known. What is refused is what plainly says so by its
//! name, the user and password of a URL, and mcpass's own tokens; [`HINT`] says what to write
//! instead.

use mcpass_domain::redact;
use mcpass_domain::template::{self, InvalidTemplate};

/// What to write in place of a credential.
pub(super) const HINT: &str = "name where it is instead: ${env:NAME} or ${file:PATH}";
/// Why it is refused.
pub(super) const REFUSED: &str = "it holds a credential, which mcpass does not keep";

/// Parts of the names of headers that hold credentials.
const HEADERS: &[&str] =
    &["authorization", "cookie", "token", "secret", "password", "api-key", "apikey", "credential"];

/// Ends of the names of variables and options that hold credentials. `MAX_TOKENS` and
/// `TOKEN_FILE` do not end so.
const NAMES: &[&str] = &[
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "apikey",
    "key",
    "authorization",
    "credential",
];

/// Whether a header's value is a credential written out in full instead of a reference.
pub(crate) fn is_literal_in_header(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let holds_secret = HEADERS.iter().any(|part| name.contains(part));
    (holds_secret && !has_reference(value)) || redact::holds_token(value)
}

/// The same for a variable of a child's environment.
pub(crate) fn is_literal_in_variable(name: &str, value: &str) -> bool {
    let is_secret = says_credential(name) && !value.is_empty() && !has_reference(value);
    is_secret || is_literal(value)
}

/// Whether an argument is a credential, by itself, by its name (`--api-key=…`) or by the option
/// before it (`--api-key …`). Arguments have no references: every process may read them.
pub(crate) fn is_literal_in_argument(before: Option<&str>, argument: &str) -> bool {
    if let Some((name, value)) = argument.split_once('=')
        && says_option(name)
        && !value.is_empty()
    {
        return true;
    }
    let is_value = !argument.is_empty() && !argument.starts_with('-');
    let is_named =
        is_value && before.is_some_and(|name| name.starts_with('-') && says_option(name));
    is_named || is_literal(argument)
}

/// The form of a template's references.
pub(super) fn check_form(template: &str) -> Result<(), InvalidTemplate> {
    template::parse(template).map(drop)
}

/// Whether a text refers to a variable or a file of the machine.
pub(super) fn has_reference(value: &str) -> bool {
    template::parse(value).is_ok_and(|parts| parts.iter().any(template::Part::is_reference))
}

fn is_literal(text: &str) -> bool {
    redact::holds_token(text) || has_password(text)
}

/// `scheme://user:password@host`, anywhere in a text.
pub(super) fn has_password(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || "'\"<>".contains(c)).any(|word| {
        let Some((_, rest)) = word.split_once("://") else { return false };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
        let Some((user, _)) = authority.rsplit_once('@') else { return false };
        let password = user.split_once(':').map_or("", |(_, password)| password);
        !password.is_empty() && !has_reference(password)
    })
}

/// A variable's name: `GITHUB_TOKEN`, `OPENAI_API_KEY`, `PGPASSWORD`.
fn says_credential(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    NAMES.iter().any(|end| name.ends_with(end))
}

/// An option's name. A lone `--key` is more often a file's, and so is every other key than that
/// of an API.
fn says_option(name: &str) -> bool {
    let name = name.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
    if name.ends_with("key") {
        return name.ends_with("api-key") || name.ends_with("apikey");
    }
    says_credential(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_say_what_they_are() {
        for (name, value) in [
            ("GITHUB_TOKEN", "geheim"),
            ("OPENAI_API_KEY", "geheim"),
            ("PGPASSWORD", "geheim"),
            ("client_secret", "$HOME"),
            ("DATABASE_URL", "postgres://ana:geheim@db/x"),
        ] {
            assert!(is_literal_in_variable(name, value), "{name}");
        }
        for (name, value) in [
            ("GITHUB_TOKEN", "${env:GITHUB_TOKEN}"),
            ("GITHUB_TOKEN", ""),
            ("GITHUB_TOKEN_FILE", "/run/token"),
            ("MAX_TOKENS", "100"),
            ("DATABASE_URL", "postgres://ana@db/x"),
            ("DATABASE_URL", "postgres://ana:${env:PASSWORD}@db/x"),
            ("LEVEL", "debug"),
        ] {
            assert!(!is_literal_in_variable(name, value), "{name}={value}");
        }
    }

    #[test]
    fn arguments_that_say_what_they_are() {
        for (before, argument) in [
            (None, "--api-key=geheim"),
            (None, "API_KEY=geheim"),
            (Some("--token"), "geheim"),
            (Some("-p"), "postgres://ana:geheim@db/x"),
            (None, "curl 'https://ana:geheim@x/'"),
        ] {
            assert!(is_literal_in_argument(before, argument), "{argument}");
        }
        for (before, argument) in [
            (None, "--api-key="),
            (None, "--token"),
            (Some("--token"), "--verbose"),
            (Some("--token-file"), "/run/token"),
            (Some("--key"), "/run/key.pem"),
            (Some("--max-tokens"), "100"),
            (Some("token"), "geheim"),
            (None, "exec server \"$DATABASE_URL\""),
            (None, "https://x/a:b@c"),
        ] {
            assert!(!is_literal_in_argument(before, argument), "{argument}");
        }
        let token = format!("mcp_{}", "a".repeat(60));
        assert!(is_literal_in_argument(None, &format!("x{token}")));
    }
}
