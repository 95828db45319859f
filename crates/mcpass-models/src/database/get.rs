//! `get_`: one row, with what belongs to it.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Followed, Right};
use super::arguments::Arguments;
use super::engine::EngineError;
use super::errors::Failure;
use super::filter::has_key;
use super::json::{Object, array};
use super::model::{Field, FieldKind, RelationKind};
use super::page::{CAPS, Room};
use super::related::Anchor;
use super::rows::Columns;
use super::rows::text::{self, note};
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
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
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

/// A part of one long value: what `_shortened` points at.
async fn rest_of_text(
    database: &Database,
    columns: &Columns<'_>,
    key: &[Datum],
    offset: usize,
) -> Result<String, Failure> {
    let granted = columns.granted();
    let field = columns.only().filter(|field| field.is_open()).ok_or_else(|| {
        Failure::argument("text_offset", "needs `fields` with one field that may be read")
    })?;
    let is_text = matches!(field.kind, FieldKind::Text { .. });
    let row = part(database, columns, key, field, is_text.then_some(offset)).await?;
    let (text, length) = match row.as_slice() {
        [Datum::Integer(length), Datum::Text(text)] if is_text => {
            (text.clone(), usize::try_from(*length).unwrap_or(0))
        }
        // SQLite may have bytes where text is meant: parts of them are no parts of their text.
        [_, Datum::Bytes(_)] if is_text => {
            let row = part(database, columns, key, field, None).await?;
            rest(field, row.get(1), offset)
        }
        row => rest(field, row.get(1), offset),
    };
    let room = Room::of(granted.caller(), true);
    let mut take = text.chars().count();
    loop {
        let part: String = text.chars().take(take).collect();
        let end = offset.saturating_add(take);
        let mut object = Object::new();
        object.text(&field.name, &part);
        if end < length {
            let mut notes = Object::new();
            notes.raw(&field.name, &note(length, end));
            object.raw("_shortened", &notes.finish());
        }
        let object = object.finish();
        if take <= 1 || room.has(&object, 0) {
            return Ok(object);
        }
        take /= 2;
    }
}

/// A field of a row, from this character on or whole, behind its length in characters.
async fn part(
    database: &Database,
    columns: &Columns<'_>,
    key: &[Datum],
    field: &Field,
    offset: Option<usize>,
) -> Result<Row, Failure> {
    let granted = columns.granted();
    let mut sql = Sql::new(database.engine.dialect());
    let alias = sql.alias();
    sql.push("SELECT ");
    if let Some(offset) = offset {
        // Texts may be larger than all that is read at once.
        let [first, most] = [offset.saturating_add(1), PART]
            .map(|number| Datum::Integer(i64::try_from(number).unwrap_or(i64::MAX)));
        sql.push("length(").column(alias, &field.column).push("), substr(");
        sql.column(alias, &field.column).push(", CAST(").bind(first);
        sql.push(" AS integer), CAST(").bind(most).push(" AS integer))");
    } else {
        sql.push("NULL, ").value_of(alias, field);
    }
    sql.push(" FROM ").rows_of(granted, alias).push(" WHERE ");
    has_key(&mut sql, granted, alias, key);
    let row = database.engine.read(sql.finish()).await?.one()?;
    row.ok_or_else(|| Failure::not_found(&granted.model().name))
}

/// The text of a value from a character on, and its whole length.
fn rest(field: &Field, datum: Option<&Datum>, offset: usize) -> (String, usize) {
    let text = text::of(field, datum.unwrap_or(&Datum::Null));
    (text.chars().skip(offset).collect(), text.chars().count())
}

/// Characters of a text that are read at once.
const PART: usize = 1_000_000;

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
