//! Servers behind mcpass.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::permission::MANAGEMENT;
use crate::time::Timestamp;

/// A server's name: `[a-z][a-z0-9_-]{0,31}` without `__`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServerName(Box<str>);

impl ServerName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for ServerName {
    type Err = InvalidServerName;

    fn from_str(text: &str) -> Result<Self, InvalidServerName> {
        let fail = |why| Err(InvalidServerName { text: text.chars().take(64).collect(), why });
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return fail("it begins with a letter a-z");
        }
        if text.len() > 32 {
            return fail("it has at most 32 characters");
        }
        if !text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-')) {
            return fail("it has only a-z, 0-9, `_` and `-`");
        }
        if text.contains("__") {
            return fail("`__` stands between server and tool at /mcp, so it cannot be in a name");
        }
        if text.ends_with('_') {
            return fail("it cannot end with `_`, because `__` comes after it at /mcp");
        }
        if text == MANAGEMENT {
            return fail("`mcpass` is the namespace of management");
        }
        Ok(Self(text.into()))
    }
}

/// A name that no server can have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{text}` cannot be a server's name: {why}")]
pub struct InvalidServerName {
    text: String,
    why: &'static str,
}

/// A named MCP server behind mcpass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Server {
    /// Its name, which is also its permission namespace.
    pub name: ServerName,
    /// What it is and how it is reached.
    pub kind: ServerKind,
    /// Requests to a server that is not enabled are answered as if it were not there.
    pub is_enabled: bool,
    /// Declared in the configuration file, and so not editable elsewhere.
    pub is_declared: bool,
    /// When it was added.
    pub created_at: Timestamp,
    /// Grows with each change.
    pub version: i64,
}

/// What a server is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ServerKind {
    /// The small built-in server of `serve --demo`.
    Demo,
    /// Streamable HTTP.
    Http(HttpUpstream),
}

impl ServerKind {
    /// `demo` or `http`.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Demo => "demo",
            Self::Http(_) => "http",
        }
    }
}

/// How a Streamable HTTP upstream is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpUpstream {
    /// `http://` or `https://`, host, port and path of the MCP endpoint.
    pub url: String,
    /// Headers sent with each request: name to a template in which `${env:NAME}` and
    /// `${file:PATH}` stand for credentials. Secrets themselves are not kept here.
    pub headers: BTreeMap<String, String>,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the first byte of an answer may take.
    pub first_byte_timeout: Duration,
}

impl HttpUpstream {
    /// An upstream at `url` with the usual timeouts.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            headers: BTreeMap::new(),
            connect_timeout: Duration::from_secs(5),
            first_byte_timeout: Duration::from_mins(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_names() {
        for good in ["a", "github", "my-db_2", &format!("a{}", "b".repeat(31))] {
            assert!(good.parse::<ServerName>().is_ok(), "{good}");
        }
        for bad in
            ["", "1a", "A", "a__b", "a_", "a.b", "a b", "ä", "mcpass", &"a".repeat(33), "a/b"]
        {
            assert!(bad.parse::<ServerName>().is_err(), "{bad}");
        }
    }
}
