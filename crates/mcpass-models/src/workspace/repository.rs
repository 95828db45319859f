//! What a workspace needs of whatever keeps it.

use std::fmt;

use mcpass_domain::EventId;
use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemCommit, ItemFilter, ItemId, Kind, Place,
};

use crate::local::BoxFuture;

/// Keeps the items of one workspace.
pub trait Repository: Send + Sync + fmt::Debug {
    /// Writes all of it or nothing.
    fn commit(&self, commit: ItemCommit) -> BoxFuture<'_, Result<(), Trouble>>;

    /// Those of these items that are there, in any order.
    fn find<'a>(&'a self, ids: &'a [ItemId]) -> BoxFuture<'a, Result<Vec<Item>, Trouble>>;

    /// Up to `limit` items that fit, in the order of their places.
    fn list<'a>(
        &'a self,
        filter: &'a ItemFilter,
        after: Option<Place>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Item>, Trouble>>;

    /// How many items of each kind and status belong to a product, feature or checklist, without
    /// itself.
    fn counts(&self, within: ItemId) -> BoxFuture<'_, Result<Counts, Trouble>>;

    /// Up to `limit` changes that fit, newest first.
    fn events<'a>(
        &'a self,
        filter: &'a EventFilter,
        after: Option<EventId>,
        limit: u32,
    ) -> BoxFuture<'a, Result<Listed<Event>, Trouble>>;
}

/// How many items of each kind and status.
pub type Counts = Vec<(Kind, String, u64)>;

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The items.
    pub items: Vec<T>,
    /// Whether there are more after them.
    pub has_more: bool,
}

/// Why a repository did not do it.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub enum Trouble {
    /// What was to be changed is not as it was read.
    #[error("it was changed or removed by somebody else in the meantime")]
    Changed,
    /// It cannot be read or written now. Of a change it is not known whether it was made.
    #[error("the database is not available")]
    Unavailable,
}
