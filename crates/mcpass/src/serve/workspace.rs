//! The product workspace in mcpass's own database.

use std::sync::Arc;

use mcpass_domain::workspace::{Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Place};
use mcpass_domain::{EventId, ServerName};
use mcpass_models::BoxFuture;
use mcpass_models::workspace::{Counts, Listed, Repository, Trouble};
use mcpass_store::{Page, PageRequest, StoreError, StoreErrorKind, WorkspaceStore};

/// The items of one workspace server, in the store.
#[derive(Debug)]
pub(super) struct Rows {
    server: ServerName,
    store: Arc<dyn WorkspaceStore>,
}

impl Rows {
    /// Those of the server of this name.
    pub(super) fn new(server: ServerName, store: Arc<dyn WorkspaceStore>) -> Self {
        Self { server, store }
    }
}

impl Repository for Rows {
    fn commit(&self, commit: ItemCommit) -> BoxFuture<'_, Result<(), Trouble>> {
        Box::pin(async move {
            let done = self.store.workspace_commit(&self.server, commit).await;
            done.map_err(|error| trouble(&error))
        })
    }

    fn find<'a>(&'a self, ids: &'a [ItemId]) -> BoxFuture<'a, Result<Vec<Item>, Trouble>> {
        Box::pin(async move {
            let found = self.store.workspace_find(&self.server, ids).await;
            found.map_err(|error| trouble(&error))
        })
    }

    fn list<'a>(
        &'a self,
        filter: &'a ItemFilter,
        after: Option<Place>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Item>, Trouble>> {
        Box::pin(async move {
            let page = PageRequest { after, limit };
            listed(self.store.workspace_list(&self.server, filter, &page).await)
        })
    }

    fn counts(&self, within: ItemId) -> BoxFuture<'_, Result<Counts, Trouble>> {
        Box::pin(async move {
            let counts = self.store.workspace_counts(&self.server, within).await;
            counts.map_err(|error| trouble(&error))
        })
    }

    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        after: Option<EventId>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Event>, Trouble>> {
        Box::pin(async move {
            let page = PageRequest { after, limit };
            listed(self.store.workspace_events(&self.server, filter, &page).await)
        })
    }
}

fn listed<T, C>(page: Result<Page<T, C>, StoreError>) -> Result<Listed<T>, Trouble> {
    let page = page.map_err(|error| trouble(&error))?;
    Ok(Listed { has_more: page.next.is_some(), items: page.items })
}

/// What a caller may know of it; the operator reads the rest here.
fn trouble(error: &StoreError) -> Trouble {
    match error.kind {
        StoreErrorKind::Conflict | StoreErrorKind::Missing => Trouble::Changed,
        StoreErrorKind::Damaged | StoreErrorKind::Exists | StoreErrorKind::Unavailable => {
            let source = std::error::Error::source(error).map(ToString::to_string);
            tracing::error!(%error, source, "the workspace cannot be read or written");
            Trouble::Unavailable
        }
    }
}
