//! One connection to SQLite that can be stopped.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::query::Query;
use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow, SqliteValueRef,
};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Decode, Row as _, SqlSafeStr as _, TypeInfo as _,
    ValueRef as _,
};

use super::{EngineError, Rows, failure};
use crate::database::sql::{Datum, Row, Statement};

/// SQLite asks after so many of its steps whether it should stop: some hundred times a second.
const STEPS: i32 = 20_000;

/// A connection. Dropped, it stops what it is doing: its thread asks a flag now and then.
#[derive(Debug)]
pub(super) struct Lane {
    connection: SqliteConnection,
    stop: Arc<AtomicBool>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Lane {
    pub(super) async fn open(options: &SqliteConnectOptions) -> Result<Self, EngineError> {
        let mut connection = options.connect().await.map_err(failure::of_connect)?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        let mut handle = connection.lock_handle().await.map_err(failure::of_connect)?;
        handle.set_progress_handler(STEPS, move || !asked.load(Ordering::Relaxed));
        drop(handle);
        Ok(Self { connection, stop })
    }

    /// Rows, up to a bound in bytes.
    pub(super) async fn query(
        &mut self,
        statement: Statement,
        max_bytes: u64,
    ) -> Result<Rows, sqlx::Error> {
        let query = bound(statement);
        let mut stream = query.fetch(&mut self.connection);
        let mut rows = Rows::default();
        let mut bytes = 0_u64;
        while let Some(row) = stream.try_next().await? {
            let row = decode(&row)?;
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

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, sqlx::Error> {
        let done = bound(statement).execute(&mut self.connection).await?;
        Ok(done.rows_affected())
    }
}

/// Waits for `work` no longer than `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, EngineError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| failure::of(error, limit)),
        Err(_) => Err(EngineError::TimedOut(limit)),
    }
}

fn bound(statement: Statement) -> Query<'static, sqlx::Sqlite, SqliteArguments> {
    let Statement { sql, parameters } = statement;
    let mut query = sqlx::query(AssertSqlSafe(sql).into_sql_str());
    for parameter in parameters {
        query = match parameter {
            Datum::Null => query.bind(None::<String>),
            Datum::Bool(value) => query.bind(value),
            Datum::Integer(value) => query.bind(value),
            Datum::Real(value) => query.bind(value),
            Datum::Text(value) => query.bind(value),
            Datum::Bytes(value) => query.bind(value),
        };
    }
    query
}

fn decode(row: &SqliteRow) -> Result<Row, sqlx::Error> {
    (0..row.len()).map(|at| datum(row.try_get_raw(at)?)).collect()
}

/// A value by the type that it has, whatever its column's is.
fn datum(value: SqliteValueRef<'_>) -> Result<Datum, sqlx::Error> {
    if value.is_null() {
        return Ok(Datum::Null);
    }
    let datum = match value.type_info().name() {
        "INTEGER" | "BOOLEAN" => Datum::Integer(decoded(value)?),
        "REAL" => Datum::Real(decoded(value)?),
        "BLOB" => Datum::Bytes(decoded(value)?),
        // SQLite keeps whatever bytes were written as text.
        _ => Datum::Text(String::from_utf8_lossy(decoded(value)?).into_owned()),
    };
    Ok(datum)
}

fn decoded<'r, T: Decode<'r, sqlx::Sqlite>>(value: SqliteValueRef<'r>) -> Result<T, sqlx::Error> {
    T::decode(value).map_err(sqlx::Error::Decode)
}
