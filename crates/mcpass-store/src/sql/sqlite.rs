//! What is SQLite's own.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::Transaction;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

use super::super::failure;
use super::sqlite_load::Appender;
use crate::{AccessBatch, StoreError, StoreErrorKind};

pub(super) type Db = sqlx::Sqlite;

/// A snapshot, begun by its first statement.
pub(super) const BEGIN_READ: &str = "BEGIN";
/// Takes the write lock at once: a transaction that read first and wants to write later fails
/// with `SQLITE_BUSY` whatever the timeout, if somebody else wrote in between.
pub(super) const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";
/// The function that finds a text in another one, 0 if it is not in it.
pub(super) const FIND: &str = "instr";
/// Before a column: its indexes are not for this condition. Without statistics, SQLite takes any
/// condition for one that few rows meet.
pub(super) const LOOK: &str = "+";
/// Tokens in the order of their ids, with their words beside them. SQLite would look into the table
/// for each: to it all indexes that begin with the id are alike.
pub(super) const ALONG_WORDS: &str = "mcp_tokens INDEXED BY mcp_tokens_by_words";
/// Tokens with their outlines beside them, in the order of their ids: a row is ten times as wide, and
/// each of many would be read from a page of its own. SQLite would read them all the same, or find
/// nearly all by their state and sort them.
pub(super) const ALONG_OUTLINES: &str = "mcp_tokens INDEXED BY mcp_tokens_by_outline";
/// Tokens in the order of their last use, with all that decides their standing beside them.
pub(super) const ALONG_USE: &str = " INDEXED BY mcp_tokens_by_use";
/// Tokens among the few that were replaced, which SQLite without statistics would look for among all
/// that were not revoked.
pub(super) const ALONG_ROTATION: &str = "mcp_tokens INDEXED BY mcp_tokens_by_rotation";
/// A token's name, sorted byte by byte.
pub(super) const NAME: &str = "name";
/// The function that puts texts of many rows into one.
pub(super) const GATHER: &str = "group_concat";
/// The ids of the groups of a token, in their order, in hexadecimal digits with commas.
macro_rules! groups_of_token {
    () => {
        "(SELECT group_concat(hex(group_id), ',' ORDER BY position) \
         FROM mcp_token_groups AS held WHERE held.token_id = mcp_tokens.id)"
    };
}
pub(super) use groups_of_token;
/// Rows of one large `INSERT`. With the columns of the access log far below the 32,766 markers
/// that SQLite allows.
pub(super) const BULK_ROWS: usize = 512;

static MIGRATIONS: Migrator = Migrator {
    table_name: std::borrow::Cow::Borrowed("mcp_migrations"),
    ..sqlx::migrate!("migrations/sqlite")
};

/// Where connections come from. One writer: with more of them SQLite is slower, not faster.
#[derive(Clone, Debug)]
pub(in super::super) struct Pools {
    pub(super) read: sqlx::Pool<Db>,
    pub(super) write: sqlx::Pool<Db>,
    appender: Arc<Appender>,
}

/// Has a query go along an index: without statistics, SQLite cannot know which of several.
pub(super) fn along(index: Option<&str>) -> String {
    index.map_or_else(String::new, |index| format!(" INDEXED BY {index}"))
}

/// The bytes of a column as hexadecimal digits.
pub(super) fn hex(column: &str) -> String {
    format!("hex({column})")
}

/// The marker of the bound value `number` in a large statement. SQLite finds the name of a
/// numbered marker by a walk over all of them, so large statements use plain ones.
pub(super) fn marker(_number: usize) -> impl std::fmt::Display {
    "?"
}

/// Begins a transaction. The thread of a connection takes back what its caller did not wait for.
pub(super) async fn begin(
    pool: &sqlx::Pool<Db>,
    statement: &'static str,
) -> sqlx::Result<Transaction<'static, Db>> {
    pool.begin_with(statement).await
}

pub(in super::super) async fn open(path: &str) -> Result<Pools, StoreError> {
    create(Path::new(path))?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .foreign_keys(true)
        .pragma("temp_store", "memory")
        // In pages: batches of the access log touch the same pages of indexes again and again,
        // which are copied into the file once for every checkpoint.
        .pragma("wal_autocheckpoint", "8000")
        .pragma("journal_size_limit", "67108864")
        .row_buffer_size(512);
    let lasting = || {
        SqlitePoolOptions::new()
            .acquire_timeout(Duration::from_secs(10))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            // On a full disk SQLite ends the transaction itself, and sqlx, whose ROLLBACK then
            // fails, believes for ever that it is in one. Such a connection is opened anew.
            .before_acquire(|connection, _| {
                Box::pin(async move { Ok(!connection.is_in_transaction()) })
            })
    };
    let writer = options.clone().pragma("cache_size", "-16384").thread_name(|_| "sqlite-w".into());
    let write = lasting().max_connections(1).connect_with(writer).await;
    let write = write.map_err(|error| failure::of(error, "open the database"))?;
    // In one transaction of ours, because sqlx takes no lock of its own on SQLite.
    let mut migration = begin(&write, BEGIN_WRITE)
        .await
        .map_err(|error| failure::of(error, "begin the migration"))?;
    MIGRATIONS.run_direct(None, &mut *migration, false).await.map_err(failure::of_migration)?;
    migration.commit().await.map_err(|error| failure::of(error, "finish the migration"))?;
    let reader = options.pragma("query_only", "on").thread_name(|n| format!("sqlite-r{n}"));
    let read = lasting().max_connections(3).connect_lazy_with(reader);
    Ok(Pools { read, write, appender: Arc::new(Appender::new(Path::new(path))) })
}

/// Adds a batch to the access log, in one transaction.
pub(super) async fn access_load(pools: &Pools, batch: AccessBatch) -> Result<(), StoreError> {
    // Held meanwhile, so that the writers of this process stand in one line instead of asking
    // SQLite for its lock again and again.
    let turn = pools.write.acquire().await;
    let turn = turn.map_err(|error| failure::of(error, "begin to write"))?;
    let appender = Arc::clone(&pools.appender);
    let written = tokio::task::spawn_blocking(move || appender.load(&batch)).await;
    drop(turn);
    written.unwrap_or_else(|error| {
        let message = "cannot write the access log: its thread ended";
        Err(StoreError::with_source(StoreErrorKind::Unavailable, message, error))
    })
}

/// Makes the file if it is not there, for its owner alone; SQLite gives its write-ahead log the
/// same permissions.
fn create(path: &Path) -> Result<(), StoreError> {
    let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => {
            let hint =
                if error.kind() == ErrorKind::NotFound { "; its folder must exist" } else { "" };
            let message = format!("the database file {} cannot be created{hint}", path.display());
            Err(StoreError::with_source(StoreErrorKind::Unavailable, message, error))
        }
    }
}
