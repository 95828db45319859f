//! Arrays of PostgreSQL between JSON lists and the text that the database has for them
//! (`arrays.html`, section 8.15.6).

use std::fmt::Write as _;

use serde_json::Value;

use super::super::json::quote;
use super::super::model::{Field, FieldKind};
use super::super::sql::{Datum, Dialect};
use super::accept::{accept as take, shown};

/// A field that holds what an array's items are.
fn item(field: &Field, of: &FieldKind) -> Field {
    let kind = of.clone();
    Field { kind, is_nullable: true, choices: Vec::new(), ..field.clone() }
}

/// Writes an array as a JSON list. One that counts from another number than 1, or of which only
/// the beginning was read, stays the database's text.
pub(super) fn write(out: &mut String, field: &Field, of: &FieldKind, text: &str) {
    let begin = out.len();
    let mut reader = Reader { text, at: 0, item: &item(field, of) };
    if reader.list(out).is_none() || reader.at != text.len() {
        out.truncate(begin);
        quote(out, text);
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    item: &'a Field,
}

impl Reader<'_> {
    fn next(&self) -> Option<char> {
        self.text.get(self.at..)?.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.next()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn list(&mut self, out: &mut String) -> Option<()> {
        if self.take()? != '{' {
            return None;
        }
        out.push('[');
        if self.next()? == '}' {
            self.take();
            out.push(']');
            return Some(());
        }
        loop {
            match self.next()? {
                '{' => self.list(out)?,
                '"' => {
                    let text = self.quoted()?;
                    self.value(out, &text)?;
                }
                _ => {
                    let rest = self.text.get(self.at..)?;
                    let text = rest.get(..rest.find([',', '}'])?)?;
                    self.at += text.len();
                    if text.eq_ignore_ascii_case("null") {
                        out.push_str("null");
                    } else {
                        self.value(out, text)?;
                    }
                }
            }
            match self.take()? {
                ',' => out.push(','),
                '}' => break,
                _ => return None,
            }
        }
        out.push(']');
        Some(())
    }

    fn quoted(&mut self) -> Option<String> {
        self.take();
        let mut text = String::new();
        loop {
            match self.take()? {
                '"' => return Some(text),
                '\\' => text.push(self.take()?),
                c => text.push(c),
            }
        }
    }

    fn value(&self, out: &mut String, text: &str) -> Option<()> {
        let datum = match &self.item.kind {
            FieldKind::Integer { .. } => Datum::Integer(text.parse().ok()?),
            FieldKind::Float => Datum::Real(text.parse().ok()?),
            FieldKind::Bool => Datum::Bool(text == "t"),
            FieldKind::Bytes => Datum::Bytes(bytes(text)?),
            _ => Datum::Text(text.to_owned()),
        };
        super::write(out, self.item, &datum);
        Some(())
    }
}

/// Bytes in the database's hexadecimal form.
fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("\\x")?.as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

/// The text that the database takes for a JSON list.
///
/// # Errors
/// What is wrong with it, in a sentence for the caller.
pub(super) fn accept(
    field: &Field,
    of: &FieldKind,
    dialect: Dialect,
    value: &Value,
) -> Result<String, String> {
    let mut text = String::new();
    items(&mut text, &item(field, of), dialect, value)?;
    Ok(text)
}

fn items(out: &mut String, item: &Field, dialect: Dialect, value: &Value) -> Result<(), String> {
    let Value::Array(values) = value else {
        return Err(format!("Enter a list of values. Got {}.", shown(value)));
    };
    let mut separator = "";
    out.push('{');
    for (at, value) in values.iter().enumerate() {
        out.push_str(separator);
        separator = ",";
        if value.is_array() {
            items(out, item, dialect, value)?;
            continue;
        }
        let datum = take(item, dialect, value);
        match datum.map_err(|why| format!("Value {} of the list: {why}", at + 1))? {
            Datum::Null => out.push_str("NULL"),
            Datum::Bool(value) => out.push_str(if value { "t" } else { "f" }),
            Datum::Integer(number) => out.push_str(&number.to_string()),
            Datum::Real(number) => out.push_str(&number.to_string()),
            Datum::Text(text) => quoted(out, &text),
            Datum::Bytes(bytes) => {
                // Its backslash is one of the text's, too.
                out.push_str("\"\\\\x");
                for byte in bytes {
                    let _ = write!(out, "{byte:02x}");
                }
                out.push('"');
            }
        }
    }
    out.push('}');
    Ok(())
}

fn quoted(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
}
