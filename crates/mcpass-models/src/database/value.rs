//! Values between JSON and the database, by what a field holds.
//!
//! Out ([`write`]): decimals and whole numbers that a double cannot hold are strings, days and
//! times are ISO 8601, moments in UTC end in `Z`, bytes are Base64.
//! In ([`accept()`], [`comparable`]): strictly by kind. `true` is no number, `1` is no boolean.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::value::RawValue;

use super::json::{compact, quote};
use super::model::{Field, FieldKind, Stored};
use super::sql::Datum;

mod accept;
pub mod exact;
mod list;
mod moment;
#[cfg(test)]
mod tests;

pub use accept::{accept, comparable};

/// What stands for a value that is not shown.
pub const REDACTED: &str = "***REDACTED***";

/// The largest whole number up to which a double holds all of them (RFC 8259, section 6).
const SAFE_INTEGER: u64 = (1 << 53) - 1;

/// Writes a field's value as JSON.
pub fn write(out: &mut String, field: &Field, value: &Datum) {
    if field.is_redacted {
        return quote(out, REDACTED);
    }
    match value {
        Datum::Null => out.push_str("null"),
        Datum::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Datum::Integer(number) => integer(out, &field.kind, *number),
        Datum::Real(number) => real(out, &field.kind, *number),
        Datum::Bytes(bytes) => quote(out, &STANDARD.encode(bytes)),
        Datum::Text(text) => self::text(out, field, text),
    }
}

/// A field's value as JSON.
pub fn to_json(field: &Field, value: &Datum) -> Value {
    let mut out = String::new();
    write(&mut out, field, value);
    serde_json::from_str(&out).unwrap_or(Value::Null)
}

fn integer(out: &mut String, kind: &FieldKind, number: i64) {
    match (kind, number) {
        // SQLite has numbers instead.
        (FieldKind::Bool, 0) => out.push_str("false"),
        (FieldKind::Bool, 1) => out.push_str("true"),
        (FieldKind::Decimal { places, .. }, _) => {
            out.push('"');
            out.push_str(&number.to_string());
            if let Some(places @ 1..) = places {
                out.push('.');
                (0..*places).for_each(|_| out.push('0'));
            }
            out.push('"');
        }
        (FieldKind::Text { .. }, _) => quote(out, &number.to_string()),
        _ if number.unsigned_abs() > SAFE_INTEGER => quote(out, &number.to_string()),
        _ => out.push_str(&number.to_string()),
    }
}

fn real(out: &mut String, kind: &FieldKind, number: f64) {
    match kind {
        FieldKind::Decimal { places: Some(places), .. } if number.is_finite() => {
            let places = usize::try_from(*places).unwrap_or(0);
            quote(out, &format!("{number:.places$}"));
        }
        FieldKind::Decimal { .. } | FieldKind::Text { .. } => quote(out, &number.to_string()),
        _ => match serde_json::Number::from_f64(number) {
            Some(number) => out.push_str(&number.to_string()),
            None if number.is_nan() => quote(out, "NaN"),
            None => quote(out, if number > 0.0 { "Infinity" } else { "-Infinity" }),
        },
    }
}

fn text(out: &mut String, field: &Field, text: &str) {
    match &field.kind {
        FieldKind::Timestamp { is_zoned } => quote(out, &moment::shown(text, *is_zoned)),
        FieldKind::Uuid if field.stored == Stored::HexUuid => quote(out, &hyphenated(text)),
        FieldKind::List { of, .. } => list::write(out, field, of, text),
        // Without spaces of its own, which `json::indent` would not know.
        FieldKind::Json if serde_json::from_str::<&RawValue>(text).is_ok() => compact(out, text),
        _ => quote(out, text),
    }
}

/// The form with hyphens of 32 hexadecimal digits (RFC 9562, section 4).
fn hyphenated(digits: &str) -> String {
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return digits.to_owned();
    }
    let mut text = String::with_capacity(36);
    for (at, digit) in digits.chars().enumerate() {
        if matches!(at, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}
