//! Numbers as they were written.
//!
//! A tree of JSON values holds numbers as doubles, which have 15 to 17 digits. What a double does
//! not hold as it was written is kept in the tree as a text behind a zero character. No text of a
//! caller looks like one: those that begin with a zero character get another one before it, which
//! no kind of field takes but JSON.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

use super::super::json::{array, quote};

/// What stands before a number that is kept as text, and before a text that begins with it.
const MARK: char = '\0';
/// The mark as it stands in JSON.
const ESCAPED: &str = "\\u0000";

/// Reads the arguments of a call; none if they are null.
///
/// # Errors
/// When it is no JSON object.
pub fn read(json: &str) -> serde_json::Result<Option<Map<String, Value>>> {
    serde_json::from_str(&marked(json))
}

/// Reads a value that is compared with an argument.
///
/// # Errors
/// When it is no JSON.
pub fn read_value(json: &str) -> serde_json::Result<Value> {
    serde_json::from_str(&marked(json))
}

/// The JSON text with its inexact numbers as texts. What is no JSON stays none.
fn marked(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let mut out = String::new();
    let (mut kept, mut at) = (0, 0);
    let upto = |from: usize, to: usize| json.get(from..to).unwrap_or_default();
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                if upto(at + 1, at + 1 + ESCAPED.len()) == ESCAPED {
                    out.push_str(upto(kept, at + 1));
                    out.push_str(ESCAPED);
                    kept = at + 1;
                }
                at = end_of_text(bytes, at);
            }
            b'-' | b'0'..=b'9' => {
                let end = end_of_number(bytes, at);
                let number = upto(at, end);
                if !is_exact(number) && is_number(number) {
                    out.push_str(upto(kept, at));
                    out.push('"');
                    out.push_str(ESCAPED);
                    out.push_str(number);
                    out.push('"');
                    kept = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if kept == 0 {
        return Cow::Borrowed(json);
    }
    out.push_str(upto(kept, json.len()));
    Cow::Owned(out)
}

/// Behind the quotation mark that ends the text that begins at `at`.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    loop {
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => return at + 1,
            Some(_) => at += 1,
        }
    }
}

fn end_of_number(bytes: &[u8], at: usize) -> usize {
    let of_number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    at + bytes.iter().skip(at).take_while(of_number).count()
}

/// Whether a tree of values holds it as it was written.
fn is_exact(number: &str) -> bool {
    number.parse::<Number>().is_ok_and(|parsed| parsed.to_string() == number)
}

/// Whether it is a number (RFC 8259, section 6), however large.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let bare = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (bare, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)))
}

/// The number that a value is, as it was written.
pub fn number(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::String(text) => {
            let number = text.strip_prefix(MARK).filter(|text| is_number(text));
            number.map(Cow::Borrowed)
        }
        _ => None,
    }
}

/// A value as the JSON text that it was read from, but for spaces.
pub fn to_text(value: &Value) -> String {
    if let Some(number) = number(value) {
        return number.into_owned();
    }
    match value {
        Value::String(text) => {
            let is_marked = text.starts_with("\0\0");
            let mut out = String::with_capacity(text.len() + 2);
            quote(&mut out, text.get(usize::from(is_marked)..).unwrap_or_default());
            out
        }
        Value::Array(items) => array(items.iter().map(to_text)),
        Value::Object(members) => {
            let mut object = super::super::json::Object::new();
            for (key, value) in members {
                let key = key.get(usize::from(key.starts_with(MARK))..).unwrap_or_default();
                object.raw(key, &to_text(value));
            }
            object.finish()
        }
        other => other.to_string(),
    }
}

/// A value as it is told to whom it came from: with its numbers as doubles.
pub fn plain(value: &Value) -> Value {
    let text = to_text(value);
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Whether two values are the same, numbers by what they are worth.
pub fn is_same(one: &Value, other: &Value) -> bool {
    if let (Some(one), Some(other)) = (number(one), number(other)) {
        let plain = super::accept::plain_decimal;
        return one == other || plain(&one).is_some_and(|one| Some(one) == plain(&other));
    }
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len()
                && one.iter().zip(other).all(|(one, other)| is_same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let has = |(key, value): (&String, &Value)| {
                other.get(key).is_some_and(|other| is_same(value, other))
            };
            one.len() == other.len() && one.iter().all(has)
        }
        _ => one == other,
    }
}
