//! One change as the audit log knows it.

use std::fmt;

use crate::id::{AuditId, TokenId, UserId};
use crate::time::Timestamp;

/// Who did something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Actor {
    /// mcpass itself: the configuration file, the demo, background work.
    System(&'static str),
    /// Somebody at the machine's command line, who can read the data folder anyway: the name of
    /// the operating system's account.
    Operator(String),
    /// A token with management permissions.
    Token(TokenId),
    /// A user who signed in.
    User(UserId),
}

/// `system:demo`, `operator:root`, `tok_…`, `usr_…`.
impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System(part) => write!(f, "system:{part}"),
            Self::Operator(name) => write!(f, "operator:{name}"),
            Self::Token(id) => id.fmt(f),
            Self::User(id) => id.fmt(f),
        }
    }
}

/// One change: who, what, before and after, from where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// Its id.
    pub id: AuditId,
    /// When.
    pub at: Timestamp,
    /// Who, as [`Actor`] prints.
    pub actor: String,
    /// From where: `cli`, `control`, an IP address.
    pub origin: String,
    /// What was done: `token.create`, `user.edit`, …
    pub action: String,
    /// To what: the id or name of the thing.
    pub object: String,
    /// The thing before, as JSON; none if it was created.
    pub before: Option<String>,
    /// The thing after, as JSON; none if it was deleted. Never holds a secret.
    pub after: Option<String>,
    /// Why, if somebody said.
    pub note: String,
}
