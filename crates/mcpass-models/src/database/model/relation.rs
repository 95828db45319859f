//! Relations.

use super::{Ident, Table};

/// How rows of one model lead to rows of another.
#[derive(Clone, Debug)]
pub struct Relation {
    /// Its name: the field's without `_id`, `{model}_set` for what refers here, or that of the
    /// settings.
    pub name: String,
    /// Of which kind.
    pub kind: RelationKind,
    /// Position of the other model in the catalogue.
    pub model: usize,
    /// Positions of the fields here that are compared.
    pub local: Vec<usize>,
    /// Positions of the fields there, in the same order. For links: those that link tables
    /// refer to.
    pub remote: Vec<usize>,
}

/// Kinds of relations.
#[derive(Clone, Debug)]
pub enum RelationKind {
    /// A foreign key of this model: at most one row there.
    ForeignKey {
        /// What becomes of rows here when their row there is deleted.
        on_delete: OnDelete,
    },
    /// A foreign key of the other model: any number of rows there.
    Reverse {
        /// Whether there is at most one, because the foreign key is unique.
        is_single: bool,
        /// What becomes of rows there when their row here is deleted.
        on_delete: OnDelete,
    },
    /// Rows of both are linked by a table of their keys.
    ManyToMany(LinkTable),
}

/// A table that does nothing but link rows of two models, each by one column.
#[derive(Clone, Debug)]
pub struct LinkTable {
    /// The table.
    pub table: Table,
    /// Its column with the key of this model.
    pub local: Ident,
    /// Its column with the key of the other model.
    pub remote: Ident,
    /// Position of its model, which has the permissions on it if it is exposed.
    pub model: usize,
    /// Whether the links are shown and written as a field of this model: of the two models, the
    /// one after which the table is named.
    pub is_owner: bool,
    /// Whether calls may write the links, as a field of the model that owns them.
    pub is_writable: bool,
    /// What becomes of the links of a row of this model that is deleted. Those of the model that
    /// owns them always go with its rows.
    pub on_delete: OnDelete,
}

/// What a foreign key does when what it refers to is deleted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnDelete {
    /// The referring rows are deleted too.
    Cascade,
    /// It is refused (`RESTRICT` and `NO ACTION`).
    Restrict,
    /// The reference becomes its default.
    SetDefault,
    /// The reference becomes null.
    SetNull,
}
