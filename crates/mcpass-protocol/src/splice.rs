//! Changing one value of a message and leaving every other byte as it was sent.

use std::ops::Range;

use serde_json::value::RawValue;

use crate::json::{self, Member, Members};

#[cfg(test)]
mod tests;

/// Puts `value`, which is JSON, at `path`: in place of what is there, or as the last member of the
/// object that lacks it. Objects on the way that are missing are made.
///
/// # Errors
/// When the text is not an object, something on the way is not one, or a key of the path stands
/// twice in its object.
pub fn set(text: &str, path: &[&str], value: &str) -> Result<String, SpliceError> {
    let mut patch = Patch::default();
    match walk(text, path)? {
        Place::Found { siblings, at } => match siblings.0.get(at) {
            Some(member) => patch.replace(span(text, member.value), value),
            None => return Err(SpliceError::NotAnObject),
        },
        Place::Missing { object, siblings, rest } => {
            patch.append(text, object, &siblings, &nested(rest, value));
        }
    }
    patch.apply(text)
}

/// Takes away the member at `path`. What is not there stays away.
///
/// # Errors
/// As [`set`].
pub fn remove(text: &str, path: &[&str]) -> Result<String, SpliceError> {
    let Place::Found { siblings, at } = walk(text, path)? else {
        return Ok(text.to_owned());
    };
    let before = at.checked_sub(1).and_then(|before| siblings.0.get(before));
    let after = siblings.0.get(at.saturating_add(1));
    let Some(member) = siblings.0.get(at) else {
        return Err(SpliceError::NotAnObject);
    };
    let end = span(text, member.value).end;
    let range = match (before, after) {
        (Some(before), _) => span(text, before.value).end..end,
        (None, Some(after)) => span(text, member.raw_key).start..span(text, after.raw_key).start,
        (None, None) => span(text, member.raw_key).start..end,
    };
    let mut patch = Patch::default();
    patch.replace(range, "");
    patch.apply(text)
}

/// The value at `path`, if there is one.
///
/// # Errors
/// As [`set`].
pub fn value<'a>(text: &'a str, path: &[&str]) -> Result<Option<&'a RawValue>, SpliceError> {
    Ok(match walk(text, path)? {
        Place::Found { siblings, at } => siblings.0.get(at).map(|member| member.value),
        Place::Missing { .. } => None,
    })
}

/// Why a message cannot be changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SpliceError {
    /// A key of the path stands twice.
    #[error("the key `{0}` stands twice in the same object")]
    DuplicateKey(String),
    /// The text, or something on the way, is not an object; or the path is empty.
    #[error("what is to be changed is not in a JSON object")]
    NotAnObject,
}

enum Place<'a, 'p> {
    Found { siblings: Members<'a>, at: usize },
    Missing { object: &'a str, siblings: Members<'a>, rest: &'p [&'p str] },
}

fn walk<'a, 'p>(text: &'a str, path: &'p [&'p str]) -> Result<Place<'a, 'p>, SpliceError> {
    let mut object = text;
    let mut rest = path;
    while let Some((key, deeper)) = rest.split_first() {
        let siblings = Members::read(object).map_err(|_| SpliceError::NotAnObject)?;
        let is_here = |member: &Member<'_>| member.key == *key;
        let twice = |_| SpliceError::DuplicateKey((*key).to_owned());
        let Some(member) = siblings.find(key).map_err(twice)? else {
            return Ok(Place::Missing { object, siblings, rest });
        };
        if deeper.is_empty() {
            let at = siblings.0.iter().position(is_here).ok_or(SpliceError::NotAnObject)?;
            return Ok(Place::Found { siblings, at });
        }
        object = member.value.get();
        rest = deeper;
    }
    Err(SpliceError::NotAnObject)
}

/// `"a":{"b":value}` for the path `a`, `b`.
fn nested(path: &[&str], value: &str) -> String {
    match path.split_first() {
        Some((key, [])) => format!("{}:{value}", json::quote(key)),
        Some((key, deeper)) => format!("{}:{{{}}}", json::quote(key), nested(deeper, value)),
        None => String::new(),
    }
}

/// Where the bytes of `raw` stand in `text`.
pub(crate) fn span(text: &str, raw: &RawValue) -> Range<usize> {
    let start = json::offset(text, raw.get());
    start..start.saturating_add(raw.get().len())
}

/// Where the brace of `object` stands in `text`.
fn opening(text: &str, object: &str) -> usize {
    let space = object.len().saturating_sub(object.trim_start().len());
    json::offset(text, object).saturating_add(space)
}

/// Replacements in one text.
#[derive(Debug, Default)]
pub(crate) struct Patch(Vec<(Range<usize>, String)>);

impl Patch {
    /// Replaces `range` by `replacement`. Ranges must not overlap.
    pub(crate) fn replace(&mut self, range: Range<usize>, replacement: impl Into<String>) {
        self.0.push((range, replacement.into()));
    }

    /// Appends members to an object, each given as `"key":value`.
    pub(crate) fn append(&mut self, text: &str, object: &str, siblings: &Members<'_>, new: &str) {
        if new.is_empty() {
            return;
        }
        let (at, comma) = match siblings.0.last() {
            Some(last) => (span(text, last.value).end, ","),
            None => (opening(text, object).saturating_add(1), ""),
        };
        self.replace(at..at, format!("{comma}{new}"));
    }

    /// Whether nothing changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text with all replacements made. At the same place, they come in the order in which
    /// they were asked for.
    pub(crate) fn apply(mut self, text: &str) -> Result<String, SpliceError> {
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let grown: usize = self.0.iter().map(|(_, replacement)| replacement.len()).sum();
        let mut out = String::with_capacity(text.len().saturating_add(grown));
        let mut done = 0;
        for (range, replacement) in &self.0 {
            out.push_str(text.get(done..range.start).ok_or(SpliceError::NotAnObject)?);
            out.push_str(replacement);
            done = range.end;
        }
        out.push_str(text.get(done..).ok_or(SpliceError::NotAnObject)?);
        Ok(out)
    }
}
