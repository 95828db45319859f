//! The access log's batches on SQLite, through a connection of their own.
//!
//! sqlx runs SQLite on another thread, where each statement is sent and its answer waited for.
//! Rows would have to be packed by the hundred into one statement, whose values are then copied
//! three times. A prepared statement that is run for each row on the thread which has the rows
//! costs half (scripts/bench, and `examples/load.rs`).

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use mcpass_domain::{AccessRow, RowState};
use parking_lot::Mutex;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, OpenFlags, ToSql, TransactionBehavior};

use super::super::cell::{self, Cell};
use super::super::{codec, failure};
use super::access::COLUMNS;
use super::load;
use crate::{AccessBatch, LastUse, StoreError};

static INSERT: LazyLock<String> = LazyLock::new(|| {
    let markers = ", ?".repeat(COLUMNS.split(',').count());
    format!(
        "INSERT INTO mcp_access_logs ({COLUMNS}, done_seq) VALUES (?{markers}) \
         ON CONFLICT (id) DO NOTHING"
    )
});

const FINISH: &str = "UPDATE mcp_access_logs SET state = 'done', done_seq = ?2, http_status = ?3, \
    rpc_code = ?4, is_error = ?5, failure = ?6, response_bytes = ?7, response_chars = ?8, \
    duration_us = ?9, upstream_us = ?10 WHERE id = ?1 AND state <> 'done'";

const USE: &str = "UPDATE mcp_tokens SET last_used_at = ?2, last_used_ip = ?3 \
    WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)";

const COUNT: &str = "UPDATE mcp_counters SET value = value + ?2 WHERE name = ?1 RETURNING value";

/// Adds batches to the database in one file.
#[derive(Debug)]
pub(super) struct Appender {
    path: PathBuf,
    /// None before the first batch, and after one that failed: a new connection is in no state
    /// that the failure left behind.
    connection: Mutex<Option<Connection>>,
}

impl Appender {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_path_buf(), connection: Mutex::default() }
    }

    /// Adds a batch in a transaction of its own. Blocks its thread.
    pub(super) fn load(&self, batch: &AccessBatch) -> Result<(), StoreError> {
        let failed = |error| failure::of_rusqlite(error, "write the access log");
        let mut kept = self.connection.lock();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => self.open().map_err(failed)?,
        };
        write(&mut connection, batch).map_err(failed)?;
        *kept = Some(connection);
        Ok(())
    }

    /// As the other writer is opened, by sqlx (`dialect::open`).
    fn open(&self) -> rusqlite::Result<Connection> {
        // Not created: whoever removed the file has to find out.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&self.path, flags)?;
        connection.busy_timeout(BUSY)?;
        connection.execute_batch(SETTINGS)?;
        Ok(connection)
    }
}

/// How long the database may be locked by another process.
const BUSY: Duration = Duration::from_secs(5);

const SETTINGS: &str = "PRAGMA synchronous = full; PRAGMA foreign_keys = on; \
    PRAGMA temp_store = memory; PRAGMA wal_autocheckpoint = 8000; \
    PRAGMA journal_size_limit = 67108864; PRAGMA cache_size = -16384;";

fn write(connection: &mut Connection, batch: &AccessBatch) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let reserved = codec::to_column(load::settled(batch) as u64);
    let count = |name: &str, by: i64| -> rusqlite::Result<i64> {
        transaction.prepare_cached(COUNT)?.query_row((name, by), |row| row.get(0))
    };
    let mut seq = count("access_done", reserved)? - reserved;
    let mut next = || {
        seq += 1;
        seq
    };
    let mut insert = Filled::new(transaction.prepare_cached(&INSERT)?);
    // Threads of the gateway come one after the other; in the order of their ids, rows go to the
    // end of each tree, which needs no search.
    let mut rows: Vec<&AccessRow> = batch.rows.iter().collect();
    rows.sort_unstable_by_key(|row| row.admission.id);
    for row in rows {
        let done_seq = (row.state != RowState::Pending).then(&mut next);
        insert.run(|put| cell::of_row(row, done_seq, put))?;
    }
    let mut finish = Filled::new(transaction.prepare_cached(FINISH)?);
    for outcome in load::first_outcomes(batch) {
        let done_seq = next();
        finish.run(|put| {
            put(Cell::Bytes(Some(outcome.id.as_bytes())));
            put(Cell::Number(Some(done_seq)));
            cell::of_outcome(Some(outcome), put);
        })?;
    }
    if !batch.last_uses.is_empty() {
        count("ledger", 1)?;
    }
    let uses: Vec<LastUse> = load::latest_uses(batch).collect();
    let mut use_token = Filled::new(transaction.prepare_cached(USE)?);
    for one in &uses {
        use_token.run(|put| {
            put(Cell::Bytes(Some(one.token.as_bytes())));
            put(Cell::Number(Some(one.at.as_micros())));
            put(Cell::Address(one.ip));
        })?;
    }
    let mut put_position = transaction.prepare_cached(load::PUT_POSITION)?;
    for (journal, position) in &batch.positions {
        let (segment, offset) =
            (codec::to_column(position.segment), codec::to_column(position.offset));
        put_position.execute((journal, segment, offset))?;
    }
    drop((insert, finish, use_token, put_position));
    transaction.commit()
}

/// A statement that is run for one row after another. Its values stay bound, and only what differs
/// from the row before is bound again: half of a row does not, under load.
struct Filled<'s, 'v> {
    statement: CachedStatement<'s>,
    bound: Vec<Cell<'v>>,
}

impl<'s, 'v> Filled<'s, 'v> {
    fn new(statement: CachedStatement<'s>) -> Self {
        Self { statement, bound: Vec::new() }
    }

    /// Runs it with the values that `fill` puts, from its first marker on.
    fn run(&mut self, fill: impl FnOnce(&mut dyn FnMut(Cell<'v>))) -> rusqlite::Result<()> {
        let Self { statement, bound } = self;
        let mut place = 0;
        let mut result = Ok(());
        fill(&mut |cell| {
            if bound.get(place) != Some(&cell) && result.is_ok() {
                result = statement.raw_bind_parameter(place + 1, cell);
                match bound.get_mut(place) {
                    Some(last) => *last = cell,
                    None => bound.push(cell),
                }
            }
            place += 1;
        });
        result?;
        statement.raw_execute().map(drop)
    }
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let value = match *self {
            Self::Address(ip) => return Ok(ToSqlOutput::from(ip.to_string())),
            Self::Bytes(Some(bytes)) => ValueRef::Blob(bytes),
            Self::Flag(Some(flag)) => ValueRef::Integer(flag.into()),
            Self::Number(Some(number)) => ValueRef::Integer(number),
            Self::Text(Some(text)) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(None) | Self::Flag(None) | Self::Number(None) | Self::Text(None) => {
                ValueRef::Null
            }
        };
        Ok(ToSqlOutput::Borrowed(value))
    }
}
