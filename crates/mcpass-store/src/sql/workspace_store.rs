//! The [`WorkspaceStore`] of one database.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use async_trait::async_trait;
use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Kind, Place,
};
use mcpass_domain::{EventId, ServerName};

use super::super::failure;
use super::store::{LONG, SHORT, SqlStore, reading, within, writing};
use super::workspace;
use crate::{Page, PageRequest, StoreError, WorkspaceStore, clean};

#[async_trait]
impl WorkspaceStore for SqlStore {
    async fn workspace_commit(
        &self,
        server: &ServerName,
        mut commit: ItemCommit,
    ) -> Result<(), StoreError> {
        clean::items(&mut commit);
        writing!(self, SHORT, |db| workspace::apply(db, server, &commit))
    }

    async fn workspace_find(
        &self,
        server: &ServerName,
        ids: &[ItemId],
    ) -> Result<Vec<Item>, StoreError> {
        reading!(self, SHORT, |db| workspace::find(db, server, ids))
    }

    async fn workspace_list(
        &self,
        server: &ServerName,
        filter: &ItemFilter,
        page: &PageRequest<Place>,
    ) -> Result<Page<Item, Place>, StoreError> {
        reading!(self, LONG, |db| workspace::list(db, server, filter, page))
    }

    async fn workspace_counts(
        &self,
        server: &ServerName,
        within: ItemId,
    ) -> Result<Vec<(Kind, String, u64)>, StoreError> {
        reading!(self, LONG, |db| workspace::counts(db, server, within))
    }

    async fn workspace_events(
        &self,
        server: &ServerName,
        filter: &EventFilter,
        page: &PageRequest<EventId>,
    ) -> Result<Page<Event, EventId>, StoreError> {
        reading!(self, LONG, |db| workspace::events(db, server, filter, page))
    }
}
