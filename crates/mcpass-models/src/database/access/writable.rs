//! Rights to write.

use super::{Access, Granted, Right};
use crate::database::errors::Failure;
use crate::database::model::{Field, LinkTable, Model};

/// A right to write rows of a model that a caller has and that the model allows. Statements that
/// write are made from one.
#[derive(Clone, Copy, Debug)]
pub struct Writable<'a>(Granted<'a>);

impl<'a> Access<'a> {
    /// A right to add, change or delete rows of an exposed model.
    ///
    /// # Errors
    /// When there is no such model, the caller lacks the right, or nobody may write the model.
    pub fn writable(&self, name: &str, right: Right) -> Result<Writable<'a>, Failure> {
        Writable::of(self.model(name, right)?)
    }

    /// The right to delete rows that go because another one does. The model need not be exposed,
    /// but the caller needs the permission all the same.
    ///
    /// # Errors
    /// When the caller lacks the right, or nobody may write the model.
    pub(in crate::database) fn cascade(&self, model: &'a Model) -> Result<Writable<'a>, Failure> {
        if !self.may(model, Right::Delete) {
            return Err(Failure::permission_denied(Right::Delete, &model.name));
        }
        let granted = Granted { access: *self, model, right: Right::Delete };
        if model.is_read_only { Err(read_only(model)) } else { Ok(Writable(granted)) }
    }

    /// Whether the caller may write links: they are part of the rows of the model that owns them,
    /// unless their table is a model with permissions of its own.
    ///
    /// # Errors
    /// When the caller lacks a right on it.
    pub(in crate::database) fn may_link(
        &self,
        link: &LinkTable,
        rights: &[Right],
    ) -> Result<(), Failure> {
        let Some(between) = self.catalogue().at(link.model).filter(|model| model.is_exposed) else {
            return Ok(());
        };
        match rights.iter().find(|right| !self.may(between, **right)) {
            None => Ok(()),
            Some(right) => Err(Failure::permission_denied(*right, &between.name)),
        }
    }
}

impl<'a> Writable<'a> {
    fn of(granted: Granted<'a>) -> Result<Self, Failure> {
        let model = granted.model();
        if granted.right() != Right::View && model.is_writable() {
            Ok(Self(granted))
        } else {
            Err(read_only(model))
        }
    }

    /// Another right to write the same model.
    ///
    /// # Errors
    /// When the caller lacks it.
    pub fn also(&self, right: Right) -> Result<Self, Failure> {
        Self::of(self.0.also(right)?)
    }

    /// The right on a model that is exposed and can be written.
    ///
    /// # Errors
    /// When the caller lacks it, or nobody may write the model.
    pub fn on(&self, model: &Model, right: Right) -> Result<Self, Failure> {
        self.0.access().writable(&model.name, right)
    }

    /// The right, as one to name rows by.
    pub const fn granted(&self) -> &Granted<'a> {
        &self.0
    }

    /// The model.
    pub const fn model(&self) -> &'a Model {
        self.0.model()
    }

    /// Whether the caller may also see the model.
    pub fn is_seen(&self) -> bool {
        self.0.also(Right::View).is_ok()
    }

    /// Why a field cannot be written that a call names, if it cannot.
    pub fn refusal(&self, field: &Field) -> Option<Refusal> {
        let is_key = self.model().key_fields().any(|key| key.name == field.name);
        let is_fixed = self.0.right() != Right::Add || field.has_default;
        if !field.is_readable || (is_key && is_fixed) {
            Some(Refusal::Invalid)
        } else if Granted::is_writable(field) {
            None
        } else {
            Some(Refusal::ReadOnly)
        }
    }
}

/// Why a field cannot be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// As good as none: it is hidden, or names the row.
    Invalid,
    /// It can be read alone.
    ReadOnly,
}

fn read_only(model: &Model) -> Failure {
    let why = if model.is_view {
        "it is a view"
    } else if model.is_read_only {
        "its operator lets it be read alone"
    } else {
        "it has no primary key"
    };
    Failure::coded(format!("{} cannot be written: {why}", model.name), "read_only")
}
