//! The access log's batches on PostgreSQL: few round trips, each with many rows.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use mcpass_domain::{AccessRow, Outcome, RowState};

use super::super::cell::{self, Cell};
use super::super::{codec, failure};
use super::access::COLUMNS;
use super::bulk::{Bulk, Values};
use super::change::{self, Connection};
use super::load;
use crate::{AccessBatch, LastUse, Position, StoreError};

static INSERT: LazyLock<Bulk> = LazyLock::new(|| {
    let columns = COLUMNS.split(',').count() + 1;
    let insert = format!("INSERT INTO mcp_access_logs ({COLUMNS}, done_seq) VALUES");
    Bulk::new(&insert, columns, " ON CONFLICT (id) DO NOTHING")
});

/// `VALUES` names its columns `column1`, `column2`, …
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

static USE: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "UPDATE mcp_tokens SET last_used_at = v.column2, last_used_ip = v.column3 FROM (VALUES",
        3,
        ") AS v WHERE mcp_tokens.id = v.column1 \
         AND (last_used_at IS NULL OR last_used_at < v.column2)",
    )
});

/// Adds a batch, in the caller's transaction.
pub(super) async fn load(db: &mut Connection, batch: &AccessBatch) -> Result<(), StoreError> {
    let failed = |error| failure::of(error, "write the access log");
    let mut seq = load::reserve(db, load::settled(batch)).await?;
    let next = |is_settled: bool| {
        is_settled.then(|| {
            seq += 1;
            seq
        })
    };
    insert(db, &batch.rows, next).await.map_err(failed)?;
    let seqs: Vec<(i64, Outcome)> = (seq + 1..).zip(load::first_outcomes(batch).copied()).collect();
    FINISH
        .run(db, &seqs, |values, (seq, outcome)| {
            let put = &mut |cell: Cell<'_>| add(values, cell);
            put(Cell::Bytes(Some(outcome.id.as_bytes())));
            put(Cell::Number(Some(*seq)));
            cell::of_outcome(Some(outcome), put);
        })
        .await
        .map_err(failed)?;
    if !batch.last_uses.is_empty() {
        change::lock_ledger(db).await?;
        let latest: Vec<LastUse> = load::latest_uses(batch).collect();
        USE.run(db, &latest, |values, one| {
            let put = &mut |cell: Cell<'_>| add(values, cell);
            put(Cell::Bytes(Some(one.token.as_bytes())));
            put(Cell::Number(Some(one.at.as_micros())));
            put(Cell::Address(one.ip));
        })
        .await
        .map_err(failed)?;
    }
    put_positions(db, &batch.positions).await.map_err(failed)
}

async fn insert(
    db: &mut Connection,
    rows: &[AccessRow],
    mut next: impl FnMut(bool) -> Option<i64>,
) -> Result<(), sqlx::Error> {
    INSERT
        .run(db, rows, |values, row| {
            let done_seq = next(row.state != RowState::Pending);
            cell::of_row(row, done_seq, &mut |cell| add(values, cell));
        })
        .await
}

fn add(values: &mut Values, cell: Cell<'_>) {
    match cell {
        Cell::Address(ip) => values.add(ip.to_string()),
        Cell::Bytes(bytes) => values.add(bytes),
        Cell::Flag(flag) => values.add(flag),
        Cell::Number(number) => values.add(number),
        Cell::Text(text) => values.add(text),
    };
}

async fn put_positions(
    db: &mut Connection,
    positions: &BTreeMap<String, Position>,
) -> Result<(), sqlx::Error> {
    for (journal, position) in positions {
        sqlx::query(load::PUT_POSITION)
            .bind(journal.as_str())
            .bind(codec::to_column(position.segment))
            .bind(codec::to_column(position.offset))
            .execute(&mut *db)
            .await?;
    }
    Ok(())
}
