//! What becomes of changes afterwards: who made which, when, and what was there before.
//!
//! Where the settings say `with_history`, they are kept in a table of the database itself, in the
//! transaction of the change. Otherwise a [`HistoryKeeper`] keeps them elsewhere, in two steps,
//! since two databases share no transaction: what is about to be made to last, and what became of
//! it.

use std::fmt;

use mcpass_domain::Timestamp;

use crate::local::BoxFuture;

pub(super) mod table;
#[cfg(test)]
mod tests;
mod tool;

pub use tool::{ARGUMENTS, run};

/// A change of one row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// The user that the token is accountable to.
    pub user: String,
    /// The token's name.
    pub token: String,
    /// The token's id, `tok_…`.
    pub token_id: String,
    /// The id of the request that it was made by.
    pub request: String,
    /// What was done.
    pub kind: ChangeKind,
    /// How: `create`, `update`, `delete`, `bulk`, `inline`, `cascade`, or `action:NAME`.
    pub via: String,
    /// The model's name at that time.
    pub model: String,
    /// The table, as `schema.name` or `name`: what stays if a model gets another name.
    pub table: String,
    /// The row's key as JSON: a value, or an object of several.
    pub object_id: String,
    /// What the row was called.
    pub object: String,
    /// The values before, as a JSON object of at most [`MAX_IMAGE`] bytes. Hidden fields are not in
    /// it, values of redacted ones stand as `***REDACTED***`. None for what was created.
    pub before: Option<String>,
    /// The values afterwards. None for what was deleted.
    pub after: Option<String>,
}

/// Bytes of the JSON of a row's values before or afterwards, at most.
pub const MAX_IMAGE: usize = 8 * 1024;

/// What was done to a row.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ChangeKind {
    /// It came to be.
    Created,
    /// It was changed.
    Changed,
    /// It is gone.
    Deleted,
}

impl ChangeKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Created, Self::Changed, Self::Deleted];

    /// `created`, `changed` or `deleted`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Deleted => "deleted",
        }
    }

    /// The kind of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What became of changes that were to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// They were made.
    Done,
    /// They were not.
    Undone,
    /// Nobody knows: the connection was lost while they were made to last.
    Unknown,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Done, Self::Undone, Self::Unknown];

    /// `done`, `undone` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Undone => "undone",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }
}

/// What names the changes of one call to their keeper.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Intent(pub String);

/// The history cannot be written or read. Why is for the operator alone.
#[derive(Debug, thiserror::Error)]
#[error("the history cannot be kept: {0}")]
pub struct Unkept(pub String);

/// Changes of one object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HistoryQuery<'a> {
    /// Which database, as [`Engine::identity`](super::engine::Engine::identity).
    pub database: &'a str,
    /// The table, as [`Change::table`].
    pub table: &'a str,
    /// The row's key, as [`Change::object_id`].
    pub object_id: &'a str,
    /// So many at most.
    pub limit: u32,
    /// Leaving out so many of the newest.
    pub offset: u32,
}

/// A change that was kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The change.
    pub change: Change,
    /// What became of it. [`Outcome::Unknown`] if that was never said, as after a crash between
    /// the two steps.
    pub outcome: Outcome,
}

/// Keeps changes of one database server outside of its database. A server may have had another
/// database before, whose changes are none of this one. The binary implements it on
/// mcpass's own.
pub trait HistoryKeeper: Send + Sync + fmt::Debug {
    /// Keeps changes that are about to be made to last in `database`
    /// ([`Engine::identity`](super::engine::Engine::identity)): those of one call, all or none of
    /// them. When this returns, they are on record. If it fails, nothing is changed.
    fn intend<'a>(
        &'a self,
        database: &'a str,
        changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Intent, Unkept>>;

    /// Keeps what became of them.
    fn settle<'a>(
        &'a self,
        intent: &'a Intent,
        outcome: Outcome,
    ) -> BoxFuture<'a, Result<(), Unkept>>;

    /// The changes of an object, the newest first, those of [`Outcome::Undone`] left out.
    fn read<'a>(&'a self, query: HistoryQuery<'a>) -> BoxFuture<'a, Result<Vec<Kept>, Unkept>>;
}

/// Keeps nothing, so that nothing can be changed: for servers that only read.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeeper;

impl HistoryKeeper for NoKeeper {
    fn intend<'a>(
        &'a self,
        _database: &'a str,
        _changes: &'a [Change],
    ) -> BoxFuture<'a, Result<Intent, Unkept>> {
        Box::pin(async { Err(Unkept("there is no keeper".to_owned())) })
    }

    fn settle<'a>(
        &'a self,
        _intent: &'a Intent,
        _outcome: Outcome,
    ) -> BoxFuture<'a, Result<(), Unkept>> {
        Box::pin(async { Ok(()) })
    }

    fn read<'a>(&'a self, _query: HistoryQuery<'a>) -> BoxFuture<'a, Result<Vec<Kept>, Unkept>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}
