//! Credentials by reference: texts in which `${env:NAME}` and `${file:PATH}` stand for what is
//! looked up when it is needed, and kept nowhere.
//!
//! What a reference stands for is not known here. This is the grammar, in one place for whoever
//! checks, shows or resolves one.

/// One piece of a template.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part<'a> {
    /// As it stands there.
    Text(&'a str),
    /// The value of this environment variable.
    Variable(&'a str),
    /// The text of the file at this path.
    File(&'a str),
}

impl Part<'_> {
    /// Whether it stands for something else.
    pub const fn is_reference(&self) -> bool {
        !matches!(self, Self::Text(_))
    }
}

/// A template that cannot be read. Holds nothing that may be a credential.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum InvalidTemplate {
    /// `${` without `}`.
    #[error("`${{` has no closing `}}`")]
    Open,
    /// A reference that is neither to the environment nor to a file. It is repeated only if it is
    /// plainly a name: what stands there may be a secret that somebody put into braces.
    #[error("`${{{0}}}` is not a reference; write ${{env:NAME}} or ${{file:PATH}}")]
    Unknown(String),
    /// A control character, which would end a header.
    #[error("it holds a control character")]
    Control,
}

/// The pieces of a template, in order; none of an empty one.
///
/// # Errors
/// On the first thing that cannot be read.
pub fn parse(template: &str) -> Result<Vec<Part<'_>>, InvalidTemplate> {
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
            _ => return Err(InvalidTemplate::Unknown(shown(reference).to_owned())),
        });
        rest = next;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// Whether this can be the name of an environment variable: letters, digits and `_`, no digit at
/// its beginning (POSIX.1-2017, Base Definitions 3.231).
pub fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn shown(reference: &str) -> &str {
    let name = reference.strip_prefix("env:").or_else(|| reference.strip_prefix("file:"));
    let name = name.unwrap_or(reference).as_bytes();
    let is_name = name.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_');
    if is_name && name.len() <= LONGEST_SHOWN { reference } else { "…" }
}

/// Bytes of the longest name in an error.
const LONGEST_SHOWN: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_read_piece_by_piece() {
        assert_eq!(
            parse("Bearer ${env:KEY}-${file:/run/key}").unwrap(),
            [Part::Text("Bearer "), Part::Variable("KEY"), Part::Text("-"), Part::File("/run/key")]
        );
        assert_eq!(parse("$HOME } {").unwrap(), [Part::Text("$HOME } {")]);
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_reference_is_named() {
        let error = |template| parse(template).unwrap_err().to_string();
        assert_eq!(
            error("${KEY}"),
            "`${KEY}` is not a reference; write ${env:NAME} or ${file:PATH}"
        );
        assert_eq!(
            error("${s3cret-s3cret-s3cret}"),
            "`${…}` is not a reference; write ${env:NAME} or ${file:PATH}"
        );
        assert_eq!(error("a${env:KEY"), "`${` has no closing `}`");
        assert_eq!(
            error("${env:}"),
            "`${env:}` is not a reference; write ${env:NAME} or ${file:PATH}"
        );
        assert!(parse("${file:}").is_err() && parse("${env:a-b}").is_err());
        assert_eq!(error("a\nb"), "it holds a control character");
    }

    #[test]
    fn names_of_variables() {
        for good in ["KEY", "_", "a1", "npm_config_key"] {
            assert!(is_variable(good), "{good}");
        }
        for bad in ["", "1A", "A-B", "A B", "A=B", "Ä"] {
            assert!(!is_variable(bad), "{bad}");
        }
    }
}
