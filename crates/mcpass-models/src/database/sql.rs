//! The only place that writes SQL.
//!
//! Text becomes SQL in three ways alone: as a literal of this program (`&'static str`), as a name
//! or type that [`inspect`](super::inspect) read from the database's own catalogue ([`Ident`],
//! [`SqlType`](super::model::SqlType)), or as an operator's row [`Scope`]. All else is a parameter.

use super::access::Granted;
use super::model::{Field, FieldKind, Ident, Model, Table};
use super::scope::{Part, Scope};
use crate::local::Caller;

#[cfg(test)]
mod tests;
mod write;

pub use write::{Key, Set};

/// Which database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dialect {
    /// PostgreSQL.
    Postgres,
    /// SQLite.
    Sqlite,
}

/// A value on its way to or from a database.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// None.
    Null,
    /// True or false; SQLite has 1 and 0 instead.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text, and whatever has no other form here.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl Datum {
    /// Bytes that it takes in memory, about.
    pub(super) fn size(&self) -> usize {
        let inner = match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Real(_) => 0,
        };
        size_of::<Self>() + inner
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The whole number that it is.
    pub const fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The text that it is.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// A row as it came from the database, in the order of the statement's columns.
pub type Row = Vec<Datum>;

/// A statement with its parameters. Only [`Sql`] makes one.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) sql: String,
    pub(super) parameters: Vec<Datum>,
}

impl Statement {
    /// The text, for tests and logs; values are not in it.
    pub fn sql(&self) -> &str {
        &self.sql
    }

    /// The parameters.
    pub fn parameters(&self) -> &[Datum] {
        &self.parameters
    }
}

/// The name of a table within one statement: `t0`, `t1`, …
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alias(u16);

impl Alias {
    /// The first table of a statement.
    pub const FIRST: Self = Self(0);
}

/// Writes a statement.
#[derive(Clone, Debug)]
pub struct Sql {
    dialect: Dialect,
    text: String,
    parameters: Vec<Datum>,
    aliases: u16,
}

impl Sql {
    /// Nothing yet.
    pub const fn new(dialect: Dialect) -> Self {
        Self { dialect, text: String::new(), parameters: Vec::new(), aliases: 0 }
    }

    /// A statement of literals alone.
    pub fn literal(dialect: Dialect, text: &'static str) -> Statement {
        Self::new(dialect).push(text).clone().finish()
    }

    /// For which database it is.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The statement.
    pub fn finish(self) -> Statement {
        Statement { sql: self.text, parameters: self.parameters }
    }

    /// A literal of this program.
    pub fn push(&mut self, text: &'static str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// One of two literals.
    pub fn either(&mut self, postgres: &'static str, sqlite: &'static str) -> &mut Self {
        self.push(match self.dialect {
            Dialect::Postgres => postgres,
            Dialect::Sqlite => sqlite,
        })
    }

    /// A name, quoted.
    pub fn ident(&mut self, ident: &Ident) -> &mut Self {
        self.text.push('"');
        for c in ident.as_str().chars() {
            if c == '"' {
                self.text.push('"');
            }
            self.text.push(c);
        }
        self.text.push('"');
        self
    }

    /// A table in its schema, quoted.
    pub fn table(&mut self, table: &Table) -> &mut Self {
        if let Some(schema) = &table.schema {
            self.ident(schema).push(".");
        }
        self.ident(&table.name)
    }

    /// A name for the next table, not used in this statement yet.
    pub fn alias(&mut self) -> Alias {
        let alias = Alias(self.aliases);
        self.aliases += 1;
        alias
    }

    /// The name of a table within this statement.
    pub fn named(&mut self, alias: Alias) -> &mut Self {
        self.text.push('t');
        self.text.push_str(&alias.0.to_string());
        self
    }

    /// A column of a table within this statement.
    pub fn column(&mut self, alias: Alias, column: &Ident) -> &mut Self {
        self.named(alias).push(".").ident(column)
    }

    /// A column, in the form in which the engine reads it.
    pub fn value_of(&mut self, alias: Alias, field: &Field) -> &mut Self {
        self.column(alias, &field.column).readable(field)
    }

    /// Casts what stands before it to the form in which the engine reads values of a field.
    pub fn readable(&mut self, field: &Field) -> &mut Self {
        self.push(match (self.dialect, &field.kind) {
            (Dialect::Sqlite, _) | (Dialect::Postgres, FieldKind::Bool | FieldKind::Bytes) => "",
            (Dialect::Postgres, FieldKind::Integer { .. }) => "::int8",
            // The double next to 0.1 that a `real` holds is 0.10000000149011612; its text is 0.1.
            (Dialect::Postgres, FieldKind::Float) if field.sql_type.as_str() == "real" => {
                "::text::float8"
            }
            (Dialect::Postgres, FieldKind::Float) => "::float8",
            (Dialect::Postgres, _) => "::text",
        })
    }

    /// A parameter.
    pub fn bind(&mut self, value: Datum) -> &mut Self {
        self.parameters.push(value);
        self.marker();
        self
    }

    /// A parameter of a column's type.
    pub fn bind_for(&mut self, field: &Field, value: Datum) -> &mut Self {
        let sql_type = match (self.dialect, &field.kind) {
            // Decimals come as texts; columns of views have no affinity that would turn them.
            (Dialect::Sqlite, FieldKind::Decimal { .. }) => "NUMERIC",
            (Dialect::Sqlite, _) => "",
            (Dialect::Postgres, _) => field.sql_type.as_str(),
        };
        if sql_type.is_empty() {
            return self.bind(value);
        }
        self.text.push_str("CAST(");
        self.bind(value);
        self.text.push_str(" AS ");
        self.text.push_str(sql_type);
        self.text.push(')');
        self
    }

    /// A parameter that is as the database gave it. SQLite has any value in any column, of which a
    /// cast would make another.
    pub fn bind_as_read(&mut self, field: &Field, value: Datum) -> &mut Self {
        match self.dialect {
            Dialect::Postgres => self.bind_for(field, value),
            Dialect::Sqlite => self.bind(value),
        }
    }

    /// Parameters of a column's type in parentheses, for `IN`.
    pub fn list_for(&mut self, field: &Field, values: Vec<Datum>) -> &mut Self {
        self.push("(");
        let mut separator = "";
        for value in values {
            self.push(separator).bind_for(field, value);
            separator = ", ";
        }
        self.push(")")
    }

    /// The rows of a model that exist for the caller, as a table within this statement: what
    /// stands behind `FROM`.
    pub fn rows_of(&mut self, granted: &Granted<'_>, alias: Alias) -> &mut Self {
        let model = granted.model();
        match &model.scope {
            None => self.table(&model.table),
            Some(scope) => self
                .push("(SELECT * FROM ")
                .table(&model.table)
                .push(" WHERE ")
                .scope(scope, granted.caller())
                .push(")"),
        };
        self.push(" AS ").named(alias)
    }

    /// An operator's condition, in parentheses. Its columns are those of the innermost table.
    pub fn scope(&mut self, scope: &Scope, caller: &Caller<'_>) -> &mut Self {
        self.push("(");
        for part in scope.parts() {
            match part {
                Part::Sql(text) => self.text.push_str(text),
                part => {
                    let value = part.value(caller).unwrap_or_default();
                    self.bind(Datum::Text(value.to_owned()));
                }
            }
        }
        self.push(")")
    }

    /// A statement that reads no row and needs a condition to be right: that of a model's rows, or
    /// of an action on them.
    pub fn trial(dialect: Dialect, model: &Model, scope: &Scope, is_of_action: bool) -> Statement {
        let nobody = Caller {
            token: "",
            token_id: "",
            request: "",
            user: "",
            max_context: 0,
            may: &|_| false,
        };
        let mut sql = Self::new(dialect);
        sql.push("SELECT 1 FROM ").table(&model.table);
        if is_of_action {
            sql.push(" AS ").named(Alias::FIRST);
        }
        sql.push(" WHERE ").scope(scope, &nobody).push(" LIMIT 0");
        sql.finish()
    }

    fn marker(&mut self) {
        self.text.push(match self.dialect {
            Dialect::Postgres => '$',
            Dialect::Sqlite => '?',
        });
        self.text.push_str(&self.parameters.len().to_string());
    }
}
