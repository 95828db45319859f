//! How people sign in: what is kept of a user's password and second factor, of sessions and of
//! one-time links.
//!
//! Nothing here prints a secret: [`Password`], [`SignInSecret`] and [`TotpKey`] have no
//! `Display`, their `Debug` names the type alone, and they are wiped when dropped.

mod secret;

use std::net::IpAddr;

use crate::id::{SessionId, UserId};
use crate::time::Timestamp;

pub use secret::{Password, PasswordHash, SecretDigest, SignInSecret, TotpKey};

/// What a user signs in with. A user who never set a password has none of these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// Whose they are.
    pub user: UserId,
    /// The password as it is kept; none if the user signs in elsewhere alone.
    pub password: Option<PasswordHash>,
    /// When the password last changed; when these were made, if there is none.
    pub changed_at: Timestamp,
    /// Failed attempts since the last one that succeeded.
    pub failed_attempts: u32,
    /// Until when no attempt is looked at.
    pub locked_until: Option<Timestamp>,
    /// The second factor, if there is one.
    pub totp: Option<Totp>,
    /// Who the user is at the OpenID Connect provider: issuer, a space, subject.
    pub oidc_subject: Option<String>,
    /// Grows with each change; a write that knows an older one is refused.
    pub version: i64,
}

impl Credentials {
    /// Those of a user who has nothing to sign in with yet.
    pub const fn none(user: UserId, now: Timestamp) -> Self {
        Self {
            user,
            password: None,
            changed_at: now,
            failed_attempts: 0,
            locked_until: None,
            totp: None,
            oidc_subject: None,
            version: 0,
        }
    }

    /// Whether a code is asked for after the password.
    pub fn needs_code(&self) -> bool {
        self.totp.as_ref().is_some_and(|totp| totp.is_confirmed)
    }
}

/// A second factor: codes of an authenticator (RFC 6238), and recovery codes for the day on which
/// it is lost.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Totp {
    /// What the authenticator and mcpass share.
    pub key: TotpKey,
    /// Whether a first code has shown that the authenticator has the key. It is not asked for
    /// before.
    pub is_confirmed: bool,
    /// The last step of time whose code was taken: none is taken twice.
    pub last_step: u64,
    /// The recovery codes that are left.
    pub recovery: Vec<SecretDigest>,
}

/// Somebody who signed in and has not signed out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// What its secret is looked up by.
    pub digest: SecretDigest,
    /// Who.
    pub user: UserId,
    /// How.
    pub method: SignInMethod,
    /// When.
    pub created_at: Timestamp,
    /// Its last request, give or take a minute.
    pub last_seen_at: Timestamp,
    /// When it ends however much it is used.
    pub ends_at: Timestamp,
    /// Where its last request came from, give or take a minute.
    pub ip: IpAddr,
    /// The browser, as it named itself when it signed in.
    pub user_agent: String,
}

/// A link that can be used once, by whoever has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OneTimeLink {
    /// What its secret is looked up by.
    pub digest: SecretDigest,
    /// What for.
    pub purpose: LinkPurpose,
    /// For whom; none where the user is yet to be made.
    pub user: Option<UserId>,
    /// The user who made it; none for operators and mcpass itself, who may make any.
    pub made_by: Option<UserId>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// When it was used.
    pub used_at: Option<Timestamp>,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident $text:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum $name {
            $($(#[$word_doc])* $word,)*
        }

        impl $name {
            /// As it is stored and shown.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)*
                }
            }

            /// The one that is stored as `text`.
            pub fn parse(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$word),)*
                    _ => None,
                }
            }
        }
    )*};
}

words! {
    /// How somebody signed in.
    SignInMethod {
        /// By a one-time link, with a new password.
        Link "link",
        /// At the OpenID Connect provider.
        Oidc "oidc",
        /// With a password.
        Password "password",
        /// With a password and a code of the authenticator.
        Totp "password+totp",
        /// With a password and a recovery code.
        Recovery "password+recovery",
    }

    /// What a one-time link is for.
    LinkPurpose {
        /// A first password for a user who has none.
        Invite "invite",
        /// A new password.
        Reset "reset",
        /// A new password, and no second factor any more.
        ResetAll "reset-all",
        /// The first superuser.
        SetUp "set-up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_as_they_are_stored() {
        for method in ["link", "oidc", "password", "password+totp", "password+recovery"] {
            assert_eq!(SignInMethod::parse(method).unwrap().as_str(), method);
        }
        for purpose in ["invite", "reset", "reset-all", "set-up"] {
            assert_eq!(LinkPurpose::parse(purpose).unwrap().as_str(), purpose);
        }
        assert!(SignInMethod::parse("").is_none() && LinkPurpose::parse("RESET").is_none());
    }

    #[test]
    fn a_second_factor_that_was_never_confirmed_is_not_asked_for() {
        let user = UserId::from_bytes([1; 16]);
        let mut credentials = Credentials::none(user, Timestamp::default());
        assert!(!credentials.needs_code());
        let key = TotpKey::from_bytes([7; 20]);
        credentials.totp = Some(Totp { key, is_confirmed: false, last_step: 0, recovery: vec![] });
        assert!(!credentials.needs_code());
        credentials.totp.as_mut().unwrap().is_confirmed = true;
        assert!(credentials.needs_code());
    }
}
