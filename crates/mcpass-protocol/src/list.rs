//! Lists of tools, resources, templates and prompts: filtered, renamed and merged without
//! touching what is kept.
//!
//! An item that is kept keeps its bytes: unknown fields, key order, numbers of any size. An item
//! that cannot be read without doubt, such as one with two names, is never shown.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::headers::Era;
use crate::json::{self, Members};
use crate::methods::Aim;
use crate::splice::{Patch, SpliceError, span};

mod merge;
mod result;
#[cfg(test)]
mod tests;

pub use merge::Merge;
pub use result::{Adapt, adapt};

/// What a list holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum ListKind {
    /// `prompts/list`.
    Prompts,
    /// `resources/templates/list`.
    ResourceTemplates,
    /// `resources/list`.
    Resources,
    /// `tools/list`.
    Tools,
}

impl ListKind {
    /// The member of the result that holds the items.
    pub const fn member(self) -> &'static str {
        match self {
            Self::Prompts => "prompts",
            Self::ResourceTemplates => "resourceTemplates",
            Self::Resources => "resources",
            Self::Tools => "tools",
        }
    }

    /// Whether items are known by their name and so take a prefix; resources are known by URI.
    const fn is_named(self) -> bool {
        matches!(self, Self::Prompts | Self::Tools)
    }
}

/// One item of a list, borrowed from its bytes.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    raw: &'a RawValue,
    raw_name: Option<&'a RawValue>,
    kind: ListKind,
    /// `name`.
    pub name: Option<Cow<'a, str>>,
    /// `uri` or `uriTemplate`.
    pub uri: Option<Cow<'a, str>>,
    /// `annotations.readOnlyHint`.
    pub read_only: Option<bool>,
    /// `annotations.destructiveHint`.
    pub destructive: Option<bool>,
}

#[derive(Default, serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    uri: Option<&'a RawValue>,
    #[serde(borrow, rename = "uriTemplate")]
    uri_template: Option<&'a RawValue>,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

#[derive(Default, serde::Deserialize)]
struct Hints<'a> {
    #[serde(borrow, rename = "readOnlyHint")]
    read_only: Option<&'a RawValue>,
    #[serde(borrow, rename = "destructiveHint")]
    destructive: Option<&'a RawValue>,
}

impl<'a> Item<'a> {
    fn read(raw: &'a RawValue, kind: ListKind) -> Self {
        // What cannot be read has no name, and what has no name is never shown. Hints that cannot
        // be read are none, which means the worst of the tool.
        let head: Head<'a> = if json::is_object(raw) {
            serde_json::from_str(raw.get()).unwrap_or_default()
        } else {
            Head::default()
        };
        let hints: Hints<'a> = head
            .annotations
            .filter(|raw| json::is_object(raw))
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        let uri = match kind {
            ListKind::Resources => head.uri,
            ListKind::ResourceTemplates => head.uri_template,
            ListKind::Prompts | ListKind::Tools => None,
        };
        Self {
            raw,
            raw_name: head.name,
            kind,
            name: head.name.and_then(json::text),
            uri: uri.and_then(json::text),
            read_only: hints.read_only.and_then(boolean),
            destructive: hints.destructive.and_then(boolean),
        }
    }

    /// The item as it was sent.
    pub const fn raw(&self) -> &'a RawValue {
        self.raw
    }

    /// What it is about, for a question of permission; `None` if it cannot be known.
    pub fn aim(&self) -> Option<Aim<'_>> {
        let filled =
            |text: &'_ Option<Cow<'a, str>>| text.as_deref().is_some_and(|t| !t.is_empty());
        match self.kind {
            ListKind::Tools if filled(&self.name) => self.name.as_deref().map(Aim::Tool),
            ListKind::Prompts if filled(&self.name) => self.name.as_deref().map(Aim::Prompt),
            ListKind::Resources | ListKind::ResourceTemplates if filled(&self.uri) => {
                self.uri.as_deref().map(Aim::Resource)
            }
            _ => None,
        }
    }

    /// The new name, as JSON, and what it replaces.
    fn renamed(&self, prefix: &str) -> Option<(&'a RawValue, String)> {
        if !self.kind.is_named() {
            return None;
        }
        let name = self.name.as_deref()?;
        Some((self.raw_name?, json::quote(&format!("{prefix}{name}"))))
    }
}

fn boolean(raw: &RawValue) -> Option<bool> {
    match raw.get() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// The answer to a list request.
#[derive(Debug)]
pub struct List<'a> {
    text: &'a str,
    kind: ListKind,
    result: &'a str,
    members: Members<'a>,
    array: &'a RawValue,
    items: Vec<Item<'a>>,
    next_cursor: Option<&'a RawValue>,
}

/// How a list is to be changed besides leaving items out.
#[derive(Clone, Copy, Debug)]
pub struct Rewrite<'p> {
    /// Put before each tool's or prompt's name, such as `github__`.
    pub prefix: Option<&'p str>,
    /// The era of the client that gets it.
    pub client: Era,
    /// `ttlMs` at most, in milliseconds, so that a change of permissions is soon seen.
    pub max_ttl_ms: u64,
}

impl<'a> List<'a> {
    /// Reads a whole JSON-RPC answer.
    ///
    /// # Errors
    /// When it has no result with such a list, or says the same thing twice.
    pub fn read(text: &'a str, kind: ListKind) -> Result<Self, ListError> {
        let message = Members::read(text).map_err(|_| ListError::NotAList(kind.member()))?;
        let result = message.find("result").map_err(|_| ListError::Twice("result"))?;
        let result = result.ok_or(ListError::NotAList(kind.member()))?.value.get();
        Self::read_in(text, result, kind)
    }

    /// Reads a result that stands alone.
    ///
    /// # Errors
    /// As [`List::read`].
    pub fn read_result(text: &'a str, kind: ListKind) -> Result<Self, ListError> {
        Self::read_in(text, text, kind)
    }

    fn read_in(text: &'a str, result: &'a str, kind: ListKind) -> Result<Self, ListError> {
        let member = kind.member();
        let members = Members::read(result).map_err(|_| ListError::NotAList(member))?;
        let array = members.find(member).map_err(|_| ListError::Twice(member))?;
        let array = array.ok_or(ListError::NotAList(member))?.value;
        let raws: Vec<&'a RawValue> =
            serde_json::from_str(array.get()).map_err(|_| ListError::NotAList(member))?;
        let items = raws.into_iter().map(|raw| Item::read(raw, kind)).collect();
        let cursor = members.find("nextCursor").map_err(|_| ListError::Twice("nextCursor"))?;
        let next_cursor = cursor.map(|member| member.value);
        Ok(Self { text, kind, result, members, array, items, next_cursor })
    }

    /// The items in their order.
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    /// Where the next page begins, if there is one.
    pub fn next_cursor(&self) -> Option<Cow<'a, str>> {
        self.next_cursor.and_then(json::text)
    }

    /// The whole text with only the items that `keep` says yes to, changed as `rewrite` asks. An
    /// item without a readable name or URI is left out without asking. All else is as it was,
    /// `nextCursor` included.
    ///
    /// # Errors
    /// When `ttlMs`, `cacheScope` or `resultType` stands twice in the result.
    pub fn rewrite(
        &self,
        rewrite: &Rewrite<'_>,
        mut keep: impl FnMut(&Item<'a>) -> bool,
    ) -> Result<Vec<u8>, ListError> {
        let mut patch = Patch::default();
        let kept: Vec<bool> =
            self.items.iter().map(|item| item.aim().is_some() && keep(item)).collect();
        self.drop_items(&kept, &mut patch);
        if let Some(prefix) = rewrite.prefix {
            let shown = self.items.iter().zip(&kept).filter(|(_, kept)| **kept);
            for (from, to) in shown.filter_map(|(item, _)| item.renamed(prefix)) {
                patch.replace(span(self.text, from), to);
            }
        }
        let adapt =
            Adapt { client: rewrite.client, is_cacheable: true, max_ttl_ms: rewrite.max_ttl_ms };
        result::edits(self.text, self.result, &self.members, &adapt, &mut patch)?;
        Ok(patch.apply(self.text)?.into_bytes())
    }

    /// Takes away what is not kept: with the separator after it as long as nothing was kept
    /// before it, otherwise with the one before it.
    fn drop_items(&self, kept: &[bool], patch: &mut Patch) {
        let spans: Vec<_> = self.items.iter().map(|item| span(self.text, item.raw)).collect();
        let Some(first) = kept.iter().position(|kept| *kept) else {
            if let (Some(first), Some(last)) = (spans.first(), spans.last()) {
                patch.replace(first.start..last.end, "");
            }
            return;
        };
        if let (Some(start), Some(until), true) = (spans.first(), spans.get(first), first > 0) {
            patch.replace(start.start..until.start, "");
        }
        let pairs = spans.iter().zip(spans.iter().skip(1)).zip(kept.iter().skip(1));
        for ((before, this), _) in pairs.skip(first).filter(|(_, kept)| !**kept) {
            patch.replace(before.end..this.end, "");
        }
    }

    /// The bytes of the array as they were sent.
    pub const fn array(&self) -> &'a RawValue {
        self.array
    }

    /// What it is a list of.
    pub const fn kind(&self) -> ListKind {
        self.kind
    }
}

/// Why an answer is not a list that can be filtered. It must not be passed on then.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ListError {
    /// There is no such array.
    #[error("the answer has no array `result.{0}`")]
    NotAList(&'static str),
    /// A key that stands twice.
    #[error("the key `{0}` stands twice")]
    Twice(&'static str),
    /// The bytes could not be changed.
    #[error(transparent)]
    Splice(#[from] SpliceError),
}
