//! Signing in, as it is shown.

use mcpass_domain::{SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Plaintext, wire};

/// A session of somebody who signed in.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct SessionView {
    /// Its id.
    #[serde(with = "wire::text")]
    #[schema(value_type = String)]
    pub id: SessionId,
    /// Whose it is.
    pub user: String,
    /// How they signed in: `password`, `password+totp`, `password+recovery`, `link`, `oidc`.
    pub method: String,
    /// When they signed in.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub created_at: Timestamp,
    /// When it was last used, give or take a minute.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub last_seen_at: Timestamp,
    /// When it ends if it is not used before.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub ends_at: Timestamp,
    /// From where it was last used.
    pub ip: String,
    /// The browser, as it named itself.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub is_current: bool,
}

/// A one-time link that was just made: the only answer that holds it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct IssuedLink {
    /// The link itself; its path alone where nobody said where people reach this server.
    pub url: Plaintext,
    /// What for: `set-up`, `invite`, `reset` or `reset-all`.
    pub purpose: String,
    /// For whom; none for the first superuser.
    pub user: Option<String>,
    /// Until when it can be used.
    #[serde(with = "wire::moment")]
    #[schema(value_type = String)]
    pub expires_at: Timestamp,
}

/// What a one-time link is for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct LinkView {
    /// `set-up`, `invite`, `reset` or `reset-all`.
    pub purpose: String,
    /// For whom; none for the first superuser.
    pub user: Option<String>,
    /// Until when it can be used.
    #[serde(with = "wire::moment")]
    pub expires_at: Timestamp,
}

/// How somebody signs in, and from where they have.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AccountView {
    /// Their name.
    pub user: String,
    /// Whether they have a password.
    pub has_password: bool,
    /// When it last changed.
    #[serde(with = "wire::optional_moment")]
    pub password_changed_at: Option<Timestamp>,
    /// Whether a code is asked for as well.
    pub has_second_factor: bool,
    /// Recovery codes that are left.
    pub recovery_codes: usize,
    /// Whether they sign in at the OpenID Connect provider.
    pub has_oidc: bool,
    /// Their sessions, newest first.
    pub sessions: Vec<SessionView>,
}

/// What an authenticator has to know.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct TotpEnrolment {
    /// The key in base32, for typing.
    pub key: Plaintext,
    /// `otpauth://…`, for a picture or a link.
    pub uri: Plaintext,
}

/// Codes for the day on which the authenticator is lost; each is good once.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RecoveryCodes {
    /// 16 letters and digits each, in fours.
    pub codes: Vec<Plaintext>,
}
