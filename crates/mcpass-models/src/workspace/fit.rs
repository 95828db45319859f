//! Answers that fit a token's `max_context`.
//!
//! First there are fewer items, with a cursor for the rest. If even one item is too large, its long
//! texts and lists are cut, each with a mark that says where to read on.

use serde_json::{Map, Value, json};

use crate::service::structured_chars;

/// Texts and lists up to here are never cut.
const SHORT: usize = 200;
/// Characters that one entry of a list counts for when it is cut.
const ENTRY: usize = 150;

/// The largest answer that fits `room` characters (0 for any number): `build` makes one of so many
/// items, with texts of so many characters. The smallest one is given even if it does not fit.
pub(super) fn largest(
    items: usize,
    room: u64,
    build: impl Fn(usize, usize) -> Value,
    chars: impl Fn(&Value) -> u64,
) -> Value {
    let fits = |value: &Value| room == 0 || chars(value) <= room;
    let whole = build(items, usize::MAX);
    if fits(&whole) {
        return whole;
    }
    let fewer = search(1, items, |count| Some(build(count, usize::MAX)).filter(fits));
    let cut = |length| Some(build(items.min(1), length)).filter(fits);
    fewer
        .or_else(|| search(SHORT, usize::try_from(room).unwrap_or(usize::MAX), cut))
        .unwrap_or_else(|| build(items.min(1), SHORT))
}

/// The same for the structured result of a tool.
pub(super) fn result(items: usize, room: u64, build: impl Fn(usize, usize) -> Value) -> Value {
    largest(items, room, build, structured_chars)
}

/// What `attempt` makes of the greatest number from `least` on, below `limit`, of which it makes
/// anything: if it does of a number, it does of all smaller ones.
fn search<T>(least: usize, limit: usize, attempt: impl Fn(usize) -> Option<T>) -> Option<T> {
    let mut best = attempt(least)?;
    let (mut low, mut high) = (least, limit.max(least));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match attempt(middle) {
            Some(found) => (best, low) = (found, middle),
            None => high = middle,
        }
    }
    Some(best)
}

/// Which part of long texts and lists an answer shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    /// Characters or entries to skip.
    pub(super) offset: usize,
    /// Characters to show; of lists, as many entries as that may be.
    pub(super) length: usize,
}

impl Window {
    /// Cuts the long texts and lists of a record, and adds to `marks` where to read on. With an
    /// offset, what ends before it is left out.
    pub(super) fn cut(
        self,
        id: &str,
        path: &str,
        record: &mut Map<String, Value>,
        marks: &mut Vec<Value>,
    ) {
        let offset = self.offset;
        record.retain(|name, value| {
            let (size, unit) = match value {
                Value::String(text) => (text.chars().count(), 1),
                Value::Array(entries) => (entries.len().saturating_mul(ENTRY), ENTRY),
                _ => return true,
            };
            let count = size / unit;
            if is_lasting(name) {
                return true;
            }
            if offset > 0 && count <= offset {
                return false;
            }
            if size <= SHORT {
                return true;
            }
            let shown = (self.length / unit).max(1);
            match value {
                Value::String(text) => {
                    *text = text.chars().skip(offset).take(shown).collect();
                }
                Value::Array(entries) => {
                    *entries = entries.drain(..).skip(offset).take(shown).collect();
                }
                _ => {}
            }
            let next = offset.saturating_add(shown);
            if next < count {
                marks.push(json!({"id": id, "field": format!("{path}{name}"),
                    "next_offset": next, "length": count}));
            }
            true
        });
    }
}

/// What names an item is always whole.
fn is_lasting(name: &str) -> bool {
    name.ends_with("id") || matches!(name, "title" | "name" | "status") || name.ends_with("_at")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_search_finds_the_greatest(least in 0_usize..5, size in 0_usize..300, limit in 5_usize..200) {
            let found = search(least, limit, |n| (n <= size).then_some(n));
            let expected = (least <= size).then(|| size.min(limit - 1).max(least));
            prop_assert_eq!(found, expected);
        }

        /// Whatever the lengths, the parts of a text are the text.
        #[test]
        fn parts_join_again(text in "[a\"é😀]{0,900}", length in 1_usize..400) {
            let (mut joined, mut offset) = (String::new(), 0);
            loop {
                let mut record = Map::from_iter([("text".to_owned(), json!(text))]);
                let mut marks = Vec::new();
                Window { offset, length }.cut("x", "", &mut record, &mut marks);
                joined.push_str(record.get("text").and_then(Value::as_str).unwrap_or_default());
                match marks.first() {
                    Some(mark) => offset = usize::try_from(mark["next_offset"].as_u64().unwrap()).unwrap(),
                    None => break,
                }
            }
            prop_assert_eq!(joined, text);
        }
    }
}
