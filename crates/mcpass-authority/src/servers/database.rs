//! What may be said of a database server, by hand or in the configuration file.

use mcpass_domain::DatabaseServer;
use mcpass_domain::server::is_namespace;
use mcpass_domain::template::{self, Part};

use super::credential::{self, HINT};
use super::field::in_range;
use crate::api::ApiError;

const MAX_URL: usize = 4_000;
/// Bytes of what is said of models.
const MAX_MODELS: usize = 256 * 1024;
const MAX_ROWS: u32 = 100_000;
const MAX_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_CONNECTIONS: u32 = 500;
const MAX_NAMES: usize = 200;

/// Checks a database server. Whether the database is there, and has what is said of its models,
/// is found out when it is opened.
///
/// # Errors
/// When something cannot be used; the error names the field.
pub fn check(database: DatabaseServer) -> Result<DatabaseServer, ApiError> {
    check_url(&database.url)?;
    in_range("statement_timeout", database.statement_timeout)?;
    bounded("max_rows", u64::from(database.max_rows), u64::from(MAX_ROWS))?;
    bounded("max_bytes", database.max_bytes, MAX_BYTES)?;
    bounded("pool", u64::from(database.connections), u64::from(MAX_CONNECTIONS))?;
    if let Some(bad) = database.apps.iter().find(|app| !is_namespace(app)) {
        let shown: String = bad.chars().take(64).collect();
        let message = format!("`{shown}` cannot be a namespace: it has only a-z, 0-9, `_` and `-`");
        return Err(ApiError::invalid("apps", message));
    }
    let is_long = |names: &[String]| {
        names.len() > MAX_NAMES || names.iter().any(|name| name.is_empty() || name.len() > 128)
    };
    for (field, names) in [("apps", &database.apps), ("schemas", &database.schemas)] {
        if is_long(names) {
            let message = format!("{field} has at most {MAX_NAMES} names of 1 to 128 bytes");
            return Err(ApiError::invalid(field, message));
        }
    }
    if database.read_only && database.with_history {
        let message = "a database that is only read has no history of changes";
        return Err(ApiError::invalid("with_history", message));
    }
    check_models(&database.models)?;
    Ok(database)
}

fn bounded(field: &str, number: u64, max: u64) -> Result<(), ApiError> {
    if number == 0 || number > max {
        return Err(ApiError::invalid(field, format!("{field} goes from 1 to {max}")));
    }
    Ok(())
}

/// That it is an object is known here; what is in it, whoever opens the database knows.
fn check_models(models: &str) -> Result<(), ApiError> {
    if models.len() > MAX_MODELS {
        return Err(ApiError::invalid("models", "the settings of models are larger than 256 KiB"));
    }
    let parsed: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_str(models);
    match parsed {
        Ok(_) => Ok(()),
        Err(_) => Err(ApiError::invalid("models", "the settings of models are no JSON object")),
    }
}

/// A URL that is wrong is not repeated: it may hold a credential.
fn check_url(url: &str) -> Result<(), ApiError> {
    let fail = |why: &str, hint: &str| {
        let message = format!("this database URL cannot be used: {why}");
        Err(ApiError::invalid("database", message).with_hint(hint))
    };
    let form = "write sqlite:/path/to/file, or postgres://user:${env:PASSWORD}@host/database, or \
                ${env:NAME} for all of it";
    if url.is_empty() || url.len() > MAX_URL {
        return fail("it is empty or too long", form);
    }
    let parts = match template::parse(url) {
        Ok(parts) => parts,
        Err(error) => return fail(&error.to_string(), HINT),
    };
    if let [one] = parts.as_slice()
        && one.is_reference()
    {
        return Ok(());
    }
    if holds_credential(&parts, url) {
        return fail("it holds a password, which mcpass does not keep", HINT);
    }
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') && !path.starts_with("${") {
            return fail("its path is relative, and to what is not said", form);
        }
        return Ok(());
    }
    if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
        return fail("it begins with neither `sqlite:` nor `postgres://`", form);
    }
    Ok(())
}

/// A password behind the user or as a parameter, written out.
fn holds_credential(parts: &[Part<'_>], url: &str) -> bool {
    let parameters = url.split_once('?').map_or("", |(_, parameters)| parameters);
    let is_literal = |pair: &str| {
        pair.split_once('=').is_some_and(|(name, value)| {
            name.to_ascii_lowercase().ends_with("password") && !value.contains("${")
        })
    };
    let texts: Vec<&str> = parts
        .iter()
        .filter_map(|part| if let Part::Text(text) = part { Some(*text) } else { None })
        .collect();
    parameters.split('&').any(is_literal)
        || credential::has_password(url)
        || texts.iter().any(|text| mcpass_domain::redact::holds_token(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field_of(change: impl FnOnce(&mut DatabaseServer)) -> Option<String> {
        let mut database = DatabaseServer::new("sqlite:/srv/shop.db");
        change(&mut database);
        let error = check(database).err()?;
        assert!(!format!("{error:?}").contains("geheim"), "{error:?}");
        error.field
    }

    #[test]
    fn urls() {
        for good in [
            "sqlite:/srv/shop.db",
            "sqlite:///srv/shop.db",
            "postgres://shop@db/shop",
            "postgresql://shop:${env:PASSWORD}@db:5432/shop?sslmode=require",
            "postgres://shop@db/shop?password=${file:/run/password}",
            "${env:SHOP_DATABASE}",
            "${file:/run/shop-url}",
        ] {
            assert_eq!(field_of(|database| database.url = good.to_owned()), None, "{good}");
        }
        for bad in [
            "",
            "shop.db",
            "sqlite:shop.db",
            "mysql://db/shop",
            "postgres://shop:geheim@db/shop",
            "postgres://shop@db/shop?password=geheim",
            "postgres://shop@db/shop?sslpassword=geheim",
            "postgres://shop:${geheim}@db/shop",
            "postgres://shop:${env:PASSWORD@db/shop",
        ] {
            let field = field_of(|database| database.url = bad.to_owned());
            assert_eq!(field.as_deref(), Some("database"), "{bad}");
        }
    }

    #[test]
    fn other_settings_have_their_bounds() {
        for (field, change) in [
            ("max_rows", (|database| database.max_rows = 0) as fn(&mut DatabaseServer)),
            ("max_bytes", |database| database.max_bytes = MAX_BYTES + 1),
            ("pool", |database| database.connections = 0),
            ("apps", |database| database.apps = vec!["Blog".to_owned()]),
            ("schemas", |database| database.schemas = vec![String::new()]),
            ("models", |database| database.models = "[]".to_owned()),
            ("statement_timeout", |database| {
                database.statement_timeout = std::time::Duration::ZERO;
            }),
            ("with_history", |database| {
                database.read_only = true;
                database.with_history = true;
            }),
        ] {
            assert_eq!(field_of(change).as_deref(), Some(field));
        }
    }
}
