//! The tools, and which rights each needs.

use super::Right;
use crate::database::model::Model;

/// What a tool does with a model; `find_models` is of no model and open to any token.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "each is named as its tool is")]
pub enum Operation {
    List,
    Get,
    Create,
    Update,
    Delete,
    Describe,
    Actions,
    Action,
    Bulk,
    Related,
    History,
    Autocomplete,
}

/// The rights that a call needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Needs {
    /// This one.
    One(Right),
    /// One of these, depending on the arguments.
    OneOf(&'static [Right]),
}

impl Operation {
    /// All of them, in the order in which tools are listed.
    pub const ALL: [Self; 12] = [
        Self::List,
        Self::Get,
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::Describe,
        Self::Actions,
        Self::Action,
        Self::Bulk,
        Self::Related,
        Self::History,
        Self::Autocomplete,
    ];

    /// What stands before the `_` and the model in a tool's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Describe => "describe",
            Self::Actions => "actions",
            Self::Action => "action",
            Self::Bulk => "bulk",
            Self::Related => "related",
            Self::History => "history",
            Self::Autocomplete => "autocomplete",
        }
    }

    /// The operation of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.word() == word)
    }

    /// The rights that a call needs on the model itself. Related models, cascades and actions
    /// with a permission of their own ask for more.
    pub const fn needs(self) -> Needs {
        match self {
            Self::List
            | Self::Get
            | Self::Describe
            | Self::Actions
            | Self::Related
            | Self::History
            | Self::Autocomplete => Needs::One(Right::View),
            Self::Create => Needs::One(Right::Add),
            Self::Update | Self::Action => Needs::One(Right::Change),
            Self::Delete => Needs::One(Right::Delete),
            Self::Bulk => Needs::OneOf(&[Right::Add, Right::Change, Right::Delete]),
        }
    }

    /// Whether the tool is in lists for who has these rights: as in Django Admin MCP, nothing is
    /// listed of a model that cannot be viewed.
    pub fn is_listed(self, may: impl Fn(Right) -> bool) -> bool {
        may(Right::View) && self.is_callable(may)
    }

    /// Whether the tool may be called by who has these rights.
    pub fn is_callable(self, may: impl Fn(Right) -> bool) -> bool {
        match self.needs() {
            Needs::One(right) => may(right),
            Needs::OneOf(rights) => rights.iter().any(|right| may(*right)),
        }
    }

    /// Whether it writes, so that it is not offered for views and read-only models.
    pub const fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Delete | Self::Action | Self::Bulk)
    }

    /// Whether there is such a tool of a model, whoever calls.
    pub fn is_of(self, model: &Model) -> bool {
        (model.is_writable() || !self.writes())
            && !(self.names_a_row() && model.primary_key.is_empty())
    }

    /// Whether it is on one row that is named by its key, so that there has to be one.
    pub const fn names_a_row(self) -> bool {
        matches!(self, Self::Get | Self::Update | Self::Delete | Self::Related | Self::History)
    }

    /// Whether its text is indented, as Django Admin MCP's is.
    pub const fn is_indented(self) -> bool {
        matches!(self, Self::List | Self::Get | Self::Create | Self::Update)
    }
}
