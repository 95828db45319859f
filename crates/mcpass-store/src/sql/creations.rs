//! What was created under keys of callers, for a day.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::Timestamp;

use super::super::failure;
use super::cells::Cells;
use super::change::Connection;
use crate::filter::CREATION_LIFETIME;
use crate::{Creation, StoreError};

pub(super) async fn insert(db: &mut Connection, creation: &Creation) -> Result<(), StoreError> {
    let at = creation.at.as_micros();
    sqlx::query("DELETE FROM mcp_creations WHERE created_at <= $1")
        .bind(at - CREATION_LIFETIME)
        .execute(&mut *db)
        .await
        .map_err(|error| failure::of(error, "forget old creations"))?;
    sqlx::query(
        "INSERT INTO mcp_creations (caller, key, request, object, created_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(creation.caller.as_str())
    .bind(creation.key.as_str())
    .bind(creation.request.as_slice())
    .bind(creation.object.as_str())
    .bind(at)
    .execute(db)
    .await
    .map(drop)
    .map_err(|error| failure::of_write(error, "a creation", &creation.key))
}

pub(super) async fn find(
    db: &mut Connection,
    caller: &str,
    key: &str,
) -> Result<Option<Creation>, StoreError> {
    let row = sqlx::query(
        "SELECT request, object, created_at FROM mcp_creations WHERE caller = $1 AND key = $2",
    )
    .bind(caller)
    .bind(key)
    .fetch_optional(db)
    .await
    .map_err(|error| failure::of(error, "look for a creation"))?;
    let read = |row| {
        let mut cells = Cells::new(&row, "creation");
        Ok(Creation {
            caller: caller.to_owned(),
            key: key.to_owned(),
            request: cells.bytes()?,
            object: cells.take()?,
            at: Timestamp::from_micros(cells.take()?),
        })
    };
    row.map(read).transpose()
}
