//! Reading rows within a transaction.

use super::super::errors::Failure;
use super::super::model::Field;
use super::super::rows::Columns;
use super::super::sql::{Datum, Key, Row};
use super::work::Work;

/// Keys of one statement: a statement holds some ten thousand values.
pub(super) const AT_ONCE: usize = 500;

/// Rows of these keys that exist for the caller and meet a condition on columns, in the order of
/// their keys, locked until the end of the transaction.
///
/// # Errors
/// When a key is that of several rows, or the database cannot be read.
pub(super) async fn by_keys(
    work: &mut Work<'_>,
    columns: &Columns<'_>,
    keys: &[Key],
    within: &[(&Field, Datum)],
) -> Result<Vec<Row>, Failure> {
    let fields: Vec<&Field> = columns.granted().model().key_fields().collect();
    let mut rows = Vec::with_capacity(keys.len());
    for some in keys.chunks(AT_ONCE) {
        let mut sql = work.sql();
        let alias = sql.alias();
        sql.push("SELECT ");
        columns.write(&mut sql, alias);
        sql.push(" FROM ").rows_of(columns.granted(), alias);
        sql.push(" WHERE ").has_values(&fields, some);
        for (field, value) in within {
            sql.push(" AND ").column(alias, &field.column).push(" = ");
            sql.bind_for(field, value.clone());
        }
        let mut separator = " ORDER BY ";
        for field in &fields {
            sql.push(separator).column(alias, &field.column);
            separator = ", ";
        }
        sql.locked(alias);
        let found = work.rows(sql.finish()).await?;
        // Only a key that the operator declared can be that of several rows.
        if found.len() > some.len() {
            return Err(Failure::ambiguous_key(&columns.granted().model().name));
        }
        rows.extend(found);
    }
    Ok(rows)
}
