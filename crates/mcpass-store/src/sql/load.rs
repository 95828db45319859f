//! The access log, written.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use mcpass_domain::{AccessRow, Admission, Hint, Outcome, Reason, RowState, Timestamp, TokenId};

use super::super::{codec, failure};
use super::access::COLUMNS;
use super::bulk::{Bulk, Values};
use super::cells::Cells;
use super::change::{self, Connection};
use crate::{AccessBatch, LastUse, Position, StoreError};

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
        .run(db, &seqs, |values, (seq, outcome)| {
            values.add(outcome.id.as_bytes().as_slice()).add(*seq);
            add_outcome(values, Some(outcome));
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
        .run(db, rows, |values, row| {
            add_admission(values, &row.admission);
            values.add(row.state.as_str());
            add_outcome(values, row.outcome.as_ref());
            values.add(next(row.state != RowState::Pending));
        })
        .await
}

fn add_admission(values: &mut Values, admission: &Admission<'static>) {
    values
        .add(admission.id.as_bytes().as_slice())
        .add(admission.at.as_micros())
        .add(admission.surface.as_str())
        .add(admission.token.as_ref().map(|id| id.as_bytes().as_slice()))
        .add(admission.family.as_ref().map(|id| id.as_bytes().as_slice()))
        .add(&*admission.token_name)
        .add(admission.hint.as_ref().map(Hint::as_str))
        .add(&*admission.user)
        .add(admission.remote_ip.to_string())
        .add(&*admission.user_agent)
        .add(or_null(&admission.client_name))
        .add(or_null(&admission.client_version))
        .add(&*admission.server)
        .add(&*admission.method)
        .add(&*admission.target_kind)
        .add(&*admission.target)
        .add(admission.reason.as_str())
        .add(or_null(&admission.detail))
        .add(i64::from(admission.cost))
        .add(codec::to_column(admission.request_bytes))
        .add(or_null(&admission.session))
        .add(&*admission.rpc_id)
        .add(or_null(&admission.trace_id))
        .add(or_null(&admission.arguments));
}

fn or_null(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn add_outcome(values: &mut Values, outcome: Option<&Outcome>) {
    values
        .add(outcome.map(|outcome| i64::from(outcome.http_status)))
        .add(outcome.and_then(|outcome| outcome.rpc_code))
        .add(outcome.map(|outcome| outcome.is_error))
        .add(outcome.and_then(|outcome| outcome.failure).map(Reason::as_str))
        .add(outcome.map(|outcome| codec::to_column(outcome.response_bytes)))
        .add(outcome.and_then(|outcome| outcome.response_chars).map(codec::to_column))
        .add(outcome.map(|outcome| codec::to_column(outcome.duration_us)))
        .add(outcome.and_then(|outcome| outcome.upstream_us).map(codec::to_column));
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
    USE.run(db, &latest, |values, one| {
        let token = one.token.as_bytes().as_slice();
        values.add(token).add(one.at.as_micros()).add(one.ip.to_string());
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
        .run(db, &pending, |values, (seq, id)| {
            values.add(id.as_slice()).add(*seq);
        })
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
