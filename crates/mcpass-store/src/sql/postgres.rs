//! What is PostgreSQL's own.

use std::str::FromStr;
use std::time::Duration;

use sqlx::Transaction;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use super::super::failure;
use crate::{AccessBatch, StoreError, StoreErrorKind};

pub(super) type Db = sqlx::Postgres;

/// One snapshot for all statements of a read.
pub(super) const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Updates name the version that they were made from, which is all the isolation they need.
pub(super) const BEGIN_WRITE: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
/// The function that finds a text in another one, 0 if it is not in it.
pub(super) const FIND: &str = "strpos";
/// Before a column: its indexes are not for this condition. PostgreSQL knows by its statistics.
pub(super) const LOOK: &str = "";
/// Tokens whose words are looked through: PostgreSQL has no index for that.
pub(super) const ALONG_WORDS: &str = "mcp_tokens";
/// Tokens of which an outline is wanted.
pub(super) const ALONG_OUTLINES: &str = "mcp_tokens";
/// Tokens in the order of their last use.
pub(super) const ALONG_USE: &str = "";
/// Tokens among which those are looked for that were replaced.
pub(super) const ALONG_ROTATION: &str = "mcp_tokens";
/// A token's name, sorted byte by byte.
pub(super) const NAME: &str = "name COLLATE \"C\"";
/// The function that puts texts of many rows into one.
pub(super) const GATHER: &str = "string_agg";
/// The ids of the groups of a token, in their order, in hexadecimal digits with commas.
macro_rules! groups_of_token {
    () => {
        "(SELECT string_agg(encode(group_id, 'hex'), ',' ORDER BY position) \
         FROM mcp_token_groups AS held WHERE held.token_id = mcp_tokens.id)"
    };
}
pub(super) use groups_of_token;
/// Rows of one large `INSERT`. With the columns of the access log far below the 65,535 markers
/// that PostgreSQL allows.
pub(super) const BULK_ROWS: usize = 512;

static MIGRATIONS: Migrator = Migrator {
    table_name: std::borrow::Cow::Borrowed("mcp_migrations"),
    ..sqlx::migrate!("migrations/postgres")
};

/// Where connections come from: one pool, under two names.
#[derive(Clone, Debug)]
pub(in super::super) struct Pools {
    pub(super) read: sqlx::Pool<Db>,
    pub(super) write: sqlx::Pool<Db>,
}

/// Has a query go along an index: PostgreSQL chooses by its statistics.
pub(super) fn along(_: Option<&str>) -> String {
    String::new()
}

/// The bytes of a column as hexadecimal digits.
pub(super) fn hex(column: &str) -> String {
    format!("encode({column}, 'hex')")
}

/// The marker of the bound value `number` in a large statement.
pub(super) fn marker(number: usize) -> impl std::fmt::Display {
    format!("${number}")
}

pub(in super::super) async fn open(url: &str) -> Result<Pools, StoreError> {
    // The error of a malformed URL may hold parts of it, so it is not passed on.
    let options = PgConnectOptions::from_str(url).map_err(|_| {
        let message = "the database URL cannot be read; write \
                       postgres://USER:PASSWORD@HOST:PORT/DATABASE, with %XX for special \
                       characters";
        StoreError::new(StoreErrorKind::Unavailable, message)
    })?;
    let pool = PgPoolOptions::new()
        .max_connections(10)
        // Also the time that connecting may take.
        .acquire_timeout(Duration::from_secs(3))
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(SESSION).execute(connection).await?;
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(|error| failure::of(error, "connect to the database"))?;
    // Takes an advisory lock, so that only one of several processes migrates.
    MIGRATIONS.run(&pool).await.map_err(failure::of_migration)?;
    Ok(Pools { read: pool.clone(), write: pool })
}

/// Begins a transaction, in a task of its own that nobody breaks off: sqlx forgets a `BEGIN` whose
/// caller went away before its answer, and whoever got the connection next was in that transaction.
pub(super) async fn begin(
    pool: &sqlx::Pool<Db>,
    statement: &'static str,
) -> sqlx::Result<Transaction<'static, Db>> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    // The task ends early only with the process.
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// Adds a batch to the access log, in one transaction.
pub(super) async fn access_load(pools: &Pools, batch: AccessBatch) -> Result<(), StoreError> {
    let begun = begin(&pools.write, BEGIN_WRITE).await;
    let mut transaction = begun.map_err(|error| failure::of(error, "begin to write"))?;
    super::postgres_load::load(&mut transaction, &batch).await?;
    let committed = transaction.commit().await;
    committed.map_err(|error| failure::of(error, "finish a transaction"))
}

/// Ends on the server what nobody waits for any more. Set here and not in the connection's
/// options, which some poolers refuse.
const SESSION: &str = "SET application_name = 'mcpass'; \
                       SET statement_timeout = '150s'; \
                       SET lock_timeout = '5s'; \
                       SET idle_in_transaction_session_timeout = '60s'";
