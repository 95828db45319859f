//! The database server: tables of a SQLite or PostgreSQL database as models with tools.
//!
//! | module | what it holds |
//! |---|---|
//! | [`model`] | what a database holds: models, fields, relations. No I/O |
//! | [`inspect`] | reading that from a live database |
//! | [`settings`] | what an operator says about it |
//! | [`scope`] | row scopes |
//! | [`access`] | the one place that decides what a caller may do |
//! | [`sql`] | the one place that writes SQL |
//! | [`engine`] | statements on a live database |
//! | [`history`] | who changed what, where that is kept, and the tool that tells it |
//! | [`value`], [`json`] | values between JSON and the database |
//! | [`face`], [`served`] | the database as a server: tools, resources, prompts; opening it |
//! | [`errors`] | what tools answer when they cannot do it |
//! | [`list`], [`get`], [`related`], [`autocomplete`], [`describe`], [`find`] | tools that read |
//! | [`create`], [`update`], [`delete`], [`bulk`], [`actions`], [`action`] | tools that write |
//! | `write` | what those have in common: one transaction, links, child rows, deletions |

use std::sync::Arc;

use mcpass_domain::Clock;

use crate::local::Caller;

pub mod access;
pub mod action;
pub mod actions;
pub mod aggregate;
pub mod arguments;
pub mod autocomplete;
pub mod bulk;
pub mod create;
pub mod delete;
pub mod describe;
pub mod engine;
pub mod errors;
pub mod face;
pub mod filter;
pub mod find;
#[cfg(test)]
pub(crate) mod fixture;
pub mod get;
pub mod history;
pub mod inspect;
pub mod json;
pub mod list;
pub mod model;
pub mod order;
pub mod page;
pub mod related;
pub mod rows;
pub mod scope;
pub mod served;
pub mod settings;
pub mod sql;
#[cfg(test)]
mod tests;
pub mod update;
pub mod value;
mod write;

use access::Access;
use engine::{Bounds, Engine, EngineError};
use history::HistoryKeeper;
use model::Catalogue;
use settings::{DatabaseSettings, InvalidSettings};
use sql::Sql;

/// A database with its models.
#[derive(Debug)]
pub struct Database {
    /// Its name behind mcpass, for the log.
    pub server: String,
    /// Statements on it.
    pub engine: Engine,
    /// Its models.
    pub catalogue: Catalogue,
    /// What its operator says about it.
    pub settings: DatabaseSettings,
    /// Where the time of changes comes from.
    pub clock: Arc<dyn Clock>,
    /// Who keeps changes, unless the database itself does.
    pub keeper: Arc<dyn HistoryKeeper>,
}

/// A database that cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be reached or read.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// It has no table for its history, and none can be made.
    #[error(
        "the table mcpass_history cannot be made or has another form: {0}. Let the database's user \
         create it, or leave `with_history` out"
    )]
    History(#[source] EngineError),
    /// It does not take a condition of its operator.
    #[error("{setting} is no condition that the database takes: {said}")]
    Scope {
        /// Which one.
        setting: String,
        /// What the database said.
        said: String,
    },
    /// The settings do not fit it.
    #[error(transparent)]
    Settings(#[from] InvalidSettings),
}

impl Database {
    /// Opens a database by its URL and reads its models. `app` is the namespace of their
    /// permissions; `keeper` keeps changes where the settings do not say `with_history`.
    ///
    /// # Errors
    /// When it cannot be reached or read, or the settings do not fit it.
    pub async fn open(
        app: &str,
        url: &str,
        settings: DatabaseSettings,
        clock: Arc<dyn Clock>,
        keeper: Arc<dyn HistoryKeeper>,
    ) -> Result<Self, DatabaseError> {
        let engine = Engine::open(url, Bounds::from(&settings)).await?;
        if settings.with_history && !settings.read_only {
            history::table::make(&engine).await.map_err(DatabaseError::History)?;
        }
        let catalogue = settings.apply(inspect::catalogue(&engine, app, &settings).await?)?;
        let server = app.to_owned();
        let database = Self { server, engine, catalogue, settings, clock, keeper };
        database.try_scopes().await?;
        Ok(database)
    }

    /// Lets the database read all conditions of its operator, without a row: what it does not
    /// take now, it would not take in any call.
    async fn try_scopes(&self) -> Result<(), DatabaseError> {
        for model in self.catalogue.models() {
            let own = model.scope.iter().map(|scope| (None, scope));
            let actions = model.actions.iter();
            let actions = actions.filter_map(|one| Some((Some(&one.name), one.only.as_ref()?)));
            for (action, scope) in own.chain(actions) {
                let trial = Sql::trial(self.engine.dialect(), model, scope, action.is_some());
                let Err(error) = self.engine.read(trial).await else { continue };
                let said = match &error {
                    // Of an empty `:user`, and not of the condition.
                    EngineError::Value(_) => continue,
                    EngineError::Other(_) | EngineError::Denied(_) => error.said(),
                    _ => return Err(error.into()),
                };
                let of = action.map_or_else(String::new, |name| format!(" of the action `{name}`"));
                return Err(DatabaseError::Scope {
                    setting: format!("{}: `where`{of}", model.name),
                    said: said.unwrap_or_default(),
                });
            }
        }
        Ok(())
    }

    /// A namespace of its permissions: of things that it does not know.
    pub fn namespace(&self) -> &str {
        self.catalogue.models().first().map_or("", |model| model.app.as_str())
    }

    /// What a caller may do in it.
    pub const fn access<'a>(&'a self, caller: Caller<'a>) -> Access<'a> {
        Access::new(&self.catalogue, caller)
    }
}
