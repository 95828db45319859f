//! Histories of other databases.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use async_trait::async_trait;
use mcpass_domain::{EventId, ServerName};

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::Connection;
use super::store::{LONG, SHORT, SqlStore, reading, within, writing};
use crate::{HistoryObject, HistoryRow, HistoryStore, StoreError, clean};

const INSERT: &str = "INSERT INTO mcp_database_history (intent, place, server, occurred_at, \
                      user_name, token_name, token_id, request_id, kind, via, model, table_name, \
                      object_id, object, before_json, after_json, outcome, database_name) VALUES \
                      ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
                      $18)";
const SETTLE: &str =
    "UPDATE mcp_database_history SET outcome = $3 WHERE intent = $1 AND server = $2";
const READ: &str = "SELECT occurred_at, user_name, token_name, token_id, request_id, kind, via, \
                    model, table_name, object_id, object, before_json, after_json, outcome, database_name \
                    FROM mcp_database_history WHERE server = $1 AND table_name = $2 AND \
                    object_id = $3 AND outcome <> $4 AND database_name IN ($7, '') \
                    ORDER BY intent DESC, place DESC LIMIT $5 OFFSET $6";

#[async_trait]
impl HistoryStore for SqlStore {
    async fn history_intend(
        &self,
        server: &ServerName,
        intent: EventId,
        rows: &[HistoryRow],
    ) -> Result<(), StoreError> {
        let mut rows = rows.to_vec();
        clean::history(&mut rows);
        writing!(self, LONG, |db| intend(db, server, intent, &rows))
    }

    async fn history_settle(
        &self,
        server: &ServerName,
        intent: EventId,
        outcome: &str,
    ) -> Result<(), StoreError> {
        writing!(self, SHORT, |db| settle(db, server, intent, outcome))
    }

    async fn history_read(
        &self,
        server: &ServerName,
        object: HistoryObject<'_>,
        except: &str,
        span: (u32, u32),
    ) -> Result<Vec<HistoryRow>, StoreError> {
        reading!(self, LONG, |db| read(db, server, object, except, span))
    }
}

async fn intend(
    db: &mut Connection,
    server: &ServerName,
    intent: EventId,
    rows: &[HistoryRow],
) -> Result<(), StoreError> {
    for (place, row) in rows.iter().enumerate() {
        sqlx::query(INSERT)
            .bind(intent.as_bytes().as_slice())
            .bind(codec::to_column(place as u64))
            .bind(server.as_str())
            .bind(row.at.as_micros())
            .bind(row.user.as_str())
            .bind(row.token.as_str())
            .bind(row.token_id.as_str())
            .bind(row.request.as_str())
            .bind(row.kind.as_str())
            .bind(row.via.as_str())
            .bind(row.model.as_str())
            .bind(row.table.as_str())
            .bind(row.object_id.as_str())
            .bind(row.object.as_str())
            .bind(row.before.as_deref())
            .bind(row.after.as_deref())
            .bind(row.outcome.as_str())
            .bind(row.database.as_str())
            .execute(&mut *db)
            .await
            .map_err(|error| failure::of_write(error, "a change", &intent))?;
    }
    Ok(())
}

async fn settle(
    db: &mut Connection,
    server: &ServerName,
    intent: EventId,
    outcome: &str,
) -> Result<(), StoreError> {
    let query =
        sqlx::query(SETTLE).bind(intent.as_bytes().as_slice()).bind(server.as_str()).bind(outcome);
    query.execute(db).await.map_err(|error| failure::of_write(error, "a change", &intent))?;
    Ok(())
}

async fn read(
    db: &mut Connection,
    server: &ServerName,
    object: HistoryObject<'_>,
    except: &str,
    (limit, offset): (u32, u32),
) -> Result<Vec<HistoryRow>, StoreError> {
    let query = sqlx::query(READ)
        .bind(server.as_str())
        .bind(object.table)
        .bind(object.key)
        .bind(except)
        .bind(i64::from(limit))
        .bind(i64::from(offset))
        .bind(object.database);
    let rows = query.fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "read a history"))?;
    let row = |row| {
        let mut cells = Cells::new(row, "change");
        Ok(HistoryRow {
            at: cells.moment()?,
            user: cells.take()?,
            token: cells.take()?,
            token_id: cells.take()?,
            request: cells.take()?,
            kind: cells.take()?,
            via: cells.take()?,
            model: cells.take()?,
            table: cells.take()?,
            object_id: cells.take()?,
            object: cells.take()?,
            before: cells.take()?,
            after: cells.take()?,
            outcome: cells.take()?,
            database: cells.take()?,
        })
    };
    rows.iter().map(row).collect()
}
