//! Values as texts that can be read in parts: what long values are shortened to, and what
//! `text_offset` counts in.

use serde_json::Value;

use crate::database::json::Object;
use crate::database::model::{Field, FieldKind};
use crate::database::sql::Datum;
use crate::database::value;

/// The text of a value: its own, Base64 of bytes, and the JSON text of anything that has another
/// form (of a JSON field always, so that parts join to what it holds).
pub fn of(field: &Field, datum: &Datum) -> String {
    let mut json = String::new();
    value::write(&mut json, field, datum);
    let is_quoted = json.starts_with('"') && !matches!(field.kind, FieldKind::Json);
    match serde_json::from_str(&json) {
        Ok(Value::String(text)) if is_quoted => text,
        _ => json,
    }
}

/// The first `cap` characters of a value, with a note of where to read on; none if that is all of
/// it, or if it is not shown.
pub(super) fn head(field: &Field, datum: &Datum, cap: usize) -> Option<(String, String)> {
    let bytes = match datum {
        Datum::Text(text) => text.len(),
        Datum::Bytes(bytes) => bytes.len().saturating_mul(2),
        Datum::Null | Datum::Bool(_) | Datum::Integer(_) | Datum::Real(_) => 0,
    };
    // Most values are short, and need not be written twice to see that.
    if bytes <= cap || field.is_redacted {
        return None;
    }
    let mut text = of(field, datum);
    let (end, _) = text.char_indices().nth(cap)?;
    let note = note(text.chars().count(), cap);
    text.truncate(end);
    Some((text, note))
}

/// What `_shortened` says of a value of so many characters, of which those before `next` are here.
pub fn note(characters: usize, next: usize) -> String {
    let mut note = Object::new();
    note.number("characters", number(characters)).number("next_offset", number(next));
    note.finish()
}

/// What `_shortened` says of a list of so many keys, of which `shown` are here. The rest is read
/// with `related_`.
pub(super) fn note_of_list(count: usize, shown: usize) -> String {
    let mut note = Object::new();
    note.number("count", number(count)).number("shown", number(shown));
    note.finish()
}

fn number(count: usize) -> i128 {
    i128::try_from(count).unwrap_or(i128::MAX)
}
