//! Fields.

use serde_json::Value;

use super::{Ident, SqlType};

/// A column, as agents see it.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name in arguments and results: the column's, or Django's (`author` for `author_id`).
    pub name: String,
    /// The column.
    pub column: Ident,
    /// What it holds.
    pub kind: FieldKind,
    /// How SQLite holds it.
    pub stored: Stored,
    /// The type to which parameters are cast (PostgreSQL).
    pub sql_type: SqlType,
    /// Whether it may be null.
    pub is_nullable: bool,
    /// Whether the database fills it in when it is not given.
    pub has_default: bool,
    /// Whether the database alone writes it.
    pub is_generated: bool,
    /// The values that it may have, with their labels; empty if there is no such list.
    pub choices: Vec<Choice>,
    /// Whether it may be read. What cannot be read can be neither written, filtered nor ordered
    /// by.
    pub is_readable: bool,
    /// Whether calls may write it.
    pub is_writable: bool,
    /// Whether its value is never shown, and neither filtered nor ordered by.
    pub is_redacted: bool,
    /// Whether `search` looks into it.
    pub is_searchable: bool,
    /// What it means, for people and models (a comment in the database, or the settings).
    pub description: String,
}

impl Field {
    /// Whether its values may be known: shown, compared, ordered by, grouped by.
    pub const fn is_open(&self) -> bool {
        self.is_readable && !self.is_redacted
    }

    /// The label of a value among the choices.
    pub fn label(&self, value: &Value) -> Option<&str> {
        self.choices.iter().find(|choice| choice.value == *value).map(|choice| &*choice.label)
    }
}

/// What a field holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FieldKind {
    /// A whole number of at most 64 bits.
    Integer {
        /// The smallest.
        min: i64,
        /// The largest.
        max: i64,
    },
    /// An exact decimal number; a string in JSON.
    Decimal {
        /// Digits at most, if there is a limit.
        digits: Option<u32>,
        /// Digits behind the point, if they are fixed.
        places: Option<u32>,
    },
    /// A floating-point number.
    Float,
    /// Text.
    Text {
        /// Characters at most, if there is a limit.
        max: Option<u32>,
    },
    /// True or false.
    Bool,
    /// A day: `2026-11-21`.
    Date,
    /// A time of day: `10:30:00`.
    Time,
    /// A moment: `2026-11-21T10:30:00Z`.
    Timestamp {
        /// Whether it is a moment in the world (UTC) and not on some wall clock.
        is_zoned: bool,
    },
    /// A UUID, in its form with hyphens.
    Uuid,
    /// Any JSON.
    Json,
    /// Bytes; Base64 in JSON.
    Bytes,
    /// One of these texts (PostgreSQL's enums).
    Enum(
        /// The texts, in their order.
        Vec<String>,
    ),
    /// Several values of one kind; a list in JSON (PostgreSQL's arrays).
    List {
        /// What each of them is.
        of: Box<Self>,
        /// The type's name, for people.
        name: String,
    },
    /// Of a type that is shown and written as the database writes it as text.
    Other(
        /// The type's name, for people.
        String,
    ),
    /// The same, of a type of which the database compares no values, such as `xml`.
    Opaque(
        /// The type's name, for people.
        String,
    ),
}

impl FieldKind {
    /// A whole number of 64 bits.
    pub const BIG_INTEGER: Self = Self::Integer { min: i64::MIN, max: i64::MAX };

    /// A word for it, as `describe_` shows it.
    pub fn word(&self) -> &str {
        match self {
            Self::Integer { .. } => "integer",
            Self::Decimal { .. } => "decimal",
            Self::Float => "float",
            Self::Text { .. } => "text",
            Self::Bool => "boolean",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp { .. } => "datetime",
            Self::Uuid => "uuid",
            Self::Json => "json",
            Self::Bytes => "binary",
            Self::Enum(_) => "enum",
            Self::List { name, .. } | Self::Opaque(name) | Self::Other(name) => name,
        }
    }

    /// Whether values are texts that can be searched.
    pub const fn is_text(&self) -> bool {
        matches!(self, Self::Text { .. } | Self::Enum(_))
    }

    /// Whether sums and averages can be made of it.
    pub const fn is_number(&self) -> bool {
        matches!(self, Self::Integer { .. } | Self::Decimal { .. } | Self::Float)
    }

    /// Whether values have an order and equality that a database can tell.
    pub const fn is_ordered(&self) -> bool {
        !matches!(self, Self::Json | Self::Opaque(_))
    }

    /// The name of a type for which there is no kind of its own: it is for the database to say
    /// what its values are.
    pub fn type_name(&self) -> Option<&str> {
        match self {
            Self::List { name, .. } | Self::Opaque(name) | Self::Other(name) => Some(name),
            _ => None,
        }
    }
}

/// How a value is held where the database has no type for it (SQLite).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stored {
    /// As the database's type, or `2026-11-21 10:30:00` for moments.
    #[default]
    Native,
    /// A UUID as 32 hexadecimal digits, as Django does.
    HexUuid,
    /// A moment as `2026-11-21T10:30:00`.
    IsoTimestamp,
    /// A moment as `2026-11-21T10:30:00Z`.
    IsoUtcTimestamp,
}

/// A value that a field may have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Choice {
    /// The value, as it is in JSON.
    pub value: Value,
    /// What it is called.
    pub label: String,
}
