//! A database server that the configuration file declares.

use std::ops::Range;

use mcpass_domain::{DatabaseServer, ServerKind, ToolsForm};
use toml::Spanned;

use super::super::file::{self, Source};
use super::super::{ConfigError, credential};
use super::{Given, absolute, check, http_keys, refuse_foreign, span, stdio_keys, workspace_keys};

/// The settings are put in one at a time, so that an error has the place of the one that is wrong.
pub(super) fn server(
    source: &Source,
    section: &file::Server,
) -> Result<DatabaseServer, ConfigError> {
    refuse_foreign(source, "database", &http_keys(section))?;
    refuse_foreign(source, "database", &stdio_keys(section))?;
    refuse_foreign(source, "database", &workspace_keys(section))?;
    let mut database = DatabaseServer::new(String::new());
    let check = |span: Range<usize>, database: &DatabaseServer| {
        check(source, span, ServerKind::Database(database.clone()))
    };
    if let Some(url) = &section.database {
        database.url = located(source, url)?;
        check(url.span(), &database)?;
    }
    if let Some(apps) = &section.apps {
        database.apps.clone_from(apps.get_ref());
        check(apps.span(), &database)?;
    }
    if let Some(word) = &section.tools {
        database.tools = ToolsForm::parse(word.get_ref()).ok_or_else(|| {
            source.error(Some(word.span()), "tools are `full` or `compact`", None)
        })?;
    }
    for (given, setting) in [
        (&section.with_history, &mut database.with_history),
        (&section.read_only, &mut database.read_only),
        (&section.expose, &mut database.expose),
    ] {
        if let Some(given) = given {
            *setting = *given.get_ref();
        }
    }
    if let Some(history) = &section.with_history {
        check(history.span(), &database)?;
    }
    if let Some(timeout) = &section.statement_timeout {
        database.statement_timeout = timeout.get_ref().0;
        check(timeout.span(), &database)?;
    }
    if let Some(rows) = &section.max_rows {
        database.max_rows = *rows.get_ref();
        check(rows.span(), &database)?;
    }
    if let Some(bytes) = &section.max_bytes {
        database.max_bytes = bytes.get_ref().0;
        check(bytes.span(), &database)?;
    }
    if let Some(pool) = &section.pool {
        database.connections = *pool.get_ref();
        check(pool.span(), &database)?;
    }
    if let Some(schemas) = &section.schemas {
        database.schemas.clone_from(schemas.get_ref());
        check(schemas.span(), &database)?;
    }
    if let Some((first, _)) = section.models.iter().next() {
        let models: std::collections::BTreeMap<_, _> =
            section.models.iter().map(|(name, model)| (name.get_ref(), model)).collect();
        let place = Some(first.span());
        database.models = serde_json::to_string(&models)
            .map_err(|error| source.error(place, &error.to_string(), None))?;
        check(first.span(), &database)?;
    }
    Ok(database)
}

/// The URL with files taken from the folder of the configuration.
fn located(source: &Source, url: &Spanned<String>) -> Result<String, ConfigError> {
    let template = url.get_ref().trim();
    let path = template.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    if let Some(path) = path.filter(|path| !path.is_empty() && !path.contains("${")) {
        return Ok(format!("sqlite:{}", absolute(source, url.span(), path.into())?));
    }
    credential::relative_to(template, source.folder())
        .map_err(|error| source.error(Some(url.span()), &error.to_string(), None))
}

pub(super) fn keys(section: &file::Server) -> [Given; 12] {
    [
        ("database", span(section.database.as_ref())),
        ("apps", span(section.apps.as_ref())),
        ("tools", span(section.tools.as_ref())),
        ("with_history", span(section.with_history.as_ref())),
        ("read_only", span(section.read_only.as_ref())),
        ("expose", span(section.expose.as_ref())),
        ("statement_timeout", span(section.statement_timeout.as_ref())),
        ("max_rows", span(section.max_rows.as_ref())),
        ("max_bytes", span(section.max_bytes.as_ref())),
        ("pool", span(section.pool.as_ref())),
        ("schemas", span(section.schemas.as_ref())),
        ("models", section.models.keys().next().map(Spanned::span)),
    ]
}
