//! Credentials by reference: `${env:NAME}` and `${file:PATH}` wherever the configuration or a server
//! names one.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use http::{HeaderMap, HeaderName, HeaderValue};
use mcpass_domain::template::{self, InvalidTemplate, Part};

/// Where references are looked up. A trait so that tests need no process environment.
pub trait Secrets: Send + Sync + std::fmt::Debug {
    /// The value of an environment variable.
    fn env(&self, name: &str) -> Option<String>;
    /// The text of a file.
    fn file(&self, path: &str) -> std::io::Result<String>;
}

/// The process environment and the file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemSecrets;

impl Secrets for SystemSecrets {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// A template cannot be used. Never holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The variable is not set.
    #[error("{place} needs the environment variable {name}, which is not set")]
    Env {
        /// Where it is needed.
        place: Place,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("{place} needs the file {path}: {source}")]
    File {
        /// Where it is needed.
        place: Place,
        /// The file.
        path: String,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// Not a header's name, or one that mcpass sets itself.
    #[error("`{0}` cannot be set as a header")]
    Name(String),
    /// A reference that is no reference.
    #[error("{place}: {problem}")]
    Reference {
        /// Where it stands.
        place: Place,
        /// What is wrong with it.
        problem: InvalidTemplate,
    },
    /// The value holds characters that its place cannot hold.
    #[error("the value of {0} holds characters that cannot be there")]
    Value(Place),
}

/// Where a credential is used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Place {
    /// The secret by which mcpass is known to the provider at which people sign in.
    ClientSecret,
    /// The URL of a database.
    DatabaseUrl,
    /// A header that is sent to an upstream.
    Header(String),
    /// A variable of a process's environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClientSecret => f.write_str("the secret of the OpenID Connect client"),
            Self::DatabaseUrl => f.write_str("the database URL"),
            Self::Header(name) => write!(f, "header `{name}`"),
            Self::Variable(name) => write!(f, "variable `{name}`"),
        }
    }
}

/// Headers that belong to the message or the connection.
const RESERVED: &[&str] = &[
    "connection",
    "content-length",
    "content-type",
    "host",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Resolves all templates of a server. Values are marked sensitive, so that `Debug` hides them.
///
/// # Errors
/// On the first template that cannot be resolved.
pub fn resolve(
    templates: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<HeaderMap, CredentialError> {
    let mut headers = HeaderMap::with_capacity(templates.len());
    for (name, template) in templates {
        let header = HeaderName::from_bytes(name.as_bytes())
            .ok()
            .filter(|header| !RESERVED.contains(&header.as_str()))
            .ok_or_else(|| CredentialError::Name(name.clone()))?;
        let place = Place::Header(name.clone());
        let text = expand(&place, template, secrets)?;
        let mut value = HeaderValue::from_str(&text).map_err(|_| CredentialError::Value(place))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

/// Resolves the variables of a process's environment.
///
/// # Errors
/// On the first one that cannot be resolved.
pub fn environment(
    templates: &BTreeMap<String, String>,
    secrets: &dyn Secrets,
) -> Result<Vec<(String, String)>, CredentialError> {
    let resolved = templates.iter().map(|(name, template)| {
        let place = Place::Variable(name.clone());
        let value = expand(&place, template, secrets)?;
        // A C string ends there, so the operating system refuses it.
        if value.contains('\0') {
            Err(CredentialError::Value(place))
        } else {
            Ok((name.clone(), value))
        }
    });
    resolved.collect()
}

/// The URL of a database. What a reference stands for is percent-encoded where it is a part of the
/// URL (RFC 3986, section 2.1), so that a password may hold any character; a reference that stands
/// for the whole URL is taken as it is.
///
/// # Errors
/// When a reference cannot be resolved.
pub fn database_url(template: &str, secrets: &dyn Secrets) -> Result<String, CredentialError> {
    let place = Place::DatabaseUrl;
    let parts = template::parse(template)
        .map_err(|problem| CredentialError::Reference { place: place.clone(), problem })?;
    if parts.len() < 2 || template.starts_with("sqlite:") {
        return expand(&place, template, secrets);
    }
    let mut url = String::with_capacity(template.len());
    for part in parts {
        let written = match part {
            Part::Text(text) => {
                url.push_str(text);
                continue;
            }
            Part::Variable(name) => format!("${{env:{name}}}"),
            Part::File(path) => format!("${{file:{path}}}"),
        };
        for byte in expand(&place, &written, secrets)?.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    Ok(url)
}

/// The text that a template stands for.
///
/// # Errors
/// When a reference cannot be resolved.
pub fn expand(
    place: &Place,
    template: &str,
    secrets: &dyn Secrets,
) -> Result<String, CredentialError> {
    let parts = template::parse(template)
        .map_err(|problem| CredentialError::Reference { place: place.clone(), problem })?;
    let mut text = String::with_capacity(template.len());
    for part in parts {
        match part {
            Part::Text(plain) => text.push_str(plain),
            Part::Variable(name) => {
                let value = secrets.env(name).ok_or_else(|| CredentialError::Env {
                    place: place.clone(),
                    name: name.to_owned(),
                })?;
                text.push_str(&value);
            }
            Part::File(path) => {
                let value = secrets.file(path).map_err(|source| CredentialError::File {
                    place: place.clone(),
                    path: path.to_owned(),
                    source,
                })?;
                // Editors and `echo` end files with a line break that is no part of the secret.
                text.push_str(value.trim_end_matches(['\r', '\n']));
            }
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Fixed;

    impl Secrets for Fixed {
        fn env(&self, name: &str) -> Option<String> {
            (name == "KEY").then(|| "s3cret".to_owned())
        }

        fn file(&self, path: &str) -> std::io::Result<String> {
            match path {
                "/run/key" => Ok("from-file\n".to_owned()),
                _ => Err(std::io::ErrorKind::NotFound.into()),
            }
        }
    }

    fn one(name: &str, template: &str) -> Result<HeaderMap, CredentialError> {
        resolve(&BTreeMap::from([(name.to_owned(), template.to_owned())]), &Fixed)
    }

    #[test]
    fn references_are_replaced_and_hidden_from_debug() {
        let headers = one("Authorization", "Bearer ${env:KEY}-${file:/run/key}").unwrap();
        assert_eq!(headers["authorization"], "Bearer s3cret-from-file");
        assert!(!format!("{headers:?}").contains("s3cret"));
    }

    #[derive(Debug)]
    struct Odd;

    impl Secrets for Odd {
        fn env(&self, name: &str) -> Option<String> {
            Some(if name == "URL" { "postgres://a:b%2Fc@d/e" } else { "a/b@c:ä" }.to_owned())
        }

        fn file(&self, _path: &str) -> std::io::Result<String> {
            Ok("x y\n".to_owned())
        }
    }

    #[test]
    fn parts_of_a_database_url_are_encoded_and_a_whole_one_is_not() {
        let url = |template: &str| database_url(template, &Odd).unwrap();
        assert_eq!(url("${env:URL}"), "postgres://a:b%2Fc@d/e");
        assert_eq!(url("postgres://u:${env:P}@h/d"), "postgres://u:a%2Fb%40c%3A%C3%A4@h/d");
        assert_eq!(url("postgres://u:${file:/p}@h/d"), "postgres://u:x%20y@h/d");
        assert_eq!(url("sqlite:${file:/p}"), "sqlite:x y");
        let error = database_url("postgres://u:${env:NONE}@h/d", &Fixed).unwrap_err().to_string();
        assert_eq!(error, "the database URL needs the environment variable NONE, which is not set");
    }

    #[test]
    fn what_is_missing_is_named_without_values() {
        for (name, template, expected) in [
            ("A", "${env:NONE}", "NONE"),
            ("A", "${file:/none}", "/none"),
            ("A", "${KEY}", "${env:NAME}"),
            ("A", "${env:KEY", "no closing"),
            ("Host", "x", "Host"),
            ("Mcp-Session-Id", "x", "Mcp-Session-Id"),
            ("A", "a\nb", "`A`"),
        ] {
            let error = one(name, template).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }
}
