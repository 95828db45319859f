//! Deletions, with what goes along.
//!
//! What becomes of rows that refer to a deleted one is said by the database (`ON DELETE`) or, in
//! its place, by the settings (`on_delete`). Rows that go along are found and deleted here, one
//! model after the other, and not by the database unseen: each needs the right to delete it, has to
//! exist for the caller, and is in the history.

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::history::ChangeKind;
use super::super::model::{Field, RelationKind};
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Row, Sql};
use super::faults::of_deletion;
use super::update::Target;
use super::work::{Via, Work};
use super::{expected, image, scan};

mod plan;

use plan::{Batch, Plan};

/// Deletes a row, and gives its key as JSON.
///
/// # Errors
/// When there is no such row for the caller, it is not as expected, others refer to it that stay,
/// or the caller may not delete what goes along.
pub(in crate::database) async fn one<'a>(
    work: &mut Work<'a>,
    writable: &Writable<'a>,
    target: &Target<'_>,
    via: Via<'_>,
) -> Result<String, Failure> {
    let model = writable.model();
    let columns = columns_of(writable)?;
    let within = target.within.iter();
    let within: Vec<(&Field, Datum)> =
        within.filter_map(|(at, value)| Some((model.fields.get(*at)?, value.clone()))).collect();
    let keys = std::slice::from_ref(&target.key);
    let row = scan::by_keys(work, &columns, keys, &within).await?.into_iter().next();
    let row = row.ok_or_else(|| Failure::not_found(&model.name))?;
    if let Some(asked) = target.expected {
        expected::check(work, writable, (&columns, &row), asked).await?;
    }
    let key = columns.key(&row);
    rows(work, Batch { writable: *writable, columns, rows: vec![row] }, via).await?;
    Ok(key)
}

/// Deletes the rows of these keys that exist for the caller, and tells how many they were.
///
/// # Errors
/// As [`one`]; that there are none is no error.
pub(in crate::database) async fn many<'a>(
    work: &mut Work<'a>,
    writable: &Writable<'a>,
    keys: &[Key],
    via: Via<'_>,
) -> Result<usize, Failure> {
    let columns = columns_of(writable)?.clipped();
    let found = scan::by_keys(work, &columns, keys, &[]).await?;
    let count = found.len();
    if count > 0 {
        rows(work, Batch { writable: *writable, columns, rows: found }, via).await?;
    }
    Ok(count)
}

async fn rows<'a>(work: &mut Work<'a>, root: Batch<'a>, via: Via<'_>) -> Result<(), Failure> {
    let writable = root.writable;
    let plan = Plan::of(work, root).await?;
    let dialect = work.dialect();
    let refused = |error| of_deletion(&writable, error);
    for (at, batch) in plan.batches.iter().enumerate() {
        for row in &batch.rows {
            // Of tables that are not exposed, that a row is gone is all that is told.
            let is_told = batch.writable.model().is_exposed;
            let before = is_told.then(|| image::whole(&batch.columns, row));
            let via = if at == 0 { via } else { "cascade" };
            work.note((&batch.columns, row), ChangeKind::Deleted, via, (before, None));
        }
    }
    for (child, fields, values) in &plan.forgotten {
        for some in values.chunks(scan::AT_ONCE) {
            let statement = Sql::forget(dialect, &writable, (&child.table, fields), some);
            work.execute(statement).await.map_err(refused)?;
        }
    }
    for (link, field, values) in &plan.unlinked {
        for some in values.chunks(scan::AT_ONCE) {
            let statement = Sql::unlink(dialect, &writable, link, (field, some.to_vec()), None);
            work.execute(statement).await.map_err(refused)?;
        }
    }
    for batch in plan.batches.iter().rev() {
        let keys: Vec<Key> = batch.rows.iter().map(|row| batch.columns.key_values(row)).collect();
        for some in keys.chunks(scan::AT_ONCE) {
            let statement = Sql::delete(dialect, &batch.writable, some);
            let deleted = work.execute(statement).await.map_err(refused)?;
            if deleted > u64::try_from(some.len()).unwrap_or(u64::MAX) {
                return Err(Failure::ambiguous_key(&batch.writable.model().name));
            }
        }
    }
    Ok(())
}

/// What is read of a row before it is deleted: what the caller sees of it, and what others may
/// refer to.
fn columns_of<'a>(writable: &Writable<'a>) -> Result<Columns<'a>, Failure> {
    let model = writable.model();
    let nothing: &[&str] = &[];
    let mut columns =
        Columns::new(writable.granted(), if model.is_exposed { None } else { Some(nothing) })?;
    for relation in &model.relations {
        if !matches!(relation.kind, RelationKind::ForeignKey { .. }) {
            columns.need(relation.local.iter().filter_map(|at| model.fields.get(*at)));
        }
    }
    Ok(columns)
}

/// The values of some fields of rows, without those that hold a null: nothing refers to it.
fn values_of(columns: &Columns<'_>, rows: &[Row], fields: &[&Field]) -> Vec<Key> {
    let values = rows.iter().map(|row| -> Key {
        fields.iter().map(|field| columns.value(row, field).clone()).collect()
    });
    values.filter(|key| !key.iter().any(Datum::is_null)).collect()
}
