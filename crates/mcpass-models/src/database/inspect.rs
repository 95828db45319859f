//! Reading a catalogue from a live database.
//!
//! Each database tells of its tables in its own way ([`sqlite`], [`postgres`]); what they are made
//! of afterwards ([`found`]) is alike, and becomes models in one place ([`build`]).

use super::engine::{Engine, EngineError};
use super::model::Catalogue;
use super::settings::DatabaseSettings;
use super::sql::Dialect;

mod build;
mod checks;
mod found;
pub(super) mod names;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

/// All models of a database, as it is, without settings. `app` is the namespace of their
/// permissions: the server's name.
///
/// # Errors
/// When the database cannot be read.
pub async fn catalogue(
    engine: &Engine,
    app: &str,
    settings: &DatabaseSettings,
) -> Result<Catalogue, EngineError> {
    let tables = match engine.dialect() {
        Dialect::Postgres => postgres::tables(engine, &settings.schemas).await?,
        Dialect::Sqlite => sqlite::tables(engine).await?,
    };
    Ok(build::catalogue(tables, app))
}
