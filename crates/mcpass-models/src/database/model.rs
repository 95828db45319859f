//! What a database holds, as models with fields and relations. No I/O.
//!
//! A [`Catalogue`] is made by [`inspect`](super::inspect) from a live database and refined by
//! [`settings`](super::settings); afterwards it does not change. Positions in its lists (`usize`)
//! are how its parts name each other.

use std::collections::HashMap;

use serde_json::Value;

pub use super::inspect::names::{Ident, SqlType};
use super::scope::Scope;

mod field;
mod relation;

pub use field::{Choice, Field, FieldKind, Stored};
pub use relation::{LinkTable, OnDelete, Relation, RelationKind};

/// All models of a database.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    models: Vec<Model>,
    by_name: HashMap<String, usize>,
}

impl Catalogue {
    /// A catalogue of these models. Of two models with one name, the first is found by it;
    /// [`inspect`](super::inspect) makes names unique.
    pub fn new(models: Vec<Model>) -> Self {
        let mut by_name = HashMap::with_capacity(models.len());
        for (at, model) in models.iter().enumerate() {
            by_name.entry(model.name.clone()).or_insert(at);
        }
        Self { models, by_name }
    }

    /// All models, in the order of their names. Those that are not exposed are among them,
    /// because relations of others lead to them.
    pub fn models(&self) -> &[Model] {
        &self.models
    }

    /// The model at a position that a [`Relation`] names.
    pub fn at(&self, position: usize) -> Option<&Model> {
        self.models.get(position)
    }

    /// The namespaces of permissions of these models, in the order of the alphabet: the server's
    /// name, or the labels of a Django project's apps. Those of models that are not exposed are
    /// among them.
    pub fn apps(&self) -> Vec<&str> {
        let mut apps: Vec<&str> = self.models.iter().map(|model| model.app.as_str()).collect();
        apps.sort_unstable();
        apps.dedup();
        apps
    }

    /// The position of a model of this catalogue.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The exposed model of this name.
    pub fn exposed(&self, name: &str) -> Option<&Model> {
        self.position(name).and_then(|at| self.models.get(at)).filter(|model| model.is_exposed)
    }

    /// Offers the models of these namespaces alone. Those of a database that is no Django
    /// project's are all in one, and if one is given, that is it.
    pub fn confine(&mut self, apps: &[String]) {
        let is_django = self.models.iter().any(|model| model.is_django);
        for model in &mut self.models {
            if let (false, [app]) = (is_django, apps) {
                model.app.clone_from(app);
            }
            model.is_exposed &= apps.contains(&model.app);
        }
    }

    /// The namespaces of the models that are exposed, in the order of the alphabet.
    pub fn exposed_apps(&self) -> Vec<&str> {
        let exposed = self.models.iter().filter(|model| model.is_exposed);
        let mut apps: Vec<&str> = exposed.map(|model| model.app.as_str()).collect();
        apps.sort_unstable();
        apps.dedup();
        apps
    }

    /// The parts, for who refines it.
    pub(super) fn into_models(self) -> Vec<Model> {
        self.models
    }
}

/// A table or view, as agents see it.
#[derive(Clone, Debug)]
pub struct Model {
    /// What stands behind the operation in a tool's name: lower case, `[a-z0-9_]`, unique.
    pub name: String,
    /// The namespace of its permissions: the server's name, or Django's app label.
    pub app: String,
    /// What stands behind the verb in its permissions, as in `blog.view_article`: the table's name
    /// as the database has it, Django's of a Django project's, or what the settings call it. No
    /// two of a namespace are alike.
    pub codename: String,
    /// Whether app and codename are a Django project's, which no setting changes.
    pub is_django: bool,
    /// One of it, for people.
    pub verbose_name: String,
    /// Several of it, for people.
    pub verbose_name_plural: String,
    /// What it holds, for people and models (a comment in the database).
    pub description: String,
    /// Where it is.
    pub table: Table,
    /// Its columns, in the table's order.
    pub fields: Vec<Field>,
    /// Positions of the fields of the primary key; empty if it has none.
    pub primary_key: Vec<usize>,
    /// What it refers to, what refers to it, and what it is linked with.
    pub relations: Vec<Relation>,
    /// Positions of the fields of each unique constraint or index, the primary key aside.
    pub unique: Vec<Vec<usize>>,
    /// Its check constraints.
    pub checks: Vec<Check>,
    /// Whether it cannot be written because it is a view.
    pub is_view: bool,
    /// Whether tools may be called for it.
    pub is_exposed: bool,
    /// Whether no tool may write it, though it is a table.
    pub is_read_only: bool,
    /// Position of the field whose value stands for a row (`text` of autocomplete).
    pub label: Option<usize>,
    /// The order of lists, before the primary key.
    pub order: Vec<Order>,
    /// Which rows exist for whom.
    pub scope: Option<Scope>,
    /// Rows of a list, unless a call says otherwise.
    pub page_size: u32,
    /// Position of the field that counts changes or holds the time of the last one; updates may
    /// name the value that they were made from.
    pub version: Option<usize>,
    /// What new rows have where a call says nothing: positions of fields and the value of each,
    /// never a parameter.
    pub defaults: Vec<(usize, ActionValue)>,
    /// Named actions.
    pub actions: Vec<Action>,
}

impl Model {
    /// The field of this name: its own, its column's, or that of the relation that it carries, so
    /// that both `author` and `author_id` are understood.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.field_position(name).and_then(|at| self.fields.get(at))
    }

    /// As [`Model::field`], where it is.
    pub fn field_position(&self, name: &str) -> Option<usize> {
        let own = self.fields.iter().position(|field| field.name == name);
        own.or_else(|| self.fields.iter().position(|field| field.column.as_str() == name)).or_else(
            || {
                let relation = self.relations.iter().find(|relation| relation.name == name)?;
                match (&relation.kind, relation.local.as_slice()) {
                    (RelationKind::ForeignKey { .. }, [one]) => Some(*one),
                    _ => None,
                }
            },
        )
    }

    /// The relation of this name, or of the name that Django filters by (`comment` for
    /// `comment_set`).
    pub fn relation(&self, name: &str) -> Option<&Relation> {
        let own = self.relations.iter().find(|relation| relation.name == name);
        own.or_else(|| {
            let is_set = |relation: &&Relation| relation.name.strip_suffix("_set") == Some(name);
            self.relations.iter().find(is_set)
        })
    }

    /// The foreign key that this field alone carries.
    pub fn reference(&self, field: usize) -> Option<&Relation> {
        self.relations.iter().find(|relation| {
            matches!(relation.kind, RelationKind::ForeignKey { .. }) && relation.local == [field]
        })
    }

    /// The fields of the primary key.
    pub fn key_fields(&self) -> impl Iterator<Item = &Field> {
        self.primary_key.iter().filter_map(|at| self.fields.get(*at))
    }

    /// Whether rows can be written at all.
    pub const fn is_writable(&self) -> bool {
        !self.is_view && !self.is_read_only && !self.primary_key.is_empty()
    }
}

/// A table or view in its schema.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Table {
    /// The schema; none on SQLite.
    pub schema: Option<Ident>,
    /// The name.
    pub name: Ident,
}

/// A check constraint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Check {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// What it demands, as the database writes it.
    pub expression: String,
}

/// One field of an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Order {
    /// Position of the field.
    pub field: usize,
    /// From the largest to the smallest.
    pub is_descending: bool,
}

/// A named action: a vetted UPDATE of the rows that a call names.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its name in calls.
    pub name: String,
    /// What it does, for people and models.
    pub description: String,
    /// What it sets: positions of fields and the value of each.
    pub set: Vec<(usize, ActionValue)>,
    /// Which rows it may touch besides the model's scope; others are left as they are.
    pub only: Option<Scope>,
    /// Whether a call has to confirm it first.
    pub needs_confirmation: bool,
    /// A codename that the caller needs besides `change`, as `publish_article`.
    pub permission: Option<String>,
}

/// What an action writes into a field.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionValue {
    /// This value.
    Value(Value),
    /// What the call gives as the parameter of this name.
    Parameter(String),
    /// The time of the call.
    Now,
    /// The user that the token is accountable to.
    User,
    /// The token's name.
    Token,
}
