//! Permissions: `server.name`, wildcards, denials, annotation classes.
//!
//! A permission is split at its first dot into a server part and a name part. `*` matches any
//! run of characters within a part; `*` alone is everything. A leading `!` denies, and a denial
//! wins. `server.@read`, `.@write` and `.@destructive` mean the tools whose annotations say so.
//!
//! A wildcard in the server part never reaches the namespace [`MANAGEMENT`]: what manages
//! mcpass itself has to be granted by name.

use std::fmt;
use std::str::FromStr;

mod grants;

pub use grants::{Grant, Grants, Source, Verdict};

/// The namespace of what manages mcpass itself, such as `mcpass.validate_token`.
pub const MANAGEMENT: &str = "mcpass";
/// Characters of a permission at most.
pub const MAX_LENGTH: usize = 512;

const RESOURCE: &str = "resource:";
const PROMPT: &str = "prompt:";
const METHOD: &str = "method:";

/// What a tool's annotations say of it (MCP schema, `ToolAnnotations`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum ToolClass {
    /// May destroy or overwrite: also every tool that says nothing of itself.
    Destructive,
    /// `readOnlyHint` is true: it changes nothing.
    Read,
    /// Not read-only, and `destructiveHint` is false: it only adds.
    Write,
}

impl ToolClass {
    /// The class that these hints mean. `destructiveHint` is true unless said otherwise.
    pub const fn from_hints(read_only: Option<bool>, destructive: Option<bool>) -> Self {
        match (read_only, destructive) {
            (Some(true), _) => Self::Read,
            (_, Some(false)) => Self::Write,
            _ => Self::Destructive,
        }
    }

    /// The class of what a permission on a database's model gives (`view_article`): to view is to
    /// read, to add is to write, and whatever else there is may destroy.
    pub fn of_codename(codename: &str) -> Self {
        if codename.starts_with("view_") {
            Self::Read
        } else if codename.starts_with("add_") {
            Self::Write
        } else {
            Self::Destructive
        }
    }

    /// `read`, `write` or `destructive`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Destructive => "destructive",
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What is asked for at a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Target<'a> {
    /// A method that mcpass does not know, `method:<name>` in a permission.
    Method(&'a str),
    /// A permission named outright: management, database models, validate calls.
    Permission(&'a str),
    /// A prompt, `prompt:<name>` in a permission.
    Prompt(&'a str),
    /// A resource or a template, `resource:<uri>` in a permission.
    Resource(&'a str),
    /// The server itself: handshakes, lists and pings. Any grant at the server will do.
    Server,
    /// A tool.
    Tool(&'a str),
}

impl<'a> Target<'a> {
    /// What stands before the name in a permission.
    const fn prefix(self) -> &'static str {
        match self {
            Self::Method(_) => METHOD,
            Self::Prompt(_) => PROMPT,
            Self::Resource(_) => RESOURCE,
            Self::Permission(_) | Self::Server | Self::Tool(_) => "",
        }
    }

    /// The name without its prefix; empty for the server itself.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Method(name)
            | Self::Permission(name)
            | Self::Prompt(name)
            | Self::Resource(name)
            | Self::Tool(name) => name,
            Self::Server => "",
        }
    }

    /// `tool`, `resource`, `prompt`, `method`, `permission` or `server`.
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Method(_) => "method",
            Self::Permission(_) => "permission",
            Self::Prompt(_) => "prompt",
            Self::Resource(_) => "resource",
            Self::Server => "server",
            Self::Tool(_) => "tool",
        }
    }

    /// Reads the name part of a permission as the target it means: `resource:<uri>`,
    /// `prompt:<name>`, `method:<name>`, otherwise a tool (or a permission of that name).
    pub fn from_name(name: &'a str) -> Self {
        if let Some(uri) = name.strip_prefix(RESOURCE) {
            Self::Resource(uri)
        } else if let Some(prompt) = name.strip_prefix(PROMPT) {
            Self::Prompt(prompt)
        } else if let Some(method) = name.strip_prefix(METHOD) {
            Self::Method(method)
        } else {
            Self::Tool(name)
        }
    }

    /// Whether the name could be mistaken for another kind of target, as a tool that an upstream
    /// calls `resource:x`. Such a thing is neither listed nor reachable.
    pub fn is_ambiguous(self) -> bool {
        matches!(self, Self::Tool(name) if name.is_empty() || name.starts_with('@')
            || name.starts_with(RESOURCE) || name.starts_with(PROMPT) || name.starts_with(METHOD))
    }
}

/// What a target needs of a token at a server whose permissions are not the names of its tools.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Needs {
    /// Any permission at all at the server.
    Anything,
    /// The permission that is called as it is.
    #[default]
    Itself,
    /// One of these; if there is none, nobody may.
    OneOf(Vec<Needed>),
}

impl Needs {
    /// The questions of which one has to be answered with yes: `itself` for a permission that is
    /// called as what needs it, and `namespaces` are those of the server's permissions.
    pub fn asks<'a>(
        &'a self,
        itself: Ask<'a>,
        namespaces: impl Iterator<Item = &'a str>,
    ) -> Vec<Ask<'a>> {
        match self {
            Self::Itself => vec![itself],
            Self::Anything => namespaces
                .map(|server| Ask { server, target: Target::Server, class: None })
                .collect(),
            Self::OneOf(needed) => needed.iter().map(Needed::ask).collect(),
        }
    }
}

/// A permission that something needs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Needed {
    /// Its namespace.
    pub namespace: String,
    /// Its name there.
    pub name: String,
}

impl Needed {
    /// The question whether somebody has it.
    pub fn ask(&self) -> Ask<'_> {
        Ask {
            server: &self.namespace,
            target: Target::Permission(&self.name),
            class: Some(ToolClass::of_codename(&self.name)),
        }
    }
}

/// One question to a set of grants.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The server, or the namespace of a permission.
    pub server: &'a str,
    /// What is asked for there.
    pub target: Target<'a>,
    /// What the tool's annotations say, where the target is a tool and they are known; or what a
    /// permission on a database's model does.
    pub class: Option<ToolClass>,
}

/// `server.name`.
impl fmt::Display for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.target {
            Target::Server => f.write_str(self.server),
            target => write!(f, "{}.{}{}", self.server, target.prefix(), target.name()),
        }
    }
}

/// One permission, as it was written.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Permission {
    /// As written, `!` included.
    text: Box<str>,
    /// Where the name part begins; the length of `text` for `*` alone.
    name_at: u16,
    class: Option<ToolClass>,
}

impl Permission {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it takes away instead of giving.
    pub fn is_denial(&self) -> bool {
        self.text.starts_with('!')
    }

    /// Whether it names a class of tools, for which a tool's annotations have to be known.
    pub const fn class(&self) -> Option<ToolClass> {
        self.class
    }

    /// The server part, `*` for everything.
    pub fn server_part(&self) -> &str {
        if self.is_everything() {
            return "*";
        }
        let from = usize::from(self.is_denial());
        self.text.get(from..usize::from(self.name_at).saturating_sub(1)).unwrap_or("")
    }

    /// The name part, `*` for everything.
    pub fn name_part(&self) -> &str {
        if self.is_everything() {
            return "*";
        }
        self.text.get(usize::from(self.name_at)..).unwrap_or("")
    }

    /// Whether it is `*` or `!*`.
    pub fn is_everything(&self) -> bool {
        usize::from(self.name_at) == self.text.len()
    }

    /// Whether its server part means `server`.
    pub fn covers_server(&self, server: &str) -> bool {
        let part = self.server_part();
        // A denial may reach management by a wildcard; a grant may not.
        if server == MANAGEMENT && !self.is_denial() && part != MANAGEMENT {
            return false;
        }
        glob(part, "", server)
    }

    /// Whether it means what is asked for, as a grant or as a denial.
    pub fn matches(&self, ask: &Ask<'_>) -> bool {
        if !self.covers_server(ask.server) {
            return false;
        }
        if let Some(class) = self.class {
            return match ask.target {
                Target::Permission(_) | Target::Tool(_) => ask.class == Some(class),
                // Any grant at a server opens the server itself; no partial denial closes it.
                Target::Server => !self.is_denial(),
                _ => false,
            };
        }
        match ask.target {
            Target::Server => !self.is_denial() || self.name_part() == "*",
            target => glob(self.name_part(), target.prefix(), target.name()),
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Permission {
    type Err = InvalidPermission;

    fn from_str(text: &str) -> Result<Self, InvalidPermission> {
        let fail = |why| Err(InvalidPermission { text: text.chars().take(80).collect(), why });
        if text.len() > MAX_LENGTH {
            return fail("it is longer than 512 bytes");
        }
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || crate::unseen::is_unseen(c))
        {
            return fail("it holds a space, a control or an invisible character");
        }
        let bare = text.strip_prefix('!').unwrap_or(text);
        if bare == "*" {
            let name_at = u16::try_from(text.len()).unwrap_or(u16::MAX);
            return Ok(Self { text: text.into(), name_at, class: None });
        }
        if bare.starts_with('!') {
            return fail("one `!` is enough");
        }
        let Some((server, name)) = bare.split_once('.') else {
            return fail("it has no dot between the server and the name");
        };
        if server.is_empty() || name.is_empty() {
            return fail("something is missing before or after the dot");
        }
        if !server.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'*')
        }) {
            return fail("a server's name has only a-z, 0-9, `_` and `-`");
        }
        let class = match name {
            "@read" => Some(ToolClass::Read),
            "@write" => Some(ToolClass::Write),
            "@destructive" => Some(ToolClass::Destructive),
            _ if name.starts_with('@') => {
                return fail("the classes are @read, @write, @destructive");
            }
            _ => None,
        };
        let name_at = u16::try_from(text.len() - name.len()).unwrap_or(u16::MAX);
        Ok(Self { text: text.into(), name_at, class })
    }
}

/// A text that is no permission.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "`{text}` is not a permission: {why}; write `server.tool`, `server.*`, `server.@read`, \
     `server.resource:URI`, `server.prompt:NAME`, `*`, or `!` before any of them to deny"
)]
pub struct InvalidPermission {
    text: String,
    why: &'static str,
}

/// Whether `pattern`, in which `*` is any run of characters, is all of `prefix` and `text`.
///
/// Linear in their lengths: what stands between two stars is taken where it comes first, and never
/// gone back to.
fn glob(pattern: &str, prefix: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let joined;
    let text = if prefix.is_empty() {
        text
    } else {
        joined = [prefix, text].concat();
        &joined
    };
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let inner = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail));
    inner.is_some_and(|mut inner| {
        middle.split('*').all(|part| match inner.split_once(part) {
            Some((_, after)) => {
                inner = after;
                true
            }
            None => false,
        })
    })
}

#[cfg(test)]
mod tests;
