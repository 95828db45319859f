//! What a condition is about: a column, or a part of its date.

use crate::database::model::{Field, FieldKind, SqlType, Stored};
use crate::database::sql::{Alias, Dialect, Sql};

/// A column of a table within a statement, or a part of it.
#[derive(Clone, Copy, Debug)]
pub struct Operand<'a> {
    /// The table.
    pub alias: Alias,
    /// The column.
    pub field: &'a Field,
    /// The part.
    pub part: Option<Part>,
}

/// A part of a moment, in UTC.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum Part {
    Date,
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
}

impl Part {
    /// The part of this name.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "date" => Self::Date,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            "hour" => Self::Hour,
            "minute" => Self::Minute,
            "second" => Self::Second,
            _ => return None,
        })
    }

    /// Whether values of a kind have it.
    pub const fn fits(self, kind: &FieldKind) -> bool {
        let is_of_day = matches!(self, Self::Date | Self::Year | Self::Month | Self::Day);
        match kind {
            FieldKind::Timestamp { .. } => true,
            FieldKind::Date => is_of_day,
            FieldKind::Time => !is_of_day,
            _ => false,
        }
    }

    /// This part of a field, as if it were a field.
    pub fn of(self, field: &Field) -> Field {
        let (kind, sql_type) = match self {
            Self::Date => (FieldKind::Date, SqlType::literal("date")),
            _ => (FieldKind::BIG_INTEGER, SqlType::literal("int8")),
        };
        Field { kind, sql_type, stored: Stored::Native, choices: Vec::new(), ..field.clone() }
    }
}

impl Operand<'_> {
    /// Writes it.
    pub fn write(&self, sql: &mut Sql) {
        let Some(part) = self.part else {
            sql.column(self.alias, &self.field.column);
            return;
        };
        // Of infinity there are no parts but the day; a time of day is never infinite.
        let may_be_infinite = part != Part::Date
            && sql.dialect() == Dialect::Postgres
            && !matches!(self.field.kind, FieldKind::Time);
        if may_be_infinite {
            sql.push("CASE WHEN isfinite(").column(self.alias, &self.field.column).push(") THEN ");
        }
        let postgres = match part {
            Part::Date => "CAST((",
            Part::Year => "CAST(EXTRACT(YEAR FROM ",
            Part::Month => "CAST(EXTRACT(MONTH FROM ",
            Part::Day => "CAST(EXTRACT(DAY FROM ",
            Part::Hour => "CAST(EXTRACT(HOUR FROM ",
            Part::Minute => "CAST(EXTRACT(MINUTE FROM ",
            Part::Second => "CAST(FLOOR(EXTRACT(SECOND FROM ",
        };
        let sqlite = match part {
            Part::Date => "strftime('%Y-%m-%d', ",
            Part::Year => "CAST(strftime('%Y', ",
            Part::Month => "CAST(strftime('%m', ",
            Part::Day => "CAST(strftime('%d', ",
            Part::Hour => "CAST(strftime('%H', ",
            Part::Minute => "CAST(strftime('%M', ",
            Part::Second => "CAST(strftime('%S', ",
        };
        sql.either(postgres, sqlite).column(self.alias, &self.field.column);
        match (sql.dialect(), part) {
            (Dialect::Postgres, Part::Date) => sql.push(") AS date)"),
            (Dialect::Postgres, Part::Second) => sql.push(")) AS int8)"),
            (Dialect::Postgres, _) => sql.push(") AS int8)"),
            (Dialect::Sqlite, Part::Date) => sql.push(")"),
            (Dialect::Sqlite, _) => sql.push(") AS INTEGER)"),
        };
        if may_be_infinite {
            sql.push(" END");
        }
    }
}
