//! What can be wrong with settings.

use super::super::scope::InvalidScope;

/// Settings that do not fit the database.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidSettings {
    /// A section of no model.
    #[error("there are settings for `{0}`, but no such model or table; known are: {1}")]
    UnknownModel(String, String),
    /// A section that could be of several models.
    #[error(
        "`[models.{0}]` could mean several tables: {1}; give each of them a section of its own that names table and schema, as `[models.\"{2}\"]`"
    )]
    AmbiguousModel(String, String, String),
    /// A model's name that cannot be part of a tool's.
    #[error("`{0}` cannot be the name of a model; use a-z, 0-9 and `_`, at most 48 characters")]
    ModelName(String),
    /// A model of a Django project that is not there.
    #[error(
        "{table}: `django` names the model `{model}`, which there is not in django_content_type; name the table's own section `[models.{table}]`, and the model as `app.model` in lower case"
    )]
    Django {
        /// The table.
        table: String,
        /// The model.
        model: String,
    },
    /// Two models of one name.
    #[error("two models are called `{0}`; give one of them another `name`")]
    SameName(String),
    /// A field that is not there.
    #[error(
        "{model}: `{setting}` names the field `{field}`, which there is not; there are: {known}"
    )]
    UnknownField {
        /// The model.
        model: String,
        /// The setting.
        setting: &'static str,
        /// The field.
        field: String,
        /// The fields there are.
        known: String,
    },
    /// A relation that is not there.
    #[error("{model}: `{setting}` names `{relation}`, which there is not; there are: {known}")]
    UnknownRelation {
        /// The model.
        model: String,
        /// The setting.
        setting: &'static str,
        /// The relation.
        relation: String,
        /// The relations there are.
        known: String,
    },
    /// A field of the key that would be hidden.
    #[error(
        "{model}: `{field}` is of the primary key, by which rows are named; it can be neither hidden nor redacted. Hide the model with `expose = false`, or give it another key"
    )]
    HiddenKey {
        /// The model.
        model: String,
        /// The field.
        field: String,
    },
    /// A row scope that cannot be used.
    #[error("{model}: {source}")]
    Scope {
        /// The model.
        model: String,
        /// Why.
        source: InvalidScope,
    },
    /// Rows of a list by default that are more than a list may have.
    #[error("{0}: `page_size` is larger than `max_rows`, which is {1}")]
    PageSize(String, u32),
    /// Schemas of a database that has none.
    #[error("`schemas` are PostgreSQL's; a SQLite database has none to look into. Leave it out")]
    Schemas,
    /// A number that is too small.
    #[error("{0} must be at least 1")]
    Zero(String),
    /// A choice that is neither a string nor a number nor a boolean.
    #[error("{model}: a choice of `{field}` must be a string, a number or a boolean")]
    Choice {
        /// The model.
        model: String,
        /// The field.
        field: String,
    },
    /// A value that a field cannot hold, or a rule that it cannot follow.
    #[error("{model}: `{setting}` of `{field}`: {why}")]
    Value {
        /// The model.
        model: String,
        /// The setting.
        setting: &'static str,
        /// The field.
        field: String,
        /// Why.
        why: String,
    },
    /// An action that sets nothing, or is called like the built-in one.
    #[error("{0}: the action `{1}` sets nothing, or has the name of a built-in one")]
    ActionName(String, String),
    /// A setting that the field cannot have.
    #[error("{model}: `{setting}` cannot name `{field}`: {why}")]
    Unfit {
        /// The model.
        model: String,
        /// The setting.
        setting: &'static str,
        /// The field.
        field: String,
        /// Why.
        why: &'static str,
    },
}
