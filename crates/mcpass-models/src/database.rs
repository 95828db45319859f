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
//! | [`history`] | who changed what, and where that is kept |
//! | [`value`], [`json`] | values between JSON and the database |
//! | [`face`], [`served`] | the database as a server: tools, resources, prompts; opening it |
//! | [`errors`] | what tools answer when they cannot do it |

use std::sync::Arc;

use mcpass_domain::Clock;

use crate::local::Caller;

pub mod access;
pub mod aggregate;
pub mod arguments;
pub mod autocomplete;
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
pub mod value;

use access::Access;
use engine::{Bounds, Engine, EngineError};
use history::HistoryKeeper;
use model::Catalogue;
use settings::{DatabaseSettings, InvalidSettings};

/// A database with its models.
#[derive(Debug)]
pub struct Database {
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
        let catalogue = settings.apply(inspect::catalogue(&engine, app, &settings).await?)?;
        Ok(Self { engine, catalogue, settings, clock, keeper })
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
