//! The audit log.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use std::sync::LazyLock;

use mcpass_domain::{AuditEvent, AuditId};
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::bulk::Bulk;
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{Db, LOOK};
use crate::{AuditFilter, Page, PageRequest, StoreError};

static INSERT: LazyLock<Bulk> = LazyLock::new(|| {
    Bulk::new(
        "INSERT INTO mcp_audit_log \
         (id, occurred_at, actor, origin, action, object, before_json, after_json, note) VALUES",
        9,
        "",
    )
});

pub(super) async fn insert(db: &mut Connection, events: &[AuditEvent]) -> Result<(), StoreError> {
    let inserted = INSERT
        .run(db, events, |values, event| {
            values
                .add(event.id.as_bytes().as_slice())
                .add(event.at.as_micros())
                .add(event.actor.as_str())
                .add(event.origin.as_str())
                .add(event.action.as_str())
                .add(event.object.as_str())
                .add(event.before.as_deref())
                .add(event.after.as_deref())
                .add(event.note.as_str());
        })
        .await;
    inserted.map_err(|error| match events {
        [event] => failure::of_write(error, "an audit row", &event.id),
        events => {
            failure::of_write(error, "an audit row", &format_args!("one of {}", events.len()))
        }
    })
}

pub(super) async fn list(
    db: &mut Connection,
    filter: &AuditFilter,
    page: &PageRequest<AuditId>,
) -> Result<Page<AuditEvent, AuditId>, StoreError> {
    let mut query = select(filter, page);
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "list audit rows"))?;
    let event = |row| {
        let mut cells = Cells::new(row, "audit row");
        Ok(AuditEvent {
            id: AuditId::from_bytes(cells.bytes()?),
            at: cells.moment()?,
            actor: cells.take()?,
            origin: cells.take()?,
            action: cells.take()?,
            object: cells.take()?,
            before: cells.take()?,
            after: cells.take()?,
            note: cells.take()?,
        })
    };
    let events = rows.iter().map(event).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Page::cut(events, page, |event| event.id))
}

fn select(filter: &AuditFilter, page: &PageRequest<AuditId>) -> QueryBuilder<Db> {
    let AuditFilter { objects, actor, action, since, until } = filter;
    let mut query = QueryBuilder::new(
        "SELECT id, occurred_at, actor, origin, action, object, before_json, after_json, note \
         FROM mcp_audit_log WHERE 1 = 1",
    );
    if let Some(after) = page.after {
        query.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
    match objects.as_slice() {
        [] => {}
        // In the order of its index.
        [object] => {
            query.push(" AND object = ").push_bind(object.clone());
        }
        objects => {
            query.push(" AND object IN (");
            let mut list = query.separated(", ");
            for object in objects {
                list.push_bind(object.clone());
            }
            query.push(")");
        }
    }
    if let Some(actor) = actor {
        query.push(" AND actor = ").push_bind(actor.clone());
    }
    match action.as_ref().map(|action| (action, action.strip_suffix('.'))) {
        None => {}
        Some((action, None)) => {
            query.push(" AND action = ").push_bind(action.clone());
        }
        // Not along the index, which has them in another order.
        // The slash comes right after the dot, so this is everything that begins with `action.`
        // (and `LIKE` would look at the case on one database and not on the other).
        Some((action, Some(stem))) => {
            query.push(format_args!(" AND {LOOK}action >= ")).push_bind(action.clone());
            query.push(format_args!(" AND {LOOK}action < ")).push_bind(format!("{stem}/"));
        }
    }
    if let Some(since) = since {
        query.push(" AND id >= ").push_bind(codec::least_id(*since).to_vec());
        query.push(" AND occurred_at >= ").push_bind(since.as_micros());
    }
    if let Some(until) = until {
        query.push(" AND id <= ").push_bind(codec::greatest_id(*until).to_vec());
        query.push(" AND occurred_at < ").push_bind(until.as_micros());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(codec::to_column(page.fetch() as u64));
    query
}
