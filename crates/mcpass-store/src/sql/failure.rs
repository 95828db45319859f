//! Database errors, as kinds that callers can act on.

use std::fmt::Display;
use std::time::Duration;

use sqlx::error::DatabaseError;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use crate::{StoreError, StoreErrorKind, error};

/// The failure of something that touches no unique or referring column, or reads.
pub(super) fn of(error: sqlx::Error, doing: &str) -> StoreError {
    of_kind(kind(&error), doing, error)
}

fn of_kind(
    kind: StoreErrorKind,
    doing: &str,
    error: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    let message = match kind {
        StoreErrorKind::Damaged => format!(
            "cannot {doing}: the database is damaged or was written by another version of mcpass"
        ),
        _ => format!("cannot {doing}: the database is not available"),
    };
    StoreError::with_source(kind, message, error)
}

/// As [`of`], of the connection that loads the access log.
pub(super) fn of_rusqlite(error: rusqlite::Error, doing: &str) -> StoreError {
    let kind = match error.sqlite_error() {
        Some(error) => kind_of_code(error.extended_code),
        None => StoreErrorKind::Damaged,
    };
    of_kind(kind, doing, error)
}

/// The failure of a write of `what`, which may be there already or name what is not there.
pub(super) fn of_write(error: sqlx::Error, what: &str, id: &dyn Display) -> StoreError {
    match error.as_database_error().map(DatabaseError::kind) {
        Some(sqlx::error::ErrorKind::UniqueViolation) => error::exists(what, id),
        Some(sqlx::error::ErrorKind::ForeignKeyViolation) => error::reference(),
        _ => of(error, &format!("write {what}")),
    }
}

pub(super) fn of_migration(error: MigrateError) -> StoreError {
    let (kind, message) = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            return of(error, "bring the database's schema up to date");
        }
        MigrateError::VersionMissing(_) | MigrateError::VersionTooNew(..) => (
            StoreErrorKind::Damaged,
            "the database was written by a newer mcpass; run that version or a newer one",
        ),
        MigrateError::VersionMismatch(_) | MigrateError::Dirty(_) => (
            StoreErrorKind::Damaged,
            "the database's schema was made by a changed or broken-off migration; restore a backup",
        ),
        _ => (StoreErrorKind::Damaged, "the database's schema cannot be brought up to date"),
    };
    StoreError::with_source(kind, message, error)
}

/// A stored value that cannot be what was written.
pub(super) fn damaged(what: &str, why: impl Display) -> StoreError {
    let message = format!("a stored {what} cannot be read: {why}");
    StoreError::new(StoreErrorKind::Damaged, message)
}

/// No answer came within `limit`.
pub(super) fn timed_out(limit: Duration) -> StoreError {
    let message = format!("the database gave no answer within {} s", limit.as_secs());
    StoreError::new(StoreErrorKind::Unavailable, message)
}

fn kind(error: &sqlx::Error) -> StoreErrorKind {
    match error {
        sqlx::Error::Database(error) => match error.try_downcast_ref::<SqliteError>() {
            Some(error) => sqlite_kind(error),
            None => error
                .try_downcast_ref::<PgDatabaseError>()
                .map_or(StoreErrorKind::Unavailable, postgres_kind),
        },
        sqlx::Error::ColumnDecode { .. }
        | sqlx::Error::ColumnIndexOutOfBounds { .. }
        | sqlx::Error::ColumnNotFound(_)
        | sqlx::Error::Decode(_)
        | sqlx::Error::RowNotFound
        | sqlx::Error::TypeNotFound { .. } => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Primary result codes of SQLite: 1 is an error in SQL, here a schema that is not ours; 11 and
/// 26 are a file that is damaged or no database.
fn sqlite_kind(error: &SqliteError) -> StoreErrorKind {
    kind_of_code(error.code().and_then(|code| code.parse().ok()).unwrap_or(0))
}

fn kind_of_code(code: i32) -> StoreErrorKind {
    match code & 0xFF {
        1 | 11 | 26 => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Unavailable,
    }
}

/// Classes of SQLSTATE: 42 is SQL that does not fit the schema, XX001 and XX002 are damage.
fn postgres_kind(error: &PgDatabaseError) -> StoreErrorKind {
    match error.code() {
        // Insufficient privilege is mended by a GRANT, not by a backup.
        "42501" => StoreErrorKind::Unavailable,
        "XX001" | "XX002" => StoreErrorKind::Damaged,
        code if code.starts_with("42") => StoreErrorKind::Damaged,
        _ => StoreErrorKind::Unavailable,
    }
}
