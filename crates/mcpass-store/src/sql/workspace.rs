//! The product workspace.

#![expect(clippy::duplicate_mod, reason = "one body of SQL, compiled for each database")]

use mcpass_domain::workspace::{
    Event, EventFilter, Item, ItemChange, ItemCommit, ItemFilter, ItemId, Kind, Place,
};
use mcpass_domain::{EventId, ServerName};
use sqlx::QueryBuilder;

use super::super::{codec, failure};
use super::cells::Cells;
use super::change::{Connection, count, versioned};
use super::dialect::{Db, FIND};
use crate::{Page, PageRequest, StoreError};

const HELD: &str = "SELECT version FROM mcp_workspace_items WHERE id = $1";
const SELECT: &str = "SELECT kind, id, product_id, feature_id, parent_id, position, status, title, \
                      body, created_at, created_by, updated_at, updated_by, version \
                      FROM mcp_workspace_items WHERE server = ";
const SELECT_EVENTS: &str = "SELECT id, occurred_at, user_name, token_name, action, item_kind, \
                             item_id, product_id, feature_id, title, before_json, after_json \
                             FROM mcp_workspace_events WHERE server = ";

pub(super) async fn apply(
    db: &mut Connection,
    server: &ServerName,
    commit: &ItemCommit,
) -> Result<(), StoreError> {
    // Writers stand in one line, as those of the ledger do.
    count(db, "workspace", 1).await?;
    for change in &commit.changes {
        match change {
            ItemChange::Delete(id, version) => delete(db, server, id, *version).await?,
            ItemChange::Insert(item) => insert(db, server, item).await?,
            ItemChange::Update(item) => update(db, server, item).await?,
        }
    }
    for event in &commit.events {
        insert_event(db, server, event).await?;
    }
    Ok(())
}

async fn insert(db: &mut Connection, server: &ServerName, item: &Item) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_workspace_items (id, server, kind, product_id, feature_id, parent_id, \
         position, status, title, search, body, created_at, created_by, updated_at, updated_by, \
         version) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
    )
    .bind(item.id.as_bytes().as_slice())
    .bind(server.as_str())
    .bind(item.id.kind().as_str())
    .bind(item.product.as_bytes().as_slice())
    .bind(bytes(item.feature.as_ref()))
    .bind(bytes(item.parent.as_ref()))
    .bind(item.position)
    .bind(item.status.as_str())
    .bind(item.title.as_str())
    .bind(item.title.to_lowercase())
    .bind(item.body.as_str())
    .bind(item.created_at.as_micros())
    .bind(item.created_by.as_str())
    .bind(item.updated_at.as_micros())
    .bind(item.updated_by.as_str())
    .bind(item.version)
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "an item", &item.id))?;
    Ok(())
}

/// Everything but id, product, parent and creation.
async fn update(db: &mut Connection, server: &ServerName, item: &Item) -> Result<(), StoreError> {
    let id = item.id.as_bytes().as_slice();
    let query = sqlx::query(
        "UPDATE mcp_workspace_items SET feature_id = $4, position = $5, status = $6, title = $7, \
         search = $8, body = $9, updated_at = $10, updated_by = $11, version = version + 1 \
         WHERE id = $1 AND version = $2 AND server = $3",
    )
    .bind(id)
    .bind(item.version)
    .bind(server.as_str())
    .bind(bytes(item.feature.as_ref()))
    .bind(item.position)
    .bind(item.status.as_str())
    .bind(item.title.as_str())
    .bind(item.title.to_lowercase())
    .bind(item.body.as_str())
    .bind(item.updated_at.as_micros())
    .bind(item.updated_by.as_str());
    versioned(db, query, (HELD, id), ("item", &item.id)).await
}

async fn delete(
    db: &mut Connection,
    server: &ServerName,
    id: &ItemId,
    version: i64,
) -> Result<(), StoreError> {
    let bytes = id.as_bytes().as_slice();
    let delete = "DELETE FROM mcp_workspace_items WHERE id = $1 AND version = $2 AND server = $3";
    let query = sqlx::query(delete).bind(bytes).bind(version).bind(server.as_str());
    versioned(db, query, (HELD, bytes), ("item", id)).await
}

async fn insert_event(
    db: &mut Connection,
    server: &ServerName,
    event: &Event,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO mcp_workspace_events (id, server, occurred_at, user_name, token_name, \
         action, item_kind, item_id, product_id, feature_id, title, before_json, after_json) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(event.id.as_bytes().as_slice())
    .bind(server.as_str())
    .bind(event.at.as_micros())
    .bind(event.user.as_str())
    .bind(event.token.as_str())
    .bind(event.action.as_str())
    .bind(event.item.kind().as_str())
    .bind(event.item.as_bytes().as_slice())
    .bind(event.product.as_bytes().as_slice())
    .bind(bytes(event.feature.as_ref()))
    .bind(event.title.as_str())
    .bind(event.before.as_deref())
    .bind(event.after.as_deref())
    .execute(db)
    .await
    .map_err(|error| failure::of_write(error, "an event", &event.id))?;
    Ok(())
}

pub(super) async fn find(
    db: &mut Connection,
    server: &ServerName,
    ids: &[ItemId],
) -> Result<Vec<Item>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<Db>::new(SELECT);
    query.push_bind(server.as_str().to_owned()).push(" AND id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind(id.as_bytes().to_vec());
    }
    query.push(")");
    let mut found = items(db, query, "find items").await?;
    // Who asks for a feature does not want the test case of that number.
    found.retain(|item| ids.contains(&item.id));
    Ok(found)
}

pub(super) async fn list(
    db: &mut Connection,
    server: &ServerName,
    filter: &ItemFilter,
    page: &PageRequest<Place>,
) -> Result<Page<Item, Place>, StoreError> {
    let ItemFilter { kind, product, feature, parent, statuses, text } = filter;
    let mut query = QueryBuilder::<Db>::new(SELECT);
    query.push_bind(server.as_str().to_owned());
    query.push(" AND kind = ").push_bind(kind.as_str());
    for (column, id) in [("product_id", product), ("feature_id", feature), ("parent_id", parent)] {
        if let Some(id) = id {
            query.push(format!(" AND {column} = ")).push_bind(id.as_bytes().to_vec());
        }
    }
    if !statuses.is_empty() {
        query.push(" AND status IN (");
        let mut list = query.separated(", ");
        for status in statuses {
            list.push_bind(status.clone());
        }
        query.push(")");
    }
    if let Some(text) = text {
        query.push(format!(" AND {FIND}(search, ")).push_bind(text.to_lowercase()).push(") > 0");
    }
    if let Some(Place { position, id }) = page.after {
        query.push(" AND (position > ").push_bind(position);
        query.push(" OR (position = ").push_bind(position);
        query.push(" AND id > ").push_bind(id.as_bytes().to_vec()).push("))");
    }
    let limit = codec::to_column(page.fetch() as u64);
    query.push(" ORDER BY position, id LIMIT ").push_bind(limit);
    Ok(Page::cut(items(db, query, "list items").await?, page, Item::place))
}

pub(super) async fn counts(
    db: &mut Connection,
    server: &ServerName,
    within: ItemId,
) -> Result<Vec<(Kind, String, u64)>, StoreError> {
    let column = match within.kind() {
        Kind::Product => "product_id",
        Kind::Feature => "feature_id",
        _ => "parent_id",
    };
    let mut query =
        QueryBuilder::<Db>::new("SELECT kind, status, COUNT(*) FROM mcp_workspace_items WHERE ");
    query.push(format!("{column} = ")).push_bind(within.as_bytes().to_vec());
    query.push(" AND server = ").push_bind(server.as_str().to_owned());
    query.push(" AND id <> ").push_bind(within.as_bytes().to_vec());
    query.push(" GROUP BY kind, status ORDER BY kind, status");
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "count items"))?;
    let count = |row| {
        let mut cells = Cells::new(row, "item");
        Ok((kind(cells.take()?)?, cells.take()?, cells.number()?))
    };
    rows.iter().map(count).collect()
}

pub(super) async fn events(
    db: &mut Connection,
    server: &ServerName,
    filter: &EventFilter,
    page: &PageRequest<EventId>,
) -> Result<Page<Event, EventId>, StoreError> {
    let mut query = select_events(server, filter, page);
    let rows = query.build().fetch_all(db).await;
    let rows = rows.map_err(|error| failure::of(error, "list events"))?;
    let event = |row| {
        let mut cells = Cells::new(row, "event");
        Ok(Event {
            id: EventId::from_bytes(cells.bytes()?),
            at: cells.moment()?,
            user: cells.take()?,
            token: cells.take()?,
            action: cells.take()?,
            item: ItemId::from_bytes(kind(cells.take()?)?, cells.bytes()?),
            product: ItemId::from_bytes(Kind::Product, cells.bytes()?),
            feature: cells.bytes_or_null()?.map(|id| ItemId::from_bytes(Kind::Feature, id)),
            title: cells.take()?,
            before: cells.take()?,
            after: cells.take()?,
        })
    };
    let events = rows.iter().map(event).collect::<Result<Vec<_>, StoreError>>()?;
    Ok(Page::cut(events, page, |event| event.id))
}

fn select_events(
    server: &ServerName,
    filter: &EventFilter,
    page: &PageRequest<EventId>,
) -> QueryBuilder<Db> {
    let EventFilter { kinds, item, product, feature, user, since } = filter;
    let mut query = QueryBuilder::<Db>::new(SELECT_EVENTS);
    query.push_bind(server.as_str().to_owned());
    if !kinds.is_empty() {
        query.push(" AND item_kind IN (");
        let mut list = query.separated(", ");
        for kind in kinds {
            list.push_bind(kind.as_str());
        }
        query.push(")");
    }
    for (column, id) in [("item_id", item), ("product_id", product), ("feature_id", feature)] {
        if let Some(id) = id {
            query.push(format!(" AND {column} = ")).push_bind(id.as_bytes().to_vec());
        }
    }
    if let Some(item) = item {
        query.push(" AND item_kind = ").push_bind(item.kind().as_str());
    }
    if let Some(user) = user {
        query.push(" AND user_name = ").push_bind(user.clone());
    }
    if let Some(since) = since {
        query.push(" AND id >= ").push_bind(codec::least_id(*since).to_vec());
        query.push(" AND occurred_at >= ").push_bind(since.as_micros());
    }
    if let Some(after) = page.after {
        query.push(" AND id < ").push_bind(after.as_bytes().to_vec());
    }
    query.push(" ORDER BY id DESC LIMIT ").push_bind(codec::to_column(page.fetch() as u64));
    query
}

async fn items(
    db: &mut Connection,
    mut query: QueryBuilder<Db>,
    doing: &str,
) -> Result<Vec<Item>, StoreError> {
    let rows = query.build().fetch_all(db).await.map_err(|error| failure::of(error, doing))?;
    let item = |row| {
        let mut cells = Cells::new(row, "item");
        Ok(Item {
            id: ItemId::from_bytes(kind(cells.take()?)?, cells.bytes()?),
            product: ItemId::from_bytes(Kind::Product, cells.bytes()?),
            feature: cells.bytes_or_null()?.map(|id| ItemId::from_bytes(Kind::Feature, id)),
            parent: cells.bytes_or_null()?.map(|id| ItemId::from_bytes(Kind::Checklist, id)),
            position: cells.take()?,
            status: cells.take()?,
            title: cells.take()?,
            body: cells.take()?,
            created_at: cells.moment()?,
            created_by: cells.take()?,
            updated_at: cells.moment()?,
            updated_by: cells.take()?,
            version: cells.take()?,
        })
    };
    rows.iter().map(item).collect()
}

fn kind(word: &str) -> Result<Kind, StoreError> {
    Kind::parse(word)
        .ok_or_else(|| failure::damaged("item", format_args!("`{word}` is no kind of item")))
}

fn bytes(id: Option<&ItemId>) -> Option<&[u8]> {
    id.map(|id| id.as_bytes().as_slice())
}
