//! The [`SignInStore`] of one database.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::net::IpAddr;

use async_trait::async_trait;
use mcpass_domain::{
    Credentials, OneTimeLink, SecretDigest, Session, SessionId, Timestamp, UserId,
};

use super::super::failure;
use super::store::{LONG, SHORT, SqlStore, reading, within, writing};
use super::{sessions, sign_in};
use crate::{SignInStore, SignInSweep, StoreError};

#[async_trait]
impl SignInStore for SqlStore {
    async fn credentials_find(&self, user: UserId) -> Result<Option<Credentials>, StoreError> {
        reading!(self, SHORT, |db| sign_in::find(db, user))
    }

    async fn credentials_find_by_oidc(
        &self,
        subject: &str,
    ) -> Result<Option<Credentials>, StoreError> {
        reading!(self, SHORT, |db| sign_in::find_by_oidc(db, subject))
    }

    async fn superuser_can_sign_in(&self) -> Result<bool, StoreError> {
        reading!(self, SHORT, |db| sign_in::superuser_can_sign_in(db))
    }

    async fn session_find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        reading!(self, SHORT, |db| sessions::find(db, id))
    }

    async fn session_find_by_digest(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<Session>, StoreError> {
        reading!(self, SHORT, |db| sessions::find_by_digest(db, digest))
    }

    async fn session_list(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        reading!(self, SHORT, |db| sessions::list(db, user))
    }

    async fn session_touch(
        &self,
        id: SessionId,
        at: Timestamp,
        ip: IpAddr,
    ) -> Result<(), StoreError> {
        writing!(self, SHORT, |db| sessions::touch(db, id, at, ip))
    }

    async fn link_find(&self, digest: &SecretDigest) -> Result<Option<OneTimeLink>, StoreError> {
        reading!(self, SHORT, |db| sign_in::link_find(db, digest))
    }

    async fn sign_in_sweep(&self, sweep: SignInSweep) -> Result<u64, StoreError> {
        writing!(self, LONG, |db| sign_in::sweep(db, &sweep))
    }
}
