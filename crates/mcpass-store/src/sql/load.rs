//! The access log, written: what both databases do alike.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::collections::{BTreeMap, HashSet};
use std::sync::LazyLock;

use mcpass_domain::{Outcome, RowState, Timestamp, TokenId};

use super::super::{codec, failure};
use super::bulk::Bulk;
use super::cells::Cells;
use super::change::{self, Connection};
use crate::{AccessBatch, LastUse, Position, StoreError};

static GIVE_UP: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "UPDATE mcp_access_logs SET state = 'unknown', done_seq = v.column2 FROM (VALUES",
        2,
        ") AS v WHERE mcp_access_logs.id = v.column1",
    )
});

/// Up to where a journal has been read: its name, segment and offset.
pub(super) const PUT_POSITION: &str = "INSERT INTO mcp_journal_positions (journal, segment, read_offset) \
     VALUES ($1, $2, $3) ON CONFLICT (journal) \
     DO UPDATE SET segment = excluded.segment, read_offset = excluded.read_offset";

/// How many numbers of `done_seq` a batch needs.
pub(super) fn settled(batch: &AccessBatch) -> usize {
    let done = batch.rows.iter().filter(|row| row.state != RowState::Pending).count();
    done + batch.outcomes.len()
}

/// The first outcome of each row, as an update must not meet a row twice.
pub(super) fn first_outcomes(batch: &AccessBatch) -> impl Iterator<Item = &Outcome> {
    let mut seen = HashSet::new();
    batch.outcomes.iter().filter(move |outcome| seen.insert(outcome.id))
}

/// The latest use of each token, for the same reason.
pub(super) fn latest_uses(batch: &AccessBatch) -> impl ExactSizeIterator<Item = LastUse> {
    let mut latest: BTreeMap<TokenId, LastUse> = BTreeMap::new();
    for one in &batch.last_uses {
        let held = latest.entry(one.token).or_insert(*one);
        if held.at < one.at {
            *held = *one;
        }
    }
    latest.into_values()
}

/// Takes `count` numbers for rows whose outcome is known, and answers the one before the first.
/// The counter stays locked until the transaction ends, so numbers are seen in their order.
pub(super) async fn reserve(db: &mut Connection, count: usize) -> Result<i64, StoreError> {
    let by = codec::to_column(count as u64);
    change::count(db, "access_done", by).await.map(|last| last - by)
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
