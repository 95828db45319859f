//! What was found in a database, before it becomes models.

use crate::database::model::{Check, Field, OnDelete, Table};

/// A table or view.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) table: Table,
    pub(super) is_view: bool,
    /// What the database's own comment says it is.
    pub(super) comment: String,
    pub(super) fields: Vec<Field>,
    /// The types of the fields as they were declared (SQLite).
    pub(super) declared: Vec<String>,
    /// Positions of the key's fields.
    pub(super) primary_key: Vec<usize>,
    /// Positions of the fields of each unique constraint or index without a condition.
    pub(super) unique: Vec<Vec<usize>>,
    pub(super) checks: Vec<Check>,
    pub(super) references: Vec<Reference>,
}

impl Found {
    /// The position of the column of this name.
    pub(super) fn position(&self, column: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.column.as_str() == column)
    }

    /// Whether these fields are the key or unique, in any order.
    pub(super) fn is_unique(&self, fields: &[usize]) -> bool {
        let same = |key: &Vec<usize>| {
            key.len() == fields.len() && key.iter().all(|field| fields.contains(field))
        };
        same(&self.primary_key) || self.unique.iter().any(same)
    }
}

/// A foreign key.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// What tells it from others of its table, where it comes column by column.
    pub(super) id: Option<i64>,
    /// Positions of its fields.
    pub(super) local: Vec<usize>,
    /// The schema and name of what it refers to.
    pub(super) table: (Option<String>, String),
    /// The columns there, in the same order; empty means the primary key.
    pub(super) remote: Vec<String>,
    pub(super) on_delete: OnDelete,
}
