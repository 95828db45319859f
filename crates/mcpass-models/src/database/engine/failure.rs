//! What goes wrong with a database, as kinds that callers can act on.

use std::error::Error;
use std::time::Duration;

use rusqlite::ffi;
use sqlx::postgres::PgDatabaseError;

/// What the driver said. It may hold values, so it is for the operator alone.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Why a statement was not done.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The URL cannot be read.
    #[error("the database URL cannot be used: {0}")]
    Url(&'static str),
    /// There is no such file.
    #[error("there is no database file at that path; mcpass does not make one")]
    Missing,
    /// No connection could be made.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Cause),
    /// All connections are in use, or others hold a lock.
    #[error("the database is busy; try again")]
    Busy,
    /// It took too long.
    #[error("the database took longer than {} ms", .0.as_millis())]
    TimedOut(Duration),
    /// The rows are larger than the bound in bytes.
    #[error("the rows are too large; ask for fewer of them, or for fewer fields")]
    TooLarge,
    /// The connection was lost. What was not committed was not done.
    #[error("the connection to the database was lost")]
    Lost(#[source] Cause),
    /// The connection was lost while a transaction was being committed.
    #[error(
        "the connection to the database was lost while it was made to last; nobody knows whether it was"
    )]
    Unknown,
    /// A constraint would have been violated.
    #[error("a constraint was violated")]
    Violation(Violation),
    /// A value does not fit its type, or an operation on it failed.
    #[error("the database did not accept a value")]
    Value(#[source] Cause),
    /// The database's own permissions, or a read-only connection.
    #[error("the database does not allow it")]
    Denied(#[source] Cause),
    /// Anything else.
    #[error("the database reported an error")]
    Other(#[source] Cause),
}

/// A violated constraint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Of which kind.
    pub kind: ViolationKind,
    /// The constraint's name, where the database says it.
    pub constraint: Option<String>,
    /// The table, where the database says it.
    pub table: Option<String>,
    /// The columns, where the database says them.
    pub columns: Vec<String>,
}

/// Kinds of constraints.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ViolationKind {
    /// A check, or an exclusion.
    Check,
    /// A foreign key, from either side.
    ForeignKey,
    /// A column that may not be null.
    NotNull,
    /// A primary key or unique constraint.
    Unique,
}

impl EngineError {
    /// What a caller may know of it: no value and no name of what is hidden.
    pub fn for_callers(&self) -> String {
        match self {
            Self::Violation(_) => "Data integrity error: a constraint was violated".to_owned(),
            Self::Value(_) => "Invalid input data: a value is none of its field's type. describe \
                               tells the types, sql_type those of the database's own."
                .to_owned(),
            Self::TimedOut(limit) => format!(
                "The database took longer than {} ms. Ask for less: a narrower filter, fewer rows, \
                 or with_total false.",
                limit.as_millis()
            ),
            Self::TooLarge => "The rows are too large. Ask for fewer of them with limit, or for \
                               fewer fields with fields."
                .to_owned(),
            Self::Busy => {
                "The database is busy: all connections are in use, or others hold a lock \
                           on these rows. Try again."
                    .to_owned()
            }
            Self::Lost(_) | Self::Unreachable(_) | Self::Missing | Self::Url(_) => {
                "The database cannot be reached. Nothing was changed.".to_owned()
            }
            Self::Unknown => "The connection to the database was lost while the change was made \
                              to last. Read again before you repeat it."
                .to_owned(),
            Self::Denied(_) => "The database does not allow it.".to_owned(),
            Self::Other(_) => "A database error occurred".to_owned(),
        }
    }

    /// What the database said of a refusal whose reason callers are not told, for the operator's
    /// log. Values are not in it: PostgreSQL's messages are kept where they cannot hold one.
    pub fn said(&self) -> Option<String> {
        let (Self::Value(cause) | Self::Denied(cause) | Self::Other(cause)) = self else {
            return None;
        };
        let inner = match cause.downcast_ref::<sqlx::Error>() {
            Some(sqlx::Error::Database(inner)) => inner.try_downcast_ref::<PgDatabaseError>(),
            _ => None,
        };
        let Some(error) = inner else { return Some(cause.to_string()) };
        let code = error.code();
        // Wrong SQL, rights, resources and faults of the server's own (PostgreSQL's documentation,
        // appendix A). Others tell of the values that they met, and triggers say what they like.
        let is_plain = ["0A", "25", "42", "53", "54", "55", "58", "XX"].contains(&code.get(..2)?);
        let message = if is_plain { error.message() } else { "its message may hold values" };
        Some(format!("SQLSTATE {code}: {message}"))
    }

    /// Whether the database could not be reached, or was lost.
    pub const fn is_of_the_way(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Missing | Self::Unknown | Self::Unreachable(_))
    }

    /// Whether the connection can be used again.
    pub(super) const fn leaves_connection(&self) -> bool {
        self.is_refusal() || matches!(self, Self::Busy)
    }

    /// Whether the database itself said no, so that what was asked was not done.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Violation(_) | Self::Value(_) | Self::Denied(_) | Self::Other(_) | Self::TooLarge
        )
    }
}

/// No connection could be made.
pub(super) fn of_way(error: sqlx::Error) -> EngineError {
    EngineError::Unreachable(Box::new(error))
}

/// No connection came to be.
pub(super) fn of_connect(error: sqlx::Error) -> EngineError {
    match error {
        sqlx::Error::PoolTimedOut => EngineError::Busy,
        error => of_way(error),
    }
}

/// A statement on PostgreSQL failed that had `limit` to run.
pub(super) fn of_postgres(error: sqlx::Error, limit: Duration) -> EngineError {
    let kind = match &error {
        sqlx::Error::Database(inner) => {
            inner.try_downcast_ref::<PgDatabaseError>().map_or(Kind::Other, postgres_kind)
        }
        sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } => Kind::Other,
        _ => Kind::Lost,
    };
    kind.with(Box::new(error), limit)
}

/// A statement on SQLite failed that had `limit` to run.
pub(super) fn of_sqlite(error: rusqlite::Error, limit: Duration) -> EngineError {
    let kind = match &error {
        rusqlite::Error::SqliteFailure(inner, message) => {
            sqlite_kind(*inner, message.as_deref().unwrap_or_default())
        }
        _ => Kind::Other,
    };
    kind.with(Box::new(error), limit)
}

enum Kind {
    Busy,
    Denied,
    Lost,
    Other,
    TimedOut,
    Value,
    Violation(Violation),
}

impl Kind {
    fn with(self, error: Cause, limit: Duration) -> EngineError {
        match self {
            Self::Busy => EngineError::Busy,
            Self::Denied => EngineError::Denied(error),
            Self::Lost => EngineError::Lost(error),
            Self::TimedOut => EngineError::TimedOut(limit),
            Self::Value => EngineError::Value(error),
            Self::Other => EngineError::Other(error),
            Self::Violation(violation) => EngineError::Violation(violation),
        }
    }
}

/// SQLSTATE codes (PostgreSQL's documentation, appendix A).
fn postgres_kind(error: &PgDatabaseError) -> Kind {
    let violation = |kind| {
        Kind::Violation(Violation {
            kind,
            constraint: error.constraint().map(str::to_owned),
            table: error.table().map(str::to_owned),
            columns: match error.column() {
                Some(column) => vec![column.to_owned()],
                None => error.detail().map(named_by_postgres).unwrap_or_default(),
            },
        })
    };
    match error.code() {
        "23505" => violation(ViolationKind::Unique),
        "23503" | "23001" => violation(ViolationKind::ForeignKey),
        "23502" => violation(ViolationKind::NotNull),
        "23514" | "23P01" | "23000" => violation(ViolationKind::Check),
        "57014" => Kind::TimedOut,
        "55P03" | "40001" | "40P01" => Kind::Busy,
        "25006" | "42501" => Kind::Denied,
        code if code.starts_with("22") => Kind::Value,
        code if code.starts_with("57P") || code.starts_with("08") => Kind::Lost,
        _ => Kind::Other,
    }
}

/// PostgreSQL says what was violated in a detail, `Key (slug, day)=(first, 1) already exists.`, in
/// the server's language; its brackets are the same in all of them.
fn named_by_postgres(detail: &str) -> Vec<String> {
    let head = detail.split_once(")=(").map_or("", |(head, _)| head);
    let names = head.split_once('(').map_or("", |(_, names)| names);
    let name = |name: &str| match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => name.to_owned(),
    };
    names.split(", ").filter(|name| !name.is_empty()).map(name).collect()
}

/// Result codes of SQLite (`rescode.html`).
fn sqlite_kind(error: ffi::Error, message: &str) -> Kind {
    let violation = |kind| Kind::Violation(named_by_sqlite(kind, message));
    match error.extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => return violation(ViolationKind::Unique),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => return violation(ViolationKind::ForeignKey),
        ffi::SQLITE_CONSTRAINT_NOTNULL => return violation(ViolationKind::NotNull),
        // RESTRICT is a trigger inside of SQLite.
        ffi::SQLITE_CONSTRAINT_TRIGGER if message.starts_with("FOREIGN KEY") => {
            return violation(ViolationKind::ForeignKey);
        }
        // A column of a strict table.
        ffi::SQLITE_CONSTRAINT_DATATYPE => return Kind::Value,
        _ => {}
    }
    // Of a sum (`lang_aggfunc.html`).
    if error.extended_code == ffi::SQLITE_ERROR && message == "integer overflow" {
        return Kind::Value;
    }
    match error.extended_code & 0xFF {
        // Checks, and what triggers refuse (RAISE).
        ffi::SQLITE_CONSTRAINT => violation(ViolationKind::Check),
        ffi::SQLITE_BUSY | ffi::SQLITE_LOCKED => Kind::Busy,
        ffi::SQLITE_READONLY | ffi::SQLITE_AUTH | ffi::SQLITE_PERM => Kind::Denied,
        ffi::SQLITE_INTERRUPT => Kind::TimedOut,
        ffi::SQLITE_TOOBIG | ffi::SQLITE_MISMATCH => Kind::Value,
        // The file is damaged, gone or none, or its disk is full.
        ffi::SQLITE_IOERR
        | ffi::SQLITE_CORRUPT
        | ffi::SQLITE_FULL
        | ffi::SQLITE_CANTOPEN
        | ffi::SQLITE_NOTADB => Kind::Lost,
        _ => Kind::Other,
    }
}

/// SQLite says what was violated in words: `UNIQUE constraint failed: article.slug, article.day`,
/// `CHECK constraint failed: name_or_expression`.
fn named_by_sqlite(kind: ViolationKind, message: &str) -> Violation {
    let named = message.split_once("constraint failed: ").map_or("", |(_, named)| named);
    let mut violation = Violation { kind, constraint: None, table: None, columns: Vec::new() };
    match kind {
        ViolationKind::Check => {
            violation.constraint = (!named.is_empty()).then(|| named.to_owned());
        }
        ViolationKind::ForeignKey => {}
        ViolationKind::NotNull | ViolationKind::Unique => {
            for column in named.split(", ") {
                if let Some((table, column)) = column.split_once('.') {
                    violation.table = Some(table.to_owned());
                    violation.columns.push(column.to_owned());
                }
            }
        }
    }
    violation
}
