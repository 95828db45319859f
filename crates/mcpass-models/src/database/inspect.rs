//! Reading a catalogue from a live database.
//!
//! Each database tells of its tables in its own way ([`sqlite`], [`postgres`]); what they are made
//! of afterwards ([`found`]) is alike, and becomes models in one place ([`build`]). A Django
//! project's own database says more of them ([`django`]), what they are called first of all
//! ([`naming`]).

use super::engine::{Engine, EngineError};
use super::model::Catalogue;
use super::settings::DatabaseSettings;
use super::sql::Dialect;

mod build;
mod checks;
mod django;
mod found;
pub(super) mod names;
mod naming;
mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;
mod words;

pub(super) use words::tool_word;

use django::Django;

/// All models of a database, as it is, without settings. `app` is the namespace of their
/// permissions: the server's name. Models of a Django project have their app's label instead.
///
/// # Errors
/// When the database cannot be read.
pub async fn catalogue(
    engine: &Engine,
    app: &str,
    settings: &DatabaseSettings,
) -> Result<Catalogue, EngineError> {
    let mut tables = match engine.dialect() {
        Dialect::Postgres => postgres::tables(engine, &settings.schemas).await?,
        Dialect::Sqlite => sqlite::tables(engine).await?,
    };
    let django = Django::read(engine, &tables, &settings.models).await?;
    if let Some(django) = &django {
        django.refine(&mut tables);
    }
    let namings = naming::namings(&tables, app, django.as_ref());
    Ok(build::catalogue(tables, namings))
}
