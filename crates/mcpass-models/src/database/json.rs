//! JSON text with members in the order in which they are written.
//!
//! Rows keep the order of their table's columns, as Django Admin MCP's do, and large pages are
//! written once: hence text and no tree of values.

use serde_json::Value;

pub use mcpass_protocol::text::{compact, indent, quote};

#[cfg(test)]
mod tests;

/// An object that is written member by member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Object(String);

impl Default for Object {
    fn default() -> Self {
        Self("{".to_owned())
    }
}

impl Object {
    /// An object without members yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member whose value is JSON text.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key).push_str(json);
        self
    }

    /// Adds a member.
    pub fn value(&mut self, key: &str, value: &Value) -> &mut Self {
        let json = value.to_string();
        self.raw(key, &json)
    }

    /// Adds a member that is a text.
    pub fn text(&mut self, key: &str, value: &str) -> &mut Self {
        quote(self.key(key), value);
        self
    }

    /// Adds a member that is a whole number.
    pub fn number(&mut self, key: &str, value: impl Into<i128>) -> &mut Self {
        let digits = value.into().to_string();
        self.raw(key, &digits)
    }

    /// Adds a member that is true or false.
    pub fn flag(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// Begins a member, and hands out where its value has to be written.
    pub fn key(&mut self, key: &str) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
        &mut self.0
    }

    /// The JSON text.
    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// An array of JSON texts.
pub fn array<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut text = "[".to_owned();
    for item in items {
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(item.as_ref());
    }
    text.push(']');
    text
}
