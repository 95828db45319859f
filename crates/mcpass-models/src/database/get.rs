//! `get_`: one row, with what belongs to it.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Followed, Right};
use super::arguments::Arguments;
use super::engine::EngineError;
use super::errors::Failure;
use super::filter::has_key;
use super::json::{Object, array};
use super::model::{FieldKind, RelationKind};
use super::page::{CAPS, Room};
use super::related::Anchor;
use super::rows::Columns;
use super::sql::{Datum, Row, Sql};

#[cfg(test)]
mod tests;

/// The arguments of `get_`.
pub const ARGUMENTS: [&str; 5] =
    ["id", "fields", "include_inlines", "include_related", "text_offset"];

/// Rows of one relation with `include_related`, as in Django Admin MCP.
const RELATED: usize = 10;
/// Rows of one relation with `include_inlines`.
const INLINES: usize = 100;

/// Runs `get_` of a model.
///
/// # Errors
/// When the caller may not view the model, there is no such row in its scope, an argument cannot
/// be used, or the database fails.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let key = arguments.id(granted.model(), database.engine.dialect())?;
    let names = arguments.texts("fields")?;
    let columns = Columns::new(&granted, names.as_deref())?;
    if let Some(offset) = arguments.size("text_offset")? {
        return rest_of_text(database, &columns, &key, offset).await;
    }
    let (include_inlines, include_related) =
        (arguments.flag("include_inlines", false)?, arguments.flag("include_related", false)?);
    let mut columns = columns;
    let relations: Vec<Followed<'_>> = granted.relations().collect();
    let here = granted.model();
    for followed in &relations {
        columns.need(followed.relation.local.iter().filter_map(|at| here.fields.get(*at)));
    }
    let row = one(database, &columns, &key).await?;
    let row = row.ok_or_else(|| Failure::not_found(&here.name))?;
    let mut room = Room::of(granted.caller(), true);
    let caps = std::iter::once(None).chain(CAPS.into_iter().map(Some));
    let fitting = caps.map(|cap| columns.show(&row, cap)).find(|shown| room.has(shown, 0));
    let Some(shown) = fitting else {
        let text = "The row does not fit the token's max_context. Ask for fewer fields with \
                    `fields`.";
        return Err(Failure::new(text));
    };
    room.take(&shown, 0);
    let mut extras = Object::new();
    let mut more = Vec::new();
    for (member, is_wanted) in [("_inlines", include_inlines), ("_related", include_related)] {
        if is_wanted {
            let reader = Reader { database, columns: &columns, row: &row };
            let json = reader.included(member, &relations, &mut room, &mut more).await?;
            extras.raw(member, &json);
        }
    }
    if !more.is_empty() {
        extras.value("_more", &Value::from(more));
    }
    Ok(joined_objects(shown, &extras.finish()))
}

/// The members of two objects in one.
fn joined_objects(mut first: String, second: &str) -> String {
    let (Some(inner), true) = (second.strip_prefix('{'), second.len() > 2) else { return first };
    first.pop();
    if first.len() > 1 {
        first.push(',');
    }
    first.push_str(inner);
    first
}

/// The row of a key, if it exists for the caller.
pub(super) async fn one(
    database: &Database,
    columns: &Columns<'_>,
    key: &[Datum],
) -> Result<Option<Row>, EngineError> {
    let mut sql = Sql::new(database.engine.dialect());
    let alias = sql.alias();
    sql.push("SELECT ");
    columns.write(&mut sql, alias);
    sql.push(" FROM ").rows_of(columns.granted(), alias).push(" WHERE ");
    has_key(&mut sql, columns.granted(), alias, key);
    database.engine.read(sql.finish()).await?.one()
}

/// A part of one long text: what `_shortened` points at.
async fn rest_of_text(
    database: &Database,
    columns: &Columns<'_>,
    key: &[Datum],
    offset: i64,
) -> Result<String, Failure> {
    let granted = columns.granted();
    let fault =
        || Failure::argument("text_offset", "needs `fields` with one text field that may be read");
    let field = columns.only().filter(|field| field.is_open()).ok_or_else(fault)?;
    if !matches!(field.kind, FieldKind::Text { .. }) {
        return Err(fault());
    }
    let mut sql = Sql::new(database.engine.dialect());
    let alias = sql.alias();
    sql.push("SELECT length(").column(alias, &field.column).push("), substr(");
    sql.column(alias, &field.column).push(", CAST(").bind(Datum::Integer(offset.saturating_add(1)));
    sql.push(" AS integer), CAST(").bind(Datum::Integer(PART)).push(" AS integer)) FROM ");
    sql.rows_of(granted, alias).push(" WHERE ");
    has_key(&mut sql, granted, alias, key);
    let row = database.engine.read(sql.finish()).await?.one()?;
    let row = row.ok_or_else(|| Failure::not_found(&granted.model().name))?;
    let length = row.first().and_then(Datum::as_integer).unwrap_or(0);
    let text = row.get(1).and_then(Datum::as_text).unwrap_or_default();
    let room = Room::of(granted.caller(), true);
    let mut take = text.chars().count();
    loop {
        let part: String = text.chars().take(take).collect();
        let end = offset.saturating_add(i64::try_from(take).unwrap_or(0));
        let mut object = Object::new();
        object.text(&field.name, &part).number("characters", length);
        if end < length {
            object.number("next_offset", end);
        }
        let object = object.finish();
        if take <= 1 || room.has(&object, 0) {
            return Ok(object);
        }
        take /= 2;
    }
}

/// Characters of a text that are read at once.
const PART: i64 = 1_000_000;

/// Reads what belongs to a row.
struct Reader<'a> {
    database: &'a Database,
    columns: &'a Columns<'a>,
    row: &'a Row,
}

impl Reader<'_> {
    /// `_inlines` has lists of rows by the names of models, `_related` rows or lists of them by
    /// the names of relations. Each relation costs a statement.
    /// Relations of which not all rows are there are named in `more`.
    async fn included(
        &self,
        member: &str,
        relations: &[Followed<'_>],
        room: &mut Room,
        more: &mut Vec<String>,
    ) -> Result<String, Failure> {
        let is_inlines = member == "_inlines";
        let mut object = Object::new();
        for followed in relations {
            let (name, limit) = match (&followed.relation.kind, is_inlines) {
                (RelationKind::Reverse { .. }, true) => (&followed.there.model().name, INLINES),
                (_, true) => continue,
                (_, false) => (&followed.relation.name, RELATED),
            };
            let columns = Columns::new(&followed.there, None)?;
            let mut rows = self.rows_of(followed, &columns, limit).await?;
            let mut is_cut = rows.len() > limit;
            rows.truncate(limit);
            let mut shown = Vec::new();
            for row in &rows {
                let row = columns.show(row, None);
                if !room.take(&row, 3) {
                    is_cut = true;
                    break;
                }
                shown.push(row);
            }
            if is_cut {
                more.push(followed.relation.name.clone());
            }
            let is_single = matches!(
                followed.relation.kind,
                RelationKind::ForeignKey { .. } | RelationKind::Reverse { is_single: true, .. }
            );
            if is_single && !is_inlines {
                object.raw(name, shown.first().map_or("null", String::as_str));
            } else {
                object.raw(name, &array(&shown));
            }
        }
        Ok(object.finish())
    }

    /// Rows of a relation, one more than `limit` if there are more.
    async fn rows_of(
        &self,
        followed: &Followed<'_>,
        columns: &Columns<'_>,
        limit: usize,
    ) -> Result<Vec<Row>, EngineError> {
        let engine = &self.database.engine;
        let anchor = Anchor::of(self.columns, self.row, followed);
        let mut sql = Sql::new(engine.dialect());
        let alias = sql.alias();
        sql.push("SELECT ");
        columns.write(&mut sql, alias);
        sql.push(" FROM ").rows_of(&followed.there, alias).push(" WHERE 1 = 1");
        anchor.write(&mut sql, alias);
        let mut separator = " ORDER BY ";
        for field in followed.there.model().key_fields() {
            sql.push(separator).column(alias, &field.column);
            separator = ", ";
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1);
        sql.push(" LIMIT ").bind(Datum::Integer(limit));
        engine.read(sql.finish()).await?.all()
    }
}
