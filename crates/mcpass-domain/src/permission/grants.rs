//! What a token or a user has, ready to be asked.

use std::fmt;

use super::{Ask, MANAGEMENT, METHOD, PROMPT, Permission, RESOURCE, Target, glob};

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
