//! The access log in memory.

use std::collections::BTreeMap;

use mcpass_domain::{AccessRow, FamilyId, Outcome, RequestId, RowState, Timestamp, TokenId};

use super::matching;
use crate::{AccessBatch, AccessFilter, AccessHours, Page, PageRequest, Position, SpentCalls};

#[derive(Debug, Default)]
pub(super) struct AccessLog {
    pub(super) positions: BTreeMap<String, Position>,
    rows: BTreeMap<RequestId, Logged>,
    /// Rows whose outcome is known, in the order in which it became known.
    settled: BTreeMap<i64, RequestId>,
    last_settled: i64,
}

#[derive(Debug)]
struct Logged {
    row: AccessRow,
    settled: Option<i64>,
}

impl AccessLog {
    pub(super) fn load(&mut self, batch: AccessBatch) {
        for row in batch.rows {
            let id = row.admission.id;
            if self.rows.contains_key(&id) {
                continue;
            }
            let is_settled = row.state != RowState::Pending;
            self.rows.insert(id, Logged { row, settled: None });
            if is_settled {
                self.settled_now(id);
            }
        }
        for outcome in batch.outcomes {
            self.finish(outcome);
        }
        self.positions.extend(batch.positions);
    }

    fn finish(&mut self, outcome: Outcome) {
        let Some(logged) = self.rows.get_mut(&outcome.id) else { return };
        if logged.row.state != RowState::Done {
            logged.row.state = RowState::Done;
            logged.row.outcome = Some(outcome);
            self.settled_now(outcome.id);
        }
    }

    /// Puts the row at the end of the order that followers read.
    fn settled_now(&mut self, id: RequestId) {
        let Some(logged) = self.rows.get_mut(&id) else { return };
        self.last_settled += 1;
        if let Some(earlier) = logged.settled.replace(self.last_settled) {
            self.settled.remove(&earlier);
        }
        self.settled.insert(self.last_settled, id);
    }

    pub(super) fn find(&self, id: RequestId) -> Option<AccessRow> {
        self.rows.get(&id).map(|logged| logged.row.clone())
    }

    pub(super) fn list(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<RequestId>,
    ) -> Page<AccessRow, RequestId> {
        let beyond = |id: &RequestId| {
            let oldest_first = filter.oldest_first;
            page.after.is_none_or(|after| if oldest_first { *id > after } else { *id < after })
        };
        let rows: &mut dyn Iterator<Item = (&RequestId, &Logged)> =
            if filter.oldest_first { &mut self.rows.iter() } else { &mut self.rows.iter().rev() };
        let effort = filter.effort.map_or(usize::MAX, |effort| effort as usize);
        // Where others are not told of, their rows are none that are looked at.
        let is_others = |logged: &Logged| {
            filter.is_confined && filter.user.as_deref() != Some(&*logged.row.admission.user)
        };
        let mut looked_at = rows.filter(|(id, logged)| beyond(id) && !is_others(logged));
        let mut last = None;
        let seen = looked_at.by_ref().take(effort.max(1)).inspect(|(id, _)| last = Some(**id));
        let fitting = seen
            .filter(|(_, logged)| matching::access(&logged.row, filter))
            .map(|(_, logged)| logged.row.clone());
        let found = fitting.take(page.fetch()).collect();
        let page = Page::cut(found, page, |row| row.admission.id);
        let next = page.next.or(last.filter(|_| looked_at.next().is_some()));
        Page { next, ..page }
    }

    pub(super) fn tail(
        &self,
        filter: &AccessFilter,
        page: &PageRequest<i64>,
    ) -> (Vec<AccessRow>, i64) {
        let Some(after) = page.after else { return (Vec::new(), self.last_settled) };
        let mut rows = Vec::new();
        let effort = filter.effort.map_or(i64::MAX, |effort| i64::from(effort.max(1)));
        let last = after.saturating_add(effort).min(self.last_settled);
        for (place, id) in
            self.settled.range(after.saturating_add(1)..=last.max(after.saturating_add(1)))
        {
            let Some(logged) = self.rows.get(id) else { continue };
            if matching::access(&logged.row, filter) {
                rows.push(logged.row.clone());
                if rows.len() == page.items() {
                    return (rows, *place);
                }
            }
        }
        (rows, last)
    }

    pub(super) fn requests(&self, tokens: &[TokenId], since: Timestamp) -> BTreeMap<TokenId, u64> {
        let mut counts = BTreeMap::new();
        for admission in self.rows.values().map(|logged| &logged.row.admission) {
            let token = admission.token.filter(|token| tokens.contains(token));
            if let Some(token) = token.filter(|_| admission.at >= since) {
                *counts.entry(token).or_default() += 1;
            }
        }
        counts
    }

    pub(super) fn hours(&self, tokens: &[TokenId], since: Timestamp, most: u32) -> AccessHours {
        let mut found = AccessHours { is_whole: true, ..AccessHours::default() };
        for token in tokens {
            let rows = self.rows.values().rev().map(|logged| &logged.row);
            let rows = rows.filter(|row| row.admission.token == Some(*token));
            let mut counted = 0;
            for row in rows.filter(|row| row.admission.at >= since).take(most as usize) {
                counted += 1;
                let start = row.admission.at.as_micros().div_euclid(HOUR) * HOUR;
                let hour = found.hours.entry(Timestamp::from_micros(start)).or_default();
                if !row.admission.is_allowed() {
                    hour.refused += 1;
                } else if row.outcome.is_some_and(|outcome| outcome.is_error) {
                    hour.errors += 1;
                } else {
                    hour.answered += 1;
                }
            }
            found.is_whole &= counted < most;
        }
        found
    }

    pub(super) fn spent(&self, since: Timestamp) -> Vec<SpentCalls> {
        let mut spent: BTreeMap<(FamilyId, i64), u32> = BTreeMap::new();
        for admission in self.rows.values().map(|logged| &logged.row.admission) {
            let counts = admission.is_allowed() && admission.cost > 0 && admission.at >= since;
            if let Some(family) = admission.family.filter(|_| counts) {
                let cost = spent.entry((family, admission.at.as_micros() / SECOND)).or_default();
                *cost = cost.saturating_add(admission.cost);
            }
        }
        let calls = |((family, second), cost)| {
            let at = Timestamp::from_micros((second + 1) * SECOND);
            SpentCalls { family, at, cost }
        };
        spent.into_iter().map(calls).collect()
    }

    pub(super) fn settle(&mut self, before: Timestamp) -> u64 {
        let pending: Vec<RequestId> = self
            .rows
            .values_mut()
            .map(|logged| &mut logged.row)
            .filter(|row| row.state == RowState::Pending && row.admission.at < before)
            .map(|row| {
                row.state = RowState::Unknown;
                row.admission.id
            })
            .collect();
        for id in &pending {
            self.settled_now(*id);
        }
        pending.len() as u64
    }

    pub(super) fn delete_before(&mut self, before: Timestamp) -> u64 {
        let held = self.rows.len();
        self.rows.retain(|_, logged| logged.row.admission.at >= before);
        self.settled.retain(|_, id| self.rows.contains_key(id));
        (held - self.rows.len()) as u64
    }
}

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;
/// And of an hour.
const HOUR: i64 = 3_600 * SECOND;
