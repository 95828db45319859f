//! Sessions of people who signed in.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::net::IpAddr;

use mcpass_domain::{SecretDigest, Session, SessionId, SignInMethod, Timestamp, UserId};
use sqlx::Database;

use super::super::failure;
use super::cells::Cells;
use super::change::Connection;
use super::dialect::Db;
use crate::{StoreError, error};

type Row = <Db as Database>::Row;

macro_rules! select_sessions {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, user_id, method, created_at, last_seen_at, ends_at, ip, \
             user_agent FROM mcp_sessions ",
            $rest
        )
    };
}

pub(super) async fn insert(db: &mut Connection, session: &Session) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_sessions \
         (id, digest, user_id, method, created_at, last_seen_at, ends_at, ip, user_agent) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(session.id.as_bytes().as_slice())
    .bind(session.digest.as_bytes().as_slice())
    .bind(session.user.as_bytes().as_slice())
    .bind(session.method.as_str())
    .bind(session.created_at.as_micros())
    .bind(session.last_seen_at.as_micros())
    .bind(session.ends_at.as_micros())
    .bind(session.ip.to_string())
    .bind(session.user_agent.as_str())
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "a session", &session.id))?;
    Ok(())
}

pub(super) async fn delete(db: &mut Connection, id: SessionId) -> Result<(), StoreError> {
    let done = sqlx::query("DELETE FROM mcp_sessions WHERE id = $1")
        .bind(id.as_bytes().as_slice())
        .execute(db)
        .await
        .map_err(|error| failure::of(error, "end a session"))?;
    if done.rows_affected() > 0 { Ok(()) } else { Err(error::missing("session", &id)) }
}

pub(super) async fn delete_of_user(
    db: &mut Connection,
    user: UserId,
    kept: Option<SessionId>,
) -> Result<(), StoreError> {
    // No id has no bytes, so that nothing is kept where nothing is to be.
    let kept = kept.as_ref().map_or(&[][..], |id| id.as_bytes());
    sqlx::query("DELETE FROM mcp_sessions WHERE user_id = $1 AND id <> $2")
        .bind(user.as_bytes().as_slice())
        .bind(kept)
        .execute(db)
        .await
        .map_err(|error| failure::of(error, "end sessions"))?;
    Ok(())
}

pub(super) async fn find(
    db: &mut Connection,
    id: SessionId,
) -> Result<Option<Session>, StoreError> {
    let query = sqlx::query(select_sessions!("WHERE id = $1")).bind(id.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a session"))?.as_ref().map(session).transpose()
}

pub(super) async fn find_by_digest(
    db: &mut Connection,
    digest: &SecretDigest,
) -> Result<Option<Session>, StoreError> {
    let query =
        sqlx::query(select_sessions!("WHERE digest = $1")).bind(digest.as_bytes().as_slice());
    let row = query.fetch_optional(db).await;
    row.map_err(|error| failure::of(error, "read a session"))?.as_ref().map(session).transpose()
}

pub(super) async fn list(db: &mut Connection, user: UserId) -> Result<Vec<Session>, StoreError> {
    let query = sqlx::query(select_sessions!("WHERE user_id = $1 ORDER BY id DESC"))
        .bind(user.as_bytes().as_slice());
    let rows = query.fetch_all(db).await;
    rows.map_err(|error| failure::of(error, "list sessions"))?.iter().map(session).collect()
}

pub(super) async fn touch(
    db: &mut Connection,
    id: SessionId,
    at: Timestamp,
    ip: IpAddr,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE mcp_sessions SET last_seen_at = $2, ip = $3 WHERE id = $1 AND last_seen_at < $2",
    )
    .bind(id.as_bytes().as_slice())
    .bind(at.as_micros())
    .bind(ip.to_string())
    .execute(db)
    .await
    .map_err(|error| failure::of(error, "note the use of a session"))?;
    Ok(())
}

fn session(row: &Row) -> Result<Session, StoreError> {
    let mut cells = Cells::new(row, "session");
    Ok(Session {
        id: SessionId::from_bytes(cells.bytes()?),
        digest: SecretDigest::from_bytes(cells.bytes()?),
        user: UserId::from_bytes(cells.bytes()?),
        method: method(cells.take()?)?,
        created_at: cells.moment()?,
        last_seen_at: cells.moment()?,
        ends_at: cells.moment()?,
        ip: cells.parse()?,
        user_agent: cells.take()?,
    })
}

fn method(text: &str) -> Result<SignInMethod, StoreError> {
    SignInMethod::parse(text)
        .ok_or_else(|| failure::damaged("session", format_args!("`{text}` is not known")))
}
