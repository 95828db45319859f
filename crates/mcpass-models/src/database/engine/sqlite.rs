//! SQLite: connections that read, and one that writes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::lane::{Lane, Purpose};
use super::{Bounds, EngineError, Rows};
use crate::database::sql::{Dialect, Sql, Statement};

/// SQLite waits for locks of others as long as a statement may take; to begin and to end, it is
/// waited longer for, so that its own word comes first.
const GRACE: Duration = Duration::from_secs(2);

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
        let path = Path::new(path);
        if !path.is_file() {
            return Err(EngineError::Missing);
        }
        let engine = Self {
            readers: Lanes::new(path, Purpose::Read, bounds.connections),
            writers: Lanes::new(path, Purpose::Write, 1),
            bounds,
        };
        // Reads the file's head: a file of something else is told apart here.
        let look = Sql::literal(Dialect::Sqlite, "SELECT count(*) FROM sqlite_schema");
        engine.read(vec![look]).await?;
        Ok(engine)
    }

    pub(super) async fn read(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, EngineError> {
        let limit = self.bounds.statement_timeout;
        let lease = self.readers.lease(limit).await?;
        let rows = lease.lane.query(statements, self.bounds.max_bytes, limit).await;
        if rows.as_ref().err().is_none_or(EngineError::leaves_connection) {
            self.readers.give_back(lease);
        }
        rows
    }

    pub(super) async fn begin(&self) -> Result<Open<'_>, EngineError> {
        let lease = self.writers.lease(self.bounds.statement_timeout).await?;
        let open = Open { lease, lanes: &self.writers, bounds: self.bounds };
        // Takes the lock at once: a transaction that reads first and writes later fails if
        // somebody else wrote in between.
        let limit = self.bounds.statement_timeout + GRACE;
        open.lease.lane.execute(Sql::literal(Dialect::Sqlite, "BEGIN IMMEDIATE"), limit).await?;
        Ok(open)
    }
}

/// The file that a path leads to, whichever way it does.
pub(super) fn identity(path: &str) -> String {
    let whole = std::fs::canonicalize(path).unwrap_or_else(|_| Path::new(path).to_owned());
    format!("sqlite:{}", whole.display())
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
        let Bounds { statement_timeout, max_bytes, .. } = self.bounds;
        let mut rows = self.lease.lane.query(vec![statement], max_bytes, statement_timeout).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    pub(super) async fn execute(&mut self, statement: Statement) -> Result<u64, EngineError> {
        self.lease.lane.execute(statement, self.bounds.statement_timeout).await
    }

    pub(super) async fn commit(self) -> Result<(), EngineError> {
        let limit = self.bounds.statement_timeout + GRACE;
        match self.lease.lane.execute(Sql::literal(Dialect::Sqlite, "COMMIT"), limit).await {
            Ok(_) => {
                self.lanes.give_back(self.lease);
                Ok(())
            }
            // Others still read. The connection is closed, which undoes it.
            Err(EngineError::Busy) => Err(EngineError::Busy),
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
    path: PathBuf,
    purpose: Purpose,
    permits: Semaphore,
    idle: Mutex<Vec<Lane>>,
}

#[derive(Debug)]
struct Lease<'a> {
    lane: Lane,
    _permit: SemaphorePermit<'a>,
}

impl Lanes {
    fn new(path: &Path, purpose: Purpose, count: u32) -> Self {
        let permits = Semaphore::new(usize::try_from(count).unwrap_or(1));
        Self { path: path.to_path_buf(), purpose, permits, idle: Mutex::default() }
    }

    async fn lease(&self, limit: Duration) -> Result<Lease<'_>, EngineError> {
        let permit = tokio::time::timeout(limit, self.permits.acquire()).await;
        let permit = permit.map_err(|_| EngineError::Busy)?.map_err(|_| EngineError::Busy)?;
        let idle = self.idle.lock().pop();
        let lane = match idle {
            Some(lane) => lane,
            None => Lane::open(&self.path, self.purpose, limit).await?,
        };
        Ok(Lease { lane, _permit: permit })
    }

    fn give_back(&self, lease: Lease<'_>) {
        self.idle.lock().push(lease.lane);
    }
}
