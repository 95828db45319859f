//! PostgreSQL: a pool of connections that read, and one of connections that write.

use std::str::FromStr;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column as _, Connection as _, Row as _, SqlSafeStr as _, TypeInfo as _};

use super::{Bounds, EngineError, Rows, failure};
use crate::database::sql::{Datum, Row, Statement};

/// The client waits longer than the server works, so that the server's own word comes first.
const GRACE: Duration = Duration::from_secs(2);

/// A database on a server.
#[derive(Debug)]
pub(super) struct Postgres {
    readers: PgPool,
    writers: PgPool,
    bounds: Bounds,
}

impl Postgres {
    /// The database of a URL, and what tells it from others.
    pub(super) async fn open(url: &str, bounds: Bounds) -> Result<(Self, String), EngineError> {
        // The error of a malformed URL may hold parts of it, so it is not passed on.
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            EngineError::Url(
                "write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special \
                 characters",
            )
        })?;
        // By itself: a pool goes on trying where nothing listens, and tells only of the time.
        let first = PgConnection::connect_with(&options);
        let first = tokio::time::timeout(bounds.statement_timeout, first).await;
        let first = first.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(failure::of_way)?;
        // It has served its purpose, whether or not the server hears of its end.
        let _ = first.close().await;
        let identity = identity(&options);
        let readers = pool(options.clone(), bounds, READER);
        let writers = pool(options, bounds, WRITER);
        Ok((Self { readers, writers, bounds }, identity))
    }

    pub(super) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, EngineError> {
        let connection = self.readers.acquire().await;
        let mut connection = connection.map_err(|error| of_pool(error, &self.readers))?;
        let mut all = Vec::with_capacity(statements.len());
        for statement in statements {
            match query(&mut connection, statement, self.bounds).await {
                Ok(rows) => all.push(rows),
                Err(error) => {
                    // What did not come to its end is not lent again.
                    if !error.leaves_connection() {
                        drop(connection.detach());
                    }
                    return Err(error);
                }
            }
        }
        Ok(all)
    }

    pub(super) async fn begin(&self) -> Result<Open, EngineError> {
        let begun = self.writers.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED").await;
        let transaction = begun.map_err(|error| of_pool(error, &self.writers))?;
        Ok(Open { transaction, bounds: self.bounds })
    }
}

/// Where a database is, and what it is called there: without a name, as the user.
fn identity(options: &PgConnectOptions) -> String {
    let host = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => options.get_host().to_owned(),
    };
    let name = options.get_database().unwrap_or_else(|| options.get_username());
    format!("postgres://{host}:{}/{name}", options.get_port())
}

/// A pool had no connection to lend: all are in use, or there is none because none can be made.
fn of_pool(error: sqlx::Error, pool: &PgPool) -> EngineError {
    if pool.size() == 0 { failure::of_way(error) } else { failure::of_connect(error) }
}

fn pool(options: PgConnectOptions, bounds: Bounds, session: &'static str) -> PgPool {
    let timeout = bounds.statement_timeout.as_millis().to_string();
    // A wait for a lock ends before the statement does, so that it is told from slow work.
    let patience = (bounds.statement_timeout.as_millis() * 4 / 5).clamp(1, 5_000).to_string();
    PgPoolOptions::new()
        .max_connections(bounds.connections)
        .acquire_timeout(bounds.statement_timeout)
        .after_connect(move |connection, _| {
            let (timeout, patience) = (timeout.clone(), patience.clone());
            Box::pin(async move {
                sqlx::raw_sql(session).execute(&mut *connection).await?;
                let set = "SELECT set_config('statement_timeout', $1, false), \
                           set_config('lock_timeout', $2, false)";
                sqlx::query(set).bind(timeout).bind(patience).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

/// Forms of values are set, so that they come the same way from any server. Set here and not in
/// the connection's options, which some poolers refuse.
macro_rules! session {
    ($own:literal) => {
        concat!(
            "SET application_name = 'mcpass'; SET TIME ZONE 'UTC'; SET DateStyle = 'ISO, YMD'; ",
            "SET IntervalStyle = 'iso_8601'; SET extra_float_digits = 1; ",
            "SET standard_conforming_strings = on; ",
            "SET idle_in_transaction_session_timeout = '60s'; ",
            $own
        )
    };
}

const READER: &str = session!("SET default_transaction_read_only = on");
const WRITER: &str = session!("SET default_transaction_read_only = off");

/// A transaction. Dropped, it is rolled back before the connection is lent again.
#[derive(Debug)]
pub(super) struct Open {
    transaction: sqlx::Transaction<'static, sqlx::Postgres>,
    bounds: Bounds,
}

impl Open {
    pub(super) async fn query(&mut self, statement: Statement) -> Result<Rows, EngineError> {
        query(&mut self.transaction, statement, self.bounds).await
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, EngineError> {
        let limit = self.bounds.statement_timeout;
        let work = bound(statement).execute(&mut *self.transaction);
        match tokio::time::timeout(limit + GRACE, work).await {
            Ok(done) => done
                .map(|done| done.rows_affected())
                .map_err(|error| failure::of_postgres(error, limit)),
            Err(_) => Err(EngineError::TimedOut(limit)),
        }
    }

    pub(super) async fn commit(self) -> Result<(), EngineError> {
        let limit = self.bounds.statement_timeout + GRACE;
        match tokio::time::timeout(limit, self.transaction.commit()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                let error = failure::of_postgres(error, self.bounds.statement_timeout);
                Err(if error.is_refusal() { error } else { EngineError::Unknown })
            }
            Err(_) => Err(EngineError::Unknown),
        }
    }

    pub(super) async fn rollback(self) {
        let limit = self.bounds.statement_timeout + GRACE;
        // Whatever comes of it: the server rolls back what is not committed.
        let _ = tokio::time::timeout(limit, self.transaction.rollback()).await;
    }
}

async fn query(
    connection: &mut PgConnection,
    statement: Statement,
    bounds: Bounds,
) -> Result<Rows, EngineError> {
    let work = async {
        let query = bound(statement);
        let mut stream = query.fetch(connection);
        let mut rows = Rows::default();
        let mut bytes = 0_u64;
        while let Some(row) = stream.try_next().await? {
            if rows.is_cut {
                // The rest has been sent already and has to be read.
                continue;
            }
            let row = decode(&row)?;
            let size: usize = row.iter().map(Datum::size).sum();
            bytes = bytes.saturating_add(u64::try_from(size).unwrap_or(u64::MAX));
            if bytes > bounds.max_bytes {
                rows.is_cut = true;
            } else {
                rows.rows.push(row);
            }
        }
        Ok(rows)
    };
    match tokio::time::timeout(bounds.statement_timeout + GRACE, work).await {
        Ok(rows) => rows.map_err(|error| failure::of_postgres(error, bounds.statement_timeout)),
        Err(_) => Err(EngineError::TimedOut(bounds.statement_timeout)),
    }
}

fn bound(statement: Statement) -> Query<'static, sqlx::Postgres, PgArguments> {
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

/// Statements give values in few types: [`Sql::value_of`](crate::database::sql::Sql::value_of)
/// casts all others to text.
fn decode(row: &PgRow) -> Result<Row, sqlx::Error> {
    let decode = |(at, column): (usize, &sqlx::postgres::PgColumn)| {
        Ok(match column.type_info().name() {
            "BOOL" => row.try_get::<Option<bool>, _>(at)?.map_or(Datum::Null, Datum::Bool),
            "INT8" => row.try_get::<Option<i64>, _>(at)?.map_or(Datum::Null, Datum::Integer),
            "INT4" => {
                let value = row.try_get::<Option<i32>, _>(at)?;
                value.map_or(Datum::Null, |value| Datum::Integer(value.into()))
            }
            "INT2" => {
                let value = row.try_get::<Option<i16>, _>(at)?;
                value.map_or(Datum::Null, |value| Datum::Integer(value.into()))
            }
            "FLOAT8" => row.try_get::<Option<f64>, _>(at)?.map_or(Datum::Null, Datum::Real),
            "BYTEA" => row.try_get::<Option<Vec<u8>>, _>(at)?.map_or(Datum::Null, Datum::Bytes),
            _ => row.try_get::<Option<String>, _>(at)?.map_or(Datum::Null, Datum::Text),
        })
    };
    row.columns().iter().enumerate().map(decode).collect()
}
