//! The store on SQLite and on PostgreSQL: one body of SQL, compiled once for each.
//!
//! The files in `sql/` are written against the names of a small `dialect` ([`sqlite`] and
//! [`postgres`] each have their own, and their own way of loading the access log) and are part of both modules, so that the two databases
//! cannot drift apart. What makes one text possible: `$1` markers, ids and digests as 16 and 32
//! bytes, times as microseconds from our own clock, JSON as text, no arrays. Only the migrations
//! differ, and a test compares the schemas they make.
//!
//! Every write is one transaction that takes its lock at the beginning, every read of more than
//! one statement sees one snapshot, and every call ends after a bounded time.

mod cell;
mod codec;
mod failure;

use std::sync::Arc;

use crate::{Store, StoreError, StoreErrorKind};

#[path = "sql"]
mod sqlite {
    mod access;
    mod access_list;
    mod accounts;
    mod audit;
    mod bulk;
    mod cells;
    mod change;
    mod creations;
    #[path = "sqlite.rs"]
    mod dialect;
    mod history;
    mod load;
    mod servers;
    mod sessions;
    mod sign_in;
    mod sign_in_store;
    mod sqlite_load;
    mod store;
    mod token_list;
    mod tokens;
    mod workspace;
    mod workspace_store;

    pub(super) use dialect::open;
    pub(super) use store::SqlStore;
}

#[path = "sql"]
mod postgres {
    mod access;
    mod access_list;
    mod accounts;
    mod audit;
    mod bulk;
    mod cells;
    mod change;
    mod creations;
    #[path = "postgres.rs"]
    mod dialect;
    mod history;
    mod load;
    mod postgres_load;
    mod servers;
    mod sessions;
    mod sign_in;
    mod sign_in_store;
    mod store;
    mod token_list;
    mod tokens;
    mod workspace;
    mod workspace_store;

    pub(super) use dialect::open;
    pub(super) use store::SqlStore;
}

/// Opens the store at `url` and brings its schema up to date.
///
/// `sqlite:PATH` is a file, created with owner-only permissions if it is not there; its folder
/// must be. `postgres://…` and `postgresql://…` are URLs as libpq knows them, including
/// `?host=/folder` for a Unix socket. Several processes may open the same database at once.
///
/// # Errors
/// [`StoreErrorKind::Unavailable`] if the URL is none of these or the database cannot be opened
/// within a few seconds; [`StoreErrorKind::Damaged`] if a newer mcpass wrote it or it is no
/// database of ours. No error holds a password.
pub async fn connect(url: &str) -> Result<Arc<dyn Store>, StoreError> {
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    match scheme {
        "sqlite" => {
            let pools = sqlite::open(sqlite_path(url)?).await?;
            Ok(Arc::new(sqlite::SqlStore::new(pools)))
        }
        "postgres" | "postgresql" => {
            let pools = postgres::open(url).await?;
            Ok(Arc::new(postgres::SqlStore::new(pools)))
        }
        _ => Err(unusable(
            "this is no database URL for mcpass; write sqlite:PATH or \
             postgres://USER@HOST/DATABASE",
        )),
    }
}

fn sqlite_path(url: &str) -> Result<&str, StoreError> {
    let rest = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.is_empty() {
        Err(unusable("the path is missing; write sqlite:PATH"))
    } else if path.contains(":memory:") {
        Err(unusable("SQLite in memory would lose every token at the end; write sqlite:PATH"))
    } else if path.contains('?') {
        Err(unusable("options after `?` are not supported for SQLite; write sqlite:PATH alone"))
    } else {
        Ok(path)
    }
}

fn unusable(message: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, message)
}
