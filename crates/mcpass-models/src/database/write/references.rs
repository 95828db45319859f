//! Foreign keys: they lead to rows that exist for the caller.

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::model::{Field, Model, Relation, RelationKind};
use super::super::rows::Columns;
use super::super::sql::{Datum, Row, Sql};
use super::Faults;
use super::data::Data;
use super::faults::NO_SUCH_CHOICE;
use super::work::Work;

/// Notes the foreign keys that lead to no row which exists for the caller: in one statement for
/// all of them. `current` is the row that is changed, for keys of several fields of which one
/// alone is written.
///
/// # Errors
/// When there are any.
pub(super) async fn check(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    data: &Data<'_>,
    current: Option<(&Columns<'_>, &Row)>,
) -> Result<(), Failure> {
    let catalogue = work.access.catalogue();
    let mut sql = work.sql();
    let mut asked = Vec::new();
    let mut faults = Faults::default();
    for relation in &writable.model().relations {
        let RelationKind::ForeignKey { .. } = relation.kind else { continue };
        let Some(other) = catalogue.at(relation.model) else { continue };
        let first = relation.local.first().and_then(|at| writable.model().fields.get(*at));
        let is_written = relation.local.iter().any(|at| data.value(*at).is_some());
        let (Some(first), true) = (first, is_written) else { continue };
        let Some(values) = values(writable, relation, data, current) else {
            // What the row gets from the database cannot be told before.
            if other.scope.is_some() {
                faults.add(&first.name, "Give all fields of this reference together.");
            }
            continue;
        };
        if values.iter().any(Datum::is_null) {
            continue;
        }
        sql.push(if asked.is_empty() { "SELECT " } else { ", " });
        exists(&mut sql, writable, (relation, other), values);
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

/// The fields that a changed row's references need besides those that are written.
pub(super) fn needed(model: &Model) -> impl Iterator<Item = &Field> {
    let keys = model.relations.iter().filter(|relation| {
        matches!(relation.kind, RelationKind::ForeignKey { .. }) && relation.local.len() > 1
    });
    keys.flat_map(|relation| &relation.local).filter_map(|at| model.fields.get(*at))
}

/// The values of a reference as it will be, if they are known.
fn values(
    writable: &Writable<'_>,
    relation: &Relation,
    data: &Data<'_>,
    current: Option<(&Columns<'_>, &Row)>,
) -> Option<Vec<Datum>> {
    let value = |at: &usize| match (data.value(*at), current) {
        (Some(value), _) => Some(value.clone()),
        (None, Some((columns, row))) => {
            let field = writable.model().fields.get(*at).filter(|field| !field.is_redacted)?;
            Some(columns.value(row, field).clone())
        }
        (None, None) => None,
    };
    relation.local.iter().map(value).collect()
}

/// Writes whether a row with these values exists for the caller: 1 or 0.
fn exists(
    sql: &mut Sql,
    writable: &Writable<'_>,
    (relation, other): (&Relation, &Model),
    values: Vec<Datum>,
) {
    let alias = sql.alias();
    sql.push("CASE WHEN EXISTS (SELECT 1 FROM ");
    // The right to write a row is enough to name what it refers to.
    sql.rows_of(&writable.granted().keys_of(other), alias);
    let mut separator = " WHERE ";
    for (at, value) in relation.remote.iter().zip(values) {
        let Some(field) = other.fields.get(*at) else { continue };
        sql.push(separator).column(alias, &field.column).push(" = ").bind_for(field, value);
        separator = " AND ";
    }
    sql.push(") THEN 1 ELSE 0 END");
}
