//! SQLite: connections that read, and one that writes.

use std::path::Path;
use std::time::Duration;

use parking_lot::Mutex;
use sqlx::sqlite::SqliteConnectOptions;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::lane::{Lane, within};
use super::{Bounds, EngineError, Rows};
use crate::database::sql::{Dialect, Sql, Statement};

/// A database in a file.
#[derive(Debug)]
pub(super) struct Sqlite {
    readers: Lanes,
    writers: Lanes,
    bounds: Bounds,
}

impl Sqlite {
    pub(super) async fn open(path: &str, bounds: Bounds) -> Result<Self, EngineError> {
        if path.is_empty() || path.starts_with(":memory:") {
            return Err(EngineError::Url("it names no file"));
        }
        if !Path::new(path).is_file() {
            return Err(EngineError::Missing);
        }
        // Nothing of the file's own settings is changed: it belongs to others.
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(false)
            .busy_timeout(bounds.statement_timeout)
            .foreign_keys(true)
            .pragma("temp_store", "memory")
            .pragma("trusted_schema", "off")
            .row_buffer_size(512);
        let reading = options.clone().pragma("query_only", "on");
        let readers = reading.thread_name(|n| format!("database-r{n}"));
        let writers = options.thread_name(|n| format!("database-w{n}"));
        let engine = Self {
            readers: Lanes::new(readers, bounds.connections),
            writers: Lanes::new(writers, 1),
            bounds,
        };
        // Reads the file's head: a file of something else is told apart here.
        let look = Sql::literal(Dialect::Sqlite, "SELECT count(*) FROM sqlite_schema");
        engine.read(look).await?;
        Ok(engine)
    }

    pub(super) async fn read(&self, statement: Statement) -> Result<Rows, EngineError> {
        let mut lease = self.readers.lease(self.bounds.statement_timeout).await?;
        let limit = self.bounds.statement_timeout;
        let rows = within(limit, lease.lane.query(statement, self.bounds.max_bytes)).await;
        // A cut leaves the rest of the rows on its way; such a connection is opened anew.
        let is_good = match &rows {
            Ok(rows) => !rows.is_cut,
            Err(error) => error.leaves_connection(),
        };
        if is_good {
            self.readers.give_back(lease);
        }
        rows
    }

    pub(super) async fn begin(&self) -> Result<Open<'_>, EngineError> {
        let lease = self.writers.lease(self.bounds.statement_timeout).await?;
        let mut open = Open { lease, lanes: &self.writers, bounds: self.bounds };
        // Takes the lock at once: a transaction that reads first and writes later fails if
        // somebody else wrote in between.
        open.execute(Sql::literal(Dialect::Sqlite, "BEGIN IMMEDIATE")).await?;
        Ok(open)
    }
}

/// A transaction. Dropped, its connection is closed, which rolls it back.
#[derive(Debug)]
pub(super) struct Open<'a> {
    lease: Lease<'a>,
    lanes: &'a Lanes,
    bounds: Bounds,
}

impl Open<'_> {
    pub(super) async fn query(&mut self, statement: Statement) -> Result<Rows, EngineError> {
        let work = self.lease.lane.query(statement, self.bounds.max_bytes);
        within(self.bounds.statement_timeout, work).await
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, EngineError> {
        let work = self.lease.lane.execute(statement);
        within(self.bounds.statement_timeout, work).await
    }

    pub(super) async fn commit(mut self) -> Result<(), EngineError> {
        match self.execute(Sql::literal(Dialect::Sqlite, "COMMIT")).await {
            Ok(_) => {
                self.lanes.give_back(self.lease);
                Ok(())
            }
            Err(error) if error.is_refusal() => Err(error),
            Err(_) => Err(EngineError::Unknown),
        }
    }

    pub(super) async fn rollback(mut self) {
        if self.execute(Sql::literal(Dialect::Sqlite, "ROLLBACK")).await.is_ok() {
            self.lanes.give_back(self.lease);
        }
    }
}

/// Connections that are lent, at most so many at once.
#[derive(Debug)]
struct Lanes {
    options: SqliteConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<Lane>>,
}

#[derive(Debug)]
struct Lease<'a> {
    lane: Lane,
    _permit: SemaphorePermit<'a>,
}

impl Lanes {
    fn new(options: SqliteConnectOptions, count: u32) -> Self {
        let permits = Semaphore::new(usize::try_from(count).unwrap_or(1));
        Self { options, permits, idle: Mutex::new(Vec::new()) }
    }

    async fn lease(&self, limit: Duration) -> Result<Lease<'_>, EngineError> {
        let permit = tokio::time::timeout(limit, self.permits.acquire()).await;
        let permit = permit.map_err(|_| EngineError::Busy)?.map_err(|_| EngineError::Busy)?;
        let idle = self.idle.lock().pop();
        let lane = match idle {
            Some(lane) => lane,
            None => Lane::open(&self.options).await?,
        };
        Ok(Lease { lane, _permit: permit })
    }

    fn give_back(&self, lease: Lease<'_>) {
        self.idle.lock().push(lease.lane);
    }
}
