//! Histories of other databases in memory.

use std::collections::BTreeMap;

use mcpass_domain::{EventId, ServerName};

use crate::{HistoryObject, HistoryRow, StoreError, error};

/// Changes by their intent and their place in it.
#[derive(Debug, Default)]
pub(super) struct Histories(BTreeMap<(EventId, usize), (ServerName, HistoryRow)>);

impl Histories {
    pub(super) fn intend(
        &mut self,
        server: &ServerName,
        intent: EventId,
        rows: Vec<HistoryRow>,
    ) -> Result<(), StoreError> {
        if self.0.contains_key(&(intent, 0)) {
            return Err(error::exists("a change", &intent));
        }
        let rows = rows.into_iter().enumerate();
        self.0.extend(rows.map(|(place, row)| ((intent, place), (server.clone(), row))));
        Ok(())
    }

    pub(super) fn settle(&mut self, server: &ServerName, intent: EventId, outcome: &str) {
        for (_, (of, row)) in self.0.range_mut((intent, 0)..=(intent, usize::MAX)) {
            if of == server {
                outcome.clone_into(&mut row.outcome);
            }
        }
    }

    pub(super) fn read(
        &self,
        server: &ServerName,
        object: HistoryObject<'_>,
        except: &str,
        (limit, offset): (u32, u32),
    ) -> Vec<HistoryRow> {
        let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let fits = |(of, row): &&(ServerName, HistoryRow)| {
            of == server
                && (row.database == object.database || row.database.is_empty())
                && row.table == object.table
                && row.object_id == object.key
                && row.outcome != except
        };
        let rows = self.0.values().rev().filter(fits).map(|(_, row)| row.clone());
        rows.skip(size(offset)).take(size(limit)).collect()
    }
}
