//! Reading JSON objects member by member over borrowed text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Levels of nesting at most. It is what serde_json itself reads, so that a server built on it
/// and the gateway accept the same documents.
pub(crate) const MAX_DEPTH: usize = 127;

/// Whether arrays and objects nest deeper than [`MAX_DEPTH`]. Skipping a value has no limit of
/// its own, so this is asked before anything is parsed.
pub(crate) fn is_too_deep(text: &[u8]) -> bool {
    // Counting every bracket is one pass of vector instructions, and almost always the answer.
    let brackets = text.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    brackets > MAX_DEPTH && depth(text) > MAX_DEPTH
}

fn depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth = depth.saturating_add(1);
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => {}
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return,
            _ => {}
        }
    }
}

/// Where `inner` begins in `outer`, of which it is a slice.
pub(crate) fn offset(outer: &str, inner: &str) -> usize {
    inner.as_ptr().addr().saturating_sub(outer.as_ptr().addr())
}

/// The text of a JSON string. `None` if it is another kind of value, or a string that is no
/// text, such as a lone surrogate.
pub(crate) fn text(raw: &RawValue) -> Option<Cow<'_, str>> {
    let quoted = raw.get();
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Some(Cow::Borrowed(inner));
    }
    serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
}

/// Whether a value is an object.
pub(crate) fn is_object(raw: &RawValue) -> bool {
    raw.get().starts_with('{')
}

/// `text` as a JSON string.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    crate::text::quote(&mut out, text);
    out
}

/// A string, borrowed unless it holds escapes.
#[derive(Debug)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor).map(Self)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// One member of an object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// The key, without quotes and escapes.
    pub(crate) key: Cow<'a, str>,
    /// The key as it stands in the text, with its quotes.
    pub(crate) raw_key: &'a RawValue,
    /// The value as it stands in the text.
    pub(crate) value: &'a RawValue,
}

/// The members of an object in their order.
#[derive(Debug, Default)]
pub(crate) struct Members<'a>(pub(crate) Vec<Member<'a>>);

impl<'a> Members<'a> {
    /// Reads the object `text`.
    pub(crate) fn read(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The member `key`.
    ///
    /// # Errors
    /// When there are two of that name: whoever reads on might take the other.
    pub(crate) fn find(&self, key: &str) -> Result<Option<&Member<'a>>, DuplicateKey> {
        let mut found = self.0.iter().filter(|member| member.key == key);
        let first = found.next();
        if found.next().is_some() { Err(DuplicateKey) } else { Ok(first) }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(raw_key) = map.next_key::<&'de RawValue>()? {
            let key = text(raw_key)
                .ok_or_else(|| serde::de::Error::custom("a key that is not Unicode text"))?;
            members.push(Member { key, raw_key, value: map.next_value()? });
        }
        Ok(Members(members))
    }
}

/// Two members of one object have the same key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct DuplicateKey;

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn the_depth_limit_is_that_of_serde_json() {
        for depth in [1, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1, 500] {
            let text = nested(depth);
            let theirs = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert_eq!(!is_too_deep(text.as_bytes()), theirs, "{depth}");
        }
        let in_a_string = format!(r#"{{"a":"\"{}"}}"#, "[".repeat(500));
        assert!(!is_too_deep(in_a_string.as_bytes()));
    }

    #[test]
    fn quoting_is_what_serde_json_reads_back() {
        let odd: String = (0_u32..0x300).filter_map(char::from_u32).chain(['😀']).collect();
        assert_eq!(serde_json::from_str::<String>(&quote(&odd)).unwrap(), odd);
        assert_eq!(
            quote(&odd),
            serde_json::to_string(&odd)
                .unwrap()
                .replace("\\b", "\\u0008")
                .replace("\\f", "\\u000c")
        );
    }

    #[test]
    fn keys_are_read_through_their_escapes_and_found_once() {
        let members = Members::read(r#" { "a" : 1 , "\u0062":[2], "c":3,"\u0063":4 } "#).unwrap();
        assert_eq!(members.find("b").unwrap().unwrap().value.get(), "[2]");
        assert_eq!(members.find("b").unwrap().unwrap().raw_key.get(), r#""\u0062""#);
        assert!(members.find("x").unwrap().is_none());
        assert!(members.find("c").is_err());
    }
}
