//! The one place that decides what a caller may do with a model: which permission, which fields,
//! which rows.
//!
//! Every read and write takes a [`Granted`], which [`Access`] alone makes after it has asked the
//! caller's permissions; and SQL on a model's rows is made from a [`Granted`], which brings its
//! row scope along.

use mcpass_domain::{Ask, Target, ToolClass};

use super::errors::Failure;
use super::model::{Catalogue, Field, Model, Relation, RelationKind};
use crate::local::Caller;

mod operation;
#[cfg(test)]
mod tests;
mod writable;

pub use operation::{Needs, Operation};
pub use writable::{Refusal, Writable};

/// What may be done with rows of a model (Django's default permissions).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Right {
    /// Create rows.
    Add,
    /// Change rows.
    Change,
    /// Delete rows.
    Delete,
    /// Read rows.
    View,
}

impl Right {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Add, Self::Change, Self::Delete, Self::View];

    /// `add`, `change`, `delete` or `view`: what stands before the `_` of a codename.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Change => "change",
            Self::Delete => "delete",
            Self::View => "view",
        }
    }

    /// The right that an operation of `bulk_` needs.
    pub fn of_operation(word: &str) -> Option<Self> {
        match word {
            "create" => Some(Self::Add),
            "update" => Some(Self::Change),
            "delete" => Some(Self::Delete),
            _ => None,
        }
    }

    /// The codename of this right on a model, as `view_article`.
    pub fn codename(self, model: &Model) -> String {
        format!("{}_{}", self.verb(), model.codename)
    }
}

/// What a caller may do in a database.
#[derive(Clone, Copy, Debug)]
pub struct Access<'a> {
    catalogue: &'a Catalogue,
    caller: Caller<'a>,
}

impl<'a> Access<'a> {
    /// What `caller` may do in the database of this catalogue.
    pub const fn new(catalogue: &'a Catalogue, caller: Caller<'a>) -> Self {
        Self { catalogue, caller }
    }

    /// Who calls.
    pub const fn caller(&self) -> &Caller<'a> {
        &self.caller
    }

    /// All models, whatever the caller may do with them.
    pub const fn catalogue(&self) -> &'a Catalogue {
        self.catalogue
    }

    /// Whether the caller has this right on a model.
    pub fn may(&self, model: &Model, right: Right) -> bool {
        self.may_codename(model, &right.codename(model))
    }

    /// Whether the caller has a permission of this codename in the model's namespace.
    pub fn may_codename(&self, model: &Model, codename: &str) -> bool {
        let target = Target::Permission(codename);
        let class = Some(ToolClass::of_codename(codename));
        (self.caller.may)(&Ask { server: &model.app, target, class })
    }

    /// An exposed model on which the caller has a right.
    ///
    /// # Errors
    /// When there is no such model ([`Failure::unknown_model`]) or the caller lacks the right.
    pub fn model(&self, name: &str, right: Right) -> Result<Granted<'a>, Failure> {
        let model = self.catalogue.exposed(name).ok_or_else(|| Failure::unknown_model(name))?;
        self.grant(model, right).ok_or_else(|| Failure::permission_denied(right, &model.name))
    }

    /// The models on which the caller has a right, in the order of their names.
    pub fn models(&self, right: Right) -> impl Iterator<Item = Granted<'a>> {
        let (catalogue, access) = (self.catalogue, *self);
        catalogue.models().iter().filter_map(move |model| access.grant(model, right))
    }

    fn grant(&self, model: &'a Model, right: Right) -> Option<Granted<'a>> {
        let is_granted = model.is_exposed && self.may(model, right);
        is_granted.then_some(Granted { access: *self, model, right })
    }
}

/// A right on a model that a caller has.
#[derive(Clone, Copy, Debug)]
pub struct Granted<'a> {
    access: Access<'a>,
    model: &'a Model,
    right: Right,
}

impl<'a> Granted<'a> {
    /// The model.
    pub const fn model(&self) -> &'a Model {
        self.model
    }

    /// The right.
    pub const fn right(&self) -> Right {
        self.right
    }

    /// Who calls.
    pub const fn caller(&self) -> &Caller<'a> {
        &self.access.caller
    }

    /// What else the caller may do.
    pub const fn access(&self) -> &Access<'a> {
        &self.access
    }

    /// Another right on the same model.
    ///
    /// # Errors
    /// When the caller lacks it.
    pub fn also(&self, right: Right) -> Result<Self, Failure> {
        let granted = self.access.grant(self.model, right);
        granted.ok_or_else(|| Failure::permission_denied(right, &self.model.name))
    }

    /// The fields that the caller sees, redacted ones included, in the table's order.
    pub fn readable(&self) -> impl Iterator<Item = &'a Field> + use<'a> {
        self.model.fields.iter().filter(|field| field.is_readable)
    }

    /// The field of this name if the caller sees it, redacted or not.
    pub fn readable_field(&self, name: &str) -> Option<&'a Field> {
        self.model.field(name).filter(|field| field.is_readable)
    }

    /// The field of this name if its values may be known: what may be filtered, ordered, grouped
    /// and searched by.
    pub fn open_field(&self, name: &str) -> Option<&'a Field> {
        self.model.field(name).filter(|field| field.is_open())
    }

    /// The field of this name if calls may write it.
    pub fn writable_field(&self, name: &str) -> Option<&'a Field> {
        let is_writable = |field: &&Field| Self::is_writable(field);
        self.model.field(name).filter(is_writable)
    }

    /// Whether calls may write a field. What they may not know, they may not write either.
    pub const fn is_writable(field: &Field) -> bool {
        field.is_open() && field.is_writable && !field.is_generated
    }

    /// The relations that the caller may follow: the fields on both sides are open, and the
    /// other model is exposed and may be viewed.
    pub fn relations(&self) -> impl Iterator<Item = Followed<'a>> + use<'a> {
        let granted = *self;
        self.model.relations.iter().filter_map(move |relation| granted.follow(relation))
    }

    /// The relation of this name, if the caller may follow it.
    pub fn relation(&self, name: &str) -> Option<Followed<'a>> {
        self.model.relation(name).and_then(|relation| self.follow(relation))
    }

    /// A relation of this model, if the caller may follow it.
    pub fn follow(&self, relation: &'a Relation) -> Option<Followed<'a>> {
        let other = self.access.catalogue.at(relation.model)?;
        let there = self.access.grant(other, Right::View)?;
        self.is_open(relation, other).then_some(Followed { relation, there })
    }

    /// The links that are shown with each row as a list of keys: those that this model owns. They
    /// are part of its rows, so no right on the other model is asked for; its row scope still
    /// holds.
    pub fn links(&self) -> impl Iterator<Item = (&'a Relation, &'a Model)> + use<'a> {
        let granted = *self;
        self.model.relations.iter().filter_map(move |relation| {
            let other = granted.access.catalogue.at(relation.model)?;
            let is_shown = match &relation.kind {
                RelationKind::ManyToMany(link) => link.is_owner && granted.is_open(relation, other),
                _ => false,
            };
            is_shown.then_some((relation, other))
        })
    }

    /// What a list of links joins with: the other model, with its scope and the caller, but no
    /// right on it beyond its keys.
    pub(super) const fn keys_of(&self, other: &'a Model) -> Self {
        Self { access: self.access, model: other, right: Right::View }
    }

    fn is_open(&self, relation: &Relation, other: &Model) -> bool {
        let open = |model: &Model, fields: &[usize]| {
            fields.iter().all(|at| model.fields.get(*at).is_some_and(Field::is_open))
        };
        open(self.model, &relation.local) && open(other, &relation.remote)
    }
}

/// A relation that a caller may follow.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a> {
    /// The relation.
    pub relation: &'a Relation,
    /// The right to view the other model.
    pub there: Granted<'a>,
}
