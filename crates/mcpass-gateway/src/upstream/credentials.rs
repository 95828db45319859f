//! Upstream credentials by reference: `${env:NAME}` and `${file:PATH}` in header templates.

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue};

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

/// A header template cannot be used. Never holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The variable is not set.
    #[error("header `{header}` needs the environment variable {name}, which is not set")]
    Env {
        /// The header.
        header: String,
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("header `{header}` needs the file {path}: {source}")]
    File {
        /// The header.
        header: String,
        /// The file.
        path: String,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// Not a header's name, or one that mcpass sets itself.
    #[error("`{0}` cannot be set as a header")]
    Name(String),
    /// A reference that is no reference.
    #[error("header `{header}`: a reference is `${{env:NAME}}` or `${{file:PATH}}`")]
    Reference {
        /// The header.
        header: String,
    },
    /// The value holds characters that no header may hold.
    #[error("the value of header `{0}` holds characters that a header cannot hold")]
    Value(String),
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
        let text = expand(name, template, secrets)?;
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| CredentialError::Value(name.clone()))?;
        value.set_sensitive(true);
        headers.insert(header, value);
    }
    Ok(headers)
}

fn expand(header: &str, template: &str, secrets: &dyn Secrets) -> Result<String, CredentialError> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let malformed = || CredentialError::Reference { header: header.to_owned() };
        let (reference, tail) = after.split_once('}').ok_or_else(malformed)?;
        match reference.split_once(':') {
            Some(("env", name)) => {
                let value = secrets.env(name).ok_or_else(|| CredentialError::Env {
                    header: header.to_owned(),
                    name: name.to_owned(),
                })?;
                text.push_str(&value);
            }
            Some(("file", path)) => {
                let value = secrets.file(path).map_err(|source| CredentialError::File {
                    header: header.to_owned(),
                    path: path.to_owned(),
                    source,
                })?;
                // Editors and `echo` end files with a line break that is no part of the secret.
                text.push_str(value.trim_end_matches(['\r', '\n']));
            }
            _ => return Err(malformed()),
        }
        rest = tail;
    }
    text.push_str(rest);
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

    #[test]
    fn what_is_missing_is_named_without_values() {
        for (name, template, expected) in [
            ("A", "${env:NONE}", "NONE"),
            ("A", "${file:/none}", "/none"),
            ("A", "${KEY}", "${env:NAME}"),
            ("A", "${env:KEY", "${env:NAME}"),
            ("Host", "x", "Host"),
            ("Mcp-Session-Id", "x", "Mcp-Session-Id"),
            ("A", "a\nb", "`A`"),
        ] {
            let error = one(name, template).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("s3cret"), "{error}");
        }
    }
}
