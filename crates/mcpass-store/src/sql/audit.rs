//! The audit log.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::{AuditEvent, AuditId};
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::Connection;
use super::dialect::{Db, LOOK};
use crate::{AuditFilter, Page, PageRequest, StoreError};

pub(super) async fn insert(db: &mut Connection, event: &AuditEvent) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_audit_log \
         (id, occurred_at, actor, origin, action, object, before_json, after_json, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(event.id.as_bytes().as_slice())
    .bind(event.at.as_micros())
    .bind(event.actor.as_str())
    .bind(event.origin.as_str())
    .bind(event.action.as_str())
    .bind(event.object.as_str())
    .bind(event.before.as_deref())
    .bind(event.after.as_deref())
    .bind(event.note.as_str())
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "an audit row", &event.id))?;
    Ok(())
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
    let AuditFilter { object, actor, action, since, until } = filter;
    let mut query = QueryBuilder::new(
        "SELECT id, occurred_at, actor, origin, action, object, before_json, after_json, note \
         FROM mcp_audit_log WHERE 1 = 1",
    );
    if let Some(after) = page.after {
        query.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
    if let Some(object) = object {
        query.push(" AND object = ").push_bind(object.clone());
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
