//! What the configuration file says of places, taken from the file's folder.

use std::path::Path;

use mcpass_domain::template::{self, InvalidTemplate, Part};

/// The same template with relative files taken from `base`.
///
/// # Errors
/// When it cannot be read.
pub(super) fn relative_to(template: &str, base: &Path) -> Result<String, InvalidTemplate> {
    let parts = template::parse(template)?;
    Ok(parts
        .into_iter()
        .map(|part| match part {
            Part::Text(text) => text.to_owned(),
            Part::Variable(name) => format!("${{env:{name}}}"),
            Part::File(path) => format!("${{file:{}}}", base.join(path).display()),
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_files_are_taken_from_a_folder() {
        let at = |template| relative_to(template, Path::new("/etc/mcpass")).unwrap();
        assert_eq!(at("a ${file:key} b"), "a ${file:/etc/mcpass/key} b");
        assert_eq!(at("${file:/run/key}${env:KEY}"), "${file:/run/key}${env:KEY}");
        assert!(relative_to("${KEY}", Path::new("")).is_err());
    }
}
