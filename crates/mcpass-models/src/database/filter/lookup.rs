//! Lookups: how a field is compared with a value (Django's names).

use serde_json::Value;

use super::operand::{Operand, Part};
use crate::database::model::FieldKind;
use crate::database::sql::{Datum, Dialect, Sql};
use crate::database::value;

/// Values of one `in` at most.
const MAX_IN: usize = 1_000;

/// A comparison.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(missing_docs, reason = "each is named as its word is")]
pub enum Lookup {
    Exact,
    IExact,
    Contains,
    IContains,
    StartsWith,
    IStartsWith,
    EndsWith,
    IEndsWith,
    Gt,
    Gte,
    Lt,
    Lte,
    In,
    Range,
    IsNull,
}

impl Lookup {
    /// All of them, with their words.
    pub const ALL: [(&'static str, Self); 15] = [
        ("exact", Self::Exact),
        ("iexact", Self::IExact),
        ("contains", Self::Contains),
        ("icontains", Self::IContains),
        ("startswith", Self::StartsWith),
        ("istartswith", Self::IStartsWith),
        ("endswith", Self::EndsWith),
        ("iendswith", Self::IEndsWith),
        ("gt", Self::Gt),
        ("gte", Self::Gte),
        ("lt", Self::Lt),
        ("lte", Self::Lte),
        ("in", Self::In),
        ("range", Self::Range),
        ("isnull", Self::IsNull),
    ];

    /// The lookup of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().find(|(each, _)| *each == word).map(|(_, lookup)| *lookup)
    }

    const fn is_of_text(self) -> bool {
        matches!(
            self,
            Self::IExact
                | Self::Contains
                | Self::IContains
                | Self::StartsWith
                | Self::IStartsWith
                | Self::EndsWith
                | Self::IEndsWith
        )
    }
}

/// Whether a word of a key is a lookup or a part of a date.
pub(super) fn is_word(word: &str) -> bool {
    Lookup::from_word(word).is_some() || Part::from_word(word).is_some()
}

/// Writes a comparison.
///
/// # Errors
/// What is wrong with the value.
pub(super) fn write(
    sql: &mut Sql,
    operand: &Operand<'_>,
    lookup: Lookup,
    value: &Value,
) -> Result<(), String> {
    let is_null = match (lookup, value) {
        (Lookup::IsNull, Value::Bool(is_null)) => Some(*is_null),
        (Lookup::IsNull, _) => return Err("isnull must be true or false".to_owned()),
        (Lookup::Exact, Value::Null) => Some(true),
        (_, Value::Null) => return Err("cannot be compared with null; use isnull".to_owned()),
        _ => None,
    };
    if let Some(is_null) = is_null {
        operand.write(sql);
        sql.push(if is_null { " IS NULL" } else { " IS NOT NULL" });
        return Ok(());
    }
    if lookup.is_of_text() {
        let text = match (value::exact::number(value), value) {
            (Some(number), _) => number.into_owned(),
            (None, Value::String(text)) if !text.contains('\0') => text.clone(),
            _ => return Err("must be a string without zero characters".to_owned()),
        };
        if matches!(operand.field.kind, FieldKind::Bytes) {
            return Err("bytes cannot be compared as text".to_owned());
        }
        text_match(sql, operand, lookup, &text);
        return Ok(());
    }
    if !operand.field.kind.is_ordered() {
        return Err(
            "its values have no order and cannot be compared; isnull and icontains can be asked"
                .to_owned(),
        );
    }
    match lookup {
        Lookup::In => list(sql, operand, value),
        Lookup::Range => range(sql, operand, value),
        _ => {
            let datum = datum(sql.dialect(), operand, value)?;
            operand.write(sql);
            sql.push(match lookup {
                Lookup::Gt => " > ",
                Lookup::Gte => " >= ",
                Lookup::Lt => " < ",
                Lookup::Lte => " <= ",
                _ => " = ",
            });
            bind(sql, operand, datum);
            Ok(())
        }
    }
}

fn list(sql: &mut Sql, operand: &Operand<'_>, value: &Value) -> Result<(), String> {
    let values = value.as_array().ok_or("in needs a list")?;
    if values.len() > MAX_IN {
        return Err(format!("in takes at most {MAX_IN} values"));
    }
    let dialect = sql.dialect();
    let data = values.iter().map(|value| datum(dialect, operand, value));
    let data = data.collect::<Result<Vec<_>, _>>()?;
    if data.is_empty() {
        sql.push("1 = 0");
        return Ok(());
    }
    operand.write(sql);
    sql.push(" IN (");
    let mut separator = "";
    for datum in data {
        sql.push(separator);
        bind(sql, operand, datum);
        separator = ", ";
    }
    sql.push(")");
    Ok(())
}

fn range(sql: &mut Sql, operand: &Operand<'_>, value: &Value) -> Result<(), String> {
    let Some([from, to]) = value.as_array().map(Vec::as_slice) else {
        return Err("range needs a list of two values".to_owned());
    };
    let from = datum(sql.dialect(), operand, from)?;
    let to = datum(sql.dialect(), operand, to)?;
    operand.write(sql);
    sql.push(" BETWEEN ");
    bind(sql, operand, from);
    sql.push(" AND ");
    bind(sql, operand, to);
    Ok(())
}

/// The value that an operand is compared with.
fn datum(dialect: Dialect, operand: &Operand<'_>, value: &Value) -> Result<Datum, String> {
    match operand.part {
        None => value::comparable(operand.field, dialect, value),
        Some(part) => value::comparable(&part.of(operand.field), dialect, value),
    }
}

fn bind(sql: &mut Sql, operand: &Operand<'_>, datum: Datum) {
    match operand.part {
        None => sql.bind_for(operand.field, datum),
        Some(part) => sql.bind_for(&part.of(operand.field), datum),
    };
}

/// Writes a comparison of texts. Letter case is that of ASCII on SQLite.
pub(super) fn text_match(sql: &mut Sql, operand: &Operand<'_>, lookup: Lookup, text: &str) {
    let pattern = |before: &str, after: &str| {
        let mut pattern = before.to_owned();
        for c in text.chars() {
            if matches!(c, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(c);
        }
        pattern.push_str(after);
        Datum::Text(pattern)
    };
    let plain = || Datum::Text(text.to_owned());
    let cast = |sql: &mut Sql| {
        sql.push("CAST(");
        operand.write(sql);
        sql.push(" AS text)");
    };
    let postgres = sql.dialect() == Dialect::Postgres;
    let like = |sql: &mut Sql, word: &'static str, pattern: Datum| {
        cast(sql);
        sql.push(word).bind(pattern).push(" ESCAPE '\\'");
    };
    // LIKE ignores the case of ASCII letters on SQLite, and never does on PostgreSQL.
    let any_case = if postgres { " ILIKE " } else { " LIKE " };
    match (lookup, postgres) {
        (Lookup::IContains, _) => like(sql, any_case, pattern("%", "%")),
        (Lookup::IStartsWith, _) => like(sql, any_case, pattern("", "%")),
        (Lookup::IEndsWith, _) => like(sql, any_case, pattern("%", "")),
        (Lookup::Contains, true) => like(sql, " LIKE ", pattern("%", "%")),
        (Lookup::StartsWith, true) => like(sql, " LIKE ", pattern("", "%")),
        (Lookup::EndsWith, true) => like(sql, " LIKE ", pattern("%", "")),
        (Lookup::Contains, false) => {
            sql.push("instr(");
            cast(sql);
            sql.push(", ").bind(plain()).push(") > 0");
        }
        (Lookup::StartsWith, false) => {
            sql.push("substr(");
            cast(sql);
            sql.push(", 1, length(").bind(plain()).push(")) = ").bind(plain());
        }
        (Lookup::EndsWith, false) => {
            sql.push("(").bind(plain()).push(" = '' OR substr(");
            cast(sql);
            sql.push(", -length(").bind(plain()).push(")) = ").bind(plain()).push(")");
        }
        _ => {
            sql.push("lower(");
            cast(sql);
            sql.push(") = lower(").bind(plain()).push(")");
        }
    }
}
