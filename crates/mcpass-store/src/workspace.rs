//! What the product workspace keeps here.

use async_trait::async_trait;
use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Kind, Place,
};
use mcpass_domain::{EventId, ServerName};

use crate::{Page, PageRequest, StoreError};

/// Where the items of product workspaces are, and the trail of their changes. Each workspace
/// server has its own, and sees no other's.
#[async_trait]
pub trait WorkspaceStore: Send + Sync + std::fmt::Debug {
    /// Writes all of it or nothing. Updates and deletions carry the version they were made from: a
    /// store that holds another one refuses the whole commit with
    /// [`crate::StoreErrorKind::Conflict`].
    async fn workspace_commit(
        &self,
        server: &ServerName,
        commit: ItemCommit,
    ) -> Result<(), StoreError>;

    /// Those of these items that are there, in no promised order.
    async fn workspace_find(
        &self,
        server: &ServerName,
        ids: &[ItemId],
    ) -> Result<Vec<Item>, StoreError>;

    /// Items that fit a filter, in the order of their places.
    async fn workspace_list(
        &self,
        server: &ServerName,
        filter: &ItemFilter,
        page: &PageRequest<Place>,
    ) -> Result<Page<Item, Place>, StoreError>;

    /// How many items of each kind and status belong to a product, feature or checklist, without
    /// itself.
    async fn workspace_counts(
        &self,
        server: &ServerName,
        within: ItemId,
    ) -> Result<Vec<(Kind, String, u64)>, StoreError>;

    /// Changes that fit a filter, newest first.
    async fn workspace_events(
        &self,
        server: &ServerName,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>, StoreError>;
}
