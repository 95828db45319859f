//! Changes of rows.

use serde_json::{Map, Value};

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::history::ChangeKind;
use super::super::model::{Field, FieldKind};
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Set, Sql};
use super::create::{Written, reach};
use super::data::{Data, time_of};
use super::work::{Via, Work};
use super::{expected, image, links, of_written, references, scan};

/// Which row is changed, and what is known of it.
#[derive(Debug)]
pub(in crate::database) struct Target<'t> {
    /// Its key.
    pub(in crate::database) key: Key,
    /// What the caller takes it to be.
    pub(in crate::database) expected: Option<&'t Map<String, Value>>,
    /// Values of fields that it has from what it belongs to.
    pub(in crate::database) within: &'t [(usize, Datum)],
}

/// Changes a row. Only fields that `given` names are written, and the version.
///
/// # Errors
/// When there is no such row for the caller, it is not as expected, `given` cannot be written, or
/// the row would not exist for the caller afterwards.
pub(in crate::database) async fn row<'a>(
    work: &mut Work<'a>,
    writable: &Writable<'a>,
    target: &Target<'_>,
    given: &Map<String, Value>,
    via: Via<'_>,
) -> Result<Written<'a>, Failure> {
    let mut data = Data::read(writable, given, work.reader(target.within))?;
    // What it belongs to is a condition here, and not written.
    data.sets.retain(|(at, _)| !target.within.iter().any(|(preset, _)| preset == at));
    let model = writable.model();
    let mut columns = Columns::new(writable.granted(), None)?;
    columns.need(data.links.iter().map(|links| links.local));
    columns.need(references::needed(model));
    let within = target.within.iter();
    let within: Vec<(&Field, Datum)> =
        within.filter_map(|(at, value)| Some((model.fields.get(*at)?, value.clone()))).collect();
    let keys = std::slice::from_ref(&target.key);
    let before = scan::by_keys(work, &columns, keys, &within).await?.into_iter().next();
    let before = before.ok_or_else(|| Failure::not_found(&model.name))?;
    if let Some(asked) = target.expected {
        expected::check(work, writable, (&columns, &before), asked).await?;
    }
    let names = data.names(model);
    if names.is_empty() {
        return Ok(Written { columns, row: before, names });
    }
    references::check(work, writable, &data, Some((&columns, &before))).await?;
    links::check(work, writable, &data).await?;
    let values = data.values(model).into_iter();
    let mut sets: Vec<(&Field, Set)> =
        values.map(|(field, value)| (field, Set::Value(value))).collect();
    sets.extend(next_version(work, writable));
    if !sets.is_empty() {
        let statement = Sql::update(work.dialect(), writable, sets, keys, None);
        let fault = |error| of_written(writable, &data.fields(model), error);
        let changed = work.execute(statement).await.map_err(fault)?;
        if changed != 1 {
            return Err(Failure::not_found(&model.name));
        }
    }
    links::replace(work, writable, (&columns, &before), &data).await?;
    let row = reach(work, &columns, &target.key).await?;
    let (old, new) = image::changed(&columns, (&before, &row), &names, &[]);
    work.note((&columns, &row), ChangeKind::Changed, via, (Some(old), Some(new)));
    Ok(Written { columns, row, names })
}

/// What becomes of the version with every change.
pub(in crate::database) fn next_version<'a>(
    work: &Work<'_>,
    writable: &Writable<'a>,
) -> Option<(&'a Field, Set)> {
    let field = writable.model().version.and_then(|at| writable.model().fields.get(at))?;
    match field.kind {
        FieldKind::Integer { .. } => Some((field, Set::Next)),
        _ => time_of(field, work.reader(&[])).ok().map(|now| (field, Set::Value(now))),
    }
}
