//! Who asks, and from where.

use mcpass_domain::{Actor, SecretDigest, TokenId, UserId};

use crate::sign_in::Visitor;

/// The caller of a use case: the security argument that each of them takes first.
///
/// It says who somebody is, proven by whoever made it (the command line, the control socket's
/// peer credentials, a validated token, a signed-in session). What they may do is looked up anew
/// for each use case, and so is whether the session goes on, so that a context outlives neither a
/// revocation nor its session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Context {
    actor: Actor,
    origin: String,
    /// The session that it ends with.
    session: Option<SecretDigest>,
    conditions: Conditions,
}

/// What a caller wants to be so, apart from what is asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Conditions {
    /// A key under which the same creation is not done twice.
    pub(crate) key: Option<String>,
    /// The editions of the thing that may be changed; any, if none are named.
    pub(crate) editions: Option<Vec<String>>,
}

impl Context {
    /// Somebody at the machine's command line who can read the data folder anyway, by the name
    /// of the operating system's account. May do everything.
    pub fn operator(account: impl Into<String>, origin: impl Into<String>) -> Self {
        Self::of(Actor::Operator(account.into()), origin)
    }

    /// mcpass itself: `config`, `demo`, … May do everything.
    pub fn system(part: &'static str) -> Self {
        Self::of(Actor::System(part), "mcpass")
    }

    /// A token that was just validated. May do what its `mcpass.…` permissions say.
    pub fn token(token: TokenId, origin: impl Into<String>) -> Self {
        Self::of(Actor::Token(token), origin)
    }

    /// A user who was just proven to be there. A superuser may do everything, others what their `mcpass.…`
    /// permissions say, and manage their own tokens.
    pub fn user(user: UserId, origin: impl Into<String>) -> Self {
        Self::of(Actor::User(user), origin)
    }

    /// As [`Context::user`], for as long as the session of this digest goes on.
    pub(crate) fn session_of(
        user: UserId,
        session: SecretDigest,
        origin: impl Into<String>,
    ) -> Self {
        Self { session: Some(session), ..Self::user(user, origin) }
    }

    fn of(actor: Actor, origin: impl Into<String>) -> Self {
        Self { actor, origin: origin.into(), session: None, conditions: Conditions::default() }
    }

    /// The same, for a creation that is done once under this key: a second one within a day is
    /// refused with what the first one created.
    pub fn with_key(mut self, key: impl Into<String>) -> Self {
        self.conditions.key = Some(key.into());
        self
    }

    /// The same, for a change of this edition and no other: what the thing's view said.
    pub fn with_edition(self, edition: impl Into<String>) -> Self {
        self.with_one_of_editions(vec![edition.into()])
    }

    /// The same, for a change of one of these editions and no other.
    pub fn with_one_of_editions(mut self, editions: Vec<String>) -> Self {
        self.conditions.editions = Some(editions);
        self
    }

    /// The session without which it is nothing.
    pub(crate) const fn session(&self) -> Option<&SecretDigest> {
        self.session.as_ref()
    }

    pub(crate) const fn conditions(&self) -> &Conditions {
        &self.conditions
    }

    /// mcpass itself, on behalf of somebody of whom only the address is known.
    pub(crate) fn visitor(part: &'static str, visitor: &Visitor) -> Self {
        Self::of(Actor::System(part), visitor.ip().to_string())
    }

    /// Whether it is a token.
    pub(crate) const fn is_token(&self) -> bool {
        matches!(self.actor, Actor::Token(_))
    }

    /// Who.
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// From where: `cli`, `control`, an IP address.
    pub fn origin(&self) -> &str {
        &self.origin
    }
}
