//! Whether a row is still as the caller knows it, so that no change of others is lost.

use serde_json::{Map, Value, json};

use super::super::access::{Right, Writable};
use super::super::engine::EngineError;
use super::super::errors::Failure;
use super::super::filter::has_key;
use super::super::json::Object;
use super::super::model::Field;
use super::super::page::Room;
use super::super::rows::Columns;
use super::super::sql::{Datum, Row};
use super::super::value::{comparable, exact};
use super::work::Work;
use super::{Faults, image};

/// Characters of a current value that are told, as far as there is room.
const SHOWN: [usize; 3] = [500, 100, 20];

/// Compares a row that is locked with what the call expects of it.
///
/// # Errors
/// When it is otherwise, with its values; or when the caller may not see them, or names no field.
pub(super) async fn check(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    (columns, row): (&Columns<'_>, &Row),
    expected: &Map<String, Value>,
) -> Result<(), Failure> {
    if expected.is_empty() {
        return Ok(());
    }
    writable.granted().also(Right::View)?;
    let members = columns.members(row);
    let current = |name: &str| members.iter().find(|(each, _)| *each == name).map(|(_, json)| json);
    let (mut asked, mut different, mut names) = (Vec::new(), Vec::new(), Vec::new());
    let (mut faults, mut unknown) = (Faults::default(), Vec::new());
    for (given, value) in expected {
        let field = writable.granted().open_field(given);
        if writable.granted().readable_field(given).is_some_and(|field| field.is_redacted) {
            faults.add(given, "Its value is not shown, so nothing can be expected of it.");
            continue;
        }
        let name = field.map_or(given.as_str(), |field| field.name.as_str());
        let Some(json) = current(name) else {
            unknown.push(format!("'{}'", given.chars().take(64).collect::<String>()));
            continue;
        };
        names.push(name);
        match field {
            Some(field) if !value.is_null() && field.kind.is_ordered() => {
                match comparable(field, work.dialect(), value) {
                    Ok(datum) => asked.push((field, datum)),
                    Err(why) => faults.add(name, &why),
                }
            }
            _ if is_same(json, value) => {}
            _ => different.push(name),
        }
    }
    if !unknown.is_empty() {
        let text = format!("Invalid expected — unknown fields: {}", unknown.join(", "));
        return Err(Failure::new(text));
    }
    faults.into_result()?;
    let key = columns.key_values(row);
    different.extend(unequal(work, writable, &key, asked).await?);
    if different.is_empty() {
        return Ok(());
    }
    // What differs comes first, so that it is told if not all is.
    names.sort_by_key(|name| !different.contains(name));
    let mut room = Room::of(writable.granted().caller(), true);
    let mut values = Object::new();
    for name in names {
        let json = current(name).map_or("null", String::as_str);
        let fitting = SHOWN.map(|max| image::shortened(json, max));
        if let Some(json) = fitting.iter().find(|json| room.has(json, 1)) {
            room.take(json, 1);
            values.raw(name, json);
        }
    }
    let values: Value = exact::read_value(&values.finish()).unwrap_or_default();
    let model = &writable.model().name;
    different.truncate(20);
    let text = format!(
        "The {model} is not as expected: {} changed meanwhile. Nothing was changed. Decide again \
         with its current values.",
        different.join(", ")
    );
    Err(Failure::of(json!({"error": text, "code": "conflict", "current": values})))
}

/// Which fields have another value, as the database compares them.
async fn unequal<'f>(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    key: &[Datum],
    asked: Vec<(&'f Field, Datum)>,
) -> Result<Vec<&'f str>, EngineError> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let mut sql = work.sql();
    let alias = sql.alias();
    let fields: Vec<&Field> = asked.iter().map(|(field, _)| *field).collect();
    let mut separator = "SELECT ";
    for (field, value) in asked {
        sql.push(separator).push("CASE WHEN ").column(alias, &field.column).push(" = ");
        sql.bind_for(field, value).push(" THEN 1 ELSE 0 END");
        separator = ", ";
    }
    sql.push(" FROM ").rows_of(writable.granted(), alias).push(" WHERE ");
    has_key(&mut sql, writable.granted(), alias, key);
    let row = work.rows(sql.finish()).await?.pop().unwrap_or_default();
    let is_unequal = |at: usize| row.get(at) != Some(&Datum::Integer(1));
    let unequal = fields.iter().enumerate().filter(|(at, _)| is_unequal(*at));
    Ok(unequal.map(|(_, field)| field.name.as_str()).collect())
}

/// Lists of links are the same in any order.
fn is_same(json: &str, value: &Value) -> bool {
    // As the arguments were read.
    let current = exact::read_value(json).unwrap_or_default();
    match (&current, value) {
        (Value::Array(one), Value::Array(other)) => {
            let sorted = |list: &[Value]| {
                let mut list: Vec<String> = list.iter().map(ToString::to_string).collect();
                list.sort();
                list
            };
            sorted(one) == sorted(other) || exact::is_same(&current, value)
        }
        _ => exact::is_same(&current, value),
    }
}
