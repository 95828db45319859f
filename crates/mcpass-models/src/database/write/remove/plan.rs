//! What a deletion takes along.

use std::collections::{HashMap, HashSet};

use super::super::super::access::{Right, Writable};
use super::super::super::errors::Failure;
use super::super::super::model::{Field, LinkTable, Model, OnDelete, Relation, RelationKind};
use super::super::super::rows::Columns;
use super::super::super::sql::{Datum, Key, Row};
use super::super::scan;
use super::super::work::Work;
use super::{columns_of, values_of};

/// Rows of one deletion at most.
const MAX_ROWS: usize = 10_000;

/// Rows of one model.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) writable: Writable<'a>,
    pub(super) columns: Columns<'a>,
    pub(super) rows: Vec<Row>,
}

/// All that a deletion does.
#[derive(Debug, Default)]
pub(super) struct Plan<'a> {
    /// What is deleted; what refers to others comes behind them.
    pub(super) batches: Vec<Batch<'a>>,
    /// References that become null: of rows whose fields have these values.
    pub(super) forgotten: Vec<(&'a Model, Vec<&'a Field>, Vec<Key>)>,
    /// Links that end: those whose column has these values.
    pub(super) unlinked: Vec<(LinkTable, &'a Field, Vec<Datum>)>,
    /// References that may only be of rows which are deleted too.
    restricted: Vec<(&'a Model, Vec<&'a Field>, Vec<Key>)>,
    /// Keys of what is deleted, by the names of models.
    seen: HashMap<&'a str, HashSet<String>>,
}

impl<'a> Plan<'a> {
    /// Finds out what deleting these rows means.
    ///
    /// # Errors
    /// When the caller may not, or others refer to them that stay.
    pub(super) async fn of(work: &mut Work<'a>, root: Batch<'a>) -> Result<Self, Failure> {
        let mut plan = Self::default();
        plan.add(root)?;
        let mut next = 0;
        while let Some(batch) = plan.batches.get(next) {
            let (columns, owner) = (batch.columns.clone(), batch.writable);
            let rows = batch.rows.clone();
            for relation in &owner.model().relations {
                plan.follow(work, (&owner, &columns, &rows), relation).await?;
            }
            next += 1;
        }
        plan.check_restricted(work).await?;
        Ok(plan)
    }

    /// Others refer to rows that were to be deleted: told of what the call named, whatever stays.
    fn protected(&self) -> Failure {
        let root = self.batches.first().map_or("", |batch| &batch.writable.model().name);
        Failure::protected(root)
    }

    fn add(&mut self, mut batch: Batch<'a>) -> Result<(), Failure> {
        let seen = self.seen.entry(&batch.writable.model().name).or_default();
        batch.rows.retain(|row| seen.insert(batch.columns.key(row)));
        if self.seen.values().map(HashSet::len).sum::<usize>() > MAX_ROWS {
            let text = "More than 10000 rows would be deleted. Delete them in parts.";
            return Err(Failure::coded(text, "too_many_rows"));
        }
        if !batch.rows.is_empty() {
            self.batches.push(batch);
        }
        Ok(())
    }

    async fn follow(
        &mut self,
        work: &mut Work<'a>,
        (owner, columns, rows): (&Writable<'a>, &Columns<'a>, &[Row]),
        relation: &'a Relation,
    ) -> Result<(), Failure> {
        let fields_of = |model: &'a Model, places: &[usize]| -> Vec<&'a Field> {
            places.iter().filter_map(|at| model.fields.get(*at)).collect()
        };
        let local = fields_of(owner.model(), &relation.local);
        let values = values_of(columns, rows, &local);
        let Some(other) = work.access.catalogue().at(relation.model) else { return Ok(()) };
        if values.is_empty() {
            return Ok(());
        }
        match &relation.kind {
            RelationKind::ForeignKey { .. } => Ok(()),
            RelationKind::Reverse { on_delete, .. } => {
                let fields = fields_of(other, &relation.remote);
                match on_delete {
                    OnDelete::Cascade => self.cascade(work, other, &fields, &values).await?,
                    OnDelete::Restrict => self.restricted.push((other, fields, values)),
                    OnDelete::SetNull => self.forgotten.push((other, fields, values)),
                    // Only the database knows the default.
                    OnDelete::SetDefault => {}
                }
                Ok(())
            }
            RelationKind::ManyToMany(link) => {
                let Some(field) = local.first().copied() else { return Ok(()) };
                let values: Vec<Datum> = values.into_iter().flatten().collect();
                self.end_links(work, owner, link.clone(), field, &values).await?;
                let is_own = std::ptr::eq(other, owner.model());
                if is_own {
                    // Both ends are of this model.
                    let back = LinkTable {
                        local: link.remote.clone(),
                        remote: link.local.clone(),
                        ..link.clone()
                    };
                    self.end_links(work, owner, back, field, &values).await?;
                }
                Ok(())
            }
        }
    }

    /// Rows that go along.
    async fn cascade(
        &mut self,
        work: &mut Work<'a>,
        child: &'a Model,
        fields: &[&'a Field],
        values: &[Key],
    ) -> Result<(), Failure> {
        if child.primary_key.is_empty() {
            if !exists(work, child, fields, values).await? {
                return Ok(());
            }
            work.access.cascade(child)?;
            // Whether they exist for the caller cannot be told of rows that have no name.
            return match &child.scope {
                Some(_) => Err(self.protected()),
                None => Ok(()),
            };
        }
        let writable = match work.access.cascade(child) {
            Ok(writable) => writable,
            Err(failure) => {
                let is_any = exists(work, child, fields, values).await?;
                return if is_any { Err(failure) } else { Ok(()) };
            }
        };
        let columns = columns_of(&writable)?.clipped();
        let mut rows = Vec::new();
        for some in values.chunks(scan::AT_ONCE) {
            rows.extend(referring(work, &columns, fields, some).await?);
            if rows.len() > MAX_ROWS {
                break;
            }
        }
        let is_within = |row: &mut Row| row.pop() == Some(Datum::Integer(1));
        if !rows.iter_mut().all(is_within) {
            return Err(self.protected());
        }
        self.add(Batch { writable, columns, rows })
    }

    async fn end_links(
        &mut self,
        work: &mut Work<'a>,
        owner: &Writable<'a>,
        link: LinkTable,
        field: &'a Field,
        values: &[Datum],
    ) -> Result<(), Failure> {
        let goes = link.is_owner || link.on_delete == OnDelete::Cascade;
        let needs_right = owner.granted().access().may_link(&link, &[Right::Delete]);
        if (!goes || needs_right.is_err()) && has_links(work, &link, field, values).await? {
            needs_right?;
            return Err(self.protected());
        }
        self.unlinked.push((link, field, values.to_vec()));
        Ok(())
    }

    /// Rows that must not be left without what they refer to.
    async fn check_restricted(&self, work: &mut Work<'a>) -> Result<(), Failure> {
        for (child, fields, values) in &self.restricted {
            let seen = self.seen.get(child.name.as_str());
            let Some(seen) = seen.filter(|_| !child.primary_key.is_empty()) else {
                if exists(work, child, fields, values).await? {
                    return Err(self.protected());
                }
                continue;
            };
            let key: Vec<&Field> = child.key_fields().collect();
            for some in values.chunks(scan::AT_ONCE) {
                let mut sql = work.sql();
                let alias = sql.alias();
                let mut separator = "SELECT ";
                for field in &key {
                    sql.push(separator).value_of(alias, field);
                    separator = ", ";
                }
                sql.push(" FROM ").table(&child.table).push(" AS ").named(alias);
                sql.push(" WHERE ").has_values(fields, some);
                for row in work.rows(sql.finish()).await? {
                    if !seen.contains(&super::super::super::rows::key_json(child, &row)) {
                        return Err(self.protected());
                    }
                }
            }
        }
        Ok(())
    }
}

/// Rows of a model whose fields have these values, whether they exist for the caller or not: the
/// last column tells.
async fn referring(
    work: &mut Work<'_>,
    columns: &Columns<'_>,
    fields: &[&Field],
    values: &[Key],
) -> Result<Vec<Row>, Failure> {
    let granted = columns.granted();
    let model = granted.model();
    let mut sql = work.sql();
    let (alias, within) = (sql.alias(), sql.alias());
    sql.push("SELECT ");
    columns.write(&mut sql, alias);
    if model.scope.is_some() {
        sql.push(", CASE WHEN EXISTS (SELECT 1 FROM ").rows_of(granted, within);
        let mut separator = " WHERE ";
        for field in model.key_fields() {
            sql.push(separator).column(within, &field.column).push(" = ");
            sql.column(alias, &field.column);
            separator = " AND ";
        }
        sql.push(") THEN 1 ELSE 0 END");
    } else {
        sql.push(", 1");
    }
    sql.push(" FROM ").table(&model.table).push(" AS ").named(alias);
    sql.push(" WHERE ").has_values(fields, values);
    sql.locked(alias);
    Ok(work.rows(sql.finish()).await?)
}

async fn exists(
    work: &mut Work<'_>,
    model: &Model,
    fields: &[&Field],
    values: &[Key],
) -> Result<bool, Failure> {
    for some in values.chunks(scan::AT_ONCE) {
        let mut sql = work.sql();
        sql.push("SELECT 1 FROM ").table(&model.table).push(" WHERE ").has_values(fields, some);
        sql.push(" LIMIT 1");
        if !work.rows(sql.finish()).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn has_links(
    work: &mut Work<'_>,
    link: &LinkTable,
    field: &Field,
    values: &[Datum],
) -> Result<bool, Failure> {
    for some in values.chunks(scan::AT_ONCE) {
        let mut sql = work.sql();
        sql.push("SELECT 1 FROM ").table(&link.table).push(" WHERE ").ident(&link.local);
        sql.push(" IN ").list_for(field, some.to_vec()).push(" LIMIT 1");
        if !work.rows(sql.finish()).await?.is_empty() {
            return Ok(true);
        }
    }
    Ok(false)
}
