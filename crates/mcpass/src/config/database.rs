//! The database's URL: never shown with its password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::value::{InvalidValue, deserialize_from_str};
use serde::de::{self, Deserialize, Deserializer, Visitor};

/// Where the database is.
#[derive(Clone, Eq, PartialEq)]
pub(crate) enum DatabaseUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, by its whole URL.
    Postgres(String),
}

impl DatabaseUrl {
    /// The usual database of a data folder.
    pub(crate) fn within(folder: &Path) -> Self {
        Self::Sqlite(folder.join("mcpass.db"))
    }

    /// The SQLite file, if it is one.
    pub(crate) fn sqlite_path(&self) -> Option<&Path> {
        match self {
            Self::Sqlite(path) => Some(path),
            Self::Postgres(_) => None,
        }
    }

    /// The URL as the store takes it, password included. Not for showing.
    pub(crate) fn expose(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Whether a password stands in it.
    pub(crate) fn has_password(&self) -> bool {
        matches!(self, Self::Postgres(url) if mask(url) != *url)
    }

    /// The same, with a relative path taken from `base` instead of from the working directory.
    pub(super) fn relative_to(self, base: &Path) -> Self {
        match self {
            Self::Sqlite(path) => Self::Sqlite(base.join(path)),
            postgres @ Self::Postgres(_) => postgres,
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidValue;

    /// The text is not repeated in the error: a mistyped URL may hold a password.
    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.contains(['?', '#', '\0']) {
                return Err(InvalidValue(
                    "a SQLite database is written as `sqlite:PATH`, without parameters".to_owned(),
                ));
            }
            return Ok(Self::Sqlite(path.into()));
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        Err(InvalidValue(
            "a database is `sqlite:PATH` or `postgres://USER@HOST/NAME`, and this is neither"
                .to_owned(),
        ))
    }
}

deserialize_from_str!(DatabaseUrl, "a database URL such as \"sqlite:mcpass.db\"");

/// With `***` where a password stands.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&mask(url)),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

/// Replaces the password of the user part, and `password` and `sslpassword` parameters.
fn mask(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (rest, query) =
        rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    // A password may hold `/` and `@` although it should not: everything up to the last `@` counts.
    let rest = match rest.rsplit_once('@') {
        Some((user, place)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{place}"),
            None => format!("{user}@{place}"),
        },
        None => rest.to_owned(),
    };
    let query = query.map(|query| {
        let parts: Vec<String> = query.split('&').map(mask_parameter).collect();
        format!("?{}", parts.join("&"))
    });
    format!("{scheme}://{rest}{}", query.unwrap_or_default())
}

fn mask_parameter(part: &str) -> String {
    match part.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}=***"),
        _ => part.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> DatabaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn passwords_are_never_shown() {
        for (secret, shown) in [
            ("postgres://ana:s3cret@db/mcpass", "postgres://ana:***@db/mcpass"),
            ("postgres://ana:s3/cr@et@db/mcpass", "postgres://ana:***@db/mcpass"),
            (
                "postgresql://db/mcpass?user=a&password=s3cret",
                "postgresql://db/mcpass?user=a&password=***",
            ),
        ] {
            let url = url(secret);
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3"));
            assert!(url.has_password());
            assert_eq!(url.expose(), secret);
        }
        assert!(!url("postgres://ana@db/mcpass").has_password());
    }

    #[test]
    fn an_invalid_url_is_not_repeated() {
        let error = "mysql://ana:s3cret@db".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(!error.contains("s3cret") && error.contains("sqlite:PATH"), "{error}");
    }

    #[test]
    fn sqlite_paths_in_both_spellings() {
        assert_eq!(url("sqlite:a/b.db").sqlite_path(), Some(Path::new("a/b.db")));
        assert_eq!(url("sqlite:///var/b.db").sqlite_path(), Some(Path::new("/var/b.db")));
        assert_eq!(url("sqlite:b.db").relative_to(Path::new("/etc")), url("sqlite:/etc/b.db"));
        for bad in ["sqlite:", "sqlite://", "sqlite:a.db?mode=ro"] {
            assert!(bad.parse::<DatabaseUrl>().is_err(), "{bad}");
        }
    }
}
