//! From JSON to the database.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::model::{Choice, Field, FieldKind, Stored};
use super::super::sql::{Datum, Dialect};
use super::{exact, list, moment};

/// A value that a call writes into a field.
///
/// # Errors
/// What is wrong with it, in a sentence for the caller: it does not fit the kind, is null where
/// that may not be, is too long, or is none of the choices.
pub fn accept(field: &Field, dialect: Dialect, value: &Value) -> Result<Datum, String> {
    if value.is_null() {
        if field.is_nullable {
            return Ok(Datum::Null);
        }
        return Err("This field cannot be null.".to_owned());
    }
    let is_choice = |choice: &Choice| exact::is_same(&choice.value, value);
    if !field.choices.is_empty() && !field.choices.iter().any(is_choice) {
        let choices: Vec<_> = field.choices.iter().map(|each| each.value.to_string()).collect();
        let shown = shown(value);
        return Err(format!(
            "{shown} is not a valid choice. Choose one of {}.",
            choices.join(", ")
        ));
    }
    if let (FieldKind::Text { max: Some(max) }, Value::String(text)) = (&field.kind, value) {
        let length = text.chars().count();
        if length > usize::try_from(*max).unwrap_or(usize::MAX) {
            return Err(format!(
                "Ensure this value has at most {max} characters (it has {length})."
            ));
        }
    }
    comparable(field, dialect, value)
}

/// A value that a field is compared with. It is not null.
///
/// # Errors
/// What is wrong with it, in a sentence for the caller.
pub fn comparable(field: &Field, dialect: Dialect, value: &Value) -> Result<Datum, String> {
    let fail = |wanted: &str| Err(format!("{wanted} Got {}.", shown(value)));
    let text = || value.as_str().filter(|text| !text.contains('\0'));
    let datum = match &field.kind {
        FieldKind::Integer { min, max } => return integer(value, *min, *max),
        FieldKind::Decimal { digits, places } => {
            let text = decimal(value, *digits, *places)?;
            return match dialect {
                Dialect::Postgres => Ok(Datum::Text(text)),
                Dialect::Sqlite => kept_by_sqlite(&field.kind, text),
            };
        }
        FieldKind::Float => float(value),
        FieldKind::Bool => boolean(value, dialect),
        FieldKind::List { of, .. } => {
            return list::accept(field, of, dialect, value).map(Datum::Text);
        }
        FieldKind::Text { .. } | FieldKind::Other(_) | FieldKind::Opaque(_) => {
            text().map(|text| Datum::Text(text.to_owned()))
        }
        FieldKind::Enum(values) => {
            let known = text().filter(|text| values.iter().any(|value| value == text));
            if known.is_none() {
                return fail(&format!("Must be one of {}.", values.join(", ")));
            }
            known.map(|text| Datum::Text(text.to_owned()))
        }
        FieldKind::Date => text().and_then(moment::day).map(Datum::Text),
        FieldKind::Time => text().and_then(moment::time).map(Datum::Text),
        FieldKind::Timestamp { is_zoned } => text()
            .and_then(|text| moment::moment(text, *is_zoned, field.stored, dialect))
            .map(Datum::Text),
        FieldKind::Uuid => text().and_then(|text| uuid(text, field.stored)).map(Datum::Text),
        FieldKind::Json => Some(Datum::Text(exact::to_text(value))),
        FieldKind::Bytes => text().and_then(|text| STANDARD.decode(text).ok()).map(Datum::Bytes),
    };
    datum.map_or_else(|| fail(wanted(&field.kind)), Ok)
}

/// What a value of a kind has to be.
const fn wanted(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer { .. } => "Enter a whole number.",
        FieldKind::Decimal { .. } | FieldKind::Float => "Enter a number.",
        FieldKind::Bool => "Enter true or false.",
        FieldKind::Date => "Enter a valid date, as 2026-11-21.",
        FieldKind::Time => "Enter a valid time, as 10:30:00.",
        FieldKind::Timestamp { .. } => "Enter a valid date and time, as 2026-11-21T10:30:00Z.",
        FieldKind::Uuid => "Enter a valid UUID.",
        FieldKind::Bytes => "Enter a string of Base64.",
        FieldKind::List { .. } => "Enter a list of values.",
        FieldKind::Text { .. }
        | FieldKind::Enum(_)
        | FieldKind::Json
        | FieldKind::Opaque(_)
        | FieldKind::Other(_) => "Enter a string without zero characters.",
    }
}

fn integer(value: &Value, min: i64, max: i64) -> Result<Datum, String> {
    // As a string too, because that is how large ones are shown.
    let number = match (exact::number(value), value) {
        (Some(number), _) => whole(&number),
        (None, Value::String(text)) if is_integer(text) => text.parse::<i128>().ok(),
        _ => None,
    };
    let Some(number) = number else {
        return Err(format!("Enter a whole number. Got {}.", shown(value)));
    };
    match i64::try_from(number) {
        Ok(number) if (min..=max).contains(&number) => Ok(Datum::Integer(number)),
        _ => Err(format!("Must be between {min} and {max}.")),
    }
}

/// The whole number that a number is, which may be written as `1.0` or `1e3`.
fn whole(number: &str) -> Option<i128> {
    plain_decimal(number)?.parse().ok()
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

fn decimal(value: &Value, digits: Option<u32>, places: Option<u32>) -> Result<String, String> {
    let fault = || format!("Enter a number. Got {}.", shown(value));
    let text = match (exact::number(value), value) {
        (Some(number), _) => number.into_owned(),
        (None, Value::String(text)) => text.clone(),
        _ => return Err(fault()),
    };
    let text = plain_decimal(&text).ok_or_else(fault)?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let count = |part: &str| u32::try_from(part.len()).unwrap_or(u32::MAX);
    let whole = whole.trim_start_matches('-').trim_start_matches('0');
    if let Some(places) = places.filter(|places| count(fraction) > *places) {
        return Err(format!("Ensure that there are no more than {places} decimal places."));
    }
    if let Some(digits) = digits
        && count(whole) > digits.saturating_sub(places.unwrap_or(0))
    {
        let before = digits.saturating_sub(places.unwrap_or(0));
        return Err(format!(
            "Ensure that there are no more than {before} digits before the decimal point."
        ));
    }
    Ok(text)
}

/// A decimal number, if SQLite keeps it as it is: it has whole numbers of 64 bits and doubles.
fn kept_by_sqlite(kind: &FieldKind, text: String) -> Result<Datum, String> {
    if text.parse::<i64>().is_ok() {
        return Ok(Datum::Text(text));
    }
    let mut read = String::new();
    super::real(&mut read, kind, text.parse().unwrap_or(f64::NAN));
    let digits = |text: &str| text.trim_start_matches('-').trim_start_matches('0').to_owned();
    let read = plain_decimal(read.trim_matches('"'));
    if read.is_some_and(|read| digits(&read) == digits(&text)) {
        Ok(Datum::Text(text))
    } else {
        Err("This database keeps about 15 digits of a decimal number; this one has more."
            .to_owned())
    }
}

/// A decimal number without an exponent and without zeros at the end of its fraction.
pub(super) fn plain_decimal(text: &str) -> Option<String> {
    const MAX: usize = 1_000;
    let (sign, bare) = match text.strip_prefix('-') {
        Some(bare) => ("-", bare),
        None => ("", text),
    };
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (bare, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) || text.len() > MAX {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    if point.unsigned_abs() > 1_000 {
        return None;
    }
    let length = i32::try_from(digits.len()).ok()?;
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    let (whole, fraction) = if point <= 0 {
        ("0".to_owned(), format!("{}{digits}", zeros(-point)))
    } else if point >= length {
        (format!("{digits}{}", zeros(point - length)), String::new())
    } else {
        let (whole, fraction) = digits.split_at(usize::try_from(point).ok()?);
        (whole.to_owned(), fraction.to_owned())
    };
    let fraction = fraction.trim_end_matches('0');
    let dot = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{whole}{dot}{fraction}"))
}

fn float(value: &Value) -> Option<Datum> {
    let finite = |text: &str| text.parse().ok().filter(|number: &f64| number.is_finite());
    let number = match (exact::number(value), value) {
        (Some(number), _) => finite(&number),
        (None, Value::String(text)) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => finite(text),
        },
        _ => None,
    };
    number.map(Datum::Real)
}

fn boolean(value: &Value, dialect: Dialect) -> Option<Datum> {
    let is_true = match value {
        Value::Bool(value) => *value,
        Value::String(text) if text.eq_ignore_ascii_case("true") => true,
        Value::String(text) if text.eq_ignore_ascii_case("false") => false,
        _ => return None,
    };
    Some(match dialect {
        Dialect::Postgres => Datum::Bool(is_true),
        Dialect::Sqlite => Datum::Integer(is_true.into()),
    })
}

fn uuid(text: &str, stored: Stored) -> Option<String> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let is_uuid = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    let has_form = text.len() == 32 || (text.len() == 36 && super::hyphenated(&digits) == text);
    (is_uuid && has_form).then(|| {
        let digits = digits.to_ascii_lowercase();
        if stored == Stored::HexUuid { digits } else { super::hyphenated(&digits) }
    })
}

/// What was given, in an error: not all of a long one.
pub(super) fn shown(value: &Value) -> String {
    const MAX: usize = 60;
    let text = exact::to_text(value);
    if text.chars().nth(MAX).is_none() {
        return text;
    }
    let mut short: String = text.chars().take(MAX).collect();
    short.push('…');
    short
}
