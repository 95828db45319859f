//! What people who sign in need kept here.

use std::net::IpAddr;

use async_trait::async_trait;
use mcpass_domain::{
    Credentials, OneTimeLink, SecretDigest, Session, SessionId, Timestamp, UserId,
};

use crate::StoreError;

/// One thing to be written about signing in, as part of a [`crate::Commit`].
#[derive(Clone, Debug, PartialEq)]
pub enum SignInChange {
    /// Adds the credentials of a user who has none, with an identity at the provider that nobody
    /// else has.
    CredentialsInsert(Credentials),
    /// Writes credentials; `version` is the one they were read with, the store adds one.
    CredentialsUpdate(Credentials),
    /// Adds a one-time link.
    LinkInsert(OneTimeLink),
    /// Notes that a link was used now. One that was used before is a
    /// [`crate::StoreErrorKind::Conflict`].
    LinkUse(SecretDigest, Timestamp),
    /// Removes the links of a user, or those that are for nobody yet.
    LinksDelete(Option<UserId>),
    /// Removes a session.
    SessionDelete(SessionId),
    /// Adds a session.
    SessionInsert(Session),
    /// Removes all sessions of a user, but for one.
    SessionsDelete(UserId, Option<SessionId>),
}

/// Until when what nobody can use any more is kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SignInSweep {
    /// Sessions that end before this go.
    pub sessions_ended: Timestamp,
    /// Sessions that were last used before this go.
    pub sessions_unused: Timestamp,
    /// Links that expired before this go.
    pub links_expired: Timestamp,
}

/// Credentials, sessions and one-time links.
#[async_trait]
pub trait SignInStore: Send + Sync + std::fmt::Debug {
    /// What a user signs in with.
    async fn credentials_find(&self, user: UserId) -> Result<Option<Credentials>, StoreError>;
    /// The credentials of whoever this is at the provider.
    async fn credentials_find_by_oidc(
        &self,
        subject: &str,
    ) -> Result<Option<Credentials>, StoreError>;
    /// Whether an active superuser has a password or an identity at a provider.
    async fn superuser_can_sign_in(&self) -> Result<bool, StoreError>;

    /// The session of this id.
    async fn session_find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;
    /// The session of this digest.
    async fn session_find_by_digest(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<Session>, StoreError>;
    /// The sessions of a user, newest first.
    async fn session_list(&self, user: UserId) -> Result<Vec<Session>, StoreError>;
    /// Notes that a session was used. One that is not there stays so, and an older use than the
    /// store has changes nothing.
    async fn session_touch(
        &self,
        id: SessionId,
        at: Timestamp,
        ip: IpAddr,
    ) -> Result<(), StoreError>;

    /// The link of this digest, used or not.
    async fn link_find(&self, digest: &SecretDigest) -> Result<Option<OneTimeLink>, StoreError>;

    /// Removes what nobody can use any more; answers how many things.
    async fn sign_in_sweep(&self, sweep: SignInSweep) -> Result<u64, StoreError>;
}
