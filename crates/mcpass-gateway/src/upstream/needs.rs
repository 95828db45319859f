//! What a target needs: the one place that says which permissions stand between a token and what
//! it asks for at a server.
//!
//! At most servers a tool's permission is its name. A database's tools need the permissions on its
//! models instead (`blog.view_article`), in namespaces that may be others than the server's name.
//! Calls and lists ask the same question here, so what is listed is what may be called.

use mcpass_domain::permission::Needs;
use mcpass_domain::{Ask, Subject, Target, ToolClass};
use serde_json::value::RawValue;

use super::{Reach, Upstream};

/// Something that may be asked for at a server.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// What it is, by the name that permissions know.
    pub target: Target<'a>,
    /// What its annotations say, where it is a tool and they are known.
    pub class: Option<ToolClass>,
    /// The arguments of a call. Without them it is asked whether any call might be allowed.
    pub arguments: Option<&'a RawValue>,
}

impl<'a> Wanted<'a> {
    /// A target of which nothing else is known.
    pub const fn any(target: Target<'a>) -> Self {
        Self { target, class: None, arguments: None }
    }
}

impl Upstream {
    /// What it needs of a token.
    pub(crate) fn needs(&self, wanted: Wanted<'_>) -> Needs {
        match (&self.reach, wanted.target) {
            (_, Target::Server) => Needs::Anything,
            (Reach::Local(local), target) => local.needs(target, wanted.arguments),
            (Reach::Broken(_) | Reach::Remote(_), _) => Needs::Itself,
        }
    }

    /// Calls `with` with the permissions of which a token needs one.
    pub fn asking<R>(&self, wanted: Wanted<'_>, with: impl FnOnce(&[Ask<'_>]) -> R) -> R {
        let Wanted { target, class, .. } = wanted;
        let itself = Ask { server: self.name(), target, class };
        match &self.needs(wanted) {
            // The common way makes no list.
            Needs::Itself => with(&[itself]),
            needs => with(&needs.asks(itself, self.server.namespaces())),
        }
    }

    /// Whether a token may use it.
    pub fn allows(&self, subject: &Subject, wanted: Wanted<'_>) -> bool {
        self.asking(wanted, |asks| asks.iter().any(|ask| subject.allows(ask)))
    }

    /// Whether a token may use the tool of this name, as far as that is decided without its
    /// annotations; no, where it is not.
    pub fn allows_by_name(&self, subject: &Subject, tool: &str) -> bool {
        let Reach::Local(local) = &self.reach else { return false };
        match local.needs(Target::Tool(tool), None) {
            Needs::OneOf(any) => any.iter().any(|needed| subject.allows(&needed.ask())),
            Needs::Anything => self.is_open_to(subject),
            Needs::Itself => false,
        }
    }

    /// Whether a token may use anything of it.
    pub fn is_open_to(&self, subject: &Subject) -> bool {
        self.server.namespaces().any(|namespace| subject.allows_server(namespace))
    }

    /// Whether a decision about a tool may depend on annotations that have to be read first.
    pub(crate) fn needs_class(&self, subject: &Subject, wanted: Wanted<'_>) -> bool {
        let has_own = match &self.reach {
            Reach::Local(local) => {
                !matches!(local.needs(wanted.target, wanted.arguments), Needs::Itself)
            }
            Reach::Broken(_) | Reach::Remote(_) => false,
        };
        !has_own && subject.needs_class(self.name())
    }
}
