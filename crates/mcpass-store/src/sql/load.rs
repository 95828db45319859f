//! The access log, written: many rows by few statements of constant text, which stay prepared.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::LazyLock;

use mcpass_domain::{AccessRow, Admission, Hint, Outcome, Reason, RowState, Timestamp, TokenId};

use super::super::{codec, failure};
use super::access::COLUMNS;
use super::cells::Cells;
use super::change::{self, Connection, Query};
use super::dialect::{BULK_ROWS, marker};
use crate::{AccessBatch, LastUse, Position, StoreError};

/// A statement over a list of rows, for each of the sizes that lists are cut into.
struct Bulk([(usize, String); 4]);

impl Bulk {
    /// `before (…), (…) after`, with markers for `columns` values in each row.
    fn new(before: &str, columns: usize, after: &str) -> Self {
        Self([BULK_ROWS, BULK_ROWS / 8, BULK_ROWS / 64, 1].map(|rows| {
            let mut sql = before.to_owned();
            for row in 0..rows {
                sql.push_str(if row == 0 { " (" } else { ", (" });
                for column in 0..columns {
                    let comma = if column == 0 { "" } else { ", " };
                    // Writing to a String does not fail.
                    let _ = write!(sql, "{comma}{}", marker(row * columns + column + 1));
                }
                sql.push(')');
            }
            (rows, sql + after)
        }))
    }

    /// Runs it over all of `items`, each bound by `bind`.
    async fn run<'i, T: Sync>(
        &'static self,
        db: &mut Connection,
        mut items: &'i [T],
        mut bind: impl FnMut(Query<'i>, &'i T) -> Query<'i>,
    ) -> Result<(), sqlx::Error> {
        for (rows, sql) in &self.0 {
            while let Some((some, rest)) = items.split_at_checked(*rows) {
                let query = some.iter().fold(sqlx::query(sql.as_str()), &mut bind);
                query.execute(&mut *db).await?;
                items = rest;
            }
        }
        Ok(())
    }
}

static INSERT: LazyLock<Bulk> = LazyLock::new(|| {
    let columns = COLUMNS.split(',').count() + 1;
    let insert = format!("INSERT INTO mcp_access_logs ({COLUMNS}, done_seq) VALUES");
    Bulk::new(&insert, columns, " ON CONFLICT (id) DO NOTHING")
});

/// `VALUES` names its columns `column1`, `column2`, … on both databases.
static FINISH: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "UPDATE mcp_access_logs SET state = 'done', done_seq = v.column2, \
         http_status = v.column3, rpc_code = v.column4, is_error = v.column5, \
         failure = v.column6, response_bytes = v.column7, response_chars = v.column8, \
         duration_us = v.column9, upstream_us = v.column10 FROM (VALUES",
        10,
        ") AS v WHERE mcp_access_logs.id = v.column1 AND state <> 'done'",
    )
});

static GIVE_UP: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "UPDATE mcp_access_logs SET state = 'unknown', done_seq = v.column2 FROM (VALUES",
        2,
        ") AS v WHERE mcp_access_logs.id = v.column1",
    )
});

static USE: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "UPDATE mcp_tokens SET last_used_at = v.column2, last_used_ip = v.column3 FROM (VALUES",
        3,
        ") AS v WHERE mcp_tokens.id = v.column1 \
         AND (last_used_at IS NULL OR last_used_at < v.column2)",
    )
});

pub(super) async fn load(db: &mut Connection, batch: &AccessBatch) -> Result<(), StoreError> {
    let failed = |error| failure::of(error, "write the access log");
    let settled = batch.rows.iter().filter(|row| row.state != RowState::Pending).count();
    let mut seq = reserve(db, settled + batch.outcomes.len()).await?;
    let next = |is_settled: bool| {
        is_settled.then(|| {
            seq += 1;
            seq
        })
    };
    insert(db, &batch.rows, next).await.map_err(failed)?;
    let mut seen = HashSet::new();
    let mut outcomes = batch.outcomes.clone();
    outcomes.retain(|outcome| seen.insert(outcome.id));
    let seqs: Vec<(i64, Outcome)> = (seq + 1..).zip(outcomes).collect();
    FINISH
        .run(db, &seqs, |query, (seq, outcome)| {
            let query = query.bind(outcome.id.as_bytes().as_slice()).bind(*seq);
            bind_outcome(query, Some(outcome))
        })
        .await
        .map_err(failed)?;
    if !batch.last_uses.is_empty() {
        change::lock_ledger(db).await?;
        use_tokens(db, &batch.last_uses).await.map_err(failed)?;
    }
    put_positions(db, &batch.positions).await.map_err(failed)
}

/// Takes `count` numbers for rows whose outcome is known, and answers the one before the first.
/// The counter stays locked until the transaction ends, so numbers are seen in their order.
async fn reserve(db: &mut Connection, count: usize) -> Result<i64, StoreError> {
    let by = codec::to_column(count as u64);
    change::count(db, "access_done", by).await.map(|last| last - by)
}

async fn insert(
    db: &mut Connection,
    rows: &[AccessRow],
    mut next: impl FnMut(bool) -> Option<i64>,
) -> Result<(), sqlx::Error> {
    INSERT
        .run(db, rows, |query, row| {
            let query = bind_admission(query, &row.admission).bind(row.state.as_str());
            bind_outcome(query, row.outcome.as_ref()).bind(next(row.state != RowState::Pending))
        })
        .await
}

fn bind_admission<'q>(query: Query<'q>, admission: &'q Admission<'static>) -> Query<'q> {
    query
        .bind(admission.id.as_bytes().as_slice())
        .bind(admission.at.as_micros())
        .bind(admission.surface.as_str())
        .bind(admission.token.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(admission.family.as_ref().map(|id| id.as_bytes().as_slice()))
        .bind(&*admission.token_name)
        .bind(admission.hint.as_ref().map(Hint::as_str))
        .bind(&*admission.user)
        .bind(admission.remote_ip.to_string())
        .bind(&*admission.user_agent)
        .bind(or_null(&admission.client_name))
        .bind(or_null(&admission.client_version))
        .bind(&*admission.server)
        .bind(&*admission.method)
        .bind(&*admission.target_kind)
        .bind(&*admission.target)
        .bind(admission.reason.as_str())
        .bind(or_null(&admission.detail))
        .bind(i64::from(admission.cost))
        .bind(codec::to_column(admission.request_bytes))
        .bind(or_null(&admission.session))
        .bind(&*admission.rpc_id)
        .bind(or_null(&admission.trace_id))
        .bind(or_null(&admission.arguments))
}

fn or_null(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn bind_outcome<'q>(query: Query<'q>, outcome: Option<&Outcome>) -> Query<'q> {
    query
        .bind(outcome.map(|outcome| i64::from(outcome.http_status)))
        .bind(outcome.and_then(|outcome| outcome.rpc_code))
        .bind(outcome.map(|outcome| outcome.is_error))
        .bind(outcome.and_then(|outcome| outcome.failure).map(Reason::as_str))
        .bind(outcome.map(|outcome| codec::to_column(outcome.response_bytes)))
        .bind(outcome.and_then(|outcome| outcome.response_chars).map(codec::to_column))
        .bind(outcome.map(|outcome| codec::to_column(outcome.duration_us)))
        .bind(outcome.and_then(|outcome| outcome.upstream_us).map(codec::to_column))
}

/// The latest use of each token, as an update must not meet a row twice.
async fn use_tokens(db: &mut Connection, uses: &[LastUse]) -> Result<(), sqlx::Error> {
    let mut latest: BTreeMap<TokenId, LastUse> = BTreeMap::new();
    for one in uses {
        let held = latest.entry(one.token).or_insert(*one);
        if held.at < one.at {
            *held = *one;
        }
    }
    let latest: Vec<LastUse> = latest.into_values().collect();
    USE.run(db, &latest, |query, one| {
        query
            .bind(one.token.as_bytes().as_slice())
            .bind(one.at.as_micros())
            .bind(one.ip.to_string())
    })
    .await
}

async fn put_positions(
    db: &mut Connection,
    positions: &BTreeMap<String, Position>,
) -> Result<(), sqlx::Error> {
    for (journal, position) in positions {
        sqlx::query(
            "INSERT INTO mcp_journal_positions (journal, segment, read_offset) \
             VALUES ($1, $2, $3) ON CONFLICT (journal) \
             DO UPDATE SET segment = excluded.segment, read_offset = excluded.read_offset",
        )
        .bind(journal.as_str())
        .bind(codec::to_column(position.segment))
        .bind(codec::to_column(position.offset))
        .execute(&mut *db)
        .await?;
    }
    Ok(())
}

pub(super) async fn positions(
    db: &mut Connection,
) -> Result<BTreeMap<String, Position>, StoreError> {
    let rows = sqlx::query("SELECT journal, segment, read_offset FROM mcp_journal_positions")
        .fetch_all(db)
        .await
        .map_err(|error| failure::of(error, "read the journals' positions"))?;
    let position = |row| {
        let mut cells = Cells::new(row, "journal position");
        let journal = cells.take()?;
        Ok((journal, Position { segment: cells.number()?, offset: cells.number()? }))
    };
    rows.iter().map(position).collect()
}

pub(super) async fn forget_journals(
    db: &mut Connection,
    journals: &[String],
) -> Result<(), StoreError> {
    for journal in journals {
        sqlx::query("DELETE FROM mcp_journal_positions WHERE journal = $1")
            .bind(journal.as_str())
            .execute(&mut *db)
            .await
            .map_err(|error| failure::of(error, "forget a journal's position"))?;
    }
    Ok(())
}

pub(super) async fn settle(db: &mut Connection, before: Timestamp) -> Result<u64, StoreError> {
    let failed = |error| failure::of(error, "settle the access log");
    // The lock first, as in `load`: two transactions that lock in another order could meet.
    reserve(db, 0).await?;
    let rows = sqlx::query(
        "SELECT id FROM mcp_access_logs \
         WHERE done_seq IS NULL AND state = 'pending' AND arrived_at < $1 ORDER BY id",
    )
    .bind(before.as_micros())
    .fetch_all(&mut *db)
    .await
    .map_err(failed)?;
    let id = |row| Cells::new(row, "access log row").bytes::<16>();
    let ids = rows.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let seq = reserve(db, ids.len()).await?;
    let pending: Vec<(i64, [u8; 16])> = (seq + 1..).zip(ids).collect();
    GIVE_UP
        .run(db, &pending, |query, (seq, id)| query.bind(id.as_slice()).bind(*seq))
        .await
        .map_err(failed)?;
    Ok(pending.len() as u64)
}

/// Deletes up to `most` rows older than `before`.
pub(super) async fn delete_some(
    db: &mut Connection,
    before: Timestamp,
    most: u32,
) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "DELETE FROM mcp_access_logs WHERE id IN (SELECT id FROM mcp_access_logs \
         WHERE id <= $1 AND arrived_at < $2 ORDER BY id LIMIT $3)",
    )
    .bind(codec::greatest_id(before).as_slice())
    .bind(before.as_micros())
    .bind(i64::from(most))
    .execute(db)
    .await
    .map_err(|error| failure::of(error, "delete from the access log"))?;
    Ok(done.rows_affected())
}
