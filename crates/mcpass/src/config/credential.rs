//! References in header values: `${env:NAME}` and `${file:PATH}` stand for credentials, which
//! the gateway reads when it needs them and keeps nowhere.

use std::path::Path;

/// One piece of a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Part<'a> {
    Text(&'a str),
    Variable(&'a str),
    File(&'a str),
}

/// A template that cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidTemplate {
    /// `${` without `}`.
    #[error("`${{` has no closing `}}`")]
    Open,
    /// A reference that is neither to the environment nor to a file.
    #[error("`${{{0}}}` is not a reference; write ${{env:NAME}} or ${{file:PATH}}")]
    Unknown(String),
    /// A control character, which would end the header.
    #[error("it holds a control character")]
    Control,
}

/// The same template with relative files taken from `base`.
///
/// # Errors
/// When it cannot be read.
pub(super) fn relative_to(template: &str, base: &Path) -> Result<String, InvalidTemplate> {
    let parts = parse(template)?;
    Ok(parts
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Variable(name) => format!("${{env:{name}}}"),
            Part::File(path) => format!("${{file:{}}}", base.join(path).display()),
        })
        .collect())
}

fn parse(template: &str) -> Result<Vec<Part<'_>>, InvalidTemplate> {
    if template.chars().any(char::is_control) {
        return Err(InvalidTemplate::Control);
    }
    let mut parts = Vec::new();
    let mut rest = template;
    while let Some((text, after)) = rest.split_once("${") {
        let (reference, next) = after.split_once('}').ok_or(InvalidTemplate::Open)?;
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        parts.push(match reference.split_once(':') {
            Some(("env", name)) if is_variable(name) => Part::Variable(name),
            Some(("file", path)) if !path.is_empty() => Part::File(path),
            // What stands there may be a secret that somebody put into braces.
            _ => return Err(InvalidTemplate::Unknown(reference.chars().take(12).collect())),
        });
        rest = next;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_reference_is_named() {
        let error = |template| relative_to(template, Path::new("")).unwrap_err().to_string();
        assert_eq!(
            error("${KEY}"),
            "`${KEY}` is not a reference; write ${env:NAME} or ${file:PATH}"
        );
        assert_eq!(error("a${env:KEY"), "`${` has no closing `}`");
        assert_eq!(
            error("${env:}"),
            "`${env:}` is not a reference; write ${env:NAME} or ${file:PATH}"
        );
        assert_eq!(error("a\nb"), "it holds a control character");
    }

    #[test]
    fn relative_files_are_taken_from_a_folder() {
        let at = |template| relative_to(template, Path::new("/etc/mcpass")).unwrap();
        assert_eq!(at("a ${file:key} b"), "a ${file:/etc/mcpass/key} b");
        assert_eq!(at("${file:/run/key}${env:KEY}"), "${file:/run/key}${env:KEY}");
    }
}
