//! What an operator says about a database and its models (TOML), and how it refines a catalogue.
//!
//! What is not said has careful defaults: tables that look like credentials are hidden, columns
//! that look like credentials are redacted.

use std::collections::BTreeMap;

use mcpass_domain::DatabaseServer;
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod apply;
mod careful;
mod invalid;
mod rules;
#[cfg(test)]
mod tests;

pub use invalid::InvalidSettings;

/// Settings of a database server.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseSettings {
    /// Twelve tools for each model, or one set of tools with the model as an argument.
    pub tools: ToolsForm,
    /// Whether changes are recorded in a table `mcpass_history` of that database.
    pub with_history: bool,
    /// Whether nothing is ever written.
    pub read_only: bool,
    /// Milliseconds that a statement may take.
    pub statement_timeout_ms: u64,
    /// Rows of a list at most, whatever a call asks for.
    pub max_rows: u32,
    /// Bytes of the rows of one statement at most.
    pub max_bytes: u64,
    /// Connections at most.
    pub connections: u32,
    /// PostgreSQL schemas that are looked into; empty means those of the search path.
    pub schemas: Vec<String>,
    /// Whether models that have no section here are exposed.
    pub expose: bool,
    /// Settings of models, by their names or their tables'.
    pub models: BTreeMap<String, ModelSettings>,
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        Self {
            tools: ToolsForm::Full,
            with_history: false,
            read_only: false,
            statement_timeout_ms: 5_000,
            max_rows: 1_000,
            max_bytes: 16 * 1024 * 1024,
            connections: 8,
            schemas: Vec::new(),
            expose: true,
            models: BTreeMap::new(),
        }
    }
}

/// What is said of single models cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the settings of models cannot be read: {0}")]
pub struct UnreadableModels(#[from] serde_json::Error);

impl TryFrom<&DatabaseServer> for DatabaseSettings {
    type Error = UnreadableModels;

    fn try_from(server: &DatabaseServer) -> Result<Self, UnreadableModels> {
        Ok(Self {
            tools: match server.tools {
                mcpass_domain::ToolsForm::Compact => ToolsForm::Compact,
                mcpass_domain::ToolsForm::Full => ToolsForm::Full,
            },
            with_history: server.with_history,
            read_only: server.read_only,
            statement_timeout_ms: u64::try_from(server.statement_timeout.as_millis())
                .unwrap_or(u64::MAX),
            max_rows: server.max_rows,
            max_bytes: server.max_bytes,
            connections: server.connections,
            schemas: server.schemas.clone(),
            expose: server.expose,
            models: serde_json::from_str(&server.models)?,
        })
    }
}

/// How tools are offered.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ToolsForm {
    /// One set of tools for the whole server, with the model as an argument.
    Compact,
    /// Tools for each model.
    #[default]
    Full,
}

/// Settings of a model. Names of fields are those of columns, or Django's.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Another name, `[a-z][a-z0-9_]*`.
    pub name: Option<String>,
    /// The model of a Django project of which this table is, as `blog.article`, where the table
    /// is not called after it.
    pub django: Option<String>,
    /// Whether tools may be called for it.
    pub expose: Option<bool>,
    /// Whether no tool may write it.
    pub read_only: bool,
    /// The fields by which rows are named, where the database knows none: of a view.
    pub key: Vec<String>,
    /// Digits behind the point, of decimals for which SQLite does not keep them.
    pub decimal_places: BTreeMap<String, u32>,
    /// Digits at most, those behind the point included, of such decimals.
    pub max_digits: BTreeMap<String, u32>,
    /// What it holds, for people and models.
    pub description: Option<String>,
    /// One of it, for people.
    pub verbose_name: Option<String>,
    /// Several of it, for people.
    pub verbose_name_plural: Option<String>,
    /// The fields that may be read; all if it is not given. The primary key always is.
    pub readable: Option<Vec<String>>,
    /// Fields that may not be read, of those that else could be.
    pub hidden: Vec<String>,
    /// The fields that may be written, lists of links among them; all if it is not given.
    pub writable: Option<Vec<String>>,
    /// Fields whose values are not shown. Given, it replaces the default, which is those that
    /// look like credentials.
    pub redacted: Option<Vec<String>>,
    /// Values that fields may have.
    pub choices: BTreeMap<String, Vec<ChoiceSetting>>,
    /// What fields mean.
    pub descriptions: BTreeMap<String, String>,
    /// The fields into which `search` looks; all texts if it is not given.
    pub search: Option<Vec<String>>,
    /// The order of lists: fields, with `-` before those from the largest to the smallest.
    pub order: Vec<String>,
    /// Which rows exist: a condition in SQL over columns, with `:user` and `:token`.
    #[serde(rename = "where")]
    pub scope: Option<String>,
    /// The field whose value stands for a row.
    pub label: Option<String>,
    /// Rows of a list, unless a call says otherwise.
    pub page_size: Option<u32>,
    /// The field that counts changes or holds the time of the last one.
    pub version: Option<String>,
    /// What new rows have where a call says nothing: values, `:now`, `:user` or `:token`. A text
    /// that begins with a colon is written with two of them.
    pub defaults: BTreeMap<String, Value>,
    /// What becomes of rows of this model when the row is deleted that this foreign key of theirs
    /// leads to, and of links when the row at their other end is: instead of what the database
    /// says.
    pub on_delete: BTreeMap<String, OnDeleteSetting>,
    /// Other names of relations.
    pub relations: BTreeMap<String, String>,
    /// Named actions.
    pub actions: BTreeMap<String, ActionSettings>,
}

/// A choice: a value that is its own label, or both.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(untagged)]
pub enum ChoiceSetting {
    /// Both.
    Labelled {
        /// The value.
        value: Value,
        /// What it is called.
        label: String,
    },
    /// The value.
    Plain(
        /// A string, number or boolean.
        Value,
    ),
}

/// What becomes of rows when what they refer to is deleted.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDeleteSetting {
    /// They are deleted too.
    Cascade,
    /// It is refused.
    Protect,
    /// Their reference becomes null.
    SetNull,
}

/// A named action.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ActionSettings {
    /// What it does, for people and models.
    pub description: String,
    /// What it writes: values, `:now`, `:user`, `:token`, or `:name` for a parameter of the call.
    /// A text that begins with a colon is written with two of them.
    pub set: BTreeMap<String, Value>,
    /// Which rows it may touch besides the model's `where`.
    #[serde(rename = "where", default)]
    pub only: Option<String>,
    /// Whether a call has to confirm it first.
    #[serde(default)]
    pub confirm: bool,
    /// A codename that the caller needs besides `change`.
    #[serde(default)]
    pub permission: Option<String>,
}
