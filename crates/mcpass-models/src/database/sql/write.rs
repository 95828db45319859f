//! Statements that write. Each is made from a [`Writable`].

use super::{Datum, Dialect, Sql, Statement};
use crate::database::access::Writable;
use crate::database::model::{Field, LinkTable, Table};
use crate::database::scope::Scope;

/// What a column becomes.
#[derive(Clone, Debug, PartialEq)]
pub enum Set {
    /// This value.
    Value(Datum),
    /// One more than it was; one, if it was null.
    Next,
}

/// The key of a row: a value for each field of the model's primary key.
pub type Key = Vec<Datum>;

impl Sql {
    /// Adds a row. Gives its key back, in the form in which the engine reads values.
    pub fn insert(
        dialect: Dialect,
        writable: &Writable<'_>,
        values: Vec<(&Field, Datum)>,
    ) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("INSERT INTO ").table(&writable.model().table);
        let mut separator = " (";
        for (field, _) in &values {
            sql.push(separator).ident(&field.column);
            separator = ", ";
        }
        if values.is_empty() {
            sql.push(" DEFAULT VALUES");
        } else {
            let mut separator = ") VALUES (";
            for (field, value) in values {
                sql.push(separator).bind_for(field, value);
                separator = ", ";
            }
            sql.push(")");
        }
        let mut separator = " RETURNING ";
        for field in writable.model().key_fields() {
            sql.push(separator).ident(&field.column).readable(field);
            separator = ", ";
        }
        sql.finish()
    }

    /// Changes rows that exist for the caller, and that meet a further condition if there is one.
    pub fn update(
        dialect: Dialect,
        writable: &Writable<'_>,
        sets: Vec<(&Field, Set)>,
        keys: &[Key],
        only: Option<&Scope>,
    ) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("UPDATE ").table(&writable.model().table);
        let mut separator = " SET ";
        for (field, set) in sets {
            sql.push(separator).ident(&field.column).push(" = ");
            match set {
                Set::Value(value) => sql.bind_for(field, value),
                Set::Next => sql.push("coalesce(").ident(&field.column).push(", 0) + 1"),
            };
            separator = ", ";
        }
        sql.push(" WHERE ").has_keys(writable, keys).within(writable);
        if let Some(only) = only {
            sql.push(" AND ").scope(only, writable.granted().caller());
        }
        sql.finish()
    }

    /// Deletes rows that exist for the caller.
    pub fn delete(dialect: Dialect, writable: &Writable<'_>, keys: &[Key]) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("DELETE FROM ").table(&writable.model().table);
        sql.push(" WHERE ").has_keys(writable, keys).within(writable);
        sql.finish()
    }

    /// Makes references null of the rows whose columns have these values: what deleting a row
    /// demands where it is not the database that does it.
    pub fn forget(
        dialect: Dialect,
        _cause: &Writable<'_>,
        (table, fields): (&Table, &[&Field]),
        values: &[Key],
    ) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("UPDATE ").table(table);
        let mut separator = " SET ";
        for field in fields {
            sql.push(separator).ident(&field.column).push(" = NULL");
            separator = ", ";
        }
        sql.push(" WHERE ").has_values(fields, values);
        sql.finish()
    }

    /// Links a row with others.
    pub fn link(
        dialect: Dialect,
        _owner: &Writable<'_>,
        link: &LinkTable,
        (local, value): (&Field, &Datum),
        (remote, others): (&Field, &[Datum]),
    ) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("INSERT INTO ").table(&link.table).push(" (").ident(&link.local).push(", ");
        sql.ident(&link.remote).push(") VALUES ");
        let mut separator = "(";
        for other in others {
            sql.push(separator).bind_for(local, value.clone()).push(", ");
            sql.bind_for(remote, other.clone()).push(")");
            separator = ", (";
        }
        sql.finish()
    }

    /// Ends links: of the rows whose keys stand in `column`, with these others or with all.
    pub fn unlink(
        dialect: Dialect,
        _owner: &Writable<'_>,
        link: &LinkTable,
        (local, values): (&Field, Vec<Datum>),
        others: Option<(&Field, Vec<Datum>)>,
    ) -> Statement {
        let mut sql = Self::new(dialect);
        sql.push("DELETE FROM ").table(&link.table).push(" WHERE ").ident(&link.local);
        sql.push(" IN ").list_for(local, values);
        if let Some((remote, others)) = others {
            sql.push(" AND ").ident(&link.remote).push(" IN ").list_for(remote, others);
        }
        sql.finish()
    }

    /// The condition that a row's key is one of these. Columns are those of the only table.
    fn has_keys(&mut self, writable: &Writable<'_>, keys: &[Key]) -> &mut Self {
        let fields: Vec<&Field> = writable.model().key_fields().collect();
        self.has_values(&fields, keys)
    }

    /// The condition that columns have one of these rows of values.
    pub fn has_values(&mut self, fields: &[&Field], values: &[Key]) -> &mut Self {
        if let [field] = fields {
            let values = values.iter().filter_map(|value| value.first().cloned());
            return self.ident(&field.column).push(" IN ").list_for(field, values.collect());
        }
        let mut separator = "((";
        for value in values {
            for (field, value) in fields.iter().zip(value) {
                self.push(separator)
                    .ident(&field.column)
                    .push(" = ")
                    .bind_for(field, value.clone());
                separator = " AND ";
            }
            separator = ") OR (";
        }
        self.push(if values.is_empty() { "1 = 0" } else { "))" })
    }

    /// The condition that a row exists for the caller, after ` AND `.
    fn within(&mut self, writable: &Writable<'_>) -> &mut Self {
        if let Some(scope) = &writable.model().scope {
            self.push(" AND ").scope(scope, writable.granted().caller());
        }
        self
    }

    /// Locks the rows that a `SELECT` gives until the end of the transaction. SQLite has one
    /// writer at a time.
    pub fn locked(&mut self, alias: super::Alias) -> &mut Self {
        match self.dialect() {
            Dialect::Postgres => self.push(" FOR UPDATE OF ").named(alias),
            Dialect::Sqlite => self,
        }
    }
}
