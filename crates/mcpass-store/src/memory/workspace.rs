//! The product workspace in memory.

use std::collections::BTreeMap;

use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemChange, ItemCommit, ItemFilter, ItemId, Kind,
};
use mcpass_domain::{EventId, ServerName};

use super::ledger::check_version;
use crate::{StoreError, error};

/// Items and events, each with the server they belong to.
#[derive(Debug, Default)]
pub(super) struct Workspaces {
    items: BTreeMap<ItemId, (ServerName, Item)>,
    events: BTreeMap<EventId, (ServerName, Event)>,
}

impl Workspaces {
    pub(super) fn commit(
        &mut self,
        server: &ServerName,
        commit: ItemCommit,
    ) -> Result<(), StoreError> {
        // What each step replaced, oldest first.
        let mut undo = Vec::new();
        let done = self.apply(server, commit.changes, &mut undo);
        let done = done.and_then(|()| self.record(server, commit.events));
        if done.is_err() {
            for (id, before) in undo.into_iter().rev() {
                match before {
                    Some(before) => self.items.insert(id, before),
                    None => self.items.remove(&id),
                };
            }
        }
        done
    }

    fn apply(
        &mut self,
        server: &ServerName,
        changes: Vec<ItemChange>,
        undo: &mut Vec<(ItemId, Option<(ServerName, Item)>)>,
    ) -> Result<(), StoreError> {
        for change in changes {
            let (id, after) = match change {
                ItemChange::Delete(id, version) => {
                    self.held(server, id, version)?;
                    (id, None)
                }
                ItemChange::Insert(item) => {
                    if self.items.contains_key(&item.id) {
                        return Err(error::exists("an item", &item.id));
                    }
                    (item.id, Some(item))
                }
                ItemChange::Update(item) => {
                    let held = self.held(server, item.id, item.version)?;
                    let after = Item {
                        product: held.product,
                        parent: held.parent,
                        created_at: held.created_at,
                        created_by: held.created_by.clone(),
                        version: item.version + 1,
                        ..item
                    };
                    (after.id, Some(after))
                }
            };
            let before = match after {
                Some(item) => self.items.insert(id, (server.clone(), item)),
                None => self.items.remove(&id),
            };
            undo.push((id, before));
        }
        Ok(())
    }

    /// All of them or none.
    fn record(&mut self, server: &ServerName, events: Vec<Event>) -> Result<(), StoreError> {
        let mut added = BTreeMap::new();
        for event in events {
            let id = event.id;
            if self.events.contains_key(&id) || added.insert(id, (server.clone(), event)).is_some()
            {
                return Err(error::exists("an event", &id));
            }
        }
        self.events.extend(added);
        Ok(())
    }

    fn held(&self, server: &ServerName, id: ItemId, version: i64) -> Result<&Item, StoreError> {
        let held = self.items.get(&id).filter(|(of, _)| of == server).map(|(_, item)| item);
        check_version("item", &id, held.map(|held| held.version), version)?;
        held.ok_or_else(|| error::missing("item", &id))
    }

    fn of<'a>(&'a self, server: &'a ServerName) -> impl Iterator<Item = &'a Item> {
        self.items.values().filter(move |(of, _)| of == server).map(|(_, item)| item)
    }

    pub(super) fn find(&self, server: &ServerName, ids: &[ItemId]) -> Vec<Item> {
        self.of(server).filter(|item| ids.contains(&item.id)).cloned().collect()
    }

    /// Those that fit, in their order.
    pub(super) fn fitting(&self, server: &ServerName, filter: &ItemFilter) -> Vec<Item> {
        let mut items: Vec<_> =
            self.of(server).filter(|item| fits(item, filter)).cloned().collect();
        items.sort_by_key(Item::place);
        items
    }

    pub(super) fn counts(&self, server: &ServerName, within: ItemId) -> Vec<(Kind, String, u64)> {
        let mut counts: BTreeMap<(&str, String), (Kind, u64)> = BTreeMap::new();
        for item in self.of(server).filter(|item| item.id != within && is_within(item, within)) {
            let kind = item.id.kind();
            let count = counts.entry((kind.as_str(), item.status.clone())).or_insert((kind, 0));
            count.1 += 1;
        }
        counts.into_iter().map(|((_, status), (kind, count))| (kind, status, count)).collect()
    }

    /// Those that fit, newest first.
    pub(super) fn events<'a>(
        &'a self,
        server: &'a ServerName,
        filter: &'a EventFilter,
    ) -> impl Iterator<Item = &'a Event> {
        let of = self.events.values().rev().filter(move |(of, _)| of == server);
        of.map(|(_, event)| event).filter(move |event| tells(event, filter))
    }
}

fn is_within(item: &Item, within: ItemId) -> bool {
    match within.kind() {
        Kind::Product => item.product == within,
        Kind::Feature => item.feature == Some(within),
        _ => item.parent == Some(within),
    }
}

fn fits(item: &Item, filter: &ItemFilter) -> bool {
    let ItemFilter { kind, product, feature, parent, statuses, text } = filter;
    item.id.kind() == *kind
        && product.is_none_or(|product| item.product == product)
        && feature.is_none_or(|feature| item.feature == Some(feature))
        && parent.is_none_or(|parent| item.parent == Some(parent))
        && (statuses.is_empty() || statuses.contains(&item.status))
        && text.as_ref().is_none_or(|text| item.title.to_lowercase().contains(&text.to_lowercase()))
}

fn tells(event: &Event, filter: &EventFilter) -> bool {
    let EventFilter { kinds, item, product, feature, user, since } = filter;
    (kinds.is_empty() || kinds.contains(&event.item.kind()))
        && item.is_none_or(|item| event.item == item)
        && product.is_none_or(|product| event.product == product)
        && feature.is_none_or(|feature| event.feature == Some(feature))
        && user.as_ref().is_none_or(|user| event.user == *user)
        && since.is_none_or(|since| event.at >= since)
}
