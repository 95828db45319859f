//! The environment as configuration sees it: a copy taken once, so that tests can bring their own.

use std::collections::BTreeMap;
use std::ffi::OsString;

/// Environment variables at one moment.
#[derive(Clone, Default)]
pub(crate) struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// The variables of this process.
    pub(crate) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// The value of a variable. An empty one counts as not set, as in most shells' scripts.
    ///
    /// # Errors
    /// When the value is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, NotUtf8> {
        match self.0.get(std::ffi::OsStr::new(name)) {
            Some(value) if !value.is_empty() => value.to_str().map(Some).ok_or(NotUtf8),
            _ => Ok(None),
        }
    }

    /// Whether a variable is there, empty or not.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(std::ffi::OsStr::new(name))
    }

    /// Names of the variables that begin with `prefix`, in their order.
    pub(crate) fn names_with(&self, prefix: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str()).filter(move |name| name.starts_with(prefix))
    }
}

/// Names alone: values may be secrets.
impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A value that is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("its value is not UTF-8")]
pub(crate) struct NotUtf8;
