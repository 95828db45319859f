//! New rows.

use serde_json::{Map, Value};

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::history::ChangeKind;
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Row, Sql};
use super::data::Data;
use super::work::{Via, Work};
use super::{image, links, of_written, references, scan};

/// A row that was written.
#[derive(Debug)]
pub(in crate::database) struct Written<'a> {
    pub(super) columns: Columns<'a>,
    pub(super) row: Row,
    /// The names that the call gave.
    pub(super) names: Vec<&'a str>,
}

impl Written<'_> {
    /// The row's key as JSON.
    pub(in crate::database) fn key_json(&self) -> String {
        self.columns.key(&self.row)
    }
}

/// Creates a row. `preset` are values of fields that it gets from what it belongs to.
///
/// # Errors
/// When `given` cannot be written, or the row would not exist for the caller afterwards.
pub(in crate::database) async fn row<'a>(
    work: &mut Work<'a>,
    writable: &Writable<'a>,
    given: &Map<String, Value>,
    via: Via<'_>,
    preset: &[(usize, Datum)],
) -> Result<Written<'a>, Failure> {
    let data = Data::read(writable, given, work.reader(preset))?;
    references::check(work, writable, &data, None).await?;
    links::check(work, writable, &data).await?;
    let model = writable.model();
    let statement = Sql::insert(work.dialect(), writable, data.values(model));
    let fault = |error| of_written(writable, &data.fields(model), error);
    let rows = work.rows(statement).await.map_err(fault)?;
    let key = rows.into_iter().next().unwrap_or_default();
    let mut columns = Columns::new(writable.granted(), None)?;
    columns.need(data.links.iter().map(|links| links.local));
    let mut row = reach(work, &columns, &key).await?;
    if !data.links.is_empty() {
        links::replace(work, writable, (&columns, &row), &data).await?;
        row = reach(work, &columns, &key).await?;
    }
    let after = image::whole(&columns, &row);
    work.note((&columns, &row), ChangeKind::Created, via, (None, Some(after)));
    Ok(Written { columns, row, names: data.names(model) })
}

/// The row of a key after it was written.
///
/// # Errors
/// When it does not exist for the caller any more, so that it must not stay written.
pub(super) async fn reach(
    work: &mut Work<'_>,
    columns: &Columns<'_>,
    key: &Key,
) -> Result<Row, Failure> {
    let rows = scan::by_keys(work, columns, std::slice::from_ref(key), &[]).await?;
    let row = rows.into_iter().next();
    row.ok_or_else(|| Failure::out_of_scope(&columns.granted().model().name))
}
