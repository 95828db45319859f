//! Names and types as the database has them.
//!
//! They are the only texts that become part of SQL, and they are made here alone: from what a
//! database says of itself, or from literals of this program.

use std::borrow::Cow;
use std::fmt;

/// The name of a table, column or constraint, as the database has it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ident(Cow<'static, str>);

impl Ident {
    /// A name that was read from a database's catalogue.
    pub(in crate::database::inspect) fn read(name: impl Into<String>) -> Self {
        Self(Cow::Owned(name.into()))
    }

    /// A name that stands in the source of this program.
    pub const fn literal(name: &'static str) -> Self {
        Self(Cow::Borrowed(name))
    }

    /// The name, unquoted.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A type as it is written in SQL, such as `character varying(20)` or `public."Mood"`: quoted by
/// the database itself (PostgreSQL's `format_type`). Empty on SQLite, which needs no casts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SqlType(Cow<'static, str>);

impl SqlType {
    /// No type: values are taken as they are.
    pub const NONE: Self = Self(Cow::Borrowed(""));

    /// A type that was read from a database's catalogue, as the database writes it.
    pub(in crate::database::inspect) fn read(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    /// A type that stands in the source of this program.
    pub const fn literal(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// As it is written in SQL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
