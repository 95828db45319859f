//! Lists of links: what a call gives replaces what there is.

use super::super::access::Writable;
use super::super::errors::Failure;
use super::super::rows::Columns;
use super::super::sql::{Datum, Row, Sql};
use super::data::{Data, Links};
use super::work::Work;
use super::{Faults, of_engine, scan};

/// Replaces lists of links of a row. Links to rows that do not exist for the caller stay.
///
/// # Errors
/// When a key is of no row, or the database does not take a link.
pub(super) async fn replace(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    (columns, row): (&Columns<'_>, &Row),
    data: &Data<'_>,
) -> Result<(), Failure> {
    for links in &data.links {
        let value = columns.value(row, links.local).clone();
        let known = linked(work, writable, links, &value).await?;
        let gone: Vec<Datum> =
            known.iter().filter(|key| !links.keys.contains(key)).cloned().collect();
        let new: Vec<Datum> =
            links.keys.iter().filter(|key| !known.contains(key)).cloned().collect();
        let dialect = work.dialect();
        for some in gone.chunks(scan::AT_ONCE) {
            let ends = Some((links.remote, some.to_vec()));
            let here = (links.local, vec![value.clone()]);
            let statement = Sql::unlink(dialect, writable, links.link, here, ends);
            work.execute(statement).await.map_err(|error| of_engine(writable, error))?;
        }
        for some in new.chunks(scan::AT_ONCE) {
            let (here, there) = ((links.local, &value), (links.remote, some));
            let statement = Sql::link(dialect, writable, links.link, here, there);
            work.execute(statement).await.map_err(|error| of_engine(writable, error))?;
        }
    }
    Ok(())
}

/// Notes the keys that are of no row which exists for the caller.
pub(super) async fn check(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    data: &Data<'_>,
) -> Result<(), Failure> {
    let mut faults = Faults::default();
    for links in &data.links {
        for some in links.keys.chunks(scan::AT_ONCE) {
            let mut sql = work.sql();
            let alias = sql.alias();
            sql.push("SELECT ").value_of(alias, links.remote).push(" FROM ");
            sql.rows_of(&writable.granted().keys_of(links.other), alias).push(" WHERE ");
            sql.column(alias, &links.remote.column).push(" IN ");
            sql.list_for(links.remote, some.to_vec());
            let rows = work.rows(sql.finish()).await?;
            for key in some.iter().filter(|key| !rows.iter().any(|row| row.first() == Some(*key))) {
                let json = super::super::value::to_json(links.remote, key);
                let text =
                    format!("Select a valid choice. {json} is not one of the available choices.");
                faults.add(links.name, &text);
            }
        }
    }
    faults.into_result()
}

/// The keys that a row is linked with, of rows that exist for the caller.
async fn linked(
    work: &mut Work<'_>,
    writable: &Writable<'_>,
    links: &Links<'_>,
    value: &Datum,
) -> Result<Vec<Datum>, Failure> {
    let mut sql = work.sql();
    let (between, there) = (sql.alias(), sql.alias());
    let column = &links.link.remote;
    sql.push("SELECT ").column(between, column).readable(links.remote).push(" FROM ");
    sql.table(&links.link.table).push(" AS ").named(between).push(" WHERE ");
    sql.column(between, &links.link.local).push(" = ").bind_for(links.local, value.clone());
    if links.other.scope.is_some() {
        sql.push(" AND EXISTS (SELECT 1 FROM ");
        sql.rows_of(&writable.granted().keys_of(links.other), there).push(" WHERE ");
        sql.column(there, &links.remote.column).push(" = ").column(between, column).push(")");
    }
    let rows = work.rows(sql.finish()).await?;
    Ok(rows.into_iter().filter_map(|row| row.into_iter().next()).collect())
}
