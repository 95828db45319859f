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

/// One question to a set of grants.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    /// The server, or the namespace of a permission.
    pub server: &'a str,
    /// What is asked for there.
    pub target: Target<'a>,
    /// What the tool's annotations say, where the target is a tool and they are known.
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
                Target::Tool(_) => ask.class == Some(class),
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
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || is_invisible(c)) {
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

/// Characters that show as nothing or turn the writing round, and so could make one name look
/// like another.
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}' | '\u{00AD}')
}

/// Whether `pattern`, in which `*` is any run of characters, is all of `prefix` and `text`.
///
/// Linear for each `*`: the last star is the only one ever gone back to.
fn glob(pattern: &str, prefix: &str, text: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    let pattern = pattern.as_bytes();
    let length = prefix.len() + text.len();
    let byte = |at: usize| match at.checked_sub(prefix.len()) {
        None => prefix.as_bytes().get(at),
        Some(at) => text.as_bytes().get(at),
    };
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while t < length {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(expected) if byte(t) == Some(expected) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((star_p, star_t)) => {
                    p = star_p + 1;
                    t = star_t + 1;
                    star = Some((star_p, t));
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|b| *b == b'*'))
}

/// Where a token has a permission from.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Source {
    /// A group of this name.
    Group(String),
    /// The token or the user itself.
    Own,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Own => f.write_str("own"),
        }
    }
}

/// A permission and where it comes from.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Grant {
    /// The permission.
    pub permission: Permission,
    /// Where it comes from.
    pub source: Source,
}

/// What a set of grants says to one question.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict<'a> {
    /// This grant gives it, and none takes it away.
    Allow(&'a Grant),
    /// This denial takes it away.
    Deny(&'a Grant),
    /// Nothing gives it.
    Silent,
}

/// The permissions of a token or a user, ready to be asked.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Grants {
    grants: Vec<Grant>,
    denials: Vec<Grant>,
}

impl Grants {
    /// These permissions.
    pub fn new(all: impl IntoIterator<Item = Grant>) -> Self {
        let (denials, grants) = all.into_iter().partition(|grant| grant.permission.is_denial());
        Self { grants, denials }
    }

    /// What they say to `ask`. A denial wins over every grant.
    pub fn ask(&self, ask: &Ask<'_>) -> Verdict<'_> {
        if ask.target.is_ambiguous() {
            return Verdict::Silent;
        }
        let Some(grant) = self.grants.iter().find(|grant| grant.permission.matches(ask)) else {
            return Verdict::Silent;
        };
        match self.denials.iter().find(|denial| denial.permission.matches(ask)) {
            Some(denial) => Verdict::Deny(denial),
            None => Verdict::Allow(grant),
        }
    }

    /// Whether they give what is asked for.
    pub fn allow(&self, ask: &Ask<'_>) -> bool {
        matches!(self.ask(ask), Verdict::Allow(_))
    }

    /// Whether they give anything at `server`.
    pub fn allow_server(&self, server: &str) -> bool {
        self.allow(&Ask { server, target: Target::Server, class: None })
    }

    /// Whether an answer about a tool of `server` may depend on its annotations.
    pub fn need_class(&self, server: &str) -> bool {
        self.iter().any(|grant| {
            grant.permission.class().is_some() && grant.permission.covers_server(server)
        })
    }

    /// Whether whatever `other` gives, these give too, judged by the permissions' texts alone.
    ///
    /// It errs on the safe side: true only if each grant of `other` is matched, as a pattern, by
    /// a grant here that no denial here touches, unless `other` carries that denial as well.
    pub fn cover(&self, other: &Permission) -> bool {
        if other.is_denial() {
            return true;
        }
        let covered = self.grants.iter().any(|grant| covers(&grant.permission, other));
        covered && !self.denials.iter().any(|denial| overlaps(&denial.permission, other))
    }

    /// The denials among them.
    pub fn denials(&self) -> impl Iterator<Item = &Grant> {
        self.denials.iter()
    }

    /// All of them, grants before denials.
    pub fn iter(&self) -> impl Iterator<Item = &Grant> {
        self.grants.iter().chain(&self.denials)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty() && self.denials.is_empty()
    }
}

/// Whether everything that `narrow` means, `wide` means too.
fn covers(wide: &Permission, narrow: &Permission) -> bool {
    let manages = |permission: &Permission| permission.server_part() == MANAGEMENT;
    if manages(narrow) != manages(wide) {
        return false;
    }
    let server = glob(wide.server_part(), "", narrow.server_part());
    let name = match (wide.class, narrow.class) {
        (None, _) if wide.name_part() == "*" => true,
        (Some(wide), Some(narrow)) => wide == narrow,
        (None, None) => glob(wide.name_part(), "", narrow.name_part()),
        (None, Some(_)) | (Some(_), None) => false,
    };
    server && name
}

/// Whether something may be meant by both: false only if that is certain.
fn overlaps(a: &Permission, b: &Permission) -> bool {
    parts_overlap(a.server_part(), b.server_part())
        && (a.class.is_some() != b.class.is_some() && !is_plain_other(a, b)
            || a.class.is_some() && a.class == b.class
            || a.class.is_none()
                && b.class.is_none()
                && parts_overlap(a.name_part(), b.name_part()))
}

/// A class and a resource, prompt or method have nothing in common.
fn is_plain_other(a: &Permission, b: &Permission) -> bool {
    [a, b]
        .iter()
        .any(|p| [RESOURCE, PROMPT, METHOD].iter().any(|prefix| p.name_part().starts_with(prefix)))
}

/// Whether some text fits both patterns.
fn parts_overlap(a: &str, b: &str) -> bool {
    fn go(a: &[u8], b: &[u8], budget: &mut u32) -> bool {
        // Patterns made to be slow to compare count as overlapping.
        *budget = budget.saturating_sub(1);
        if *budget == 0 {
            return true;
        }
        match (a.split_first(), b.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => {
                go(rest, b, budget) || b.split_first().is_some_and(|(_, b)| go(a, b, budget))
            }
            (_, Some((b'*', rest))) => {
                go(a, rest, budget) || a.split_first().is_some_and(|(_, a)| go(a, b, budget))
            }
            (Some((x, a)), Some((y, b))) => x == y && go(a, b, budget),
            _ => false,
        }
    }
    go(a.as_bytes(), b.as_bytes(), &mut 20_000)
}

#[cfg(test)]
mod tests;
