//! Results that fit a token's `max_context` by themselves.

use super::json::{indent, quote};
use crate::local::Caller;

/// Characters of a tool's result around what it holds: members of the protocol, of either era.
const ENVELOPE: u64 = 512;

/// Characters to which texts are shortened, one after the other, until a row fits.
pub const CAPS: [usize; 5] = [2_000, 500, 200, 50, 10];

/// Room for a result. A tool's value stands twice in its result: as text, which is a JSON string
/// of it, and as structured content.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    left: Option<u64>,
    is_indented: bool,
}

impl Room {
    /// The room that a caller has for a result whose text is indented or not.
    pub fn of(caller: &Caller<'_>, is_indented: bool) -> Self {
        let left = (caller.max_context > 0).then(|| caller.max_context.saturating_sub(ENVELOPE));
        Self { left, is_indented }
    }

    /// Whether there is a limit.
    pub const fn is_limited(&self) -> bool {
        self.left.is_some()
    }

    /// Whether JSON still has room, `depth` levels deep in the result.
    pub fn has(&self, json: &str, depth: usize) -> bool {
        self.left.is_none_or(|left| self.cost(json, depth) <= left)
    }

    /// Takes the room that JSON needs, if it is there.
    pub fn take(&mut self, json: &str, depth: usize) -> bool {
        let Some(left) = self.left else { return true };
        match left.checked_sub(self.cost(json, depth)) {
            Some(rest) => {
                self.left = Some(rest);
                true
            }
            None => false,
        }
    }

    /// Unicode characters that compact JSON takes in a result.
    fn cost(&self, json: &str, depth: usize) -> u64 {
        let mut quoted = String::new();
        let mut cost = json.chars().count() + SEPARATORS;
        if self.is_indented {
            let text = indent(json);
            cost += (1 + text.matches('\n').count()) * depth * 2;
            quote(&mut quoted, &text);
        } else {
            quote(&mut quoted, json);
        }
        cost += quoted.chars().count();
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// The comma and the line's end between two items, in text and structure.
const SEPARATORS: usize = 6;
