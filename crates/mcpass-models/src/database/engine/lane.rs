//! One connection to SQLite, on a thread of its own, that can be stopped.
//!
//! sqlx copies each value of a row twice and sends each row over a channel, which costs more than
//! reading the row does. Here rows are read where SQLite is, and sent all at once (a list of 100
//! rows takes a third of the time, `examples/bench_reads.rs`).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Row as SqliteRow, ToSql, params_from_iter};
use tokio::sync::oneshot;

use super::{EngineError, Rows, failure};
use crate::database::sql::{Datum, Row, Statement};

/// SQLite asks after so many of its steps whether it should stop: some hundred times a second.
const STEPS: i32 = 20_000;
/// Statements that are kept prepared.
const PREPARED: usize = 64;

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// A connection. Dropped, it stops what it is doing: its thread asks a flag now and then, and
/// ends.
#[derive(Debug)]
pub(super) struct Lane {
    work: mpsc::Sender<Work>,
    stop: Arc<AtomicBool>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Read,
    Write,
}

impl Lane {
    /// Opens a connection. The file has to be there; nothing of its own settings is changed,
    /// because it belongs to others.
    pub(super) async fn open(
        path: &Path,
        purpose: Purpose,
        limit: Duration,
    ) -> Result<Self, EngineError> {
        let (work, queue) = mpsc::channel::<Work>();
        let (reply, opened) = oneshot::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (path, asked) = (path.to_path_buf(), Arc::clone(&stop));
        let name = if purpose == Purpose::Read { "database-r" } else { "database-w" };
        let thread = std::thread::Builder::new().name(name.to_owned());
        let body = move || match connect(&path, purpose, limit, asked) {
            Ok(connection) => {
                let is_wanted = reply.send(Ok(())).is_ok();
                while is_wanted && let Ok(work) = queue.recv() {
                    work(&connection);
                }
            }
            Err(error) => drop(reply.send(Err(error))),
        };
        thread.spawn(body).map_err(|error| EngineError::Unreachable(Box::new(error)))?;
        match opened.await {
            Ok(Ok(())) => Ok(Self { work, stop }),
            Ok(Err(error)) => Err(EngineError::Unreachable(Box::new(error))),
            Err(error) => Err(EngineError::Unreachable(Box::new(error))),
        }
    }

    /// Rows of statements, one after the other, each up to a bound in bytes.
    pub(super) async fn query(
        &self,
        statements: Vec<Statement>,
        max_bytes: u64,
        limit: Duration,
    ) -> Result<Vec<Rows>, EngineError> {
        self.run(limit, move |connection| {
            let rows = statements.iter().map(|statement| query(connection, statement, max_bytes));
            rows.collect()
        })
        .await
    }

    /// Writes, and tells how many rows it was.
    pub(super) async fn execute(
        &self,
        statement: Statement,
        limit: Duration,
    ) -> Result<u64, EngineError> {
        self.run(limit, move |connection| {
            let mut prepared = connection.prepare_cached(&statement.sql)?;
            let changed = prepared.execute(params_from_iter(&statement.parameters))?;
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
        .await
    }

    /// Runs work on the connection's thread, and waits for it no longer than `limit`.
    async fn run<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (reply, done) = oneshot::channel();
        let work = Box::new(move |connection: &Connection| drop(reply.send(work(connection))));
        self.work.send(work).map_err(|_| EngineError::Lost("its thread has ended".into()))?;
        match tokio::time::timeout(limit, done).await {
            Ok(Ok(done)) => done.map_err(|error| failure::of_sqlite(error, limit)),
            Ok(Err(error)) => Err(EngineError::Lost(Box::new(error))),
            Err(_) => Err(EngineError::TimedOut(limit)),
        }
    }
}

fn connect(
    path: &Path,
    purpose: Purpose,
    limit: Duration,
    stop: Arc<AtomicBool>,
) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(limit)?;
    // Else statements with a bound LIMIT or LIKE are prepared anew each time they are run.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    connection.execute_batch(match purpose {
        Purpose::Read => {
            "PRAGMA temp_store = memory; PRAGMA trusted_schema = off; PRAGMA query_only = on"
        }
        Purpose::Write => {
            "PRAGMA temp_store = memory; PRAGMA trusted_schema = off; PRAGMA foreign_keys = on"
        }
    })?;
    connection.progress_handler(STEPS, Some(move || stop.load(Ordering::Relaxed)))?;
    Ok(connection)
}

fn query(connection: &Connection, statement: &Statement, max_bytes: u64) -> rusqlite::Result<Rows> {
    let mut prepared = connection.prepare_cached(&statement.sql)?;
    let width = prepared.column_count();
    let mut found = prepared.query(params_from_iter(&statement.parameters))?;
    let mut rows = Rows::default();
    let mut bytes = 0_u64;
    while let Some(row) = found.next()? {
        let row = decode(row, width)?;
        let size: usize = row.iter().map(Datum::size).sum();
        bytes = bytes.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
        if bytes > max_bytes {
            rows.is_cut = true;
            break;
        }
        rows.rows.push(row);
    }
    Ok(rows)
}

/// Values by the types that they have, whatever their columns' are.
fn decode(row: &SqliteRow<'_>, width: usize) -> rusqlite::Result<Row> {
    let datum = |at| {
        Ok(match row.get_ref(at)? {
            ValueRef::Null => Datum::Null,
            ValueRef::Integer(number) => Datum::Integer(number),
            ValueRef::Real(number) => Datum::Real(number),
            ValueRef::Text(bytes) => Datum::Text(match str::from_utf8(bytes) {
                Ok(text) => text.to_owned(),
                // SQLite keeps whatever bytes were written as text.
                Err(_) => String::from_utf8_lossy(bytes).into_owned(),
            }),
            ValueRef::Blob(bytes) => Datum::Bytes(bytes.to_vec()),
        })
    };
    (0..width).map(datum).collect()
}

impl ToSql for Datum {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer(i64::from(*value)),
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
