//! One error for all stores.

use std::fmt::Display;

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind of failure, for those who act on it.
    pub kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Kinds of failures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum StoreErrorKind {
    /// Somebody else changed the thing in the meantime.
    Conflict,
    /// What is stored cannot be read back: another version wrote it, or it is damaged.
    Damaged,
    /// A name, id or digest is taken.
    Exists,
    /// What was to be changed is not there.
    Missing,
    /// The database cannot be reached, or cannot write. It may come back.
    Unavailable,
}

impl StoreError {
    /// A failure of this kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with what caused it.
    pub fn with_source(
        kind: StoreErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self { kind, message: message.into(), source: Some(source.into()) }
    }
}

// One wording for what every store can say.

pub(crate) fn conflict(what: &str, id: &dyn Display) -> StoreError {
    let message = format!("the {what} {id} was changed by somebody else; read it again and retry");
    StoreError::new(StoreErrorKind::Conflict, message)
}

pub(crate) fn exists(what: &str, id: &dyn Display) -> StoreError {
    StoreError::new(StoreErrorKind::Exists, format!("{what} like {id} is there already"))
}

pub(crate) fn missing(what: &str, id: &dyn Display) -> StoreError {
    StoreError::new(StoreErrorKind::Missing, format!("there is no {what} {id}"))
}

pub(crate) fn reference() -> StoreError {
    StoreError::new(
        StoreErrorKind::Missing,
        "a user or group that it names is not there (any more)",
    )
}
