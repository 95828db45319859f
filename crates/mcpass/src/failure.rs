//! How a command ends when it cannot do its work: one message, one hint, one exit code.

use std::fmt;

use mcpass_authority::api::ApiError;
use mcpass_domain::redact;

use crate::config::ConfigError;
use crate::terminal;

/// Exit codes, as `mcpass --help` lists them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Exit {
    /// Refused, or not found, or something is broken.
    Failed = 1,
    /// The command line or the configuration cannot be used.
    Usage = 2,
    /// The database or the server that holds the data folder cannot be reached. The same command
    /// may work later.
    Unavailable = 3,
}

/// Why a command did not do its work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    exit: Exit,
}

impl Failure {
    /// Refused or broken.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, exit: Exit::Failed }
    }

    /// The command line cannot be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, ..Self::new(message) }
    }

    /// What is needed cannot be reached.
    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self { exit: Exit::Unavailable, ..Self::new(message) }
    }

    /// Nothing to say: whoever read our output has gone, as `head` does.
    pub(crate) fn silent() -> Self {
        Self::new(String::new())
    }

    /// The same, with what to do about it.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// What is wrong, without the hint.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// `error: …` and, after an empty line, `hint: …`. What looks like a token is masked, and what a
/// terminal would obey is taken out: messages quote what somebody typed.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return Ok(());
        }
        writeln!(f, "error: {}", shown(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\nhint: {}\n", shown(hint)),
            None => Ok(()),
        }
    }
}

fn shown(text: &str) -> String {
    let lines: Vec<String> = redact::mask(text).lines().map(terminal::clean).collect();
    lines.join("\n")
}

/// An error of the management, as a failure of the command that asked for it.
impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        let exit = match error.code.as_str() {
            ApiError::INVALID => Exit::Usage,
            ApiError::UNAVAILABLE => Exit::Unavailable,
            _ => Exit::Failed,
        };
        Self { message: error.message, hint: error.hint.map(String::from), exit }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self { message: error.message, hint: error.hint, exit: Exit::Usage }
    }
}

#[cfg(test)]
mod tests {
    use mcpass_domain::{SeededEntropy, TokenSecret};

    use super::*;

    #[test]
    fn a_failure_reads_as_error_and_hint() {
        let failure = Failure::usage("there is no `x`").with_hint("write `y`");
        assert_eq!(failure.to_string(), "error: there is no `x`\n\nhint: write `y`\n");
        assert_eq!(Failure::new("no").to_string(), "error: no\n");
        assert_eq!(Failure::silent().to_string(), "");
    }

    #[test]
    fn a_failure_shows_neither_tokens_nor_escape_sequences() {
        let token = TokenSecret::generate(&SeededEntropy::new(1)).unwrap();
        let failure = Failure::new(format!("bad `{}\u{1b}[2J`", token.expose()));
        assert_eq!(failure.to_string(), format!("error: bad `{}\u{FFFD}[2J`\n", token.hint()));
    }
}
