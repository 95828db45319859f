//! Statements on a live database.
//!
//! Reads and writes have connections of their own. Those for reads cannot write, whatever the
//! statement: `PRAGMA query_only` on SQLite, `default_transaction_read_only` on PostgreSQL. A
//! statement is bounded in time, its rows in bytes.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::settings::DatabaseSettings;
use super::sql::{Dialect, Row, Statement};

mod failure;
mod lane;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

pub use failure::{Cause, EngineError, Violation, ViolationKind};

/// A database.
#[derive(Debug)]
pub struct Engine {
    inner: Inner,
    identity: String,
    statements: AtomicU64,
    /// What was last wrong with the way to it; none if nothing was since.
    trouble: Mutex<Option<String>>,
    is_troubled: AtomicBool,
}

#[derive(Debug)]
enum Inner {
    Postgres(postgres::Postgres),
    Sqlite(Box<sqlite::Sqlite>),
}

/// Bounds of work on a database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Bounds {
    /// Time that a statement may take, and the wait for a connection.
    pub statement_timeout: Duration,
    /// Bytes of the rows of one statement.
    pub max_bytes: u64,
    /// Connections for reads; there are as many for writes on PostgreSQL, and one on SQLite.
    pub connections: u32,
}

impl From<&DatabaseSettings> for Bounds {
    fn from(settings: &DatabaseSettings) -> Self {
        Self {
            statement_timeout: Duration::from_millis(settings.statement_timeout_ms),
            max_bytes: settings.max_bytes,
            connections: settings.connections,
        }
    }
}

/// Rows of a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether there were more, beyond the bound in bytes.
    pub is_cut: bool,
}

impl Rows {
    /// The first row, if all rows came.
    ///
    /// # Errors
    /// When the row is beyond the bound in bytes.
    pub fn one(self) -> Result<Option<Row>, EngineError> {
        if self.is_cut {
            return Err(EngineError::TooLarge);
        }
        Ok(self.rows.into_iter().next())
    }

    /// All rows.
    ///
    /// # Errors
    /// When they are beyond the bound in bytes.
    pub fn all(self) -> Result<Vec<Row>, EngineError> {
        if self.is_cut { Err(EngineError::TooLarge) } else { Ok(self.rows) }
    }
}

impl Engine {
    /// A database by its URL: `sqlite:PATH`, `postgres://…`. A connection is made, to see that it
    /// can be.
    ///
    /// # Errors
    /// When the URL cannot be read or the database not be reached. No part of the URL is in the
    /// error.
    pub async fn open(url: &str, bounds: Bounds) -> Result<Self, EngineError> {
        let (inner, identity) = match url.split_once(':') {
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                let sqlite = sqlite::Sqlite::open(path, bounds).await?;
                (Inner::Sqlite(Box::new(sqlite)), sqlite::identity(path))
            }
            Some(("postgres" | "postgresql", _)) => {
                let (postgres, identity) = postgres::Postgres::open(url, bounds).await?;
                (Inner::Postgres(postgres), identity)
            }
            _ => {
                return Err(EngineError::Url("it begins with neither `sqlite:` nor `postgres://`"));
            }
        };
        Ok(Self {
            inner,
            identity,
            statements: AtomicU64::new(0),
            trouble: Mutex::default(),
            is_troubled: AtomicBool::new(false),
        })
    }

    /// Which database it is.
    pub const fn dialect(&self) -> Dialect {
        match self.inner {
            Inner::Postgres(_) => Dialect::Postgres,
            Inner::Sqlite(_) => Dialect::Sqlite,
        }
    }

    /// What tells it from other databases: the whole path of its file, or where its server is and
    /// what it is called there. No credential is in it.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Statements since it was opened, to tell that a call costs a constant number.
    pub fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Reads rows, in a snapshot of its own.
    ///
    /// # Errors
    /// When the database cannot be reached, takes too long or refuses.
    pub async fn read(&self, statement: Statement) -> Result<Rows, EngineError> {
        let mut rows = self.read_all(vec![statement]).await?;
        Ok(rows.pop().unwrap_or_default())
    }

    /// Reads the rows of several statements, one after the other: one way to a connection and
    /// back for all of them.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn read_all(&self, statements: Vec<Statement>) -> Result<Vec<Rows>, EngineError> {
        let count = u64::try_from(statements.len()).unwrap_or(0);
        self.statements.fetch_add(count, Ordering::Relaxed);
        self.note(match &self.inner {
            Inner::Postgres(postgres) => postgres.read(statements).await,
            Inner::Sqlite(sqlite) => sqlite.read(statements).await,
        })
    }

    /// What was last wrong with the way to the database, for the operator; none if nothing was
    /// since.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().clone()
    }

    fn note<T>(&self, done: Result<T, EngineError>) -> Result<T, EngineError> {
        match &done {
            Ok(_) if self.is_troubled.load(Ordering::Relaxed) => {
                *self.trouble.lock() = None;
                self.is_troubled.store(false, Ordering::Relaxed);
            }
            Err(error) if error.is_of_the_way() => {
                *self.trouble.lock() = Some(error.to_string());
                self.is_troubled.store(true, Ordering::Relaxed);
            }
            Ok(_) | Err(_) => {}
        }
        done
    }

    /// Begins a transaction that may write. On SQLite it holds the lock for writes.
    ///
    /// # Errors
    /// When the database cannot be reached, or others hold its lock for too long.
    pub async fn begin(&self) -> Result<Transaction<'_>, EngineError> {
        let inner = match &self.inner {
            Inner::Postgres(postgres) => postgres.begin().await.map(Open::Postgres),
            Inner::Sqlite(sqlite) => sqlite.begin().await.map(Open::Sqlite),
        };
        let inner = self.note(inner)?;
        Ok(Transaction { inner, statements: &self.statements })
    }
}

/// A transaction. It is rolled back unless it is committed.
#[derive(Debug)]
pub struct Transaction<'a> {
    inner: Open<'a>,
    statements: &'a AtomicU64,
}

#[derive(Debug)]
enum Open<'a> {
    Postgres(postgres::Open),
    Sqlite(sqlite::Open<'a>),
}

impl Transaction<'_> {
    /// Rows of a statement, which may write (`RETURNING`).
    ///
    /// # Errors
    /// When the connection is lost, it takes too long, or the database refuses. After a refusal,
    /// PostgreSQL takes nothing more until [`Transaction::undo`] or the end.
    pub async fn query(&mut self, statement: Statement) -> Result<Rows, EngineError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &mut self.inner {
            Open::Postgres(open) => open.query(statement).await,
            Open::Sqlite(open) => open.query(statement).await,
        }
    }

    /// Writes, and tells how many rows it was.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn execute(&mut self, statement: Statement) -> Result<u64, EngineError> {
        self.statements.fetch_add(1, Ordering::Relaxed);
        match &mut self.inner {
            Open::Postgres(open) => open.execute(statement).await,
            Open::Sqlite(open) => open.execute(statement).await,
        }
    }

    /// Marks a point to which [`Transaction::undo`] goes back.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn mark(&mut self) -> Result<(), EngineError> {
        self.command("SAVEPOINT mcpass_mark").await
    }

    /// Forgets the mark and keeps what was written since.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn keep(&mut self) -> Result<(), EngineError> {
        self.command("RELEASE SAVEPOINT mcpass_mark").await
    }

    /// Undoes what was written since the mark, and forgets it.
    ///
    /// # Errors
    /// As [`Transaction::query`].
    pub async fn undo(&mut self) -> Result<(), EngineError> {
        self.command("ROLLBACK TO SAVEPOINT mcpass_mark").await?;
        self.keep().await
    }

    /// Makes it last.
    ///
    /// # Errors
    /// When the database refuses, as it does for deferred constraints; or
    /// [`EngineError::Unknown`] when the connection was lost on the way, so that nobody knows.
    pub async fn commit(self) -> Result<(), EngineError> {
        match self.inner {
            Open::Postgres(open) => open.commit().await,
            Open::Sqlite(open) => open.commit().await,
        }
    }

    /// Undoes it now, and keeps the connection for others. Dropping it does the same later.
    pub async fn rollback(self) {
        match self.inner {
            Open::Postgres(open) => open.rollback().await,
            Open::Sqlite(open) => open.rollback().await,
        }
    }

    async fn command(&mut self, text: &'static str) -> Result<(), EngineError> {
        let dialect = match self.inner {
            Open::Postgres(_) => Dialect::Postgres,
            Open::Sqlite(_) => Dialect::Sqlite,
        };
        self.execute(super::sql::Sql::literal(dialect, text)).await.map(drop)
    }
}
