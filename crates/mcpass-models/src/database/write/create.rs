//! New rows.

use serde_json::{Map, Value};

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::history::ChangeKind;
use super::super::model::RelationKind;
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Row, Sql};
use super::data::Data;
use super::faults::NO_SUCH_CHOICE;
use super::work::{Via, Work};
use super::{Faults, image, links, of_engine, scan};

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
    references(work, writable, &data).await?;
    links::check(work, writable, &data).await?;
    let model = writable.model();
    let statement = Sql::insert(work.dialect(), writable, data.values(model));
    let rows = work.rows(statement).await.map_err(|error| of_engine(writable, error))?;
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

/// Notes the foreign keys that lead to no row which exists for the caller: in one statement for
/// all of them.
pub(super) async fn references(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    data: &Data<'_>,
) -> Result<(), Failure> {
    let model = writable.model();
    let catalogue = work.access.catalogue();
    let mut sql = work.sql();
    let mut asked = Vec::new();
    let mut faults = Faults::default();
    for relation in &model.relations {
        let RelationKind::ForeignKey { .. } = relation.kind else { continue };
        let Some(other) = catalogue.at(relation.model) else { continue };
        let values: Vec<Option<&Datum>> = relation.local.iter().map(|at| data.value(*at)).collect();
        let Some(first) = relation.local.first().and_then(|at| model.fields.get(*at)) else {
            continue;
        };
        if values.iter().all(Option::is_none) {
            continue;
        }
        let Some(values) = values.into_iter().collect::<Option<Vec<_>>>() else {
            // Part of a key alone would have to be checked together with what the row has.
            if other.scope.is_some() {
                faults.add(&first.name, "Give all fields of this reference together.");
            }
            continue;
        };
        if values.iter().any(|value| value.is_null()) {
            continue;
        }
        sql.push(if asked.is_empty() { "SELECT " } else { ", " });
        let alias = sql.alias();
        sql.push("CASE WHEN EXISTS (SELECT 1 FROM ");
        sql.rows_of(&writable.granted().keys_of(other), alias);
        let mut separator = " WHERE ";
        for (at, value) in relation.remote.iter().zip(values) {
            let Some(field) = other.fields.get(*at) else { continue };
            sql.push(separator).column(alias, &field.column).push(" = ");
            sql.bind_for(field, value.clone());
            separator = " AND ";
        }
        sql.push(") THEN 1 ELSE 0 END");
        asked.push(first);
    }
    if !asked.is_empty() {
        let row = work.rows(sql.finish()).await?.pop().unwrap_or_default();
        for (field, _) in asked.iter().zip(&row).filter(|(_, is)| is.as_integer() != Some(1)) {
            faults.add(&field.name, NO_SUCH_CHOICE);
        }
    }
    faults.into_result()
}
