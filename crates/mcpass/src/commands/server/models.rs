//! The file that says how models of a database are offered.

use std::collections::BTreeMap;

use mcpass_models::database::settings::ModelSettings;
use serde::Deserialize;

use crate::failure::Failure;

/// The file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Whether models of which it says nothing are offered.
    expose: Option<bool>,
    #[serde(default)]
    models: BTreeMap<String, ModelSettings>,
}

/// Reads the file: the settings of models as JSON, and whether others are offered. No path means
/// no settings.
///
/// # Errors
/// When it cannot be read.
pub(super) fn read(path: &str) -> Result<(Option<String>, Option<bool>), Failure> {
    if path.is_empty() {
        return Ok((Some("{}".to_owned()), Some(true)));
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("`{path}` cannot be read: {error}")))?;
    let file: File = toml::from_str(&text).map_err(|error| {
        let place = error.span().map_or_else(String::new, |span| {
            let line = text.get(..span.start).unwrap_or("").matches('\n').count() + 1;
            format!(", line {line}")
        });
        let message = error.message().trim().replace('\n', "; ");
        Failure::usage(format!("`{path}`{place}: {message}"))
            .with_hint("docs/database.md has all settings of models")
    })?;
    let models = serde_json::to_string(&file.models)
        .map_err(|error| Failure::usage(format!("`{path}` cannot be used: {error}")))?;
    Ok((Some(models), file.expose))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<(Option<String>, Option<bool>), Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.toml");
        std::fs::write(&path, text).unwrap();
        read(path.to_str().unwrap())
    }

    #[test]
    fn settings_become_json_and_no_path_removes_them() {
        let (models, expose) =
            written("expose = false\n[models.book]\nwhere = \"x = 1\"\n").unwrap();
        let models: BTreeMap<String, ModelSettings> =
            serde_json::from_str(&models.unwrap()).unwrap();
        assert_eq!(models["book"].scope.as_deref(), Some("x = 1"));
        assert_eq!(expose, Some(false));
        assert_eq!(read("").unwrap(), (Some("{}".to_owned()), Some(true)));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        let error = written("[models.book]\n\nwher = \"x\"\n").unwrap_err();
        assert!(error.message().contains("line 3") && error.message().contains("wher"), "{error}");
        assert!(read("/nowhere/shop.toml").is_err());
    }
}
