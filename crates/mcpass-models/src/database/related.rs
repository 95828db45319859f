//! `related_`: the rows to which a relation of one row leads.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Followed, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::get::one;
use super::json::Object;
use super::list::{Page, Span};
use super::model::{Field, LinkTable, RelationKind};
use super::order::Ordering;
use super::page::{CAPS, Room};
use super::rows::Columns;
use super::sql::{Alias, Datum, Row, Sql};

#[cfg(test)]
mod tests;

/// The arguments of `related_`.
pub const ARGUMENTS: [&str; 7] =
    ["id", "relation", "limit", "offset", "cursor", "order_by", "fields"];

/// Runs `related_` of a model.
///
/// # Errors
/// When the caller may not view the model or the related one, there is no such row or relation,
/// an argument cannot be used, or the database fails.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let key = arguments.id(granted.model(), database.engine.dialect())?;
    let name = arguments.required_text("relation")?;
    let followed = granted.relation(name).ok_or_else(|| {
        let name: String = name.chars().take(64).collect();
        Failure::new(format!("Relation '{name}' not found on model"))
    })?;
    let mut here = Columns::new(&granted, Some(&[]))?;
    let fields = &granted.model().fields;
    here.need(followed.relation.local.iter().filter_map(|at| fields.get(*at)));
    let row = one(database, &here, &key).await?;
    let row = row.ok_or_else(|| Failure::not_found(model))?;
    let anchor = Anchor::of(&here, &row, &followed);
    let names = arguments.texts("fields")?;
    let columns = Columns::new(&followed.there, names.as_deref())?;
    let is_single = match &followed.relation.kind {
        RelationKind::ForeignKey { .. } => true,
        RelationKind::Reverse { is_single, .. } => *is_single,
        RelationKind::ManyToMany(_) => false,
    };
    let mut head = Object::new();
    head.text("relation", &followed.relation.name);
    if is_single {
        return single(database, &columns, &anchor, head).await;
    }
    head.text("type", "many");
    let order = arguments.texts("order_by")?;
    let order = Ordering::new(&followed.there, order.as_deref())?;
    let span = Span::read(&arguments, database, &followed.there)?;
    let columns = columns.with_order(&order);
    let page = Page { database, columns, order, span, has_total: true };
    let condition = |sql: &mut Sql, alias: Alias| {
        anchor.write(sql, alias);
        Ok(())
    };
    page.run(condition, head, false).await
}

async fn single(
    database: &Database,
    columns: &Columns<'_>,
    anchor: &Anchor<'_>,
    mut head: Object,
) -> Result<String, Failure> {
    head.text("type", "single");
    let mut sql = Sql::new(database.engine.dialect());
    let alias = sql.alias();
    sql.push("SELECT ");
    columns.write(&mut sql, alias);
    sql.push(" FROM ").rows_of(columns.granted(), alias).push(" WHERE 1 = 1");
    anchor.write(&mut sql, alias);
    sql.push(" LIMIT 1");
    let row = database.engine.read(sql.finish()).await?.one()?;
    let Some(row) = row else {
        head.raw("result", "null");
        return Ok(head.finish());
    };
    let room = Room::of(columns.granted().caller(), false);
    let caps = std::iter::once(None).chain(CAPS.into_iter().map(Some));
    let fitting = caps.map(|cap| columns.show(&row, cap)).find(|shown| room.has(shown, 1));
    let Some(shown) = fitting else {
        let text = "The row does not fit the token's max_context. Ask for fewer fields with \
                    `fields`.";
        return Err(Failure::new(text));
    };
    head.raw("result", &shown);
    Ok(head.finish())
}

/// One row, from which a relation is followed.
#[derive(Debug)]
pub struct Anchor<'a> {
    followed: Followed<'a>,
    /// Fields here and there, and the value here.
    pairs: Vec<(&'a Field, &'a Field, Datum)>,
}

impl<'a> Anchor<'a> {
    /// A relation from this row. `columns` has its fields.
    pub fn of(columns: &Columns<'a>, row: &Row, followed: &Followed<'a>) -> Self {
        let (here, there) = (columns.granted().model(), followed.there.model());
        let relation = followed.relation;
        let pairs = relation.local.iter().zip(&relation.remote);
        let pairs = pairs.filter_map(|(local, remote)| {
            let (local, remote) = (here.fields.get(*local)?, there.fields.get(*remote)?);
            Some((local, remote, columns.value(row, local).clone()))
        });
        Self { followed: *followed, pairs: pairs.collect() }
    }

    /// Writes the condition that rows there belong to the row here, each part after ` AND `.
    /// Nothing belongs to null.
    pub fn write(&self, sql: &mut Sql, alias: Alias) {
        if self.pairs.is_empty() {
            sql.push(" AND 1 = 0");
        }
        for (local, remote, value) in &self.pairs {
            sql.push(" AND ").column(alias, &remote.column);
            match &self.followed.relation.kind {
                RelationKind::ManyToMany(link) => linked(sql, link, local, value.clone()),
                _ => {
                    sql.push(" = ").bind_for(remote, value.clone());
                }
            }
        }
    }
}

fn linked(sql: &mut Sql, link: &LinkTable, local: &Field, value: Datum) {
    let between = sql.alias();
    sql.push(" IN (SELECT ").column(between, &link.remote).push(" FROM ").table(&link.table);
    sql.push(" AS ").named(between).push(" WHERE ").column(between, &link.local).push(" = ");
    sql.bind_for(local, value).push(")");
}
