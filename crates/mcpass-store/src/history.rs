//! Histories of databases that keep none themselves.

use async_trait::async_trait;
use mcpass_domain::{EventId, ServerName, Timestamp};

use crate::StoreError;

/// Where the changes are kept that were made in other databases.
#[async_trait]
pub trait HistoryStore: Send + Sync + std::fmt::Debug {
    /// Writes the changes that are about to be made, all or none of them.
    async fn history_intend(
        &self,
        server: &ServerName,
        intent: EventId,
        rows: &[HistoryRow],
    ) -> Result<(), StoreError>;

    /// Writes what became of them. Does nothing if there are none of this intent.
    async fn history_settle(
        &self,
        server: &ServerName,
        intent: EventId,
        outcome: &str,
    ) -> Result<(), StoreError>;

    /// Changes of one object, the newest first, without those of the outcome `except`: so many
    /// (`span.0`) behind so many others (`span.1`).
    async fn history_read(
        &self,
        server: &ServerName,
        object: HistoryObject<'_>,
        except: &str,
        span: (u32, u32),
    ) -> Result<Vec<HistoryRow>, StoreError>;
}

/// A row in another database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HistoryObject<'a> {
    /// Which database. A server may have had another one before; of changes from before that was
    /// kept, nobody knows, so they are found for any.
    pub database: &'a str,
    /// The table.
    pub table: &'a str,
    /// The row's key.
    pub key: &'a str,
}

/// A change of a row in another database. What its members mean is known to whoever writes them.
#[derive(Clone, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "they are columns")]
pub struct HistoryRow {
    pub database: String,
    pub at: Timestamp,
    pub user: String,
    pub token: String,
    pub token_id: String,
    pub request: String,
    pub kind: String,
    pub via: String,
    pub model: String,
    pub table: String,
    pub object_id: String,
    pub object: String,
    pub before: Option<String>,
    pub after: Option<String>,
    pub outcome: String,
}
