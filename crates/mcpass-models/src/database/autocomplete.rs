//! `autocomplete_`: keys of rows by what they are called.

use serde_json::{Map, Value};

use super::Database;
use super::access::{Access, Granted, Right};
use super::arguments::Arguments;
use super::errors::Failure;
use super::filter;
use super::json::{Object, array};
use super::model::Field;
use super::page::Room;
use super::rows::Columns;
use super::sql::{Alias, Datum, Row, Sql};
use super::value;

#[cfg(test)]
mod tests;

/// The arguments of `autocomplete_`.
pub const ARGUMENTS: [&str; 2] = ["term", "limit"];

/// Rows, unless the call says otherwise.
const LIMIT: i64 = 10;
/// Characters of what a row is called at most.
const MAX_TEXT: usize = 200;

/// Runs `autocomplete_` of a model.
///
/// # Errors
/// When the caller may not view the model, an argument cannot be used, or the database fails.
pub async fn run(
    database: &Database,
    access: &Access<'_>,
    model: &str,
    given: &Map<String, Value>,
) -> Result<String, Failure> {
    let granted = access.model(model, Right::View)?;
    let arguments = Arguments::new(given, &ARGUMENTS)?;
    let term = arguments.text("term")?.unwrap_or_default();
    let limit = arguments.size("limit")?.unwrap_or(LIMIT);
    let limit = limit.min(database.settings.max_rows.into());
    let label = label(&granted);
    let mut columns = Columns::new(&granted, Some(&[]))?;
    columns.need(label.into_iter());
    let mut sql = Sql::new(database.engine.dialect());
    let alias = sql.alias();
    sql.push("SELECT ");
    columns.write(&mut sql, alias);
    sql.push(" FROM ").rows_of(&granted, alias).push(" WHERE 1 = 1");
    filter::search(&mut sql, &granted, alias, term)?;
    write_order(&mut sql, &granted, alias, label);
    sql.push(" LIMIT ").bind(Datum::Integer(limit));
    let rows = database.engine.read(sql.finish()).await?.all()?;
    let mut room = Room::of(granted.caller(), false);
    let mut results = Vec::with_capacity(rows.len());
    for row in &rows {
        let mut result = Object::new();
        result.raw("id", &columns.key(row)).text("text", &text(&columns, label, row));
        let result = result.finish();
        if !room.take(&result, 2) {
            break;
        }
        results.push(result);
    }
    let mut answer = Object::new();
    answer.text("model", model).text("term", term);
    answer.number("count", i128::try_from(results.len()).unwrap_or(0));
    answer.raw("results", &array(&results));
    Ok(answer.finish())
}

/// Rows come in the order of the model's lists, or else of what they are called.
fn write_order(sql: &mut Sql, granted: &Granted<'_>, alias: Alias, label: Option<&Field>) {
    let model = granted.model();
    let order = model.order.iter().filter_map(|order| {
        let field = model.fields.get(order.field).filter(|field| field.is_open())?;
        Some((field, order.is_descending))
    });
    let mut order: Vec<(&Field, bool)> = order.collect();
    if order.is_empty() {
        order.extend(label.map(|field| (field, false)));
    }
    order.extend(model.key_fields().map(|field| (field, false)));
    let mut separator = " ORDER BY ";
    for (field, is_descending) in order {
        sql.push(separator).column(alias, &field.column);
        sql.push(if is_descending { " DESC" } else { "" });
        separator = ", ";
    }
}

/// The field whose value stands for a row, if the caller may know it.
pub(super) fn label<'a>(granted: &Granted<'a>) -> Option<&'a Field> {
    let model = granted.model();
    model.label.and_then(|at| model.fields.get(at)).filter(|field| field.is_open())
}

/// What a row is called: its label's value, or as Django does, its model and key.
pub(super) fn text(columns: &Columns<'_>, label: Option<&Field>, row: &Row) -> String {
    let called = label.map(|field| value::to_json(field, columns.value(row, field)));
    let called = match called {
        Some(Value::String(text)) if !text.is_empty() => text,
        Some(Value::Null | Value::String(_)) | None => {
            format!("{} object ({})", columns.granted().model().name, columns.key(row))
        }
        Some(other) => other.to_string(),
    };
    match called.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", called.get(..end).unwrap_or_default()),
        None => called,
    }
}
