//! One [`Commit`]: its changes in order, then its audit rows.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::fmt::Display;

use mcpass_domain::Token;
use sqlx::{Database, Encode, Type};

use super::super::failure;
use super::dialect::Db;
use super::{accounts, audit, creations, servers, sign_in, tokens};
use crate::{Change, Commit, StoreError, error};

pub(super) type Connection = <Db as Database>::Connection;
pub(super) type Query<'q> = sqlx::query::Query<'q, Db, <Db as Database>::Arguments>;

pub(super) async fn apply(db: &mut Connection, commit: &Commit) -> Result<(), StoreError> {
    lock_ledger(db).await?;
    for run in commit.changes.chunk_by(are_tokens) {
        match run {
            [one] => apply_one(db, one).await?,
            [Change::TokenUpdate(_), ..] => {
                tokens::update(db, run.iter().filter_map(token)).await?;
            }
            inserts => tokens::insert(db, inserts.iter().filter_map(token)).await?,
        }
    }
    audit::insert(db, &commit.audit).await
}

/// Whether these are tokens of which the same becomes, so that few statements do for all.
const fn are_tokens(a: &Change, b: &Change) -> bool {
    matches!(
        (a, b),
        (Change::TokenInsert(_), Change::TokenInsert(_))
            | (Change::TokenUpdate(_), Change::TokenUpdate(_))
    )
}

const fn token(change: &Change) -> Option<&Token> {
    if let Change::TokenInsert(token) | Change::TokenUpdate(token) = change {
        Some(token)
    } else {
        None
    }
}

async fn apply_one(db: &mut Connection, change: &Change) -> Result<(), StoreError> {
    match change {
        Change::CreationInsert(creation) => creations::insert(db, creation).await,
        Change::GroupDelete(id, version) => accounts::group_delete(db, *id, *version).await,
        Change::GroupInsert(group) => accounts::group_insert(db, group).await,
        Change::GroupUpdate(group) => accounts::group_update(db, group).await,
        Change::ServerDelete(name, version) => servers::delete(db, name, *version).await,
        Change::ServerInsert(server) => servers::insert(db, server).await,
        Change::ServerUpdate(server) => servers::update(db, server).await,
        Change::SignIn(change) => sign_in::apply(db, change).await,
        Change::TokenInsert(token) => tokens::insert(db, [token]).await,
        Change::TokenUpdate(token) => tokens::update(db, [token]).await,
        Change::UserInsert(user) => accounts::user_insert(db, user).await,
        Change::UserUpdate(user) => accounts::user_update(db, user).await,
    }
}

/// Puts this transaction in line with all others that write tokens, accounts or servers. Without
/// it, two that touch the same rows in different orders could wait for each other.
pub(super) async fn lock_ledger(db: &mut Connection) -> Result<(), StoreError> {
    count(db, "ledger", 1).await.map(drop)
}

/// Adds to a counter, whose row stays locked until the transaction ends; answers its new value.
pub(super) async fn count(
    db: &mut Connection,
    counter: &'static str,
    by: i64,
) -> Result<i64, StoreError> {
    sqlx::query_scalar("UPDATE mcp_counters SET value = value + $2 WHERE name = $1 RETURNING value")
        .bind(counter)
        .bind(by)
        .fetch_one(db)
        .await
        .map_err(|error| failure::of(error, "write"))
}

/// The value of a counter.
pub(super) async fn counted(db: &mut Connection, counter: &'static str) -> Result<i64, StoreError> {
    sqlx::query_scalar("SELECT value FROM mcp_counters WHERE name = $1")
        .bind(counter)
        .fetch_one(db)
        .await
        .map_err(|error| failure::of(error, "read"))
}

/// Runs an update or deletion that names the version it was made from. If it touches nothing,
/// `held` (a query for the present version by `key`) tells whether the thing is gone or changed.
pub(super) async fn versioned<'k, K>(
    db: &mut Connection,
    query: Query<'_>,
    (held, key): (&'static str, K),
    (what, id): (&str, &(dyn Display + Sync)),
) -> Result<(), StoreError>
where
    K: Encode<'k, Db> + Type<Db> + Send + 'k,
{
    let done = query.execute(&mut *db).await;
    let done = done.map_err(|error| failure::of_write(error, &format!("a {what}"), id))?;
    if done.rows_affected() > 0 {
        return Ok(());
    }
    let version: Option<i64> = sqlx::query_scalar(held)
        .bind(key)
        .fetch_optional(db)
        .await
        .map_err(|error| failure::of(error, &format!("read the {what}")))?;
    Err(if version.is_some() { error::conflict(what, id) } else { error::missing(what, id) })
}
