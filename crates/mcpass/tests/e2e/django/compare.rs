//! Where two answers differ, and whether they are meant to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// A difference that is meant to be, wherever it occurs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meant {
    /// The operations in whose answers it may be, separated by spaces; `*` for all.
    pub(super) of: &'static str,
    /// Where: members of the answer, separated by `/`. `*` stands for any one member or item, `**`
    /// for any number of them.
    pub(super) at: &'static str,
    /// Which.
    pub(super) is: Is,
    /// Why.
    pub(super) because: &'static str,
}

/// Kinds of differences.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Is {
    /// mcpass says more.
    More,
    /// mcpass says less.
    Less,
    /// mcpass says something else.
    Other,
}

/// Compares answers, and notes which of the differences that are meant there have been.
#[derive(Debug)]
pub(super) struct Comparer {
    meant: &'static [Meant],
    met: BTreeSet<usize>,
}

impl Comparer {
    pub(super) fn new(meant: &'static [Meant]) -> Self {
        Self { meant, met: BTreeSet::new() }
    }

    /// The differences of an operation's answers that are not meant, in words.
    pub(super) fn compare(&mut self, operation: &str, theirs: &Value, ours: &Value) -> Vec<String> {
        let mut found = Vec::new();
        walk(&mut Vec::new(), theirs, ours, &mut found);
        let meant = self.meant;
        let mut unmeant = Vec::new();
        for (path, is, words) in found {
            let matching = |(_, meant): &(usize, &Meant)| {
                let is_of = meant.of == "*" || meant.of.split(' ').any(|each| each == operation);
                let pattern: Vec<&str> = meant.at.split('/').collect();
                is_of && meant.is == is && matches(&pattern, &path)
            };
            match meant.iter().enumerate().find(matching) {
                Some((at, _)) => {
                    self.met.insert(at);
                }
                None => unmeant.push(words),
            }
        }
        unmeant
    }

    /// Those of the differences that are meant which no answer had: the list says too much.
    pub(super) fn unmet(&self) -> Vec<String> {
        let unmet = self.meant.iter().enumerate().filter(|(at, _)| !self.met.contains(at));
        unmet.map(|(_, meant)| format!("{} {}: {}", meant.of, meant.at, meant.because)).collect()
    }
}

fn matches(pattern: &[&str], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((&"**", rest)), None) => matches(rest, path),
        (Some((&"**", rest)), Some((_, after))) => matches(rest, path) || matches(pattern, after),
        (Some((first, rest)), Some((member, after))) => {
            (*first == "*" || first == member) && matches(rest, after)
        }
        _ => false,
    }
}

type Found = (Vec<String>, Is, String);

fn walk(path: &mut Vec<String>, theirs: &Value, ours: &Value, found: &mut Vec<Found>) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => members(path, theirs, ours, found),
        (Value::Array(theirs), Value::Array(ours)) => {
            match (by_name(theirs), by_name(ours)) {
                // What has a name is compared with what has the same one.
                (Some(theirs), Some(ours)) if !(theirs.is_empty() && ours.is_empty()) => {
                    members(path, &theirs, &ours, found);
                }
                _ => items(path, theirs, ours, found),
            }
        }
        (theirs, ours) if theirs != ours => {
            let words = format!("{}: theirs {theirs}, ours {ours}", path.join("/"));
            found.push((path.clone(), Is::Other, words));
        }
        _ => {}
    }
}

fn members(
    path: &mut Vec<String>,
    theirs: &Map<String, Value>,
    ours: &Map<String, Value>,
    found: &mut Vec<Found>,
) {
    for (name, value) in theirs {
        path.push(name.clone());
        match ours.get(name) {
            Some(other) => walk(path, value, other, found),
            None => {
                found.push((path.clone(), Is::Less, format!("{}: less {value}", path.join("/"))));
            }
        }
        path.pop();
    }
    for (name, value) in ours.iter().filter(|(name, _)| !theirs.contains_key(*name)) {
        path.push(name.clone());
        found.push((path.clone(), Is::More, format!("{}: more {value}", path.join("/"))));
        path.pop();
    }
}

fn items(path: &mut Vec<String>, theirs: &[Value], ours: &[Value], found: &mut Vec<Found>) {
    if theirs.len() != ours.len() {
        let words = format!("{}: theirs {theirs:?}, ours {ours:?}", path.join("/"));
        found.push((path.clone(), Is::Other, words));
        return;
    }
    for (at, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
        path.push(at.to_string());
        walk(path, theirs, ours, found);
        path.pop();
    }
}

/// Items by their `name` or `model_name`, if all of them have one.
fn by_name(items: &[Value]) -> Option<Map<String, Value>> {
    let name = |item: &Value| {
        let name = item.get("model_name").or_else(|| item.get("name"))?;
        // A row may have a name too.
        item.get("id").is_none().then(|| name.as_str().map(str::to_owned))?
    };
    items.iter().map(|item| Some((name(item)?, item.clone()))).collect()
}
