//! One list out of those of several servers.

use super::{Item, ListKind};
use crate::headers::Era;
use crate::json;
use crate::text;

/// Builds one result from items of several lists, each with its own bytes.
#[derive(Debug)]
pub struct Merge {
    out: String,
    is_empty: bool,
}

impl Merge {
    /// An empty list.
    pub fn new(kind: ListKind) -> Self {
        Self { out: format!(r#"{{"{}":["#, kind.member()), is_empty: true }
    }

    /// Appends an item, with `prefix` before its name if it is a tool or a prompt.
    pub fn push(&mut self, item: &Item<'_>, prefix: &str) {
        if !self.is_empty {
            self.out.push(',');
        }
        self.is_empty = false;
        let raw = item.raw.get();
        let Some((from, to)) = item.renamed(prefix) else {
            self.out.push_str(raw);
            return;
        };
        let start = json::offset(raw, from.get());
        let end = start.saturating_add(from.get().len());
        self.out.push_str(raw.get(..start).unwrap_or_default());
        self.out.push_str(&to);
        self.out.push_str(raw.get(end..).unwrap_or_default());
    }

    /// The result as JSON. In the modern era it is private, may be kept for `ttl_ms`
    /// milliseconds, and complete.
    pub fn finish(mut self, next_cursor: Option<&str>, client: Era, ttl_ms: u64) -> String {
        self.out.push(']');
        if let Some(cursor) = next_cursor {
            self.out.push_str(r#","nextCursor":"#);
            text::quote(&mut self.out, cursor);
        }
        if client == Era::Modern {
            self.out.push_str(r#","resultType":"complete","cacheScope":"private","ttlMs":"#);
            self.out.push_str(&ttl_ms.to_string());
        }
        self.out.push('}');
        self.out
    }
}
