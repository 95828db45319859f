//! Credentials and one-time links.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::{
    Credentials, LinkPurpose, OneTimeLink, PasswordHash, SecretDigest, Timestamp, Totp, TotpKey,
    UserId,
};
use sqlx::Database;

use super::super::failure;
use super::cells::Cells;
use super::change::{Connection, versioned};
use super::dialect::Db;
use super::sessions;
use crate::{SignInChange, SignInSweep, StoreError, error};

type Row = <Db as Database>::Row;

const CREDENTIALS_HELD: &str = "SELECT version FROM mcp_credentials WHERE user_id = $1";
/// What a secret's owner is called in errors: never by the secret.
const OF_SECRET: &str = "of this secret";

macro_rules! select_credentials {
    ($rest:literal) => {
        concat!(
            "SELECT user_id, password_hash, changed_at, failed_attempts, locked_until, totp_key, \
             totp_confirmed, totp_step, recovery, oidc_subject, version FROM mcp_credentials ",
            $rest
        )
    };
}

pub(super) async fn apply(db: &mut Connection, change: &SignInChange) -> Result<(), StoreError> {
    match change {
        SignInChange::CredentialsInsert(credentials) => insert(db, credentials).await,
        SignInChange::CredentialsUpdate(credentials) => update(db, credentials).await,
        SignInChange::LinkInsert(link) => link_insert(db, link).await,
        SignInChange::LinkUse(digest, at) => link_use(db, digest, *at).await,
        SignInChange::LinksDelete(user) => links_delete(db, *user).await,
        SignInChange::SessionDelete(id) => sessions::delete(db, *id).await,
        SignInChange::SessionInsert(session) => sessions::insert(db, session).await,
        SignInChange::SessionsDelete(user, kept) => {
            sessions::delete_of_user(db, *user, *kept).await
        }
    }
}

async fn insert(db: &mut Connection, credentials: &Credentials) -> Result<(), StoreError> {
    let totp = credentials.totp.as_ref();
    sqlx::query(
        "INSERT INTO mcp_credentials \
         (user_id, password_hash, changed_at, failed_attempts, locked_until, totp_key, \
          totp_confirmed, totp_step, recovery, oidc_subject, version) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(credentials.user.as_bytes().as_slice())
    .bind(credentials.password.as_ref().map(PasswordHash::expose))
    .bind(credentials.changed_at.as_micros())
    .bind(i64::from(credentials.failed_attempts))
    .bind(credentials.locked_until.map(Timestamp::as_micros))
    .bind(totp.map(|totp| totp.key.expose().as_slice()))
    .bind(totp.is_some_and(|totp| totp.is_confirmed))
    .bind(step(totp))
    .bind(recovery(totp))
    .bind(credentials.oidc_subject.as_deref())
    .bind(credentials.version)
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "credentials", &credentials.user))?;
    Ok(())
}

async fn update(db: &mut Connection, credentials: &Credentials) -> Result<(), StoreError> {
    let totp = credentials.totp.as_ref();
    let id = credentials.user.as_bytes().as_slice();
    let query = sqlx::query(
        "UPDATE mcp_credentials SET password_hash = $3, changed_at = $4, failed_attempts = $5, \
         locked_until = $6, totp_key = $7, totp_confirmed = $8, totp_step = $9, recovery = $10, \
         oidc_subject = $11, version = version + 1 WHERE user_id = $1 AND version = $2",
    )
    .bind(id)
    .bind(credentials.version)
    .bind(credentials.password.as_ref().map(PasswordHash::expose))
    .bind(credentials.changed_at.as_micros())
    .bind(i64::from(credentials.failed_attempts))
    .bind(credentials.locked_until.map(Timestamp::as_micros))
    .bind(totp.map(|totp| totp.key.expose().as_slice()))
    .bind(totp.is_some_and(|totp| totp.is_confirmed))
    .bind(step(totp))
    .bind(recovery(totp))
    .bind(credentials.oidc_subject.as_deref());
    versioned(db, query, (CREDENTIALS_HELD, id), ("credentials", &credentials.user)).await
}

fn step(totp: Option<&Totp>) -> i64 {
    totp.map_or(0, |totp| i64::try_from(totp.last_step).unwrap_or(i64::MAX))
}

fn recovery(totp: Option<&Totp>) -> Vec<u8> {
    let codes = totp.map_or(&[][..], |totp| &totp.recovery);
    codes.iter().flat_map(SecretDigest::as_bytes).copied().collect()
}

pub(super) async fn find(
    db: &mut Connection,
    user: UserId,
) -> Result<Option<Credentials>, StoreError> {
    let query =
        sqlx::query(select_credentials!("WHERE user_id = $1")).bind(user.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    let row = row.map_err(|error| failure::of(error, "read credentials"))?;
    row.as_ref().map(credentials).transpose()
}

pub(super) async fn find_by_oidc(
    db: &mut Connection,
    subject: &str,
) -> Result<Option<Credentials>, StoreError> {
    let query = sqlx::query(select_credentials!("WHERE oidc_subject = $1")).bind(subject);
    let row = query.fetch_optional(db).await;
    let row = row.map_err(|error| failure::of(error, "read credentials"))?;
    row.as_ref().map(credentials).transpose()
}

pub(super) async fn superuser_can_sign_in(db: &mut Connection) -> Result<bool, StoreError> {
    let found: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM mcp_credentials c JOIN mcp_users u ON u.id = c.user_id \
         WHERE u.is_active = $1 AND u.is_superuser = $1 \
         AND (c.password_hash IS NOT NULL OR c.oidc_subject IS NOT NULL)",
    )
    .bind(true)
    .fetch_one(db)
    .await
    .map_err(|error| failure::of(error, "look for a superuser"))?;
    Ok(found > 0)
}

fn credentials(row: &Row) -> Result<Credentials, StoreError> {
    let mut cells = Cells::new(row, "password");
    let user = UserId::from_bytes(cells.bytes()?);
    let password = cells.take::<Option<String>>()?.map(PasswordHash::new);
    let changed_at = cells.moment()?;
    let failed_attempts = cells.number()?;
    let locked_until = cells.moment_or_null()?;
    let key = cells.bytes_or_null()?.map(TotpKey::from_bytes);
    let is_confirmed = cells.take()?;
    let last_step = cells.number()?;
    let recovery = digests(cells.take()?)?;
    Ok(Credentials {
        user,
        password,
        changed_at,
        failed_attempts,
        locked_until,
        totp: key.map(|key| Totp { key, is_confirmed, last_step, recovery }),
        oidc_subject: cells.take()?,
        version: cells.take()?,
    })
}

fn digests(bytes: &[u8]) -> Result<Vec<SecretDigest>, StoreError> {
    let (digests, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() {
        return Err(failure::damaged("recovery code", "it has the wrong length"));
    }
    Ok(digests.iter().copied().map(SecretDigest::from_bytes).collect())
}

async fn link_insert(db: &mut Connection, link: &OneTimeLink) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_one_time_links \
         (digest, purpose, user_id, made_by, created_at, expires_at, used_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(link.digest.as_bytes().as_slice())
    .bind(link.purpose.as_str())
    .bind(link.user.as_ref().map(|user| user.as_bytes().as_slice()))
    .bind(link.made_by.as_ref().map(|user| user.as_bytes().as_slice()))
    .bind(link.created_at.as_micros())
    .bind(link.expires_at.as_micros())
    .bind(link.used_at.map(Timestamp::as_micros))
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "a link", &"this one"))?;
    Ok(())
}

async fn link_use(
    db: &mut Connection,
    digest: &SecretDigest,
    at: Timestamp,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "UPDATE mcp_one_time_links SET used_at = $2 WHERE digest = $1 AND used_at IS NULL",
    )
    .bind(digest.as_bytes().as_slice())
    .bind(at.as_micros())
    .execute(&mut *db)
    .await
    .map_err(|error| failure::of(error, "use a link"))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    Err(match link_find(db, digest).await? {
        Some(_) => error::conflict("link", &OF_SECRET),
        None => error::missing("link", &OF_SECRET),
    })
}

async fn links_delete(db: &mut Connection, user: Option<UserId>) -> Result<(), StoreError> {
    let query = match &user {
        Some(user) => sqlx::query("DELETE FROM mcp_one_time_links WHERE user_id = $1")
            .bind(user.as_bytes().as_slice()),
        None => sqlx::query("DELETE FROM mcp_one_time_links WHERE user_id IS NULL"),
    };
    query.execute(db).await.map_err(|error| failure::of(error, "remove links"))?;
    Ok(())
}

pub(super) async fn link_find(
    db: &mut Connection,
    digest: &SecretDigest,
) -> Result<Option<OneTimeLink>, StoreError> {
    let row = sqlx::query(
        "SELECT digest, purpose, user_id, made_by, created_at, expires_at, used_at \
         FROM mcp_one_time_links WHERE digest = $1",
    )
    .bind(digest.as_bytes().as_slice())
    .fetch_optional(db)
    .await
    .map_err(|error| failure::of(error, "read a link"))?;
    row.as_ref().map(link).transpose()
}

fn link(row: &Row) -> Result<OneTimeLink, StoreError> {
    let mut cells = Cells::new(row, "link");
    Ok(OneTimeLink {
        digest: SecretDigest::from_bytes(cells.bytes()?),
        purpose: purpose(cells.take()?)?,
        user: cells.bytes_or_null()?.map(UserId::from_bytes),
        made_by: cells.bytes_or_null()?.map(UserId::from_bytes),
        created_at: cells.moment()?,
        expires_at: cells.moment()?,
        used_at: cells.moment_or_null()?,
    })
}

fn purpose(text: &str) -> Result<LinkPurpose, StoreError> {
    LinkPurpose::parse(text)
        .ok_or_else(|| failure::damaged("link", format_args!("`{text}` is not known")))
}

pub(super) async fn sweep(db: &mut Connection, sweep: &SignInSweep) -> Result<u64, StoreError> {
    let links = sqlx::query("DELETE FROM mcp_one_time_links WHERE expires_at < $1")
        .bind(sweep.links_expired.as_micros())
        .execute(&mut *db)
        .await
        .map_err(|error| failure::of(error, "remove links"))?;
    let sessions = sqlx::query("DELETE FROM mcp_sessions WHERE ends_at < $1 OR last_seen_at < $2")
        .bind(sweep.sessions_ended.as_micros())
        .bind(sweep.sessions_unused.as_micros())
        .execute(db)
        .await
        .map_err(|error| failure::of(error, "remove sessions"))?;
    Ok(links.rows_affected() + sessions.rows_affected())
}
