//! Values of a row for the history: those that changed, shortened, without what is not shown.

use serde_json::Value;

use super::super::history::MAX_IMAGE;
use super::super::json::{Object, quote};
use super::super::rows::Columns;
use super::super::sql::Row;
use super::super::value::REDACTED;

/// Characters of one value at most.
const MAX_VALUE: usize = 500;
/// Room that is kept for the number of members that are left out.
const TAIL: usize = 32;

/// All values of a row.
pub(super) fn whole(columns: &Columns<'_>, row: &Row) -> String {
    of(columns.members(row).iter().map(|(name, json)| (*name, json.as_str())))
}

/// The values of a row before and afterwards that are written or that changed otherwise. Names
/// in `closed` are of fields that were written and are not shown.
pub(super) fn changed(
    columns: &Columns<'_>,
    (before, after): (&Row, &Row),
    written: &[&str],
    closed: &[&str],
) -> (String, String) {
    let (before, after) = (columns.members(before), columns.members(after));
    let is_told = |(one, other): &(&(&str, String), &(&str, String))| {
        one.1 != other.1 || written.contains(&one.0)
    };
    let pairs: Vec<_> = before.iter().zip(&after).filter(is_told).collect();
    let redacted = format!("\"{REDACTED}\"");
    let closed = || closed.iter().map(|name| (*name, redacted.as_str()));
    let before = pairs.iter().map(|(before, _)| (before.0, before.1.as_str()));
    let after = pairs.iter().map(|(_, after)| (after.0, after.1.as_str()));
    (of(before.chain(closed())), of(after.chain(closed())))
}

fn of<'a>(members: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut object = Object::new();
    let (mut size, mut left_out) = (2, 0_u32);
    for (name, json) in members {
        let json = shortened(json, MAX_VALUE);
        let cost = name.len() * 2 + json.len() + 4;
        if size + cost + TAIL > MAX_IMAGE {
            left_out += 1;
            continue;
        }
        size += cost;
        object.raw(name, &json);
    }
    if left_out > 0 {
        object.number("_left_out", left_out);
    }
    object.finish()
}

/// A value, or its first `max` characters as a text that ends in `…`.
pub(super) fn shortened(json: &str, max: usize) -> String {
    if json.len() <= max {
        return json.to_owned();
    }
    let text = match serde_json::from_str(json) {
        Ok(Value::String(text)) => text,
        _ => json.to_owned(),
    };
    match text.char_indices().nth(max) {
        None => json.to_owned(),
        Some((end, _)) => {
            let mut out = String::new();
            quote(&mut out, &format!("{}…", text.get(..end).unwrap_or_default()));
            out
        }
    }
}
