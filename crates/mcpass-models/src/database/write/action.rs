//! Named actions: a vetted change of the rows that a call names.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::history::ChangeKind;
use super::super::model::{Action, ActionValue, Field};
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Row, Set, Sql};
use super::super::value::accept;
use super::data::{Data, stated};
use super::update::next_version;
use super::work::Work;
use super::{Faults, image, of_written, references, scan};

/// What an action did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::database) struct Done {
    /// Rows that exist for the caller.
    pub(in crate::database) found: usize,
    /// Rows that were changed: those that the action may touch.
    pub(in crate::database) changed: usize,
}

/// How many of the rows exist for the caller.
///
/// # Errors
/// When the database cannot be read.
pub(in crate::database) async fn count(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    keys: &[Key],
) -> Result<usize, Failure> {
    let nothing: &[&str] = &[];
    let columns = Columns::new(writable.granted(), Some(nothing))?;
    Ok(scan::by_keys(work, &columns, keys, &[]).await?.len())
}

/// Does an action with rows. Its parameters are all there.
///
/// # Errors
/// When there is no such row, a parameter does not fit, or a row would not exist for the caller
/// afterwards.
pub(in crate::database) async fn rows(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    action: &Action,
    parameters: &Map<String, Value>,
    keys: &[Key],
) -> Result<Done, Failure> {
    let model = writable.model();
    let sets = sets(work, writable, action, parameters)?;
    let data = Data { sets: sets.clone(), links: Vec::new() };
    references::check(work, writable, &data, None).await?;
    let columns = Columns::new(writable.granted(), None)?.clipped();
    let found = scan::by_keys(work, &columns, keys, &[]).await?;
    if found.is_empty() {
        return Err(Failure::new("No objects found with the provided IDs"));
    }
    let before = touchable(work, writable, &columns, action, &found).await?;
    let touched: Vec<Key> = before.iter().map(|row| columns.key_values(row)).collect();
    let version = next_version(work, writable);
    for some in touched.chunks(scan::AT_ONCE) {
        let fields = sets.iter().filter_map(|(at, value)| Some((model.fields.get(*at)?, value)));
        let mut values: Vec<(&Field, Set)> =
            fields.map(|(field, value)| (field, Set::Value(value.clone()))).collect();
        let is_set = |name: &str| values.iter().any(|(field, _)| field.name == name);
        if let Some((field, next)) = version.clone().filter(|(field, _)| !is_set(&field.name)) {
            values.push((field, next));
        }
        let statement = Sql::update(work.dialect(), writable, values, some, None);
        let fault = |error| of_written(writable, &data.fields(model), error);
        work.execute(statement).await.map_err(fault)?;
    }
    let after = scan::by_keys(work, &columns, &touched, &[]).await?;
    if after.len() != before.len() {
        return Err(Failure::out_of_scope(&model.name));
    }
    let via = format!("action:{}", action.name);
    let fields = || sets.iter().filter_map(|(at, _)| model.fields.get(*at));
    let written: Vec<&str> = fields().filter(|f| f.is_open()).map(|f| &*f.name).collect();
    let closed: Vec<&str> = fields().filter(|f| !f.is_open()).map(|f| &*f.name).collect();
    let mut old: HashMap<String, &Row> = before.iter().map(|row| (columns.key(row), row)).collect();
    for row in &after {
        let Some(before) = old.remove(&columns.key(row)) else { continue };
        let (before, now) = image::changed(&columns, (before, row), &written, &closed);
        work.note((&columns, row), ChangeKind::Changed, &via, (Some(before), Some(now)));
    }
    Ok(Done { found: found.len(), changed: before.len() })
}

/// What is written into which field.
fn sets(
    work: &Work<'_>,
    writable: &Writable<'_>,
    action: &Action,
    parameters: &Map<String, Value>,
) -> Result<Vec<(usize, Datum)>, Failure> {
    let reader = work.reader(&[]);
    let mut faults = Faults::default();
    let mut sets = Vec::with_capacity(action.set.len());
    for (at, value) in &action.set {
        let Some(field) = writable.model().fields.get(*at) else { continue };
        let (name, datum) = match value {
            ActionValue::Parameter(name) => {
                let given = parameters.get(name).unwrap_or(&Value::Null);
                (name.as_str(), accept(field, work.dialect(), given))
            }
            value => (field.name.as_str(), stated(value, field, reader)),
        };
        match datum {
            Ok(datum) => sets.push((*at, datum)),
            Err(why) => faults.add(name, &why),
        }
    }
    faults.into_result().map(|()| sets)
}

/// The rows that the action may touch.
async fn touchable(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    columns: &Columns<'_>,
    action: &Action,
    found: &[Row],
) -> Result<Vec<Row>, Failure> {
    let Some(only) = &action.only else { return Ok(found.to_vec()) };
    let key: Vec<&Field> = writable.model().key_fields().collect();
    let keys: Vec<Key> = found.iter().map(|row| columns.key_values(row)).collect();
    let mut touched = Vec::new();
    for some in keys.chunks(scan::AT_ONCE) {
        let mut sql = work.sql();
        let alias = sql.alias();
        let mut separator = "SELECT ";
        for field in &key {
            sql.push(separator).value_of(alias, field);
            separator = ", ";
        }
        sql.push(" FROM ").rows_of(writable.granted(), alias);
        sql.push(" WHERE ").has_values(&key, some).push(" AND ");
        sql.scope(only, writable.granted().caller());
        touched.extend(work.rows(sql.finish()).await?);
    }
    let is_touched = |row: &&Row| touched.contains(&columns.key_values(row));
    Ok(found.iter().filter(is_touched).cloned().collect())
}
